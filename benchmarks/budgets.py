"""Budgets kept: `sequential` on MovieLens-1M in 1, 3, 10 and 55 minutes; `make bench-budgets` writes `budgets.json`.

Every fit has a process of its own, one thread. Its peak of memory is read from outside, by the parent; the clock goes from the call
of `fit` to its return. The share of time in training steps is told by a hook. Outcomes are kept under `.cache/budgets`, so that an
interrupted run goes on; delete the folder to measure again.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from baselines import ONE_THREAD, calibration_rows
from datasets import RESULTS, ROOT, read_dataset, require_datasets
from leanrec.artifact import writing_file
from leanrec.config import Budget
from leanrec.data.split import split_leave_one_out
from leanrec.evaluation.full_ranking import rank_holdout
from leanrec.metrics.accuracy import parse_metric
from leanrec.metrics.uncertainty import bootstrap_means
from leanrec.recommenders.building import build
from leanrec.training.hooks import StepContext
from leanrec.training.run import Run
from leanrec.training.search_space import merged
from rows import BenchmarkRow, write_rows
from training_searches import SHIPPED, found

CACHE = ROOT / ".cache" / "budgets"
DATASET = "ml-1m"
LONGEST = 55.0
MEMORY_GB = 4.0
CONFIG = merged(found("ml-1m-fixed"), {**SHIPPED, "training": {**SHIPPED["training"], "max_epochs": 200, "patience": None}})
"""The recipe that a search of a few minutes found, as it ships; more epochs than any of the budgets holds: the time is what ends the training."""
WIDE = {
    "schedule": "whole",
    "older_windows": True,
    "encoder": {"block": "transformer", "max_length": 200, "dropout": 0.3, "width": 128, "num_heads": 4},
    "training": {"max_epochs": 400, "patience": None, "tokens": 2048, "learning_rate": 1.5e-3, "average": 0.0},
}
"""What most of an hour holds: every event is a target, vectors are twice as wide."""
CASES: Mapping[float, Mapping[str, Any]] = {1.0: CONFIG, 3.0: CONFIG, 10.0: CONFIG, LONGEST: WIDE}
"""Minutes -> what is trained in them."""
METRICS = ("ndcg@10", "recall@10")


class Stopwatch:
    """A hook: seconds between the beginning and the end of each step."""

    def __init__(self) -> None:
        self.seconds, self._began = 0.0, 0.0

    def before_step(self, context: StepContext) -> None:  # noqa: ARG002 - every step alike
        """Begin."""
        self._began = time.perf_counter()

    def after_backward(self, context: StepContext) -> None:
        """Nothing."""

    def after_step(self, context: StepContext) -> None:  # noqa: ARG002 - as above
        """End."""
        self.seconds += time.perf_counter() - self._began


def main() -> None:
    """Fit what is not kept yet, then write all rows; or fit within one budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", type=float, metavar="MINUTES", help="fit within one budget, print what came of it as JSON")
    parser.add_argument("--only", type=float, nargs="+", choices=tuple(CASES), help="fit these alone, and write no rows")
    arguments = parser.parse_args()
    if arguments.one is not None:
        print(json.dumps(measure(arguments.one)))
        return
    require_datasets([DATASET])
    CACHE.mkdir(parents=True, exist_ok=True)
    for minutes in arguments.only or CASES:
        place = CACHE / f"{minutes:g}.json"
        if not place.is_file():
            with writing_file(place) as draft:
                draft.write_text(json.dumps(_watched(minutes)) + "\n", encoding="utf-8")
    if arguments.only is None:
        write_rows("budgets", [*calibration_rows(), *(row for minutes in CASES for row in rows_of(minutes))], RESULTS)


def measure(minutes: float) -> dict[str, Any]:  # Any: JSON
    """Fit and ask the test users."""
    split, watch = split_leave_one_out(read_dataset(DATASET)), Stopwatch()
    run = Run(budget=Budget(minutes=minutes, memory_gb=MEMORY_GB), hooks=(watch,))
    recommender = build("sequential", CASES[minutes])
    began, began_cpu = time.perf_counter(), time.process_time()
    fitted = recommender.fit(split.train, valid=split.valid, run=run)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
    found: dict[str, Any] = {"seconds": seconds, "cpu_seconds": cpu_seconds, "step_seconds": watch.seconds, "epochs": fitted.training.epochs}  # type: ignore[attr-defined]  # a trained one
    for part in ("valid", "test"):
        ranks = rank_holdout(fitted, split.holdout(part), items=split.dataset.items, k=10).ranks
        for name in METRICS:
            found[f"{part} {name}"] = parse_metric(name).per_user(ranks).tolist()
    return found


def rows_of(minutes: float) -> list[BenchmarkRow]:
    """Time, share of it in steps, memory, quality."""
    found = json.loads((CACHE / f"{minutes:g}.json").read_text(encoding="utf-8"))
    case = f"sequential in {minutes:g} minute{'s' if minutes > 1 else ''}"
    common: dict[str, Any] = {"case": case, "dataset": DATASET, "seeds": 1, "cpu_seconds": found["cpu_seconds"], "peak_mb": found["peak_mb"]}
    over = found["seconds"] - 60 * minutes
    made = [
        BenchmarkRow(metric="seconds over the budget", value=over, unit="s", note="below 0: ended before the time was up", **common),
        BenchmarkRow(metric="share of the time in training steps", value=found["step_seconds"] / found["seconds"], **common),
        BenchmarkRow(
            metric="peak memory", value=found["peak_mb"] / 1e3, unit="GB", note=f"{MEMORY_GB:g} GB asked; whole process, from outside", **common
        ),
    ]
    for part, split in (("test", "leave-one-out"), ("valid", "leave-one-out, validation")):
        for name in METRICS:
            measure_ = bootstrap_means(np.array(found[f"{part} {name}"]), rng=np.random.default_rng(0)).measure()
            note = f"{found['epochs']} epochs begun"
            made.append(BenchmarkRow.of_measure(measure_, metric=name, split=split, protocol="history masked", note=note, **common))
    return made


def _watched(minutes: float) -> dict[str, Any]:  # Any: JSON
    """What a fit in a process of its own told, and the peak of its memory as the system counted it."""
    command = [sys.executable, __file__, "--one", f"{minutes:g}"]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **ONE_THREAD}).stdout
    found: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6
    print(f"{minutes:g} minutes: {found['seconds']:.1f} s, {found['step_seconds'] / found['seconds']:.1%} in steps", file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    main()
