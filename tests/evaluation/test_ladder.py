"""The ladder recommends the cheapest rung that nothing beats, and hides neither cost nor what was skipped."""

import builtins
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leanrec.data.dataset import Dataset
from leanrec.data.split import Split, split_leave_one_out
from leanrec.errors import ConfigError, DataError, MissingExtraError
from leanrec.evaluation.ladder import Measured, Rung, choose, prove
from leanrec.evaluation.ladder_plot import plot_pareto
from leanrec.evaluation.ladder_report import LadderReport, RungResult
from leanrec.metrics.report import Measure
from leanrec.training.run import Run

pytestmark = pytest.mark.usefixtures("kinds")


def measured(name: str, values: np.ndarray) -> Measured:
    return Measured(result=RungResult(name=name), valid_values=values, test_values=values)


def test_the_cheapest_rung_that_nothing_beats_is_chosen() -> None:
    rng = np.random.default_rng(0)
    poor = rng.random(300) * 0.5
    good = poor + 0.2
    as_good = good + rng.normal(0, 0.3, 300)
    rungs = [measured("poor", poor), measured("good", good), measured("as good", as_good)]
    assert choose(rungs, seed=0).result.name == "good"
    assert choose(rungs[:1], seed=0).result.name == "poor"


def test_a_rung_that_a_cheaper_one_beats_is_never_chosen() -> None:
    values = np.linspace(0, 1, 200)
    assert choose([measured("best", values + 0.2), measured("worse", values)], seed=0).result.name == "best"


def test_equal_rungs_give_the_cheapest() -> None:
    values = np.linspace(0, 1, 200)
    assert choose([measured("first", values), measured("second", values)], seed=0).result.name == "first"


def test_the_ladder_measures_compares_and_recommends(split: Split) -> None:
    report = prove(split, rungs=[Rung(name=name) for name in ("level", "downwards", "upwards", "by-scores")])
    assert report.recommended == "upwards"
    assert report["level"].compared_with == ""
    assert report["upwards"].earns_its_cost
    assert not report["by-scores"].earns_its_cost
    assert report["by-scores"].compared_with == "upwards"
    assert report["by-scores"].difference is not None
    assert report["by-scores"].difference.value == 0.0
    assert report.test_gain_over == "level"
    assert report.test_gain is not None
    assert (report.test_gain.low or 0.0) > 0.0


def test_every_rung_states_its_cost(split: Split) -> None:
    result = prove(split, rungs=[Rung(name="upwards")])["upwards"]
    assert result.valid is not None
    cost = result.valid.cost
    assert cost.num_bytes == 1000
    assert cost.memory_method
    assert cost.peak_mb is not None
    assert cost.peak_mb > 10
    assert cost.p50_ms is not None
    assert cost.p95_ms is not None
    assert cost.p50_ms <= cost.p95_ms
    assert cost.fit_cpu_seconds is not None


@pytest.mark.parametrize("learns", [True, False])
def test_tuning_never_sees_the_users_who_choose(learns: bool, split: Split, kinds: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Dataset | None] = []
    fit = kinds["upwards"].fit

    def spying(self: object, train: Dataset, *, valid: Dataset | None, run: Run) -> object:
        seen.append(valid)
        return fit(self, train, valid=valid, run=run)

    monkeypatch.setattr(kinds["upwards"], "fit", spying)
    if learns:
        monkeypatch.setattr(kinds["level"], "settled", lambda self: self, raising=False)
    report = prove(split, rungs=[Rung(name="upwards"), Rung(name="level")])
    assert report["upwards"].valid is not None
    assert report["upwards"].test is not None
    assert report["upwards"].test.num_users == 120
    if learns:
        assert seen[0] is not None
        assert seen[0].column("user_row").tolist() == sorted(set(seen[0].column("user_row").tolist()))
        assert len(seen[0]) == 60
        assert report["upwards"].valid.num_users == 60
    else:
        assert all(valid is None for valid in seen)
        assert report["upwards"].valid.num_users == 120


def test_skipped_rungs_are_listed_with_the_reason(split: Split) -> None:
    report = prove(split, rungs=[Rung(name=name) for name in ("upwards", "too-large", "not-installed", "rater")])
    assert report["too-large"].skipped == "needs 900 GB; prune the catalogue"
    assert report["not-installed"].skipped.startswith("implicit is missing")
    assert "ratings" in report["rater"].skipped
    text = report.to_markdown()
    assert "skipped: too-large: needs 900 GB" in text
    assert [result.name for result in report.measured] == ["upwards"]


