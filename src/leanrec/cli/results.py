"""How inspections, proofs and fitted models look on a terminal."""

from pathlib import Path

import typer

from leanrec.cli.printing import print_table
from leanrec.data.clean import CleaningStep
from leanrec.data.inspection import Inspection
from leanrec.evaluation.ladder_report import LadderReport, RungResult
from leanrec.metrics.report import Measure
from leanrec.recommenders.model import Model


def print_inspection(inspection: Inspection, *, report: Path) -> None:
    """The counts that matter first, then what cleaning did."""
    print_table("What is there", ("what", "found"), inspection.headline())
    print_cleaning(inspection.cleaning)
    typer.echo(f"The report with plots is {report}")


def print_cleaning(steps: tuple[CleaningStep, ...]) -> None:
    """Every step with what it removed and changed."""
    rows = [(step.name, str(step.rows_before), str(step.removed), str(step.changed), step.note or "-") for step in steps]
    print_table("Cleaning", ("step", "rows before", "removed", "changed", "note"), rows)


def print_proof(report: LadderReport, folder: Path | None = None) -> None:
    """The ladder with quality, interval and cost, and the verdict."""
    columns = ("rung", f"{report.metric} [95 %]", "gain over best so far", "test", "CPU-s", "MB", "disk MB", "p95 ms")
    print_table("The proof", columns, [_rung_row(result, report.metric) for result in report.results])
    for result in report.measured:
        if result.without:
            rows = [(name, _interval(change, sign="+")) for name, change in result.without.items()]
            print_table(f"What each member of {result.name} is worth", ("member", "change without it [95 %], rehearsed"), rows)
    for result in report.results:
        if result.skipped:
            typer.echo(f"skipped {result.name}: {result.skipped}")
    typer.echo(f"Recommended: {report.recommended}, the cheapest rung that no other beats beyond its interval.")
    if folder is not None:
        typer.echo(f"The report is in {folder}")


def print_fit(model: Model, folder: Path) -> None:
    """What was chosen and what to do next."""
    user = next(iter(model.dataset.users.ids))
    typer.echo(f"Fitted {model.name} to {len(model.dataset)} events; the model is in {folder}")
    typer.echo(f"Next: leanrec recommend {folder} --user {user}")


def _rung_row(result: RungResult, metric: str) -> tuple[str, ...]:
    if result.valid is None or result.test is None:
        return (result.name, "skipped", "-", "-", "-", "-", "-", "-")
    cost = result.valid.cost
    gain = "" if result.difference is None else _interval(result.difference, sign="+") + (" better" if result.earns_its_cost else "")
    return (
        result.name,
        _interval(result.valid[metric]),
        gain,
        _share(result.test[metric].value),
        _figure(cost.fit_cpu_seconds),
        _figure(cost.peak_mb, digits=0),
        _figure(None if cost.num_bytes is None else cost.num_bytes / 1e6),
        _figure(cost.p95_ms),
    )


def _interval(measure: Measure, *, sign: str = "") -> str:
    value, low, high = (_share(number, sign=sign) for number in (measure.value, measure.low, measure.high))
    return f"{value} [{low}, {high}]"


def _share(value: float | None, *, sign: str = "") -> str:
    """A figure between -1 and 1 without its leading zero, so that three of them fit into a column."""
    return "-" if value is None else f"{value:{sign}.3f}".replace("0.", ".", 1)


def _figure(value: float | None, *, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
