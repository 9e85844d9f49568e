"""Trainings are compared, drawn and exported from their journals; those of a fit lie in what it wrote."""

import threading
import time
from pathlib import Path

import pytest
from tests.training.journals import BEGAN, add_epochs, end, write_journal

from leanrec.data.dataset import Dataset
from leanrec.data.world import World, WorldConfig
from leanrec.errors import ConfigError, MissingExtraError
from leanrec.recommenders.model import Model
from leanrec.training.journal import Journal
from leanrec.training.journal_reading import find_runs
from leanrec.training.trackers import targets
from leanrec.workflow import runs
from leanrec.workflow.fitting import fit
from leanrec.workflow.keeping import keeping_trainings
from leanrec.workflow.runs import compare_runs, export_runs, list_runs, plot
from leanrec.workflow.settings import RunSettings


def test_trainings_are_listed_by_when_they_began(tmp_path: Path) -> None:
    write_journal(tmp_path / "a", at=BEGAN + 5)
    write_journal(tmp_path / "b", at=BEGAN)
    assert [name.split("/")[-1] for name in list_runs([tmp_path])] == ["b", "a"]


def test_a_comparison_tells_the_cost_of_being_as_good_as_the_first(tmp_path: Path) -> None:
    write_journal(tmp_path / "fixed", epochs=3)
    write_journal(tmp_path / "grown", epochs=3, quality=0.12, rate=0.2)
    write_journal(tmp_path / "worse", epochs=3, quality=0.05)
    found = compare_runs([tmp_path / name for name in ("fixed", "grown", "worse")])
    assert list(found.runs) == ["fixed", "grown", "worse"]
    assert found.settings == {"learning_rate": (0.1, 0.2, 0.1)}
    assert found.cpu_seconds_to_first == (3.0, 1.0, None)
    assert found.cpu_ratios == (1.0, pytest.approx(1 / 3), None)


def test_a_plot_is_drawn_in_the_format_of_its_suffix(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'leanrec[data]'")
    write_journal(tmp_path / "a")
    write_journal(tmp_path / "b", quality=0.2)
    drawn = plot([tmp_path / "a", tmp_path / "b"], to=tmp_path / "plots" / "runs.svg").read_text(encoding="utf-8")
    assert "quality, validation" in drawn
    assert plot([tmp_path / "a"], to=tmp_path / "runs.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ConfigError, match=r"runs\.doc says no format"):
        plot([tmp_path / "a"], to=tmp_path / "runs.doc")
    write_journal(tmp_path / "begun", epochs=0, ends=False)
    with pytest.raises(ConfigError, match="no training has ended an epoch"):
        plot([tmp_path / "begun"], to=tmp_path / "none.svg")


@pytest.mark.parametrize(
    ("target", "words"),
    [("tensorbord:x", "did you mean 'tensorboard'"), ("wandb", "as in wandb:my-shop"), ("tensorboard:", "as in tensorboard:events")],
)
def test_a_target_that_is_none_is_refused(tmp_path: Path, target: str, words: str) -> None:
    write_journal(tmp_path / "a")
    with pytest.raises(ConfigError, match=words):
        export_runs([tmp_path], to=target)


def test_an_experiment_that_would_be_lost_is_refused(tmp_path: Path) -> None:
    write_journal(tmp_path / "a")
    with pytest.raises(ConfigError, match="tensorboard has no experiments"):
        export_runs([tmp_path], to=f"tensorboard:{tmp_path / 'events'}", experiment="mine")


@pytest.mark.parametrize("package", ["tensorboard", "mlflow", "wandb"])
def test_a_missing_package_is_named_with_its_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in [name for name in sys.modules if name.split(".")[0] == package or name == f"leanrec.training.trackers.{package}"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"leanrec\[track\]"):
        targets.open_tracker(f"{package}:x")


class Recorder:
    """A tracker that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, str]] = []
        self.is_closed = False

    def tell(self, run: runs.TrainingRun, *, name: str) -> None:
        self.told.append((name, run.num_steps, run.outcome))

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    monkeypatch.setattr(runs, "open_tracker", lambda target, *, experiment: made)
    monkeypatch.setattr(runs, "POLL_SECONDS", 0.01)
    return made


def until(recorder: Recorder, name: str, *state: object) -> None:
    while not any((told[0].split("/")[-1], *told[1:]) == (name, *state) for told in recorder.told):
        time.sleep(0.005)


def test_a_command_under_way_is_followed_to_where_it_moves_its_journals(recorder: Recorder, tmp_path: Path, dataset: Dataset) -> None:
    def work() -> None:
        with keeping_trainings(tmp_path / "shop", dataset, RunSettings()) as folder:
            assert folder is not None
            path = write_journal(folder / "validated", epochs=1, ends=False)
            begun.set()
            until(recorder, "validated", 2, "unfinished")
            add_epochs(Journal(path), first=2, last=2)
            until(recorder, "validated", 4, "unfinished")
            end(Journal(path), epochs=2)
            until(recorder, "validated", 4, "ended")
            write_journal(folder / "settled", ends=False, at=BEGAN + 9)
            until(recorder, "settled", 4, "unfinished")
            end(Journal(folder / "settled" / "journal.jsonl"), epochs=2)
            (tmp_path / "shop").mkdir()

    begun = threading.Event()
    threading.Thread(target=work, daemon=True).start()
    begun.wait()
    assert export_runs([tmp_path / "shop.training"], to="x:y", follow=True) == 2
    last = recorder.told[-1]
    assert (last[0].split("/")[-1], *last[1:]) == ("settled", 4, "ended"), "however fast its folder went away"
    assert len(recorder.told) == len(set(recorder.told)), "nothing is told twice"
    assert recorder.is_closed


def test_without_follow_a_training_under_way_is_told_once(recorder: Recorder, tmp_path: Path) -> None:
    write_journal(tmp_path / "a", ends=False)
    assert export_runs([tmp_path / "a"], to="x:y") == 1
    assert recorder.told == [("a", 4, "unfinished")]


def test_ctrl_c_ends_following_and_closes_the_tracker(recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    write_journal(tmp_path / "a", ends=False)
    monkeypatch.setattr(runs.time, "sleep", interrupt)
    assert export_runs([tmp_path / "a"], to="x:y", follow=True) == 1
    assert recorder.is_closed


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return World.generate(WorldConfig(num_users=60, num_items=30), seed=3).dataset


def test_a_fit_leaves_its_journals_in_the_model_and_the_model_is_whole(tmp_path: Path, dataset: Dataset) -> None:
    pytest.importorskip("torch", reason="needs torch: pip install 'leanrec[train]'")
    small = {"encoder": {"width": 8, "num_layers": 1, "max_length": 8}, "training": {"max_epochs": 2, "validate_every": 1}, "uses_attributes": False}
    fit(dataset, recommender="sequential", settings=RunSettings(configs={"sequential": small}), to=tmp_path / "shop")
    found = find_runs([tmp_path / "shop"])
    assert sorted(found) == ["shop/trainings/settled", "shop/trainings/validated"]
    assert found["shop/trainings/validated"].best_quality is not None
    assert all(run.outcome == "ended" for run in found.values())
    assert not (tmp_path / "shop.training").exists()
    assert Model.load(tmp_path / "shop").name == "sequential"
