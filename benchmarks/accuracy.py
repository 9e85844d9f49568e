"""Accuracy on Amazon Beauty, Toys and MovieLens-1M: leave-one-out, full catalogue, three seeds, what each costs; test read once, here.

Every (case, data set, seed) is fitted in a process of its own on one thread and kept under `.cache/accuracy`, so that an interrupted run goes on.
What is kept does not know when code changes: delete the folder to measure again.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anchors import anchor_rows
from baselines import calibration_rows
from datasets import RESULTS, ROOT, read_dataset, require_datasets
from leanrec.data.query import Query
from leanrec.data.split import Split, split_leave_one_out
from leanrec.evaluation.efficiency import answer_milliseconds, spend
from leanrec.evaluation.full_ranking import rank_holdout
from leanrec.metrics.accuracy import parse_metric
from leanrec.metrics.uncertainty import bootstrap_means
from leanrec.recommenders.building import build, opener
from leanrec.recommenders.protocol import CatalogueScores, FloatArray, Recommender
from leanrec.training.run import Run
from processes import run_alone
from rows import BenchmarkRow, write_rows

CACHE = ROOT / ".cache" / "accuracy"
METRICS = ("recall@10", "ndcg@10")
AMAZON = ("amazon14-beauty", "amazon14-toys")
LONG_HISTORIES: Mapping[str, Any] = {
    "encoder": {"block": "transformer", "max_length": 200, "dropout": 0.2},
    "training": {"max_epochs": 24, "tokens": 2048, "learning_rate": 2e-3},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One recommender on one data set."""

    name: str
    recommender: str
    dataset: str
    config: Mapping[str, Any]
    num_seeds: int
    note: str = ""

    def path(self, seed: int) -> Path:
        """Where the outcome of a seed is kept; other settings, another file."""
        digest = hashlib.sha256(json.dumps([self.recommender, self.config], sort_keys=True).encode()).hexdigest()[:8]
        return CACHE / f"{self.dataset}-{self.name}-{digest}-{seed}.npz"


def cases() -> list[Case]:
    """In the order of the table."""
    found = []
    for dataset in AMAZON:
        found += [Case(name=name, recommender=name, dataset=dataset, config={}, num_seeds=1) for name in ("popularity", "cooccurrence", "ease")]
        found += [
            Case(
                name="sequential-ids",
                recommender="sequential",
                dataset=dataset,
                config={"uses_attributes": False},
                num_seeds=1,
                note="ids only: what categories and words of titles are worth",
            ),
            Case(name="sequential", recommender="sequential", dataset=dataset, config={}, num_seeds=3, note="default settings"),
            Case(name="two-tower", recommender="two-tower", dataset=dataset, config={}, num_seeds=1, note="default settings; hides ids"),
            Case(name="fusion", recommender="fusion", dataset=dataset, config={}, num_seeds=3, note="default members"),
        ]
    found += [
        Case(name="cooccurrence", recommender="cooccurrence", dataset="ml-1m", config={}, num_seeds=1),
        Case(name="sequential", recommender="sequential", dataset="ml-1m", config=LONG_HISTORIES, num_seeds=1, note="histories of 200"),
    ]
    return found


def main() -> None:
    """Fit what is not kept yet, then write all rows; or fit one outcome."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, type=int, metavar=("CASE", "SEED"), help="fit one case, by its number, and keep the outcome")
    parser.add_argument("--only", help="only cases whose data set or name holds this")
    arguments = parser.parse_args()
    if arguments.one is not None:
        number, seed = arguments.one
        measure(cases()[number], seed)
        return
    require_datasets([*AMAZON, "ml-1m"])
    CACHE.mkdir(parents=True, exist_ok=True)
    for number, case in enumerate(cases()):
        for seed in range(case.num_seeds):
            if not case.path(seed).is_file() and (arguments.only or "") in f"{case.dataset} {case.name}":
                run_alone(__file__, "--one", number, seed)
    if arguments.only is None:
        rows = [row for case in cases() for row in rows_of(case)]
        write_rows("accuracy", [*calibration_rows(), *rows, *anchor_rows()], RESULTS)


def measure(case: Case, seed: int) -> None:
    """Fit on training with validation, ask for the test answers, and keep each user's figures and what it cost."""
    split = split_leave_one_out(read_dataset(case.dataset))
    run = Run(seed=seed)
    spent = spend(lambda: build(case.recommender, case.config).fit(split.train, valid=split.valid, run=run))
    fitted = spent.result
    outcome: dict[str, Any] = {}  # Any: arrays and numbers, for one .npz
    for part in ("valid", "test"):
        ranked = rank_holdout(fitted, split.holdout(part), items=split.dataset.items, k=10)
        for metric in map(parse_metric, METRICS):
            outcome[f"{part}/{metric.name}"] = metric.per_user(ranked.ranks)
            outcome[f"{part}/{metric.name}-unmasked"] = metric.per_user(ranked.unmasked)
    outcome |= _served(fitted, case, split)
    words = "; ".join(f"{key} {value:.4g}" for key, value in getattr(fitted, "figures", {}).items())
    history = [(record.epoch, record.cpu_seconds, record.quality) for record in getattr(getattr(fitted, "training", None), "history", ())]
    outcome |= {"cpu_seconds": spent.cost.fit_cpu_seconds, "peak_mb": spent.cost.peak_mb, "words": words}
    outcome["history"] = np.array([entry for entry in history if entry[2] is not None], dtype=np.float64).reshape(-1, 3)
    with tempfile.NamedTemporaryFile(dir=CACHE, delete=False, suffix=".npz") as draft:
        np.savez(draft, **outcome)
    Path(draft.name).replace(case.path(seed))
    figures = "  ".join(f"{key} {outcome[key].mean():.4f}" for key in ("valid/ndcg@10", "test/ndcg@10", "test/recall@10"))
    print(f"{case.dataset:16} {case.name:16} seed {seed}  {figures}  {outcome['cpu_seconds']:6.1f} CPU-s  {words}", file=sys.stderr, flush=True)


