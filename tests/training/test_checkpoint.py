import errno
from pathlib import Path
from typing import Any

import pytest
import torch

from leanrec.errors import ArtifactError, ConfigError, DataError
from leanrec.training import checkpoint as room
from leanrec.training.checkpoint import Checkpoint, Origin, open_checkpoint, remove_checkpoint, save_checkpoint
from leanrec.training.progress import EpochRecord, Progress

ORIGIN = Origin.of("abc", {"learning_rate": 0.1, "betas": (0.9, 0.98)})


def saved(folder: Path, *, step: int = 7) -> Checkpoint:
    record = EpochRecord(epoch=1, step=3, loss=1 / 3, quality=None, learning_rate=0.1, seconds=0.5, cpu_seconds=0.4)
    written = Checkpoint(
        progress=Progress(epoch=1, position=2, step=step, loss_sum=0.1 + 0.2, history=(record,)),
        parts={"module": {"0.weight": torch.rand(3, 2)}, "random": {"cpu": torch.get_rng_state()}},
    )
    save_checkpoint(folder, written, origin=ORIGIN)
    return written


def test_a_checkpoint_returns_to_the_bit(tmp_path: Path) -> None:
    written = saved(tmp_path / "checkpoint")
    read = open_checkpoint(tmp_path / "checkpoint", origin=ORIGIN)
    assert read is not None
    assert read.progress == written.progress
    for part, named in written.parts.items():
        assert all(torch.equal(read.parts[part][name], tensor) for name, tensor in named.items())


def test_nothing_is_there_before_and_after(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    assert open_checkpoint(folder, origin=ORIGIN) is None
    saved(folder)
    remove_checkpoint(folder)
    assert list(tmp_path.iterdir()) == []


def test_other_data_are_refused_by_both_names(tmp_path: Path) -> None:
    saved(tmp_path / "checkpoint")
    with pytest.raises(DataError, match=r"(?s)data abc.*data xyz.*delete"):
        open_checkpoint(tmp_path / "checkpoint", origin=Origin.of("xyz", ORIGIN.settings))


def test_other_settings_are_refused_by_name_and_both_values(tmp_path: Path) -> None:
    saved(tmp_path / "checkpoint")
    with pytest.raises(ConfigError, match=r"(?s)learning_rate was 0\.1, now 0\.2.*another folder"):
        open_checkpoint(tmp_path / "checkpoint", origin=Origin.of("abc", {**ORIGIN.settings, "learning_rate": 0.2}))


@pytest.mark.parametrize("name", ["tensors.safetensors", "manifest.json"])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, name: str) -> None:
    saved(tmp_path / "checkpoint")
    path = tmp_path / "checkpoint" / name
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ArtifactError, match=r"(?s)cannot be used.*delete"):
        open_checkpoint(tmp_path / "checkpoint", origin=ORIGIN)


def test_a_full_disk_leaves_the_checkpoint_before_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "checkpoint"
    saved(folder, step=7)

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(room, "save_into", full)
    with pytest.raises(ArtifactError, match=r"(?s)checkpoint.*bytes free.*No space left.*make room"):
        saved(folder, step=8)
    read = open_checkpoint(folder, origin=ORIGIN)
    assert read is not None
    assert read.progress.step == 7
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    saved(folder)
    (tmp_path / ".checkpoint.11111111.draft").mkdir()
    folder.rename(tmp_path / ".checkpoint.22222222.old")
    read = open_checkpoint(folder, origin=ORIGIN)
    assert read is not None
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
