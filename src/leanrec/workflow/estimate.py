"""Estimate: how long a competition will take and how much memory, said before it starts.

Work is counted from the data (events, pairs, items, users asked) and multiplied by what a unit of it took on the reference machine,
then scaled by how fast this machine multiplies matrices. `benchmarks/estimate.py` publishes how wrong this is.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from leanrec.config import Budget
from leanrec.data.dataset import Dataset
from leanrec.errors import BudgetError
from leanrec.recommenders.linear import closed_form_bytes

REFERENCE_GEMM_SECONDS = 0.0025
"""One product of 512 x 512 float32 matrices, one thread, on the reference machine."""
FIXED_SECONDS = 0.4
"""Timing single queries, bootstrap and saving, for each rung."""
PROCESS_BYTES = 200_000_000
"""What Python with its libraries holds before any data."""
MAX_HISTORY = 500
"""Events of one user that count towards pairs."""
BYTES_PER_EVENT = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitSeconds:
    """Seconds per unit of work of one recommender, at its default settings."""

    event: float = 0.0
    pair: float = 0.0
    row: float = 0.0
    """Each user and each item."""
    cubed_item: float = 0.0
    query: float = 0.0
    score: float = 1.3e-8
    """Each item scored for each user asked."""


# From benchmarks/estimate.py on MovieLens-100K and Amazon Beauty.
UNIT_SECONDS = {
    "popularity": UnitSeconds(event=1e-7),
    "popularity-recent": UnitSeconds(event=1e-7),
    "popularity-category": UnitSeconds(event=2e-7, score=5e-8),
    "rules": UnitSeconds(event=1e-7, score=5e-8),
    "cooccurrence": UnitSeconds(event=8e-7, score=3.6e-8),
    "item-knn": UnitSeconds(pair=4.5e-8, row=1e-5, score=3.5e-8),
    "ease": UnitSeconds(pair=1.5e-8, cubed_item=1.08e-11, score=3.5e-8),
    "als": UnitSeconds(event=1.9e-5, row=2.7e-4, query=4e-4, score=1.3e-8),
    "bpr": UnitSeconds(event=1.6e-5, score=2e-8),
    "biased-mf": UnitSeconds(event=1.3e-5, score=2e-8),
}
_SMALLER = "raise the budget, or take a cheaper recommender, such as cooccurrence or popularity"
FUSION_MEMBERS = ("cooccurrence", "ease", "item-knn", "popularity-category")
REHEARSALS = 2
"""A fusion fits its members twice: to find the weights, and to keep them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """The counts that cost depends on."""

    num_events: int
    num_users: int
    num_items: int
    num_pairs: float
    """Sum over users of the squared number of their events."""
    num_asked: int
    """Users asked, validation and test together."""

    @classmethod
    def of_dataset(cls, dataset: Dataset, *, num_asked: int) -> "Shape":
        """Counted in one pass."""
        lengths = np.minimum(np.bincount(dataset.column("user_row"), minlength=dataset.num_users), MAX_HISTORY)
        return cls(
            num_events=len(dataset),
            num_users=dataset.num_users,
            num_items=dataset.num_items,
            num_pairs=float((lengths.astype(np.float64) ** 2).sum()),
            num_asked=num_asked,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What a competition will take, rung by rung."""

    seconds_of: dict[str, float]
    """Seconds of each rung that is ours, in order."""
    unknown: tuple[str, ...]
    """Rungs of others, which nothing is known about."""
    bytes_of: dict[str, float]
    """The most that the process will hold while each of them is fitted."""

    @property
    def seconds(self) -> float:
        """All rungs together, one after the other."""
        return sum(self.seconds_of.values())

    @property
    def memory_bytes(self) -> float:
        """The most that the process will hold."""
        return max(self.bytes_of.values(), default=0.0)

    def describe(self) -> str:
        """One line for people."""
        note = f"; nothing is known of {', '.join(self.unknown)}" if self.unknown else ""
        duration = f"{self.seconds:.0f} s" if self.seconds < 120 else f"{self.seconds / 60:.0f} min"
        return f"{len(self.seconds_of)} rungs will take about {duration} and {self.memory_bytes / 1e9:.1f} GB of memory{note}"

    def refused(self, budget: Budget) -> dict[str, str]:
        """Rungs that the budget does not hold, with the reason.

        Memory is held by one rung at a time; minutes are spent in order, and the first rung always gets its own.
        """
        spent, reasons = 0.0, {}
        for place, (name, seconds) in enumerate(self.seconds_of.items()):
            if budget.memory_gb is not None and self.bytes_of[name] > budget.memory_gb * 1e9:
                reasons[name] = f"it would hold about {self.bytes_of[name] / 1e9:.2g} GB; the budget allows {budget.memory_gb:g} GB"
            elif place and budget.minutes is not None and spent + seconds > budget.minutes * 60:
                left = max(0.0, budget.minutes * 60 - spent)
                reasons[name] = f"it would take about {seconds:.1f} s; the budget of {budget.minutes:g} minutes allows {left:.1f} s more"
            else:
                spent += seconds
        return reasons


def require_within(budget: Budget, dataset: Dataset, *, name: str) -> None:
    """Raise `BudgetError` before a single recommender is fitted to `dataset` that would take more than the budget holds."""
    foreseen = estimate(dataset, [name], num_asked=0)
    seconds, num_bytes = foreseen.seconds, foreseen.memory_bytes
    if budget.memory_gb is not None and num_bytes > budget.memory_gb * 1e9:
        raise BudgetError(f"fitting {name} would hold about {num_bytes / 1e9:.2g} GB; the budget allows {budget.memory_gb:g} GB", hint=_SMALLER)
    if budget.minutes is not None and seconds > budget.minutes * 60:
        raise BudgetError(f"fitting {name} would take about {seconds:.1f} s; the budget allows {budget.minutes:g} minutes", hint=_SMALLER)


def estimate(dataset: Dataset, rungs: Sequence[str], *, num_asked: int) -> Estimate:
    """What fitting each rung to `dataset` and asking `num_asked` users will take on this machine."""
    shape, speed = Shape.of_dataset(dataset, num_asked=num_asked), _slowness()
    known = [name for name in rungs if name in UNIT_SECONDS or name == "fusion"]
    return Estimate(
        seconds_of={name: speed * _seconds(name, shape) for name in known},
        unknown=tuple(name for name in rungs if name not in known),
        bytes_of={name: PROCESS_BYTES + BYTES_PER_EVENT * shape.num_events + _fit_bytes(name, shape) for name in known},
    )


def _seconds(name: str, shape: Shape) -> float:
    if name == "fusion":
        return FIXED_SECONDS + sum(REHEARSALS * _fit_seconds(member, shape) + _answer_seconds(member, shape) for member in FUSION_MEMBERS)
    return FIXED_SECONDS + _fit_seconds(name, shape) + _answer_seconds(name, shape)


def _fit_seconds(name: str, shape: Shape) -> float:
    unit = UNIT_SECONDS[name]
    rows = shape.num_users + shape.num_items
    return unit.event * shape.num_events + unit.pair * shape.num_pairs + unit.row * rows + unit.cubed_item * float(shape.num_items) ** 3


def _answer_seconds(name: str, shape: Shape) -> float:
    unit = UNIT_SECONDS[name]
    return shape.num_asked * (unit.query + unit.score * shape.num_items)


def _fit_bytes(name: str, shape: Shape) -> float:
    if name in ("ease", "fusion"):
        return float(closed_form_bytes(shape.num_items))
    return 4.0 * 64 * (shape.num_users + shape.num_items) if name in ("als", "bpr", "biased-mf") else 12.0 * 200 * shape.num_items


def _slowness() -> float:
    """How many times longer this machine takes for a matrix product than the reference, the median of seven."""
    matrix = np.random.default_rng(0).random((512, 512), dtype=np.float32)
    with threadpool_limits(limits=1):
        times = [_timed_product(matrix) for _ in range(7)]
    return float(np.median(times)) / REFERENCE_GEMM_SECONDS


def _timed_product(matrix: np.ndarray) -> float:
    began = time.perf_counter()
    _ = matrix @ matrix
    return time.perf_counter() - began
