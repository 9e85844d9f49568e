"""Fusion weights: bring the scores of different recommenders onto one scale, and find weights that rank validation answers high."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leanrec.data.holdout import Holdout
from leanrec.features.histories import Rows
from leanrec.metrics.accuracy import Metric
from leanrec.metrics.ranking import UNRANKED, TargetRanks
from leanrec.recommenders.protocol import CatalogueScores, FloatArray

SHARPNESS = 1000.0
"""How far down the scale differences still count: see `on_one_scale`."""
POOL = 60
"""Best items of each member that can be ranked while weights are fitted; the others hardly reach the first places."""
BLOCK_QUERIES = 512
WEIGHTS_TRIED = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)
MAX_ROUNDS = 4
MEDIAN_SAMPLE = 1000
SMALLEST_BEST = np.float32(1e-30)
"""Scores that differ by less than this are one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pools:
    """For each of B queries up to P items that could be answered, with M members' scores on one scale."""

    scores: FloatArray
    """(B, P, M)"""
    is_item: npt.NDArray[np.bool_]
    """(B, P) false where a pool is shorter."""
    is_target: npt.NDArray[np.bool_]
    """(B, P)"""
    num_targets: Rows
    """(B,)"""


def on_one_scale(scores: FloatArray, seen: Sequence[Rows]) -> FloatArray:
    """(B, N) scores of one member, as log(1 + s x) / log(1 + s) of x, mostly in [0, 1], s = 1000.

    x is the distance above the median of the row over that of the best item that is not in the history (`seen`), whose items may pass
    1; what lies below the median is 0. A sum of logarithms is a product: an item that several members like passes one that a single member loves.
    """
    scaled = scores - np.median(scores[:, :: max(1, scores.shape[1] // MEDIAN_SAMPLE)], axis=1, keepdims=True)
    np.maximum(scaled, 0.0, out=scaled)
    best = np.array([_best_unseen(row, rows) for row, rows in zip(scaled, seen, strict=True)], dtype=np.float32)[:, None]
    best = np.where(best > SMALLEST_BEST, best, np.maximum(scaled.max(axis=1, keepdims=True), SMALLEST_BEST))
    scaled *= SHARPNESS / best
    np.log1p(scaled, out=scaled)
    scaled /= np.float32(np.log1p(SHARPNESS))
    return scaled


def gather_pools(members: Sequence[CatalogueScores], holdout: Holdout) -> Pools:
    """What the members say about the best items of each and about the answers, history left out."""
    parts = []
    for start in range(0, len(holdout), BLOCK_QUERIES):
        block = holdout.take(range(start, min(len(holdout), start + BLOCK_QUERIES)))
        parts += _pools_of_block(members, block)
    width = max(len(columns) for columns, _ in parts)
    scores = np.zeros((len(parts), width, len(members)), dtype=np.float32)
    is_item, is_target = np.zeros((2, len(parts), width), dtype=np.bool_)
    for row, (columns, values) in enumerate(parts):
        scores[row, : len(columns)] = values
        is_item[row, : len(columns)] = True
        is_target[row, : len(columns)] = np.isin(columns, holdout.targets[row])
    return Pools(scores=scores, is_item=is_item, is_target=is_target, num_targets=holdout.num_targets)


def fit_weights(pools: Pools, metric: Metric) -> tuple[FloatArray, float]:
    """Weights (M,) that maximise the mean of the metric, and that mean.

    Coordinate ascent from the best single member over a fixed set of weights: the metric has steps, not slopes, and the likelihood
    that has slopes fits the bottom of the lists (docs/log.md).
    """
    num_members = pools.scores.shape[2]
    singles = [_quality(pools, np.eye(num_members, dtype=np.float32)[member], metric) for member in range(num_members)]
    weights, best = np.eye(num_members, dtype=np.float32)[int(np.argmax(singles))], max(singles)
    for _ in range(MAX_ROUNDS):
        before = best
        for member in range(num_members):
            weights, best = _best_along(pools, weights, member, best, metric)
        if best == before:
            break
    return weights / weights.max(), best


def _best_unseen(scaled: FloatArray, seen: Rows) -> float:
    kept = scaled[seen]
    scaled[seen] = 0.0
    best = float(scaled.max())
    scaled[seen] = kept
    return best


def _best_along(pools: Pools, weights: FloatArray, member: int, best: float, metric: Metric) -> tuple[FloatArray, float]:
    for tried in WEIGHTS_TRIED:
        candidate = weights.copy()
        candidate[member] = tried
        quality = _quality(pools, candidate, metric) if candidate.any() else -1.0
        if quality > best:
            weights, best = candidate, quality
    return weights, best


def _quality(pools: Pools, weights: FloatArray, metric: Metric) -> float:
    return float(np.nanmean(metric.per_user(_ranks(pools, weights))))


def _ranks(pools: Pools, weights: FloatArray, depth: int = 100) -> TargetRanks:
    """Ranks of the targets within the first `depth` places of the weighted sum; an item that ties with a target stands before it."""
    fused = pools.scores @ weights
    fused = np.where(pools.is_item, fused, np.float32(-np.inf))
    fused -= np.float32(1e-6) * pools.is_target
    depth = min(depth, fused.shape[1])
    first = np.argpartition(-fused, depth - 1, axis=1)[:, :depth]
    order = np.argsort(-np.take_along_axis(fused, first, axis=1), axis=1, kind="stable")
    hits = np.take_along_axis(pools.is_target, np.take_along_axis(first, order, axis=1), axis=1)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(pools.num_targets)])
    ranks = np.full(int(offsets[-1]), UNRANKED)
    queries, places = np.nonzero(hits)
    ranks[offsets[queries] + (np.cumsum(hits, axis=1)[queries, places] - 1)] = places + 1
    return TargetRanks(ranks=ranks, offsets=offsets)


def _pools_of_block(members: Sequence[CatalogueScores], block: Holdout) -> list[tuple[Rows, FloatArray]]:
    """For each query of the block the item rows of its pool (p,) and the members' scores of them (p, M)."""
    seen = [members[0].items.known_rows(query.history) for query in block.queries]
    scaled = [on_one_scale(member.catalogue_scores(block.queries), seen) for member in members]
    pools = []
    for row, rows in enumerate(seen):
        best = [np.argpartition(-scores[row], min(POOL, scores.shape[1]) - 1)[:POOL] for scores in scaled]
        columns = np.setdiff1d(np.concatenate([*best, block.targets[row]]), rows)
        pools.append((columns, np.stack([scores[row, columns] for scores in scaled], axis=1)))
    return pools
