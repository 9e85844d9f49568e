"""BenchmarkRow: one published figure, with all that is needed to believe it; README and docs read them from the JSON."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median

from leanrec.artifact import writing_file
from leanrec.metrics.report import Measure


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchmarkRow:
    """One figure of one case; what does not apply is None."""

    case: str
    dataset: str | None = None
    split: str | None = None
    protocol: str | None = None
    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    unit: str | None = None
    seeds: int | None = None
    cpu_seconds: float | None = None
    peak_mb: float | None = None
    bytes: int | None = None
    peer: str | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        for name in ("value", "low", "high", "cpu_seconds", "peak_mb"):
            figure = getattr(self, name)
            if figure is not None and not math.isfinite(figure):
                raise ValueError(f"{self.case}: {name} of {self.metric} is {figure}; leave the row out, or say why in the note")

    @classmethod
    def of_measure(cls, measure: Measure, *, case: str, metric: str, **others: object) -> "BenchmarkRow":
        """A row from a measured value with its interval; `others` are further keys of the row."""
        return cls(case=case, metric=metric, value=measure.value, low=measure.low, high=measure.high, **others)  # type: ignore[arg-type]  # keys of the row

    @classmethod
    def of_range(cls, values: Sequence[float], *, case: str, metric: str, **others: object) -> "BenchmarkRow":
        """The median of several rounds, with the smallest and the largest beside it; `others` are further keys of the row."""
        return cls(case=case, metric=metric, value=median(values), low=min(values), high=max(values), **others)  # type: ignore[arg-type]  # keys of the row


def write_rows(name: str, rows: Sequence[BenchmarkRow], folder: Path) -> None:
    """Write `<name>.json`, a list of rows with every key, and `<name>.md`, rendered from it; each complete or not at all."""
    with writing_file(folder / f"{name}.json") as draft:
        draft.write_text(json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    with writing_file(folder / f"{name}.md") as draft:
        draft.write_text(render(name, rows), encoding="utf-8")


def read_rows(name: str, folder: Path) -> list[BenchmarkRow]:
    """The rows that `write_rows` wrote."""
    return [BenchmarkRow(**row) for row in json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))]


def render(name: str, rows: Sequence[BenchmarkRow]) -> str:
    """A Markdown table of the keys that any row uses."""
    used = [field.name for field in fields(BenchmarkRow) if any(getattr(row, field.name) is not None for row in rows)]
    lines = [f"# {name}", "", f"| {' | '.join(used)} |", "|" + "---|" * len(used)]
    lines += [f"| {' | '.join(_cell(getattr(row, key)) for key in used)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return (
        f"{value:.4g}"
        if isinstance(value, float) and abs(value) >= 1
        else f"{value:.4f}"
        if isinstance(value, float)
        else str(value).replace("|", "/")
    )