def test_a_ladder_of_skipped_rungs_is_an_error(split: Split) -> None:
    with pytest.raises(DataError, match=r"no rung could be measured \(too-large: needs 900 GB"):
        prove(split, rungs=[Rung(name="too-large")])


def test_rungs_that_predict_ratings_are_judged_by_them_too(make_dataset: Callable[..., Dataset]) -> None:
    report = prove(split_leave_one_out(make_dataset(ratings=True)), rungs=[Rung(name="upwards"), Rung(name="rater")])
    assert report["rater"].test is not None
    assert {"rmse", "mae", "ndcg@10"} <= set(report["rater"].test.metrics)
    assert "| rmse |" in report.to_markdown()


def test_users_are_sampled_where_there_are_too_many(split: Split) -> None:
    report = prove(split, rungs=[Rung(name="upwards")], max_users=25)
    assert report["upwards"].test is not None
    assert report["upwards"].test.num_users == 25
    assert any("25 of 120 test users" in note for note in report.notes)


def test_the_same_seed_gives_the_same_verdict_and_figures(split: Split) -> None:
    first, second = (prove(split, rungs=[Rung(name="level"), Rung(name="upwards")], run=Run(seed=4)) for _ in range(2))
    assert first.recommended == second.recommended
    assert first["upwards"].difference == second["upwards"].difference
    assert first.test_gain == second.test_gain


def test_declared_repeats_are_proved_without_masking(make_dataset: Callable[..., Dataset]) -> None:
    report = prove(split_leave_one_out(make_dataset(), includes_repeats=True), rungs=[Rung(name="upwards")])
    assert any("history not masked" in note for note in report.notes)


@pytest.mark.parametrize("rungs", [[], [Rung(name="level"), Rung(name="level")]])
def test_a_ladder_needs_rungs_each_once(split: Split, rungs: list[Rung]) -> None:
    with pytest.raises(ConfigError, match="each once"):
        prove(split, rungs=rungs)


def test_settings_that_cannot_take_effect_are_refused(split: Split) -> None:
    with pytest.raises(ConfigError, match="upwards takes no settings"):
        prove(split, rungs=[Rung(name="upwards", config={"depth": 3})])


def test_the_report_is_saved_whole_with_its_plots(split: Split, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    report = prove(split, rungs=[Rung(name="level"), Rung(name="upwards"), Rung(name="too-large")])
    report.save(tmp_path / "proof")
    names = {path.name for path in (tmp_path / "proof").iterdir()}
    assert names == {"report.json", "report.md", "pareto.svg", "pareto.png", "manifest.json"}
    assert LadderReport.from_json((tmp_path / "proof" / "report.json").read_text()).to_json() == report.to_json()
    assert (tmp_path / "proof" / "report.md").read_text().startswith("# Recommended: upwards")


def test_without_matplotlib_the_proof_is_kept_and_the_plot_names_the_extra(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    report = prove(split, rungs=[Rung(name="upwards")])
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match="leanrec\\[data\\]"):
        plot_pareto([], metric="ndcg@10", paths=[])
    with caplog.at_level(logging.WARNING, logger="leanrec"):
        report.save(tmp_path / "proof")
    assert "the Pareto plot is left out" in caplog.text
    assert (tmp_path / "proof" / "report.json").exists()


def test_what_is_no_ladder_report_is_refused() -> None:
    with pytest.raises(DataError, match="no ladder report"):
        LadderReport.from_json("{}")


def test_the_report_says_what_each_member_of_a_fusion_is_worth(split: Split, kinds: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    figures = {"weight of ease": 1.0, "without ease ndcg@10": -0.02, "without ease ndcg@10 low": -0.03, "without ease ndcg@10 high": -0.01}
    monkeypatch.setattr(kinds["level"], "figures", figures, raising=False)
    report = prove(split, rungs=[Rung(name="level"), Rung(name="upwards")])
    assert report["level"].without == {"ease": Measure(value=-0.02, low=-0.03, high=-0.01)}
    assert report["upwards"].without == {}
    assert "| ease | -0.0200 [-0.0300, -0.0100] |" in report.to_markdown()
    assert LadderReport.from_json(report.to_json()) == report
