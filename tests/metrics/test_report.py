"""A report survives the way through JSON, reads well, and refuses what it is not."""

import math
from pathlib import Path

import pytest

from leanrec.errors import DataError
from leanrec.metrics.report import Cost, Measure, Report


@pytest.fixture
def report() -> Report:
    measure = Measure(value=0.0551, low=0.052, high=0.058, num_users=2236)
    return Report(
        recommender="ease",
        part="test",
        split={"kind": "leave-one-out"},
        num_users=2236,
        metrics={"ndcg@10": measure, "coverage@10": Measure(value=0.5)},
        unmasked={"ndcg@10": Measure(value=0.04)},
        groups={"cold items": {"ndcg@10": Measure(value=0.0, low=0.0, high=0.0, num_users=12)}},
        cost=Cost(fit_cpu_seconds=22.0, num_bytes=1_000_000),
        notes=("a note",),
    )


def test_a_report_survives_json(report: Report, tmp_path: Path) -> None:
    report.save(tmp_path / "report.json")
    assert Report.from_json((tmp_path / "report.json").read_text()) == report
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_what_is_not_a_number_is_null_in_json(report: Report) -> None:
    text = Report(recommender="x", part="test", metrics={"auc": Measure(value=math.nan)}).to_json()
    assert '"value": null' in text
    assert math.isnan(Report.from_json(text)["auc"].value)


def test_markdown_shows_intervals_the_unmasked_figure_slices_cost_and_notes(report: Report) -> None:
    text = report.to_markdown()
    assert "| ndcg@10 | 0.0551 [0.0520, 0.0580] | 0.0400 |" in text
    assert "cold items (12 users)" in text
    assert "fit 22.00 CPU-s · artifact 1.00 MB" in text
    assert "Note: a note" in text


def test_a_missing_figure_names_those_that_are_there(report: Report) -> None:
    with pytest.raises(DataError, match="it holds: ndcg@10, coverage@10"):
        report["recall@10"]


@pytest.mark.parametrize("text", ["{", "[]", '{"recommender": "x"}'])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="report"):
        Report.from_json(text)
