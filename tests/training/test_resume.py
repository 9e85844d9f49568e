"""Stopped at any step, a training resumes to the same weights and the same losses, to the bit."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leanrec.training.hooks import StepContext
from leanrec.training.loop import TrainingConfig, train
from leanrec.training.run import Run

SCRIPT = Path(__file__).with_name("conftest.py")
SETTINGS: dict[str, Any] = {
    "max_epochs": 4,
    "learning_rate": 0.05,
    "warmup_epochs": 1,
    "average": 0.9,
    "weight_decay": 0.01,
    "checkpoint_steps": 3,
    "journal_steps": 1,
    "device": "cpu",
}


Make = Callable[..., Any]  # Any: what conftest makes, which no test can import


class PulledPlugError(Exception):
    """Not ours: nobody in the loop catches it."""


class PullAt:
    def __init__(self, step: int) -> None:
        self.step = step

    def before_step(self, context: StepContext) -> None:
        pass

    def after_backward(self, context: StepContext) -> None:
        if context.step == self.step:
            raise PulledPlugError

    def after_step(self, context: StepContext) -> None:
        pass


def told(folder: Path) -> list[tuple[int, float]]:
    """Every loss in the journal, to the digit."""
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["event"] for line in lines].count("begin") == 1
    assert lines[-1]["event"] == "end"
    return [(line["step"], line["loss"]) for line in lines if line["event"] in ("step", "epoch")]


def random_steps(num_steps: int, count: int) -> list[int]:
    return sorted(np.random.default_rng().choice(np.arange(1, num_steps), count, replace=False).tolist())


def test_killed_at_a_random_step_it_ends_with_the_same_weights_and_losses(toy: Make, batches: Make, tmp_path: Path) -> None:
    config = TrainingConfig(**SETTINGS)
    whole, broken = toy(), toy()
    num_steps = train(whole, batches(), config, run=Run(folder=tmp_path / "whole")).steps
    (kill_at,) = random_steps(num_steps, 1)
    command = [sys.executable, str(SCRIPT), str(tmp_path / "broken"), config.model_dump_json(), str(kill_at)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    train(broken, batches(), config, run=Run(folder=tmp_path / "broken"))
    found = broken.weights()
    assert all(torch.equal(found[name], tensor) for name, tensor in whole.weights().items()), f"killed at {kill_at}"
    assert told(tmp_path / "broken") == told(tmp_path / "whole"), f"killed at {kill_at}"
    assert not (tmp_path / "broken" / "checkpoint").exists()


@pytest.mark.parametrize("settings", [{"optimizer": "adamw"}, {"optimizer": "adagrad", "average": 0.0}, {"optimizer": "sgd", "validate_every": 0}])
def test_stopped_again_and_again_it_ends_the_same(toy: Make, batches: Make, tmp_path: Path, settings: dict[str, Any]) -> None:
    config = TrainingConfig(**{**SETTINGS, **settings})
    whole = toy()
    expected = train(whole, batches(), config, run=Run(folder=tmp_path / "whole"))
    stops = random_steps(expected.steps, 4)
    for step in stops:
        with pytest.raises(PulledPlugError):
            train(toy(), batches(), config, run=Run(folder=tmp_path / "broken", hooks=(PullAt(step),)))
    last = toy()
    found = train(last, batches(), config, run=Run(folder=tmp_path / "broken"))
    weights = last.weights()
    assert all(torch.equal(weights[name], tensor) for name, tensor in whole.weights().items()), f"stopped at {stops}"
    assert told(tmp_path / "broken") == told(tmp_path / "whole"), f"stopped at {stops}"
    assert [(r.epoch, r.loss, r.quality) for r in found.history] == [(r.epoch, r.loss, r.quality) for r in expected.history]
