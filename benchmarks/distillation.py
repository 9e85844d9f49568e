"""Distillation: an ensemble's knowledge in one small network, beside the same network without a teacher.

Leave-one-out, full catalogue, history masked, ties against us. A pair is a teacher, a student, and the control: the student's network, trained on the
log alone. Settings were chosen on validation users; the test is read by `rows`. Every fit has a process of its own, one thread; what is
kept does not know when code changes: delete the folder to measure again.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from baselines import ONE_THREAD
from datasets import ROOT, read_dataset
from distillation_pairs import PAIRS, TEACHERS, Pair, Teacher
from leanrec.data.split import Split, split_leave_one_out
from leanrec.evaluation.efficiency import answer_milliseconds
from leanrec.evaluation.full_ranking import rank_holdout
from leanrec.metrics.accuracy import parse_metric
from leanrec.metrics.report import Measure
from leanrec.metrics.uncertainty import bootstrap_means, bootstrap_ratios, paired_difference
from leanrec.recommenders.building import build, opener
from leanrec.recommenders.kept_fit import fit_once
from leanrec.recommenders.protocol import CatalogueRecommender
from leanrec.training.run import Run
from rows import BenchmarkRow

METRIC = "ndcg@10"
TEACHER_SEED = 10
NUM_ROUNDS = 3
"""Teacher and student are timed in turn, so often."""


def fill() -> None:
    """Fit and measure what is not kept yet, each in a process of its own."""
    for job in _jobs():
        _folder(job).mkdir(parents=True, exist_ok=True)
        if not _place(job).is_file():
            subprocess.run([sys.executable, __file__, job], check=True, env={**os.environ, **ONE_THREAD})


def _jobs() -> list[str]:
    """A kind and numbers: `network TEACHER NUMBER`, `teacher TEACHER`, `student PAIR SEED`, `control PAIR SEED`, `latency PAIR`."""
    jobs = []
    for number, teacher in enumerate(TEACHERS):
        jobs += [*(f"network {number} {network}" for network in range(teacher.num_networks)), f"teacher {number}"]
    jobs += [f"{role} {number} {seed}" for number, pair in enumerate(PAIRS) for seed in range(pair.seeds) for role in ("student", "control")]
    return jobs + [f"latency {number}" for number in range(len(PAIRS))]


def do(job: str) -> None:
    """One job: a fit with the figures of each user, or latencies."""
    kind, number, *others = job.split()
    if kind == "latency":
        _keep(job, _latencies(int(number)))
        return
    teacher = _teacher_of(job)
    split = split_leave_one_out(read_dataset(teacher.dataset))
    began = time.process_time()
    if kind == "network":
        _fit_network(teacher, int(others[0]), split)
        _keep(job, {"cpu_seconds": time.process_time() - began})
        return
    fitted = _fit_teacher(teacher, split) if kind == "teacher" else _fit_pair(job, split)
    _keep(job, measured(fitted, split) | {"cpu_seconds": time.process_time() - began, "bytes": _bytes(_saved(job))})


def measured(fitted: CatalogueRecommender, split: Split) -> dict[str, Any]:  # Any: arrays, for one .npz
    """(B,) the metric of every user, of both parts."""
    metric = parse_metric(METRIC)
    return {part: metric.per_user(rank_holdout(fitted, split.holdout(part), items=split.dataset.items, k=10).ranks) for part in ("valid", "test")}


def rows() -> list[BenchmarkRow]:
    """The rows of every pair."""
    return [row for number in range(len(PAIRS)) for row in _rows_of(number)]


def _fit_network(teacher: Teacher, number: int, split: Split) -> None:
    """One of the teacher's networks, where the ensemble will find it."""
    folder = teacher.cache / "teacher-run" / "ensemble" / f"fit-{number}"
    fit_once("sequential", dict(teacher.network), split.train, valid=split.valid, run=Run(seed=TEACHER_SEED + number), folder=folder)


def _fit_teacher(teacher: Teacher, split: Split) -> CatalogueRecommender:
    run = Run(seed=TEACHER_SEED, folder=teacher.cache / "teacher-run")
    folder = _teacher_folder(teacher)
    build("fusion", teacher.config).fit(split.train, valid=split.valid, run=run).save(folder)
    return opener("fusion").load(folder)  # type: ignore[return-value]  # a fusion scores its catalogue


