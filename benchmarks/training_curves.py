"""Learning curves of one training: validation after each epoch against CPU-seconds of training, looks left out; kept, one file a run."""

import hashlib
import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from datasets import ROOT, read_dataset
from leanrec.data.split import split_leave_one_out
from leanrec.evaluation.efficiency import spend
from leanrec.evaluation.full_ranking import rank_holdout
from leanrec.metrics.accuracy import parse_metric
from leanrec.recommenders.building import build
from leanrec.training.hooks import StepContext
from leanrec.training.run import Run

CACHE = ROOT / ".cache" / "training"
RECIPE, METRIC = "sequential", "ndcg@10"
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a training came to."""

    cpu_seconds: FloatArray
    """(E,) of training steps and the batches between them, at the end of each epoch."""
    qualities: FloatArray
    """(E,) on validation."""
    valid: FloatArray
    """(U,) NDCG@10 of every validation user, of the best epoch's weights."""
    fit_cpu_seconds: float
    """Everything: looks, batches, what comes before and after."""
    peak_mb: float


class TrainingClock:
    """A hook: CPU-seconds of training at each validation, what is spent on looking left out."""

    def __init__(self) -> None:
        self.cpu_seconds: list[float] = []
        self.qualities: list[float] = []
        self._spent, self._since = 0.0, None

    _since: float | None

    def before_step(self, context: StepContext) -> None:  # noqa: ARG002 - every step alike
        """Begin, or go on: what lies between two steps of an epoch counts as training."""
        if self._since is None:
            self._since = time.process_time()

    def after_backward(self, context: StepContext) -> None:
        """Nothing."""

    def after_step(self, context: StepContext) -> None:  # noqa: ARG002 - as above
        """Count."""
        now = time.process_time()
        assert self._since is not None  # noqa: S101 - a step has begun
        self._spent, self._since = self._spent + now - self._since, now

    def after_validation(self, epoch: int, quality: float) -> None:  # noqa: ARG002 - they come in order
        """Note where the curve stands; the clock rests until the next step."""
        self.cpu_seconds.append(self._spent)
        self.qualities.append(quality)
        self._since = None


def place_of(dataset: str, config: Mapping[str, Any], seed: int) -> Path:
    """Where the outcome of a run is kept; other settings, another file."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:10]
    return CACHE / f"{dataset}-{digest}-{seed}.npz"


def measure(dataset: str, config: Mapping[str, Any], seed: int) -> Outcome:
    """Train with a look after each epoch, ask every validation user at the end, and keep it."""
    split, clock = split_leave_one_out(read_dataset(dataset)), TrainingClock()
    training = {**config.get("training", {}), "validate_every": 1, "patience": None}
    recommender = build(RECIPE, {**config, "training": training})
    spent = spend(lambda: recommender.fit(split.train, valid=split.valid, run=Run(seed=seed, hooks=(clock,))))
    ranks = rank_holdout(spent.result, split.holdout("valid"), items=split.dataset.items, k=10).ranks
    outcome = {
        "cpu_seconds": np.array(clock.cpu_seconds),
        "qualities": np.array(clock.qualities),
        "valid": parse_metric(METRIC).per_user(ranks),
        "fit_cpu_seconds": np.array(spent.cost.fit_cpu_seconds),
        "peak_mb": np.array(spent.cost.peak_mb),
    }
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=CACHE, delete=False, suffix=".npz") as draft:
        np.savez(draft, **outcome)
    Path(draft.name).replace(place_of(dataset, config, seed))
    return read_outcome(dataset, config, seed)


def read_outcome(dataset: str, config: Mapping[str, Any], seed: int) -> Outcome:
    """What was kept of a run."""
    kept = dict(np.load(place_of(dataset, config, seed)))
    return Outcome(**{name: float(array) if array.ndim == 0 else array.astype(np.float64) for name, array in kept.items()})
