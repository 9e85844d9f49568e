"""An interrupted fit goes on where its training stopped, when the same is done again; a fit that ends well leaves nothing behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

import leanrec
from leanrec.data.world import World, WorldConfig
from leanrec.errors import ConfigError
from leanrec.training.run import Run
from leanrec.workflow.keeping import keeping_trainings, training_folder

ENCODER = "configs.sequential.encoder={width=8, max_length=6, num_layers=1}"
LONG = "configs.sequential.training={max_epochs=100000, warmup_epochs=0, tokens=64, checkpoint_steps=1, device='cpu'}"
SHORT = "configs.sequential.training={max_epochs=1, warmup_epochs=0, tokens=64, device='cpu'}"
START_SECONDS = 120.0


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    frame = World.generate(WorldConfig(num_users=30, num_items=25, days=20), seed=3).log.frame.filter(pl.col("event") == "click")
    frame.select(user="user_id", item="item_id", time=pl.from_epoch("timestamp", time_unit="us")).write_csv(tmp_path / "orders.csv")
    return tmp_path / "orders.csv"


def command(orders: Path, to: Path, training: str, *options: str) -> list[str]:
    named = ["--recommender", "sequential", "--to", str(to), "--set", ENCODER, "--set", training]
    return [sys.executable, "-m", "leanrec", "fit", str(orders), *named, *options]


def test_ctrl_c_keeps_the_training_says_how_to_go_on_and_exits_130(orders: Path, tmp_path: Path) -> None:
    kept = training_folder(tmp_path / "model")
    process = subprocess.Popen(command(orders, tmp_path / "model", LONG), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + START_SECONDS
    while not any(kept.glob("*/validated/checkpoint/manifest.json")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 130, told
    assert f"go on from {kept}, or delete it" in told
    assert "stopped; nothing was left half-written" in told
    assert not (tmp_path / "model").exists()
    assert any(kept.glob("*/validated/checkpoint/manifest.json"))

    other = subprocess.run(command(orders, tmp_path / "model", SHORT), capture_output=True, text=True, check=False)
    assert other.returncode == 1
    assert "was made with other settings: max_epochs was 100000, now 1" in other.stderr
    assert "delete" in other.stderr
    again = subprocess.run(command(orders, tmp_path / "model", LONG, "--minutes", "0.2"), capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "training goes on after step" in again.stderr
    assert (tmp_path / "model" / "manifest.json").exists()
    assert not kept.exists()


def test_a_training_of_other_data_is_refused_before_anything_starts(tmp_path: Path) -> None:
    one, other = (World.generate(WorldConfig(num_users=20, num_items=20), seed=seed).dataset for seed in (1, 2))
    settings = leanrec.RunSettings()
    with pytest.raises(RuntimeError), keeping_trainings(tmp_path / "model", one, settings) as folder:
        assert folder is not None
        _leave_checkpoint(folder / "proof" / "sequential")
        raise RuntimeError
    with pytest.raises(ConfigError, match="an interrupted training of other data") as refused:
        leanrec.fit(other, recommender="popularity", to=tmp_path / "model")
    assert "delete it" in refused.value.hint
    assert not (tmp_path / "model").exists()
    leanrec.fit(one, recommender="popularity", to=tmp_path / "model")
    assert not training_folder(tmp_path / "model").exists()


def test_a_failure_without_a_checkpoint_leaves_no_folder(tmp_path: Path) -> None:
    dataset = World.generate(WorldConfig(num_users=20, num_items=20), seed=1).dataset
    with pytest.raises(RuntimeError), keeping_trainings(tmp_path / "model", dataset, leanrec.RunSettings()) as folder:
        assert folder is not None
        (folder / "proof").mkdir(parents=True)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with keeping_trainings(None, dataset, leanrec.RunSettings()) as nowhere:
        assert nowhere is None


def test_each_part_of_a_run_has_a_folder_of_its_own() -> None:
    run = Run(seed=3, folder=Path("x"))
    assert run.within("fusion").within("rehearsal").folder == Path("x/fusion/rehearsal")
    assert run.within("fusion").seed == 3
    assert Run().within("fusion").folder is None


def _leave_checkpoint(folder: Path) -> None:
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "checkpoint" / "manifest.json").write_text("{}")
