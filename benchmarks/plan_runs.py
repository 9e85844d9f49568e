"""Trainings that plans are measured against: settings drawn by a seed, each fitted for a few seconds in a process of its own.

A run tells the peak of the process above what it held before the fit, and the median of its steps: CPU-seconds of one thread, those of
a clock where nothing else runs. Outcomes are kept under `.cache/plan`, so that an interrupted run goes on. Data are random: users with
histories of equal length.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl

from datasets import ROOT
from leanrec.artifact import writing_file
from leanrec.config import Budget, Settings
from leanrec.data.dataset import Dataset
from leanrec.data.events import EVENT_SCHEMA, EventLog
from leanrec.data.split import split_leave_one_out
from leanrec.evaluation.memory import MemoryWatch
from leanrec.recommenders.building import build
from leanrec.training.hooks import StepContext
from leanrec.training.run import Run
from processes import json_of

CACHE = ROOT / ".cache" / "plan"
MINUTES, STEPS = 0.8, 6
"""Of a fit: whichever ends first."""
MAX_VALIDATED = 200
Drawn = Mapping[str, Any]  # Any: numbers and names of a configuration

BLOCKS = {"transformer": 0.4, "frequency": 0.2, "gated": 0.1, "hstu": 0.1, "gru": 0.1, "convolution": 0.1}
OPTIMIZERS = {"adamw": 0.8, "adamw-8bit": 0.1, "adagrad-rows": 0.1}
MOST_SCORES, MOST_TABLE, MOST_ACTIVATIONS = 8e9, 1.3e8, 2.5e9
"""Products, numbers and bytes beyond which a step takes too long, or too much memory, to be measured often."""


class StepClock:
    """A hook: the CPU-seconds of every step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._began = 0.0

    def before_step(self, context: StepContext) -> None:  # noqa: ARG002 - every step alike
        """Begin."""
        self._began = time.process_time()

    def after_backward(self, context: StepContext) -> None:
        """Nothing."""

    def after_step(self, context: StepContext) -> None:  # noqa: ARG002 - as above
        """End."""
        self.seconds.append(time.process_time() - self._began)


def draw(number: int, *, seed: int) -> list[Drawn]:
    """So many configurations: items 1 k to 1 M, widths 32 to 256, layers 1 to 8, lengths 20 to 200, batches, losses, precisions, encoders."""
    rng = np.random.default_rng(seed)
    made: list[Drawn] = []
    while len(made) < number:
        drawn = _one(rng)
        scores = drawn["items"] * drawn["tokens"] * drawn["width"] if drawn["loss"] == "full-softmax" else 0.0
        activations = drawn["tokens"] * drawn["num_layers"] * (90 * drawn["width"] + 24 * drawn["max_length"])
        if scores <= MOST_SCORES and drawn["items"] * drawn["width"] <= MOST_TABLE and activations <= MOST_ACTIVATIONS:
            made.append(drawn)
    return made


def _one(rng: np.random.Generator) -> Drawn:
    loss = str(rng.choice(["full-softmax", "sampled-softmax"]))
    return {
        "items": int(10 ** rng.uniform(3, 6 if loss == "sampled-softmax" else 5)),
        "block": str(rng.choice(list(BLOCKS), p=list(BLOCKS.values()))),
        "width": int(rng.choice([32, 64, 96, 128, 192, 256])),
        "num_layers": int(rng.choice([1, 2, 3, 4, 6, 8])),
        "num_heads": int(rng.choice([1, 2, 4])),
        "max_length": int(rng.choice([20, 50, 100, 200])),
        "tokens": int(rng.choice([512, 1024, 2048, 4096, 8192])),
        "loss": loss,
        "precision": str(rng.choice(["float32", "bfloat16"], p=[0.75, 0.25])),
        "optimizer": str(rng.choice(list(OPTIMIZERS), p=list(OPTIMIZERS.values()))),
        "average": float(rng.choice([0.0, 0.998])),
    }


def settings_of(drawn: Drawn) -> Settings:
    """As `leanrec fit` reads them."""
    encoder = {name: drawn[name] for name in ("block", "width", "num_layers", "max_length")}
    if drawn["block"] not in ("gru", "convolution"):
        encoder["num_heads"] = drawn["num_heads"]
    training = {name: drawn[name] for name in ("tokens", "precision", "optimizer", "average")}
    return {
        "encoder": encoder,
        "loss": {"kind": drawn["loss"]},
        "schedule": "whole",
        "max_queries": MAX_VALIDATED,
        "training": {**training, "max_epochs": -(-STEPS // num_batches(drawn)), "patience": None, "device": "cpu"},
    }


def shape_of(drawn: Drawn) -> tuple[int, int]:
    """Users and the events of each: every item is chosen, and a few batches are filled."""
    length = drawn["max_length"] + 3  # two are held out, and the first is no target
    return max(-(-drawn["items"] // length), 4 * drawn["tokens"] // drawn["max_length"] + 1, 2), length


def num_batches(drawn: Drawn) -> int:
    """Of an epoch, about."""
    return max(1, shape_of(drawn)[0] * drawn["max_length"] // drawn["tokens"])


def dataset_of(drawn: Drawn) -> Dataset:
    """Random events in which every item appears."""
    num_users, length = shape_of(drawn)
    rng = np.random.default_rng(0)
    items = rng.permutation(np.arange(num_users * length) % drawn["items"])
    frame = pl.DataFrame(
        {
            "user_id": pl.Series(np.repeat(np.arange(num_users), length)).cast(pl.String),
            "item_id": pl.Series(items).cast(pl.String),
            "event": ["buy"] * len(items),
            "timestamp": np.arange(len(items), dtype=np.int64),
            "value": pl.Series([None] * len(items), dtype=pl.Float32),
        }
    )
    return Dataset.build(EventLog(frame=frame.cast(dict(EVENT_SCHEMA)), time_quality="order"))


def measure(drawn: Drawn) -> dict[str, Any]:  # Any: JSON
    """Fit for a few seconds."""
    split = split_leave_one_out(dataset_of(drawn))
    clock, recommender = StepClock(), build("sequential", settings_of(drawn))
    with MemoryWatch() as memory:
        recommender.fit(split.train, valid=split.valid, run=Run(budget=Budget(minutes=MINUTES), hooks=(clock,)))
    steps = clock.seconds[1:] or clock.seconds
    return {**drawn, "memory": memory.peak.added_bytes, "seconds": median(steps), "steps": len(steps)}


def place_of(drawn: Drawn) -> Path:
    """Where an outcome is kept."""
    return CACHE / (" ".join(str(value) for value in drawn.values()) + ".json")


def outcomes(configurations: Sequence[Drawn]) -> list[dict[str, Any]]:  # Any: JSON
    """Run what is not kept yet, and read them all."""
    CACHE.mkdir(parents=True, exist_ok=True)
    for number, drawn in enumerate(configurations):
        place = place_of(drawn)
        if not place.is_file():
            outcome = json_of([sys.executable, __file__, "--one", json.dumps(drawn)])
            with writing_file(place) as draft:
                draft.write_text(json.dumps(outcome) + "\n", encoding="utf-8")
            figures = f"{outcome['memory'] / 1e6:7.0f} MB {1e3 * outcome['seconds']:8.1f} ms"
            print(f"{number:3} {figures}  {place.stem}", file=sys.stderr, flush=True)
    return [json.loads(place_of(drawn).read_text(encoding="utf-8")) for drawn in configurations]


def main() -> None:
    """One run, printed as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", required=True, help="a configuration as JSON")
    print(json.dumps(measure(json.loads(parser.parse_args().one))))


if __name__ == "__main__":
    main()
