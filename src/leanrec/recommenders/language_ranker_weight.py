"""The weight of reading against a retriever's own scores, chosen on validation questions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leanrec.data.ids import Rows
from leanrec.metrics.accuracy import parse_metric
from leanrec.metrics.ranking import UNRANKED, TargetRanks
from leanrec.recommenders.reading import FloatArray, Mask, reordered

DEFAULT_WEIGHT = 0.5
METRIC = "ndcg@10"
_WEIGHTS = tuple(step / 10 for step in range(11))


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """One question: K candidates, best first."""

    scores: FloatArray
    """(K,) the retriever's, falling."""
    said: FloatArray
    """(K,) what reading said; NaN where nothing was read."""
    is_target: Mask
    """(K,)"""
    num_targets: int
    """Those that the retriever did not find included."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FittedWeight:
    """What was chosen, and how good it was there."""

    weight: float
    figures: dict[str, float]


def fit_weight(pools: Sequence[Pool]) -> FittedWeight:
    """The weight with the best mean NDCG@10 over the questions, of equal ones the smallest; the usual one where there are no questions."""
    if not pools:
        return FittedWeight(weight=DEFAULT_WEIGHT, figures={})
    means = [float(quality(pools, weight=weight).mean()) for weight in _WEIGHTS]
    best = int(np.argmax(means))
    figures = {
        "weight of reading": _WEIGHTS[best],
        f"validation {METRIC}": means[best],
        f"validation {METRIC} without reading": means[0],
        f"validation {METRIC} by reading alone": means[-1],
        "validation questions": float(len(pools)),
    }
    return FittedWeight(weight=_WEIGHTS[best], figures=figures)


def quality(pools: Sequence[Pool], *, weight: float) -> npt.NDArray[np.float64]:
    """(B,) NDCG@10 of each question at a weight; answers that are no candidates count as never found."""
    return parse_metric(METRIC).per_user(TargetRanks.of_lists([_ranks(pool, weight=weight) for pool in pools]))


def _ranks(pool: Pool, *, weight: float) -> Rows:
    order = reordered(pool.scores, pool.said, weight=weight).order
    found = np.flatnonzero(pool.is_target[order]) + 1
    return np.concatenate([found, np.full(pool.num_targets - len(found), UNRANKED)])
