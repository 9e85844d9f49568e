"""Efficiency: what fitting and asking a recommender costs: processor time, memory, bytes on disk, time of a single answer."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from leanrec.data.query import Query
from leanrec.errors import DataError
from leanrec.evaluation.memory import MemoryWatch
from leanrec.metrics.report import Cost
from leanrec.recommenders.protocol import Recommender

Result = TypeVar("Result")

NUM_TIMED_QUERIES = 300
NUM_WARM_UP_QUERIES = 20
"""Answers before the clock starts: the first ones pay for caches and lazy imports."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent(Generic[Result]):
    """What a piece of work returned and what it cost."""

    result: Result
    cost: Cost


def spend(work: Callable[[], Result], *, num_threads: int = 1) -> Spent[Result]:
    """Do the work once, with numeric libraries held to `num_threads`, and say what it cost.

    Processor seconds are those of all threads of this process; work in other processes is not counted.
    """
    with threadpool_limits(limits=num_threads), MemoryWatch() as watch:
        began, began_cpu = time.perf_counter(), time.process_time()
        result = work()
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
    cost = Cost(
        fit_cpu_seconds=cpu_seconds,
        fit_seconds=seconds,
        peak_mb=watch.peak.num_bytes / 1e6,
        added_mb=watch.peak.added_bytes / 1e6,
        memory_method=watch.peak.method,
    )
    return Spent(result=result, cost=cost)


def with_answering_cost(cost: Cost, recommender: Recommender, queries: Sequence[Query], *, k: int = 10, exclude_seen: bool = True) -> Cost:
    """The cost with bytes of the saved artifact, and p50, p95, p99 of single queries on one thread, added."""
    latencies = answer_milliseconds(recommender, queries, k=k, exclude_seen=exclude_seen)
    p50, p95, p99 = (float(value) for value in np.percentile(latencies, (50, 95, 99)))
    return replace(cost, num_bytes=saved_bytes(recommender), p50_ms=p50, p95_ms=p95, p99_ms=p99)


def answer_milliseconds(recommender: Recommender, queries: Sequence[Query], *, k: int = 10, exclude_seen: bool = True) -> np.ndarray:
    """(300,) float64 wall-clock milliseconds of answering one query at a time, one thread, after a warm-up; queries evenly spaced."""
    if not queries:
        raise DataError("there are no queries to time", hint="pass the queries of split.holdout('valid')")
    chosen = np.linspace(0, len(queries) - 1, NUM_TIMED_QUERIES).astype(np.int64)
    taken = np.empty(len(chosen))
    with threadpool_limits(limits=1):
        for row in chosen[:NUM_WARM_UP_QUERIES]:
            recommender.recommend([queries[row]], k=k, exclude_seen=exclude_seen)
        for place, row in enumerate(chosen):
            began = time.perf_counter()
            recommender.recommend([queries[row]], k=k, exclude_seen=exclude_seen)
            taken[place] = (time.perf_counter() - began) * 1e3
    return taken


def saved_bytes(recommender: Recommender) -> int:
    """Bytes on disk of the saved artifact, manifest included."""
    with tempfile.TemporaryDirectory(prefix="leanrec-") as folder:
        target = Path(folder) / "recommender"
        recommender.save(target)
        return sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
