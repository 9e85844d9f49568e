"""A smooth NDCG: the metric with slopes, by which weights climb that the metric itself, made of steps, cannot lead.

ApproxNDCG (Qin, Liu and Li 2010, "A general approximation framework for direct optimization of information retrieval measures",
eq. 12): the rank of a target t is 1 + sum over rivals j of sigmoid((s_j - s_t) / T). The cut at k is smooth too, so that the bottom
of the lists, which a likelihood fits, counts nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leanrec.features.histories import Rows
from leanrec.recommenders.fusion_pools import BLOCK_TARGETS, Pools
from leanrec.recommenders.protocol import FloatArray

Values = npt.NDArray[np.float64]

TEMPERATURE = 0.01
"""T, for weights that add up to 1; .005 to .02 validate alike, .1 fits the bottom of the lists."""
CUT_WIDTH = 2.0
"""Ranks over which a gain fades at the cut k."""
MAX_TARGETS = 8000
"""Targets that are looked at, drawn evenly where there are more."""
STEEPEST = np.float32(30.0)


@dataclass(frozen=True, kw_only=True)
class SmoothNDCG:
    """The objective over the pools: value and slopes for given sums of scores."""

    pools: Pools
    queries: Rows
    """(T,) of each target that is looked at."""
    places: Rows
    """(T,)"""
    shares: Values
    """(T,) what a gain of 1 adds to the mean."""
    k: int

    @classmethod
    def of_pools(cls, pools: Pools, *, k: int) -> "SmoothNDCG":
        """The mean over all queries of the pools."""
        queries, places = np.nonzero(pools.is_target)
        kept = np.arange(len(queries))[:: 1 + len(queries) // MAX_TARGETS]
        counts = np.bincount(queries, minlength=len(pools))
        left = np.bincount(queries[kept], minlength=len(pools))
        ideal = np.cumsum(1.0 / np.log2(np.arange(2, k + 2)))[np.clip(pools.num_targets, 1, k) - 1]
        shares = (counts / np.maximum(left, 1) / ideal)[queries[kept]] / max(1, len(pools))
        return cls(pools=pools, queries=queries[kept], places=places[kept], shares=shares, k=k)

    def climb(self, fused: FloatArray) -> tuple[float, FloatArray]:
        """The smooth metric of sums (B, P), and its slope in each of them (B, P)."""
        slopes, total = np.zeros_like(fused), 0.0
        is_item = self.pools.is_item
        for start in range(0, len(self.queries), BLOCK_TARGETS):
            block = slice(start, start + BLOCK_TARGETS)
            queries, places, shares = self.queries[block], self.places[block], self.shares[block]
            rows = np.arange(len(queries))
            above = (fused[queries] - fused[queries, places][:, None]) / np.float32(TEMPERATURE)
            above = 1.0 / (1.0 + np.exp(-np.clip(above, -STEEPEST, STEEPEST)))
            above *= is_item[queries]
            above[rows, places] = 0.0
            gains, falls = _gain(1.0 + above.sum(axis=1), self.k)
            total += float(shares @ gains)
            slope = (shares * falls / TEMPERATURE).astype(np.float32)[:, None] * (above * (1.0 - above))
            slope[rows, places] = -slope.sum(axis=1)
            np.add.at(slopes, queries, slope)
        return total, slopes


def climb_to_top(objective: Callable[[Values], tuple[float, Values]], start: Values, *, lowest: float | None, max_steps: int) -> Values:
    """The point that L-BFGS-B reaches from `start`, each coordinate at least `lowest`; `objective` gives value and slopes."""
    from scipy.optimize import minimize  # here, because a server loads this file and never climbs

    def falling(point: Values) -> tuple[float, Values]:
        value, slopes = objective(point)
        return -value, -slopes

    found = minimize(falling, start, jac=True, method="L-BFGS-B", bounds=[(lowest, None)] * len(start), options={"maxiter": max_steps, "maxls": 10})
    top: Values = found.x
    return top


def _gain(ranks: Values, k: int) -> tuple[Values, Values]:
    """1 / log2(1 + r), faded out at the cut, and its slope in the rank."""
    kept = 1.0 / (1.0 + np.exp(np.clip((ranks - k - 0.5) / CUT_WIDTH, -STEEPEST, STEEPEST)))
    gains = 1.0 / np.log2(1.0 + ranks)
    falls = -np.log(2.0) / ((1.0 + ranks) * np.log(1.0 + ranks) ** 2)
    return gains * kept, falls * kept - gains * kept * (1.0 - kept) / CUT_WIDTH