def _served(fitted: Recommender, case: Case, split: Split) -> dict[str, Any]:  # Any: numbers for one .npz
    """What it costs to answer without torch, and how far the scores are from the fitted one's."""
    queries = split.holdout("test").queries
    asked = [queries[place] for place in np.linspace(0, len(queries) - 1, 100).astype(int)]
    with tempfile.TemporaryDirectory(prefix="leanrec-") as parent:
        folder = Path(parent) / "recommender"
        fitted.save(folder)
        served = opener(case.recommender).load(folder)
        num_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    error = float(np.abs(_scores(served, asked) - _scores(fitted, asked)).max())
    return {"bytes": num_bytes, "served_error": error, "milliseconds": answer_milliseconds(served, queries)}


def _scores(recommender: Recommender, queries: Sequence[Query]) -> FloatArray:
    if not isinstance(recommender, CatalogueScores):
        raise TypeError("the cases of this benchmark score their whole catalogue")
    return recommender.catalogue_scores(queries)


def rows_of(case: Case) -> list[BenchmarkRow]:
    """Means over the seeds; intervals by bootstrap over users of each user's mean over the seeds."""
    outcomes = [dict(np.load(case.path(seed))) for seed in range(case.num_seeds)]

    def mean(key: str) -> float:
        return float(np.mean([outcome[key] for outcome in outcomes]))

    common: dict[str, Any] = {  # Any: keys of a row
        "case": case.name,
        "dataset": case.dataset,
        "seeds": case.num_seeds,
        "cpu_seconds": mean("cpu_seconds"),
        "peak_mb": max(float(outcome["peak_mb"]) for outcome in outcomes),
        "bytes": int(mean("bytes")),
        "note": "; ".join(part for part in (case.note, str(outcomes[0]["words"])) if part) or None,
    }
    rows = [_accuracy_row(outcomes, metric, part="test", common=common) for name in METRICS for metric in (name, f"{name}-unmasked")]
    rows.append(_accuracy_row(outcomes, "ndcg@10", part="valid", common=common))
    for percentile in (50, 95, 99):
        value = float(np.mean([np.percentile(outcome["milliseconds"], percentile) for outcome in outcomes]))
        rows.append(BenchmarkRow(metric=f"p{percentile}", value=value, unit="ms", protocol="one query, one thread, opened without torch", **common))
    error = max(float(outcome["served_error"]) for outcome in outcomes)
    rows.append(BenchmarkRow(metric="largest difference of a score, opened without torch", value=error, **common))
    return rows + _curve(case, outcomes[0])


def _accuracy_row(outcomes: Sequence[Mapping[str, Any]], metric: str, *, part: str, common: Mapping[str, Any]) -> BenchmarkRow:
    table = np.stack([outcome[f"{part}/{metric}"] for outcome in outcomes], axis=1)
    interval = bootstrap_means(table.mean(axis=1, keepdims=True), rng=np.random.default_rng(0))
    singles = ", ".join(f"{value:.4f}" for value in table.mean(axis=0))
    return BenchmarkRow(
        metric=metric,
        value=float(table.mean()),
        low=float(interval.lows[0]),
        high=float(interval.highs[0]),
        split="leave-one-out" if part == "test" else "leave-one-out, validation",
        protocol="history not masked" if metric.endswith("unmasked") else "history masked",
        **{**common, "note": "; ".join(filter(None, (f"seeds: {singles}" if table.shape[1] > 1 else "", common["note"])))},
    )


def _curve(case: Case, outcome: Mapping[str, Any]) -> list[BenchmarkRow]:
    """How validation rose with the CPU-seconds spent, of the first seed."""
    return [
        BenchmarkRow(
            case=f"{case.name}, learning curve",
            dataset=case.dataset,
            split="leave-one-out, validation",
            protocol="history masked",
            metric="ndcg@10",
            value=float(quality),
            cpu_seconds=float(cpu_seconds),
            seeds=1,
            note=f"epoch {int(epoch)}",
        )
        for epoch, cpu_seconds, quality in outcome["history"]
        if case.dataset == "ml-1m"
    ]


if __name__ == "__main__":
    main()
