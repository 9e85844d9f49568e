"""Report: what a recommender is worth and what it costs, each figure with its interval."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from leanrec.artifact import writing_file
from leanrec.errors import DataError


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """A value with its 95 % interval; `low` and `high` are absent where none can be given."""

    value: float
    low: float | None = None
    high: float | None = None
    num_users: int | None = None
    """Users it was measured on; absent where it belongs to all lists together."""

    def __str__(self) -> str:
        return f"{self.value:.4f}" if self.low is None else f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a recommender takes; a figure that was not measured is absent."""

    fit_cpu_seconds: float | None = None
    """Processor seconds of fitting, all threads together."""
    fit_seconds: float | None = None
    peak_mb: float | None = None
    """Most memory of the whole process while fitting, in units of 1e6 bytes."""
    added_mb: float | None = None
    """The same above what the process held before fitting."""
    memory_method: str = ""
    """How memory was measured."""
    num_bytes: int | None = None
    """Bytes of the saved artifact."""
    p50_ms: float | None = None
    """Half of the single queries took no longer, one thread."""
    p95_ms: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """One recommender on one held-out part."""

    recommender: str
    part: str
    """`valid` or `test`."""
    split: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON values
    """How the data were cut."""
    dataset: str = ""
    """Fingerprint of the data."""
    seed: int = 0
    history_masked: bool = True
    """Whether items of the history were taken out of the ranking behind `metrics`."""
    num_users: int = 0
    num_cold_users: int = 0
    """Users who were asked about without any history."""
    metrics: Mapping[str, Measure] = field(default_factory=dict)
    unmasked: Mapping[str, Measure] = field(default_factory=dict)
    """The same with the history left in the ranking; empty when `metrics` leave it in already."""
    groups: Mapping[str, Mapping[str, Measure]] = field(default_factory=dict)
    """Slice of items or users -> metrics on it alone."""
    cost: Cost = field(default_factory=Cost)
    notes: tuple[str, ...] = ()
    """What a reader must know to trust the figures."""

    def __getitem__(self, metric: str) -> Measure:
        """One headline figure by name (`ndcg@10`)."""
        if metric not in self.metrics:
            raise DataError(f"the report holds no {metric!r}", hint=f"it holds: {', '.join(self.metrics)}")
        return self.metrics[metric]

    def with_cost(self, cost: Cost) -> "Report":
        """The same report with what the recommender costs."""
        return replace(self, cost=cost)

    def to_dict(self) -> dict[str, Any]:  # Any: JSON values
        """Plain dictionaries and lists, ready for JSON; what is not a number becomes null."""
        content: dict[str, Any] = finite_or_null(asdict(self))
        return content

    def to_json(self) -> str:
        """Indented JSON, ended by a line break."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Report":
        """The report that `to_dict` wrote; raises `DataError` when keys are missing or unknown."""
        try:
            return cls(
                **{
                    **content,
                    "metrics": _measures(content["metrics"]),
                    "unmasked": _measures(content["unmasked"]),
                    "groups": {name: _measures(measures) for name, measures in content["groups"].items()},
                    "cost": Cost(**content["cost"]),
                    "notes": tuple(content["notes"]),
                }
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"this is no report of leanrec: {error}", hint="read a report.json that leanrec wrote") from None

    @classmethod
    def from_json(cls, text: str) -> "Report":
        """The report that `to_json` wrote; raises `DataError` when the text is no such report."""
        try:
            content = json.loads(text)
        except ValueError as error:
            raise DataError(f"the report is not valid JSON: {error}", hint="read a report.json that leanrec wrote") from None
        return cls.from_dict(content)

    def save(self, path: Path) -> None:
        """Write the JSON; complete or not at all."""
        with writing_file(Path(path)) as draft:
            draft.write_text(self.to_json(), encoding="utf-8")

    def to_markdown(self) -> str:
        """Tables for people: figures with intervals, slices, cost, notes."""
        lines = [f"## {self.recommender} on {self.part}", "", self._summary(), "", *self._metric_table()]
        for name, measures in self.groups.items():
            figures = " · ".join(f"{metric} {measure}" for metric, measure in measures.items())
            lines.append(f"- {name} ({_users(measures)} users): {figures}")
        lines += ["", "Cost: " + cost_line(self.cost), "", *(f"Note: {note}" for note in self.notes)]
        return "\n".join(lines).rstrip() + "\n"

    def _summary(self) -> str:
        masked = "history masked" if self.history_masked else "history not masked"
        return (
            f"{self.num_users} users ({self.num_cold_users} without a history), whole catalogue ranked, {masked}, ties counted against us, "
            f"95 % bootstrap intervals over users, seed {self.seed}. Split: {describe(self.split)}."
        )

    def _metric_table(self) -> list[str]:
        rows = [f"| {name} | {measure} | {self.unmasked.get(name, '')} |" for name, measure in self.metrics.items()]
        return ["| metric | value [95 % interval] | history not masked |", "|---|---|---|", *rows, ""]


def describe(split: Mapping[str, Any]) -> str:
    """How the data were cut, on one line."""
    return ", ".join(f"{key} {value}" for key, value in split.items() if value is not None) or "not stated"


def cost_line(cost: Cost) -> str:
    """The figures of a cost that were measured, on one line."""
    figures = (
        ("fit {:.2f} CPU-s", cost.fit_cpu_seconds),
        ("peak {:.0f} MB", cost.peak_mb),
        ("artifact {:.2f} MB", None if cost.num_bytes is None else cost.num_bytes / 1e6),
        ("p50 {:.2f} ms", cost.p50_ms),
        ("p95 {:.2f} ms", cost.p95_ms),
        ("p99 {:.2f} ms", cost.p99_ms),
    )
    return " · ".join(form.format(value) for form, value in figures if value is not None) or "not measured"


def _measures(content: Mapping[str, Mapping[str, Any]]) -> dict[str, Measure]:
    return {name: Measure(**{**figures, "value": math.nan if figures["value"] is None else figures["value"]}) for name, figures in content.items()}


def _users(measures: Mapping[str, Measure]) -> int:
    return max((measure.num_users or 0 for measure in measures.values()), default=0)


def finite_or_null(value: Any) -> Any:  # Any: JSON values in, JSON values out
    """The same value with tuples as lists and what is not a finite number as None, ready for strict JSON."""
    if isinstance(value, Mapping):
        return {key: finite_or_null(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite_or_null(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