def _fit_pair(job: str, split: Split) -> CatalogueRecommender:
    """The student or the control; students that ask the same share what the teacher said."""
    role, number, seed = job.split()
    pair, saved = PAIRS[int(number)], _saved(job)
    if role == "control":
        fitted = build("sequential", _merged(pair.network, pair.control)).fit(split.train, valid=split.valid, run=Run(seed=int(seed)))
    else:
        folder = saved.with_name(f"{saved.name}-run")
        lists = _lists(pair, int(seed))
        lists.mkdir(exist_ok=True)
        folder.mkdir(exist_ok=True)
        if not (folder / "lists").is_symlink():
            (folder / "lists").symlink_to(lists)
        config = {**_merged(pair.network, pair.student), "teacher": {"folder": str(_teacher_folder(pair.teacher))}}
        fitted = build("distilled", config).fit(split.train, valid=split.valid, run=Run(seed=int(seed), folder=folder))
    fitted.save(saved)
    return opener("sequential").load(saved)  # type: ignore[return-value]  # a network scores its catalogue


def _lists(pair: Pair, seed: int) -> Path:
    """What the teacher says to the questions of a pair, which a seed decides only where histories are invented."""
    questions, wanted = pair.student.get("questions", {}), pair.student.get("distillation", {})
    is_drawn = bool(questions.get("shortened") or questions.get("mixed"))
    return pair.teacher.cache / f"lists-{_digest([pair.teacher.config, questions, wanted.get('length'), seed if is_drawn else None])}"


