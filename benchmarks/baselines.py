"""Baselines on Amazon Beauty and Toys: leave-one-out, full catalogue, what each costs; tuned on validation, test read once, here."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from datasets import RESULTS, read_dataset, require_datasets
from leanrec.data.dataset import Dataset
from leanrec.data.events import EVENT_SCHEMA, EventLog
from leanrec.data.split import Part, Split, split_leave_one_out
from leanrec.evaluation.efficiency import spend, with_answering_cost
from leanrec.evaluation.evaluate import evaluate
from leanrec.metrics.report import Cost, Measure, Report
from leanrec.recommenders.building import build
from leanrec.recommenders.linear import EASE
from leanrec.training.run import Run
from rows import BenchmarkRow, write_rows

DATASETS = ("amazon14-beauty", "amazon14-toys")
IDS_ONLY = [{"name": "cooccurrence"}, {"name": "ease"}, {"name": "item-knn"}]
CLASSIC = [*IDS_ONLY, {"name": "popularity-category", "is_optional": True}]
"""The fusion without a network; with one it stands in `accuracy.py`."""
CASES: Mapping[str, tuple[str, Mapping[str, Any], str]] = {
    "popularity": ("popularity", {}, ""),
    "popularity-category": ("popularity-category", {}, "cosine of categories"),
    "cooccurrence": ("cooccurrence", {}, "counts only, nothing is trained"),
    "item-knn": ("item-knn", {}, "history decay .6"),
    "ease-plain": ("ease", {"decay": 1.0}, "every event of the history alike"),
    "ease": ("ease", {}, "history decay .7, 200 weights kept per item"),
    "als": ("als", {}, "implicit; folds the query's history in"),
    "bpr": ("bpr", {}, "implicit; vectors of known users"),
    "fusion-ids": ("fusion", {"members": IDS_ONLY}, "cooccurrence + ease + item-knn"),
    "fusion": ("fusion", {"members": CLASSIC}, "cooccurrence + ease + item-knn + popularity-category"),
}
METRICS = ("recall@10", "ndcg@10", "mrr@10")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
CALIBRATION_REPEATS = 5
SEED = 0


def main() -> None:
    """Run every case in a process of its own, so that none pays for another's memory; or one of them, as rows on standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, metavar=("CASE", "DATASET"), help="run one case and print its rows as JSON")
    one = parser.parse_args().one
    if one is not None:
        print(json.dumps([asdict(row) for row in case_rows(*one)]))
        return
    require_datasets(DATASETS)
    rows = calibration_rows()
    for dataset in DATASETS:
        for case in CASES:
            rows += in_own_process(case, dataset)
    write_rows("baselines", rows, RESULTS)


def in_own_process(case: str, dataset: str) -> list[BenchmarkRow]:
    """The rows of one case; its standard error passes through."""
    command = [sys.executable, __file__, "--one", case, dataset]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **ONE_THREAD}).stdout
    rows = [BenchmarkRow(**row) for row in json.loads(output)]
    chosen = next(row for row in rows if row.metric == "ndcg@10" and row.split == "leave-one-out" and row.protocol == "history masked")
    print(f"{dataset:16} {case:20} ndcg@10 {chosen.value:.4f}  {chosen.cpu_seconds:6.1f} CPU-s", file=sys.stderr, flush=True)
    return rows


def case_rows(case: str, dataset: str) -> list[BenchmarkRow]:
    """Fit one case on training, look at validation and test, and say what it cost."""
    name, config, note = CASES[case]
    split = split_leave_one_out(read_dataset(dataset))
    recommender = build(name, config)
    spent = spend(lambda: recommender.fit(split.train, valid=split.valid, run=Run(seed=SEED)))
    cost = with_answering_cost(spent.cost, spent.result, split.holdout("test").queries)
    figures = "; ".join(f"{key} {value:.3g}" for key, value in getattr(spent.result, "figures", {}).items())
    words = "; ".join(part for part in (note, figures) if part)

    def row(measure: Measure, metric: str, *, protocol: str, where: str = "leave-one-out", unit: str | None = None) -> BenchmarkRow:
        return BenchmarkRow.of_measure(
            measure,
            case=case,
            dataset=dataset,
            split=where,
            protocol=protocol,
            metric=metric,
            unit=unit,
            seeds=1,
            cpu_seconds=cost.fit_cpu_seconds,
            peak_mb=cost.peak_mb,
            bytes=cost.num_bytes,
            note=words or None,
        )

    rows = [row(measure, metric, protocol=protocol) for protocol, metric, measure in _measures(_report(recommender, split, "test"))]
    valid = _report(recommender, split, "valid")
    rows.append(row(valid["ndcg@10"], "ndcg@10", protocol="history masked", where="leave-one-out, validation"))
    return rows + [row(measure, metric, protocol="one query, one thread", unit="ms") for metric, measure in _latencies(cost)]


def calibration_rows() -> list[BenchmarkRow]:
    """What this machine does in a second: a fixed matrix product and a fixed EASE, one thread, median of five."""
    rng = np.random.default_rng(SEED)
    matrix = rng.standard_normal((2048, 2048), dtype=np.float32)
    world = _random_dataset(rng)
    works: Mapping[str, Callable[[], object]] = {"gemm-2048-float32": lambda: matrix @ matrix, "ease-2000-items": lambda: EASE().fit(world)}
    return [
        BenchmarkRow(case="calibration", metric=metric, value=float(np.median(_seconds(work))), unit="s", note="median of 5, one thread")
        for metric, work in works.items()
    ]


def _seconds(work: Callable[[], object]) -> list[float]:
    taken = []
    with threadpool_limits(limits=1):
        for _ in range(CALIBRATION_REPEATS):
            began = time.perf_counter()
            work()
            taken.append(time.perf_counter() - began)
    return taken


def _random_dataset(rng: np.random.Generator) -> Dataset:
    """2000 items, 4000 users with 20 events each."""
    users, items = np.repeat(np.arange(4000), 20), rng.integers(0, 2000, size=80_000)
    columns = {"user_id": users.astype(str), "item_id": items.astype(str), "event": "click", "timestamp": np.arange(80_000), "value": None}
    frame = pl.DataFrame(columns).select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items())
    return Dataset.build(EventLog(frame=frame, time_quality="order"))


def _report(recommender: Any, split: Split, part: Part) -> Report:  # Any: whatever the registry built
    return evaluate(recommender, split, part=part, metrics=METRICS, seed=SEED)


def _measures(report: Report) -> list[tuple[str, str, Measure]]:
    """Protocol, metric and value, with the history masked and not."""
    masked = [("history masked", metric, report[metric]) for metric in METRICS]
    return masked + [("history not masked", metric, report.unmasked[metric]) for metric in METRICS]


def _latencies(cost: Cost) -> Sequence[tuple[str, Measure]]:
    found = {"p50": cost.p50_ms, "p95": cost.p95_ms, "p99": cost.p99_ms}
    return [(metric, Measure(value=value)) for metric, value in found.items() if value is not None]


if __name__ == "__main__":
    main()
