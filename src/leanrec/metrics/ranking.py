"""TargetRanks: where in the full ranking each user's true items stand, ties counted against us."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

UNRANKED = np.iinfo(np.int64).max
"""Rank of a target that a shortened list does not hold."""
SORT_FROM = 16
"""Comparisons from which sorting a row once beats comparing it again for each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetRanks:
    """Ranks of the targets of B users; those of user b stand at `ranks[offsets[b]:offsets[b + 1]]`."""

    ranks: Rows
    """(T,) 1 is the first place."""
    offsets: Rows
    """(B + 1,)"""

    @classmethod
    def of_lists(cls, ranks: Sequence[Rows]) -> "TargetRanks":
        """From one array of ranks per user."""
        lengths = np.fromiter((len(row) for row in ranks), dtype=np.int64, count=len(ranks))
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        return cls(ranks=np.concatenate([np.zeros(0, np.int64), *ranks]), offsets=offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def counts(self) -> Rows:
        """(B,) targets of each user."""
        return np.diff(self.offsets)

    @property
    def users(self) -> Rows:
        """(T,) whose target each is."""
        return np.repeat(np.arange(len(self)), self.counts)

    def keep(self, is_kept: Mask) -> "TargetRanks":
        """The same users with the targets where `is_kept` (T,) is true; their ranks stay."""
        counts = np.bincount(self.users[is_kept], minlength=len(self))
        return TargetRanks(ranks=self.ranks[is_kept], offsets=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]))

    def sum_by_user(self, values: FloatArray) -> FloatArray:
        """(B,) sum of `values` (T,) over each user's targets; not a number for a user without any."""
        totals = np.bincount(self.users, weights=values, minlength=len(self))
        return np.where(self.counts > 0, totals, np.nan)


def rank_targets(scores: npt.NDArray[np.float32], targets: Rows, *, masked: Rows) -> tuple[Rows, Rows]:
    """Ranks of the targets in the full ranking, first with the `masked` items (distinct, no targets) taken out, then with them in.

    scores (N,), targets (m,), masked (h,) -> two times (m,). An item that ties with a target is placed before it, so a recommender
    that scores everything alike is last, not first. Tied targets stand behind all their rivals, in the given order, so that no two
    targets share a place.
    """
    values = scores[targets]
    rivals = _count_at_least(scores, values) - _count_at_least(values, values)
    places = np.empty(len(targets), np.int64)
    places[np.argsort(-values, kind="stable")] = np.arange(1, len(targets) + 1)
    unmasked = rivals + places
    return unmasked - _count_at_least(scores[masked], values), unmasked


def rank_in_list(ranked: Rows, targets: Rows) -> Rows:
    """Ranks (m,) of the targets in a list of item rows, best first; `UNRANKED` where the list lacks them."""
    places = {row: place for place, row in enumerate(ranked.tolist(), start=1)}
    return np.array([places.get(row, UNRANKED) for row in targets.tolist()], dtype=np.int64)


def _count_at_least(scores: npt.NDArray[np.float32], values: npt.NDArray[np.float32]) -> Rows:
    """(m,) how many of `scores` (n,) reach each of `values` (m,)."""
    if len(values) < SORT_FROM:
        return np.array([np.count_nonzero(scores >= value) for value in values], dtype=np.int64)
    return len(scores) - np.searchsorted(np.sort(scores), values, side="left").astype(np.int64)