def _merged(network: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    return {**network, **others}


def _latencies(number: int) -> dict[str, Any]:  # Any: arrays, for one .npz
    """Milliseconds of single answers, wall clock and processor, teacher and student in turn."""
    teacher = PAIRS[number].teacher
    queries = split_leave_one_out(read_dataset(teacher.dataset)).holdout("valid").queries
    chosen = [queries[place] for place in np.linspace(0, len(queries) - 1, 150).astype(int)]
    opened = {"teacher": opener("fusion").load(_teacher_folder(teacher)), "student": opener("sequential").load(_saved(f"student {number} 0"))}
    found: dict[str, list[Any]] = {f"{name} {clock}": [] for name in opened for clock in ("wall", "cpu")}
    for _ in range(NUM_ROUNDS):
        for name, recommender in opened.items():
            found[f"{name} wall"].append(answer_milliseconds(recommender, queries))
            began = time.process_time()
            for query in chosen:
                recommender.recommend([query], k=10)
            found[f"{name} cpu"].append((time.process_time() - began) / len(chosen) * 1e3)
    return {name: np.array(values) for name, values in found.items()}


def _rows_of(number: int) -> list[BenchmarkRow]:
    pair = PAIRS[number]
    place = TEACHERS.index(pair.teacher)
    teacher, latency = _load(f"teacher {place}"), _load(f"latency {number}")
    of = {role: [_load(f"{role} {number} {seed}") for seed in range(pair.seeds)] for role in ("student", "control")}
    means = {role: {part: np.mean([outcome[part] for outcome in outcomes], axis=0) for part in ("valid", "test")} for role, outcomes in of.items()}
    means["teacher"] = {part: teacher[part] for part in ("valid", "test")}
    networks = sum(float(_load(f"network {place} {one}")["cpu_seconds"]) for one in range(pair.teacher.num_networks))
    spent = {role: float(np.mean([outcome["cpu_seconds"] for outcome in outcomes])) for role, outcomes in of.items()}
    spent["teacher"] = networks + float(teacher["cpu_seconds"])
    num_bytes = {role: int(outcomes[0]["bytes"]) for role, outcomes in of.items()} | {"teacher": int(teacher["bytes"])}
    common: dict[str, Any] = {"dataset": pair.teacher.dataset, "protocol": "history masked", "seeds": pair.seeds}  # Any: keys of a row
    found = []
    for role in ("teacher", "control", "student"):
        for part in ("test", "valid"):
            figures = {**common, "case": f"distillation: {role}, {pair.name}", "cpu_seconds": spent[role], "bytes": num_bytes[role]}
            found.append(_row(bootstrap_means(means[role][part], rng=_rng()).measure(), metric=METRIC, part=part, common=figures))
    others = {**means, "sequential": _undistilled(pair.teacher.dataset)}
    for name, base in (("teacher", "control"), ("student", "control"), ("student", "sequential")):
        for part in ("test", "valid"):
            if part in others[base]:
                change = paired_difference(others[name][part], others[base][part], rng=_rng())
                case = f"distillation: {name} less {base}, {pair.name}"
                note = "sequential: default settings, mean of 3 seeds" if base == "sequential" else None
                found.append(_row(change, metric=METRIC, part=part, common={**common, "case": case, "note": note}))
    for part in ("test", "valid"):
        kept = bootstrap_ratios(
            (means["student"][part] - means["control"][part])[:, None], (means["teacher"][part] - means["control"][part])[:, None], rng=_rng()
        )
        case = f"distillation: share of the teacher's gain kept, {pair.name}"
        found.append(_row(kept.measure(), metric=METRIC, part=part, common={**common, "case": case}))
    return found + _cost_rows(pair, latency, num_bytes, common)


def _cost_rows(pair: Pair, latency: Mapping[str, Any], num_bytes: Mapping[str, int], common: Mapping[str, Any]) -> list[BenchmarkRow]:
    """What answering costs, and how many times less the student needs."""
    found = []
    for clock, metric in (("wall", "p50"), ("cpu", "CPU a query")):
        ms = {name: float(np.median(latency[f"{name} {clock}"])) for name in ("teacher", "student")}
        case = {name: f"distillation: {name}, {pair.name}" for name in ms}
        found += [BenchmarkRow(metric=metric, value=ms[name], unit="ms", **{**common, "case": case[name]}) for name in ms]
        found.append(
            BenchmarkRow(
                metric=f"{metric}, teacher over student", value=ms["teacher"] / ms["student"], unit="x", **{**common, "case": case["student"]}
            )
        )
    ratio = num_bytes["teacher"] / num_bytes["student"]
    return [
        *found,
        BenchmarkRow(metric="bytes, teacher over student", value=ratio, unit="x", **{**common, "case": f"distillation: student, {pair.name}"}),
    ]


def _undistilled(dataset: str) -> dict[str, np.ndarray]:
    """(B,) the metric of every user, the mean of the seeds of the default `sequential` that `accuracy.py` kept; empty where it kept none."""
    kept = [dict(np.load(path)) for path in sorted((ROOT / ".cache" / "accuracy").glob(f"{dataset}-sequential-????????-?.npz"))]
    return {part: np.mean([outcome[f"{part}/{METRIC}"] for outcome in kept], axis=0) for part in ("valid", "test")} if kept else {}


def _row(measure: Measure, *, metric: str, part: str, common: Mapping[str, Any]) -> BenchmarkRow:
    split = "leave-one-out" if part == "test" else "leave-one-out, validation"
    return BenchmarkRow.of_measure(measure, metric=metric, split=split, **common)


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _teacher_of(job: str) -> Teacher:
    kind, number, *_ = job.split()
    return TEACHERS[int(number)] if kind in ("network", "teacher") else PAIRS[int(number)].teacher


def _folder(job: str) -> Path:
    return _teacher_of(job).cache


def _teacher_folder(teacher: Teacher) -> Path:
    return teacher.cache / f"teacher-{_digest(teacher.config)}"


def _saved(job: str) -> Path:
    """The artifact of a job, named after its settings."""
    kind, number, *seed = job.split()
    if kind == "teacher":
        return _teacher_folder(TEACHERS[int(number)])
    pair = PAIRS[int(number)]
    taught_by = pair.teacher.config if kind == "student" else None
    return _folder(job) / f"{kind}-{_digest([taught_by, pair.network, getattr(pair, kind)])}-{seed[0]}"


def _place(job: str) -> Path:
    """Where the figures of a job are kept."""
    kind, number, *others = job.split()
    if kind == "network":
        return _folder(job) / f"network-{others[0]}.npz"
    if kind == "latency":
        return _folder(job) / f"latency-{_saved(f'student {number} 0').name}.npz"
    return _saved(job).with_suffix(".npz")


def _digest(settings: object) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _load(job: str) -> dict[str, Any]:  # Any: arrays and numbers
    return dict(np.load(_place(job)))


def _keep(job: str, outcome: Mapping[str, Any]) -> None:  # Any: arrays and numbers
    with tempfile.NamedTemporaryFile(dir=_folder(job), delete=False, suffix=".npz") as draft:
        np.savez(draft, **outcome)
    Path(draft.name).replace(_place(job))
    print(f"{job}: {'  '.join(f'{name} {np.mean(value):.4f}' for name, value in outcome.items())}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    do(sys.argv[1]) if len(sys.argv) > 1 else fill()
