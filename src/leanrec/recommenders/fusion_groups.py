"""Weights by group: how the length of the history and the popularity of the item bend the weights of a fusion's members."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from leanrec.artifact import Arrays
from leanrec.features.histories import Rows
from leanrec.metrics.accuracy import Metric
from leanrec.recommenders.fusion_gradient import SmoothNDCG, climb_to_top
from leanrec.recommenders.fusion_pools import Pools
from leanrec.recommenders.fusion_weights import MAX_STEPS, cut_of
from leanrec.recommenders.protocol import FloatArray

Grouping = Literal["global", "history-length", "item-popularity", "both"]
Table = tuple[tuple[float, ...], ...]

NUM_GROUPS = 3
SHRINKAGE = 0.003
"""Pull of the logarithms of the factors towards 0, that is of the weights towards the global ones; less of it lost on Beauty and Toys."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Factors:
    """By what each member's weight is multiplied in each group of histories and items."""

    values: FloatArray
    """(H, G, M) for H groups of histories, short ones first, and G of items, popular ones first."""
    history_edges: Rows
    """(H - 1,) longest histories of all groups but the last."""

    @classmethod
    def none(cls, num_members: int) -> "Factors":
        """One group, every factor 1: the global weights."""
        return cls(values=np.ones((1, 1, num_members), dtype=np.float32), history_edges=np.zeros(0, dtype=np.int64))

    @classmethod
    def of_members(cls, factors: Sequence[Table], *, history_edges: Sequence[int]) -> "Factors":
        """From the settings of members; none of them has factors, or all have."""
        if not any(factors):
            return cls.none(len(factors))
        return cls(values=np.stack([np.array(table, np.float32) for table in factors], axis=2), history_edges=np.array(history_edges, np.int64))

    def of_each(self) -> list[Table]:
        """Those of each member, for its settings; empty where there are no groups."""
        if self.values.shape[:2] == (1, 1):
            return [()] * self.values.shape[2]
        return [tuple(tuple(row) for row in table) for table in np.moveaxis(self.values, 2, 0).tolist()]

    @property
    def num_item_groups(self) -> int:
        """How many groups of items (G)."""
        return int(self.values.shape[1])

    def of_member(self, member: int, lengths: Rows, item_groups: npt.NDArray[np.integer]) -> FloatArray:
        """(B, N) factors of one member for histories of `lengths` (B,) and items of `item_groups` (N,); (B, 1) where items do not matter."""
        of_histories: FloatArray = self.values[np.searchsorted(self.history_edges, lengths), :, member]
        return of_histories[:, item_groups] if self.num_item_groups > 1 else of_histories

    def to_arrays(self) -> Arrays:
        """By name, for saving."""
        return {"factors": self.values, "history_edges": self.history_edges}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "Factors":
        """What `to_arrays` gave."""
        return cls(values=arrays["factors"], history_edges=arrays["history_edges"])


def popularity_groups(counts: Rows, *, num_groups: int = NUM_GROUPS) -> npt.NDArray[np.int8]:
    """(N,) group of each item by its acts, popular ones first; each group holds an equal share of all acts."""
    order = np.argsort(-counts, kind="stable")
    passed = np.cumsum(counts[order]) - counts[order]
    groups = np.empty(len(counts), dtype=np.int8)
    groups[order] = np.minimum(passed * num_groups // max(1, int(counts.sum())), num_groups - 1)
    return groups


def fit_factors(pools: Pools, weights: FloatArray, metric: Metric, *, by: Grouping, item_groups: npt.NDArray[np.int8]) -> Factors:
    """Factors that raise a smooth NDCG, shrunk towards 1; `item_groups` (N,). With `both` a factor is a product of one for each side."""
    num_members, num_items = len(weights), NUM_GROUPS if by in ("item-popularity", "both") else 1
    edges = _thirds(pools.lengths) if by in ("history-length", "both") else np.zeros(0, dtype=np.int64)
    num_histories = len(edges) + 1
    cells = np.searchsorted(edges, pools.lengths)[:, None] * num_items + (item_groups[pools.item_rows] if num_items > 1 else 0)
    cells = np.broadcast_to(cells, pools.item_rows.shape)
    base = weights.astype(np.float64) / weights.sum()
    smooth = SmoothNDCG.of_pools(pools, k=cut_of(metric))
    split = num_histories * num_members

    def logarithms(point: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        of_history, of_item = point[:split].reshape(num_histories, 1, num_members), point[split:].reshape(1, num_items, num_members)
        return of_history * (num_histories > 1) + of_item * (num_items > 1)

    def objective(point: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        table = (base * np.exp(logarithms(point))).reshape(-1, num_members)
        value, slopes = smooth.climb(np.einsum("bpm,bpm->bp", pools.scores, table.astype(np.float32)[cells]))
        of_table = [
            np.bincount(cells.ravel(), weights=(slopes * pools.scores[..., member]).ravel(), minlength=len(table)) for member in range(num_members)
        ]
        of_logarithms = (np.stack(of_table, axis=1) * table).reshape(num_histories, num_items, num_members)
        both_sides = np.concatenate([of_logarithms.sum(axis=1).ravel() * (num_histories > 1), of_logarithms.sum(axis=0).ravel() * (num_items > 1)])
        return value - SHRINKAGE / 2 * float(point @ point), both_sides - SHRINKAGE * point

    point = climb_to_top(objective, np.zeros(split + num_items * num_members), lowest=None, max_steps=MAX_STEPS)
    values = np.broadcast_to(np.exp(logarithms(point)), (num_histories, num_items, num_members)).astype(np.float32)
    return Factors(values=values, history_edges=edges)


def _thirds(lengths: Rows) -> Rows:
    """The longest histories of the first and the second third."""
    return np.unique(np.quantile(lengths, np.arange(1, NUM_GROUPS) / NUM_GROUPS, method="lower").astype(np.int64))
