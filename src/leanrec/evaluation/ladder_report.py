"""LadderReport: which rung is recommended and why, with what every rung is worth and costs."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from leanrec.artifact import Manifest, save_into, writing_folder
from leanrec.errors import DataError, MissingExtraError
from leanrec.evaluation.ladder_plot import Point, plot_pareto
from leanrec.metrics.report import Measure, Report, describe, finite_or_null

log = logging.getLogger(__name__)

Json = dict[str, Any]  # Any: JSON values


@dataclass(frozen=True, kw_only=True, slots=True)
class RungResult:
    """What came of one rung: reports on both parts, or the reason why it was skipped."""

    name: str
    config: Mapping[str, Any] = field(default_factory=dict)  # Any: the values of a TOML table
    skipped: str = ""
    """Why it was not measured; empty when it was."""
    valid: Report | None = None
    """On the validation users that choose."""
    test: Report | None = None
    """On the test, which chose nothing."""
    compared_with: str = ""
    """The best rung so far when this one came; empty for the first."""
    difference: Measure | None = None
    """Paired difference to it on validation, in the metric that chooses."""
    without: Mapping[str, Measure] = field(default_factory=dict)
    """Of a fusion: name of each member -> how its rehearsed metric changes when the member is left out; empty for anything else."""

    @property
    def earns_its_cost(self) -> bool:
        """Whether it beats the best so far beyond the interval, or is the first."""
        return not self.skipped and (self.difference is None or (self.difference.low or 0.0) > 0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class LadderReport:
    """The proof: rungs cheapest first, each against the best so far, and the one to take."""

    recommended: str
    """The cheapest rung that no other beats beyond the 95 % interval of the paired difference, on validation."""
    metric: str
    """What was chosen by."""
    results: tuple[RungResult, ...]
    test_gain: Measure | None = None
    """On the test: paired difference of the recommended rung to `test_gain_over`."""
    test_gain_over: str = ""
    """The first rung that was measured; empty when that is the recommended one."""
    split: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON values
    dataset: str = ""
    seed: int = 0
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> RungResult:
        """The result of a rung by name."""
        for result in self.results:
            if result.name == name:
                return result
        raise DataError(f"the ladder has no rung {name!r}", hint=f"it has: {', '.join(result.name for result in self.results)}")

    @property
    def measured(self) -> tuple[RungResult, ...]:
        """The rungs that were not skipped."""
        return tuple(result for result in self.results if not result.skipped)

    def to_dict(self) -> Json:
        """Plain dictionaries and lists, ready for JSON."""
        content: Json = finite_or_null(asdict(self))
        return content

    def to_json(self) -> str:
        """Indented JSON, ended by a line break."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "LadderReport":
        """The report that `to_json` wrote; raises `DataError` when the text is no such report."""
        try:
            content = json.loads(text)
            results = tuple(_result(entry) for entry in content["results"])
            gain = content["test_gain"]
            return cls(**{**content, "results": results, "test_gain": gain and Measure(**gain), "notes": tuple(content["notes"])})
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"this is no ladder report of leanrec: {error}", hint="read a report.json that leanrec prove wrote") from None

    def to_markdown(self) -> str:
        """The verdict, then tables of quality and cost, then what was skipped."""
        return (
            "\n".join(
                [*self._verdict(), "", *self._ladder_table(), "", *self._list_table(), "", *self._member_tables(), *self._small_print()]
            ).rstrip()
            + "\n"
        )

    def save(self, folder: Path) -> None:
        """Write report.json, report.md, pareto.svg and pareto.png; complete or not at all.

        Where matplotlib is missing the plots are left out with a warning: the proof may have taken an hour.
        """
        with writing_folder(Path(folder)) as draft:
            (draft / "report.json").write_text(self.to_json(), encoding="utf-8")
            (draft / "report.md").write_text(self.to_markdown(), encoding="utf-8")
            try:
                plot_pareto(self._points(), metric=self.metric, paths=[draft / "pareto.svg", draft / "pareto.png"])
            except MissingExtraError as error:
                log.warning("the Pareto plot is left out: %s", error)
            save_into(draft, Manifest(kind="ladder", config={"recommended": self.recommended}, parents=(self.dataset,), seed=self.seed))

    def _verdict(self) -> list[str]:
        lines = [
            f"# Recommended: {self.recommended}",
            "",
            f"The cheapest rung that no other beats beyond the interval, by {self.metric} on validation.",
        ]
        if self.test_gain is not None:
            lines.append(f"On the test it differs from {self.test_gain_over} by {signed(self.test_gain)} {self.metric}.")
        return lines

    def _ladder_table(self) -> list[str]:
        head = [
            "rung",
            f"validation {self.metric}",
            "against the best so far",
            f"test {self.metric}",
            "fit CPU-s",
            "peak MB",
            "artifact MB",
            "p95 ms",
        ]
        rows = [[result.name, *self._quality(result), *_cost(result)] for result in self.measured]
        return markdown_table(head, rows)

    def _quality(self, result: RungResult) -> list[str]:
        against = "first" if result.difference is None else f"{signed(result.difference)} to {result.compared_with}"
        verdict = " **better**" if result.earns_its_cost and result.difference is not None else ""
        figures = [str(report[self.metric]) if report is not None else "" for report in (result.valid, result.test)]
        return [figures[0], against + verdict, figures[1]]

    def _list_table(self) -> list[str]:
        """Every other headline figure on the test."""
        reports = [result.test for result in self.measured if result.test is not None]
        names = list(dict.fromkeys(name for report in reports for name in report.metrics))
        rows = [[report.recommender, *(_value(report, name) for name in names)] for report in reports]
        return markdown_table(["test", *names], rows)

    def _member_tables(self) -> list[str]:
        """For each fusion, what it loses without each member."""
        lines: list[str] = []
        for result in self.measured:
            if result.without:
                head = [f"what each member of {result.name} is worth", "change without it, rehearsed on validation"]
                lines += [*markdown_table(head, [[name, signed(change)] for name, change in result.without.items()]), ""]
        return lines

    def _small_print(self) -> list[str]:
        lines = [f"- skipped: {result.name}: {result.skipped}" for result in self.results if result.skipped]
        lines.append(f"- split: {describe(self.split)}; seed {self.seed}; 95 % bootstrap intervals over users, paired for differences")
        return [*lines, *(f"- {note}" for note in self.notes)]

    def _points(self) -> list[Point]:
        return [
            Point(
                name=result.name,
                quality=result.valid[self.metric],
                cpu_seconds=result.valid.cost.fit_cpu_seconds or 0.0,
                p95_ms=result.valid.cost.p95_ms or 0.0,
                is_recommended=result.name == self.recommended,
            )
            for result in self.measured
            if result.valid is not None
        ]


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table."""
    return [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *(f"| {' | '.join(row)} |" for row in rows)]


def _result(content: Mapping[str, Any]) -> RungResult:
    reports = {part: content[part] and Report.from_dict(content[part]) for part in ("valid", "test")}
    difference = content["difference"]
    without = {name: Measure(**change) for name, change in content.get("without", {}).items()}
    return RungResult(**{**content, **reports, "difference": difference and Measure(**difference), "without": without})


def signed(measure: Measure) -> str:
    """A difference with its sign and its interval."""
    return f"{measure.value:+.4f}" if measure.low is None else f"{measure.value:+.4f} [{measure.low:+.4f}, {measure.high:+.4f}]"


def _value(report: Report, name: str) -> str:
    return f"{report.metrics[name].value:.4f}" if name in report.metrics else ""


def _cost(result: RungResult) -> list[str]:
    if result.valid is None:
        return [""] * 4
    cost = result.valid.cost
    figures = (cost.fit_cpu_seconds, cost.peak_mb, None if cost.num_bytes is None else cost.num_bytes / 1e6, cost.p95_ms)
    return ["" if figure is None else form.format(figure) for form, figure in zip(("{:.2f}", "{:.0f}", "{:.2f}", "{:.2f}"), figures, strict=True)]
