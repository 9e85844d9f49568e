"""An offline run of Weights & Biases is read back from its file, record by record."""

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.training.journals import BEGAN, write_journal

from leanrec.errors import ConfigError
from leanrec.training.journal_reading import read_run

pytest.importorskip("wandb", reason="needs Weights & Biases: pip install 'leanrec[track]'")

from wandb.proto import wandb_internal_pb2

from leanrec.training.trackers.wandb import WandbTracker

pytestmark = pytest.mark.slow

BLOCK_BYTES, FILE_HEADER_BYTES, HEADER = 32768, 7, struct.Struct("<IHB")


@pytest.fixture(autouse=True)
def no_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)


def export(path: Path, folder: Path) -> None:
    tracker = WandbTracker("shop", folder=folder)
    tracker.tell(read_run(path), name="shop/validated")
    tracker.close()
    while not of_kind(folder, "exit"):  # written by a process beside this one, which lives until this one ends
        time.sleep(0.02)


def records(folder: Path) -> Iterator[Any]:
    """Of the only run below a folder: a LevelDB log, in blocks, of protocol buffers."""
    (file,) = folder.rglob("run-*.wandb")
    data, place, text = file.read_bytes(), FILE_HEADER_BYTES, b""
    while place + HEADER.size <= len(data):
        left = BLOCK_BYTES - place % BLOCK_BYTES
        if left < HEADER.size:
            place += left
            continue
        _, length, kind = HEADER.unpack_from(data, place)
        text += data[place + HEADER.size : place + HEADER.size + length]
        place += HEADER.size + length
        if kind in (1, 4):  # whole, or the last part
            yield wandb_internal_pb2.Record.FromString(text)
            text = b""


def of_kind(folder: Path, kind: str) -> list[Any]:
    return [getattr(record, kind) for record in records(folder) if record.WhichOneof("record_type") == kind]


def rows(folder: Path) -> list[dict[str, Any]]:
    return [{"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in row.item} for row in of_kind(folder, "history")]


def test_an_offline_run_holds_config_and_history_with_real_times(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "run")
    export(path, tmp_path)
    (run,) = of_kind(tmp_path, "run")
    assert (run.run_id, run.project, run.display_name) == (read_run(path).identity, "shop", "shop/validated")
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert config["learning_rate"] == 0.1
    assert config["data"] == "d4ta" * 16
    assert config["began"] == "2023-11-14T22:13:20+00:00"
    told = [(row["_step"], row["_timestamp"] - BEGAN, row.get("epoch/quality")) for row in rows(tmp_path)]
    assert told == [(1, 1.0, None), (2, 2.0, 0.1), (3, 3.0, None), (4, 4.0, pytest.approx(0.11))]


def test_no_host_name_packages_or_hardware_are_written(tmp_path: Path) -> None:
    export(write_journal(tmp_path / "run"), tmp_path)
    (run,) = of_kind(tmp_path, "run")
    assert run.host == ""
    assert not list(tmp_path.rglob("requirements.txt"))
    assert not list(tmp_path.rglob("wandb-metadata.json"))


def test_exported_twice_a_training_is_there_once(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "run")
    for _ in range(2):
        export(path, tmp_path)
    assert len(rows(tmp_path)) == 4


def test_a_mode_in_which_nothing_would_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    with pytest.raises(ConfigError, match="WANDB_MODE is 'disabled'"):
        WandbTracker("shop", folder=tmp_path)
