"""Event files are read back with TensorBoard's own reader."""

import json
from pathlib import Path

import pytest
from tests.training.journals import BEGAN, add_epochs, end, write_journal

from leanrec.training.journal import Journal
from leanrec.training.journal_reading import read_run

pytest.importorskip("tensorboard", reason="needs TensorBoard: pip install 'leanrec[track]'")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.util.tensor_util import make_ndarray

from leanrec.training.trackers.tensorboard import TensorBoardTracker


def export(path: Path, folder: Path, *, name: str = "shop/validated") -> None:
    tracker = TensorBoardTracker(folder)
    tracker.tell(read_run(path), name=name)
    tracker.close()


def read(folder: Path) -> EventAccumulator:
    """What the only training below a folder shows."""
    (place,) = {path.parent for path in folder.rglob("events.out.tfevents.*")}
    return EventAccumulator(str(place)).Reload()


def scalars(events: EventAccumulator, tag: str) -> list[tuple[int, float, float]]:
    return [(event.step, event.wall_time - BEGAN, round(float(make_ndarray(event.tensor_proto)), 6)) for event in events.Tensors(tag)]


def test_figures_are_read_back_with_steps_and_real_times(tmp_path: Path) -> None:
    export(write_journal(tmp_path / "run"), tmp_path / "events")
    events = read(tmp_path / "events")
    assert scalars(events, "epoch/quality") == [(2, 2.0, 0.1), (4, 4.0, 0.11)]
    assert scalars(events, "step/loss") == [(1, 1.0, 1.0), (2, 2.0, 0.5), (3, 3.0, 0.333333), (4, 4.0, 0.25)]
    assert events.summary_metadata["step/loss"].plugin_data.plugin_name == "scalars"


def test_settings_are_shown_as_text_and_as_hyperparameters(tmp_path: Path) -> None:
    export(write_journal(tmp_path / "run"), tmp_path / "events")
    events = read(tmp_path / "events")
    text = make_ndarray(events.Tensors("settings")[0].tensor_proto).item().decode()
    assert "| task.encoder.width | 8 |" in text
    assert f"| data | {'d4ta' * 16} |" in text
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    told = HParamsPluginData.FromString(content).session_start_info
    assert told.hparams["learning_rate"].number_value == 0.1
    assert json.loads(told.hparams["betas"].string_value) == [0.9, 0.98]
    assert told.start_time_secs == BEGAN


def test_exported_twice_and_moved_a_training_is_there_once(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "run")
    export(path, tmp_path / "events", name="shop.training/ab12/validated")
    export(path, tmp_path / "events", name="shop/trainings/validated")
    export(path, tmp_path / "events", name="shop/trainings/validated")
    assert len(scalars(read(tmp_path / "events"), "step/loss")) == 4
    export(write_journal(tmp_path / "run", at=BEGAN + 9), tmp_path / "events")
    assert len(list((tmp_path / "events").rglob("events.out.tfevents.*"))) == 2, "another training is not taken for the first"


def test_a_training_under_way_is_followed(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "run", epochs=1, ends=False)
    tracker = TensorBoardTracker(tmp_path / "events")
    tracker.tell(read_run(path), name="run")
    assert len(scalars(read(tmp_path / "events"), "step/loss")) == 2, "it can be looked at while it goes on"
    add_epochs(Journal(path), first=2, last=3)
    tracker.tell(read_run(path), name="run")
    end(Journal(path), epochs=3)
    tracker.tell(read_run(path), name="run")
    tracker.close()
    assert [step for step, _, _ in scalars(read(tmp_path / "events"), "step/loss")] == [1, 2, 3, 4, 5, 6]
