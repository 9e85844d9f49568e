"""Step times: how long a training step of tiny `sequential` models takes on the synthetic world."""

import logging
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

from leanrec.data.dataset import Dataset
from leanrec.data.world import World
from leanrec.errors import MissingExtraError
from leanrec.planner.machine import StepTime
from leanrec.recommenders.building import build
from leanrec.training.hooks import StepContext
from leanrec.training.run import Run

log = logging.getLogger(__name__)

BLOCK = "transformer"
"""Attention and two linear layers: what the counts of operations are best known of."""
NUM_LAYERS, MAX_LENGTH, TOKENS = 2, 50, 1024
MOST_EPOCHS = 15
"""About a hundred steps on the synthetic world: a median over more changes little."""


class Stopwatch:
    """A hook: the wall-clock seconds of every step, and its tokens."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.tokens: list[int] = []
        self._began = 0.0

    def before_step(self, context: StepContext) -> None:
        """Begin."""
        self.tokens.append(context.batch.num_tokens)
        self._began = time.perf_counter()

    def after_backward(self, context: StepContext) -> None:
        """Nothing."""

    def after_step(self, context: StepContext) -> None:  # noqa: ARG002 - every step alike
        """End."""
        self.seconds.append(time.perf_counter() - self._began)


def step_times(widths: Sequence[int], *, limit_seconds: float) -> tuple[StepTime, ...]:
    """The median step of a model of each width, trained for about `limit_seconds`; nothing where torch is not installed.

    One thread and float32 on the CPU, whatever the machine would choose: so that machines can be compared.
    """
    dataset = World.generate(seed=0).dataset
    try:
        return tuple(_step_time(width, dataset, limit_seconds=limit_seconds) for width in widths)
    except MissingExtraError as error:
        log.info("no training step was timed: %s", error.message)
        return ()


def _step_time(width: int, dataset: Dataset, *, limit_seconds: float) -> StepTime:
    """Of a whole training, after one of an epoch that fills caches and tells how many epochs the limit holds."""
    watch = _trained(width, dataset, epochs=1)
    epochs = min(MOST_EPOCHS, int(limit_seconds / sum(watch.seconds)))
    if epochs > 1:
        watch = _trained(width, dataset, epochs=epochs)
    return StepTime(
        block=BLOCK,
        width=width,
        num_layers=NUM_LAYERS,
        max_length=MAX_LENGTH,
        num_items=dataset.num_items,
        tokens=median(watch.tokens),
        seconds=median(watch.seconds),
        num_steps=len(watch.seconds),
    )


def _trained(width: int, dataset: Dataset, *, epochs: int) -> Stopwatch:
    watch = Stopwatch()
    build("sequential", _settings(width, epochs=epochs)).fit(dataset, run=Run(hooks=(watch,)))
    return watch


def _settings(width: int, *, epochs: int) -> dict[str, Any]:  # Any: the values of a TOML table
    return {
        "encoder": {"block": BLOCK, "width": width, "num_layers": NUM_LAYERS, "max_length": MAX_LENGTH},
        "loss": {"kind": "full-softmax"},
        "schedule": "whole",
        "training": {"max_epochs": epochs, "tokens": TOKENS, "patience": None, "precision": "float32", "device": "cpu"},
    }
