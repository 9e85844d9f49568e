"""What was exported to MLflow is asked of its own client, on a SQLite file."""

from pathlib import Path
from typing import Any

import pytest
from tests.training.journals import BEGAN, add_epochs, end, write_journal

from leanrec.errors import ConfigError
from leanrec.training.journal import Journal
from leanrec.training.journal_reading import read_run

pytest.importorskip("mlflow", reason="needs MLflow: pip install 'leanrec[track]'")

from mlflow.tracking import MlflowClient

from leanrec.training.trackers.mlflow import MlflowTracker

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")]  # MLflow's own use of it


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One file for all: MLflow takes seconds to make its tables."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'runs.db'}"


def runs(address: str, experiment: str) -> list[Any]:
    client = MlflowClient(tracking_uri=address)
    return list(client.search_runs([client.get_experiment_by_name(experiment).experiment_id]))


def told(address: str, run: Any, figure: str) -> list[tuple[int, int, float]]:
    history = MlflowClient(tracking_uri=address).get_metric_history(run.info.run_id, figure)
    return sorted((metric.step, metric.timestamp - round(1000 * BEGAN), round(metric.value, 6)) for metric in history)


def test_a_training_is_a_run_with_settings_figures_and_real_times(address: str, tmp_path: Path) -> None:
    MlflowTracker(address, experiment="whole").tell(read_run(write_journal(tmp_path)), name="shop/validated")
    (run,) = runs(address, "whole")
    assert (run.info.run_name, run.info.status) == ("shop/validated", "FINISHED")
    assert run.info.start_time == round(1000 * BEGAN)
    assert run.info.end_time == round(1000 * (BEGAN + 4))
    assert run.data.params == {
        "learning_rate": "0.1",
        "betas": "[0.9, 0.98]",
        "task.encoder.width": "8",
        "task.encoder.dropout": "null",
        "run.seed": "0",
    }
    assert run.data.tags["leanrec.data"] == "d4ta" * 16
    assert told(address, run, "epoch/quality") == [(2, 2000, 0.1), (4, 4000, 0.11)]
    assert told(address, run, "step/loss") == [(1, 1000, 1.0), (2, 2000, 0.5), (3, 3000, 0.333333), (4, 4000, 0.25)]


def test_exported_twice_a_training_is_there_once(address: str, tmp_path: Path) -> None:
    path = write_journal(tmp_path)
    for _ in range(2):
        MlflowTracker(address, experiment="twice").tell(read_run(path), name="run")
    (run,) = runs(address, "twice")
    assert len(told(address, run, "step/loss")) == 4


def test_a_training_that_was_taken_up_is_told_once_and_ends_as_it_did(address: str, tmp_path: Path) -> None:
    path = write_journal(tmp_path, epochs=2, ends=False)
    tracker = MlflowTracker(address, experiment="followed")
    tracker.tell(read_run(path), name="run")
    assert runs(address, "followed")[0].info.status == "RUNNING"
    journal = Journal(path, clock=lambda: BEGAN + 1000)
    journal.cut(2)
    journal.write("resume", step=2, seconds=2.0, cpu_seconds=1.0)
    add_epochs(journal, first=2, last=3)
    end(journal, epochs=3, event="error")
    tracker.tell(read_run(path), name="run")
    (run,) = runs(address, "followed")
    assert run.info.status == "FAILED"
    assert run.data.tags["leanrec.ended"] == "error: the loss became nan"
    assert [step for step, _, _ in told(address, run, "step/loss")] == [1, 2, 3, 4, 5, 6]


def test_a_store_that_mlflow_does_not_know_is_refused() -> None:
    with pytest.raises(ConfigError, match="MLflow cannot use 'nowhere://x'"):
        MlflowTracker("nowhere://x", experiment="leanrec")
