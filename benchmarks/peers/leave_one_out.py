"""Leave-one-out for the peers' runners, in NumPy alone: sequences, ranks over the full catalogue, and what this machine does in a second."""

import json
import math
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("LEANREC_DATA", ROOT.parent / "shared" / "data"))
WORK = ROOT / ".cache" / "peers"
RESULTS = ROOT / "benchmarks" / "results" / "peers"

PROTOCOL = "leave-one-out, full catalogue, history masked, all users, ties count against"
CUT_OFF = 10
CALIBRATION_REPEATS = 5
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
KEPT_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000", "MALLOC_TOP_PAD_": "268435456"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Every user's history and the one item that came next."""

    histories: list[list[int]]
    targets: list[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaveOneOut:
    """Each user's items, oldest first: the last one is the test target, the one before it the validation target."""

    dataset: str
    sequences: list[list[int]]

    @property
    def train(self) -> list[list[int]]:
        """What a peer may learn from."""
        return [items[:-2] for items in self.sequences]

    @property
    def valid(self) -> Part:
        """The last but one item of each user, after the training items."""
        return Part(histories=self.train, targets=[items[-2] for items in self.sequences])

    @property
    def test(self) -> Part:
        """The last item of each user, after all the others."""
        return Part(histories=[items[:-1] for items in self.sequences], targets=[items[-1] for items in self.sequences])

    @property
    def num_targets(self) -> int:
        """Training targets of one pass: all items of the training sequences but the first of each."""
        return sum(len(items) - 1 for items in self.train)


def read_leave_one_out(dataset: str) -> LeaveOneOut:
    """The sequences of `beauty` or `ml-1m`; ml-1m in the order of its file."""
    if dataset == "beauty":
        lines = (DATA / "amazon14-beauty" / "sequences.txt").read_text(encoding="utf-8").splitlines()
        return LeaveOneOut(dataset="amazon14-beauty", sequences=[[int(item) for item in line.split()[1:]] for line in lines if line.strip()])
    table = np.loadtxt(DATA / "ml-1m" / "interactions.tsv", delimiter="\t", skiprows=1, usecols=(0, 1, 2), dtype=np.int64)
    table = table[np.lexsort((table[:, 2], table[:, 0]))]
    starts = np.flatnonzero(np.diff(table[:, 0])) + 1
    return LeaveOneOut(dataset="ml-1m", sequences=[items.tolist() for items in np.split(table[:, 1], starts)])


def measured(part: Part, scores_of: Callable[[Sequence[list[int]]], np.ndarray], *, batch_size: int = 512) -> dict[str, float]:
    """NDCG and Recall over all users; `scores_of` histories is (B, N), a target of -1 is an item that the peer cannot score: a miss."""
    ranks = np.concatenate(list(_ranks(part, scores_of, batch_size)))
    hit = ranks < CUT_OFF
    gains = np.where(hit, 1 / np.log2(np.where(hit, ranks, 0) + 2), 0.0)
    return {f"ndcg@{CUT_OFF}": float(gains.mean()), f"recall@{CUT_OFF}": float(hit.mean())}


def _ranks(part: Part, scores_of: Callable[[Sequence[list[int]]], np.ndarray], batch_size: int) -> Iterable[np.ndarray]:
    targets = np.array(part.targets)
    for start in range(0, len(targets), batch_size):
        histories, wanted = part.histories[start : start + batch_size], targets[start : start + batch_size]
        scores = scores_of(histories)  # (B, N)
        rows = np.repeat(np.arange(len(histories)), [len(history) for history in histories])
        scores[rows, np.concatenate([np.array(history, dtype=np.int64) for history in histories])] = -np.inf
        of_target = scores[np.arange(len(wanted)), np.maximum(wanted, 0)]
        better = (~(scores < of_target[:, None])).sum(axis=1) - 1
        yield np.where((wanted < 0) | ~np.isfinite(of_target), scores.shape[1], better)


def gemm_seconds() -> float:
    """CPU-seconds of a 2048 x 2048 float32 matrix product, median of five; the caller has pinned the threads to one."""
    matrix = np.random.default_rng(0).standard_normal((2048, 2048), dtype=np.float32)
    taken = []
    for _ in range(CALIBRATION_REPEATS):
        began = time.process_time()
        _ = matrix @ matrix
        taken.append(time.process_time() - began)
    return float(np.median(taken))


def peak_mb() -> float:
    """The largest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write_json(value: object, path: Path) -> None:
    """Complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    draft.replace(path)


def start_again_pinned(*, keep_memory: bool) -> None:
    """Start this program again with one thread and, if asked, with an allocator that keeps what is freed, for the next batch.

    The peers free hundreds of MB in every batch: as the system's allocator has it, half of RecTools' CPU-seconds are page faults (measured for its
    recommended recipe on Beauty: 198 CPU-seconds a pass, against 106). The kinder one is theirs unless a run asks for `--allocator system`.
    """
    wanted = {**ONE_THREAD, **(KEPT_MEMORY if keep_memory else {})}
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **wanted})  # noqa: S606  # ourselves, as we were started


def allocator() -> str:
    """Which of the two this process has."""
    return "keeping" if all(os.environ.get(name) == value for name, value in KEPT_MEMORY.items()) else "system"


def batches_of(fraction: float, num_batches: int) -> int:
    """How many batches of a pass are timed for this fraction of it."""
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction is {fraction}; it lies above 0 and at most at 1")
    return max(1, math.ceil(fraction * num_batches))
