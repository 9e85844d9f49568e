"""Pools: the items among which the weights of a fusion are fitted, with every member's score of each on one scale."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from leanrec.data.holdout import Holdout
from leanrec.data.query import Query
from leanrec.features.histories import Rows
from leanrec.metrics.accuracy import Metric
from leanrec.metrics.ranking import FloatArray as Values
from leanrec.metrics.ranking import TargetRanks
from leanrec.recommenders.protocol import CatalogueScores, FloatArray

SHARPNESS = 1000.0
"""How far down the scale differences still count: see `on_one_scale`."""
POOL = 60
"""Best items of each member that can be ranked while weights are fitted; the others hardly reach the first places."""
BLOCK_QUERIES = 512
BLOCK_TARGETS = 2048
MEDIAN_SAMPLE = 1000
SMALLEST_BEST = np.float32(1e-30)
"""Scores that differ by less than this are one."""
NO_ITEM = -1


@dataclass(frozen=True, kw_only=True, slots=True)
class Pools:
    """For each of B queries up to P items that could be answered, with M members' scores on one scale."""

    scores: FloatArray
    """(B, P, M)"""
    item_rows: Rows
    """(B, P) `NO_ITEM` where a pool is shorter."""
    is_target: npt.NDArray[np.bool_]
    """(B, P)"""
    is_found: npt.NDArray[np.bool_]
    """(B, P) whether a member brought the item in; answers that none did stand in the pool nevertheless, so that weights may raise them."""
    num_targets: Rows
    """(B,)"""
    lengths: Rows
    """(B,) known items in the history."""

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def num_members(self) -> int:
        """How many members (M)."""
        return int(self.scores.shape[2])

    @property
    def is_item(self) -> npt.NDArray[np.bool_]:
        """(B, P) false where a pool is shorter."""
        real: npt.NDArray[np.bool_] = self.item_rows != NO_ITEM
        return real

    def take(self, chosen: Rows) -> Self:
        """The chosen queries only."""
        return replace(self, **{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def only(self, is_kept: npt.NDArray[np.bool_]) -> Self:
        """The same pools as some of the members (M,) score them."""
        return replace(self, scores=np.ascontiguousarray(self.scores[:, :, is_kept]))

    def quality(self, fused: FloatArray, metric: Metric) -> Values:
        """(B,) the metric of each query when its pool is ranked by `fused` (B, P)."""
        return metric.per_user(self._ranks(fused))

    def _ranks(self, fused: FloatArray) -> TargetRanks:
        """Ranks of the targets; an item that ties with a target stands before it."""
        queries, places = np.nonzero(self.is_target)
        offsets = np.searchsorted(queries, np.arange(len(self) + 1))
        values = fused[queries, places]
        rivals = np.where(self.is_item & ~self.is_target, fused, np.float32(-np.inf))
        ranks = np.empty(len(queries), dtype=np.int64)
        for start in range(0, len(queries), BLOCK_TARGETS):
            block = slice(start, start + BLOCK_TARGETS)
            ranks[block] = np.count_nonzero(rivals[queries[block]] >= values[block, None], axis=1)
        order = np.lexsort((-values, queries))
        ranks[order] += np.arange(len(order)) - offsets[queries[order]] + 1
        return TargetRanks(ranks=ranks, offsets=offsets)


def scaled_scores(member: CatalogueScores, queries: Sequence[Query], seen: Sequence[Rows]) -> FloatArray:
    """(B, N) what a member says, on the scale of all members; logits (`scores_are_logits`) are made shares of the best first.

    Without that a network's logits, which are logarithms already, would be bent a second time. A fusion's sum (`scores_are_scaled`) is on the scale
    already: it is only divided by its best.
    """
    scores = member.catalogue_scores(queries)
    if getattr(member, "scores_are_scaled", False):
        return scores / _best_of(scores, seen)
    if getattr(member, "scores_are_logits", False):
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return on_one_scale(scores, seen)


def on_one_scale(scores: FloatArray, seen: Sequence[Rows]) -> FloatArray:
    """(B, N) scores of one member, as log(1 + s x) / log(1 + s) of x, mostly in [0, 1], s = 1000.

    x is the distance above the median of the row over that of the best item that is not in the history (`seen`), whose items may pass
    1; what lies below the median is 0. A sum of logarithms is a product: an item that several members like passes one that a single member loves.
    """
    scaled = scores - np.median(scores[:, :: max(1, scores.shape[1] // MEDIAN_SAMPLE)], axis=1, keepdims=True)
    np.maximum(scaled, 0.0, out=scaled)
    scaled *= SHARPNESS / _best_of(scaled, seen)
    np.log1p(scaled, out=scaled)
    scaled /= np.float32(np.log1p(SHARPNESS))
    return scaled


def pool_of(scaled: Sequence[FloatArray], seen: Rows) -> Rows:
    """Item rows (p,), ascending: the `POOL` best of each member's scores (N,), history left out."""
    size = min(POOL, len(scaled[0]))
    best = []
    for scores in scaled:
        falling = -scores
        falling[seen] = np.inf
        best.append(np.argpartition(falling, size - 1)[:size])
    pool: Rows = np.setdiff1d(np.concatenate(best), seen)
    return pool


def gather_pools(members: Sequence[CatalogueScores], holdout: Holdout) -> Pools:
    """What the members say about the best items of each and about the answers, history left out.

    Those without a known history are left out: a fusion answers them by popularity, whatever the weights.
    """
    histories = [members[0].items.known_rows(query.history) for query in holdout.queries]
    asked = np.array([row for row, history in enumerate(histories) if len(history)], dtype=np.int64)
    holdout = holdout.take(asked)
    parts: list[tuple[Rows, Rows, FloatArray]] = []
    for start in range(0, len(holdout), BLOCK_QUERIES):
        block = holdout.take(range(start, min(len(holdout), start + BLOCK_QUERIES)))
        parts += _pools_of_block(members, block, [histories[row] for row in asked[start : start + BLOCK_QUERIES]])
    width = max((len(rows) for rows, _, _ in parts), default=1)
    scores = np.zeros((len(parts), width, len(members)), dtype=np.float32)
    item_rows = np.full((len(parts), width), NO_ITEM)
    is_target, is_found = np.zeros((2, len(parts), width), dtype=np.bool_)
    for query, (rows, best, values) in enumerate(parts):
        scores[query, : len(rows)] = values
        item_rows[query, : len(rows)] = rows
        is_target[query, : len(rows)] = np.isin(rows, holdout.targets[query])
        is_found[query, : len(rows)] = np.isin(rows, best)
    return Pools(
        scores=scores,
        item_rows=item_rows,
        is_target=is_target,
        is_found=is_found,
        num_targets=is_target.sum(axis=1),
        lengths=np.array([len(histories[row]) for row in asked], dtype=np.int64),
    )


def _pools_of_block(members: Sequence[CatalogueScores], block: Holdout, seen: Sequence[Rows]) -> list[tuple[Rows, Rows, FloatArray]]:
    """For each query of the block the item rows of its pool (p,), answers included, those found by members, and all scores (p, M)."""
    scaled = [scaled_scores(member, block.queries, seen) for member in members]
    pools = []
    for query, history in enumerate(seen):
        best = pool_of([scores[query] for scores in scaled], history)
        rows = np.union1d(best, np.setdiff1d(block.targets[query], history))
        pools.append((rows, best, np.stack([scores[query, rows] for scores in scaled], axis=1)))
    return pools


def _best_of(scores: FloatArray, seen: Sequence[Rows]) -> FloatArray:
    """(B, 1) the score of the best item that is not in the history; of the best of all where none is above 0."""
    best = np.array([_best_unseen(row, rows) for row, rows in zip(scores, seen, strict=True)], dtype=np.float32)[:, None]
    found: FloatArray = np.where(best > SMALLEST_BEST, best, np.maximum(scores.max(axis=1, keepdims=True), SMALLEST_BEST))
    return found


def _best_unseen(scaled: FloatArray, seen: Rows) -> float:
    kept = scaled[seen]
    scaled[seen] = 0.0
    best = float(scaled.max())
    scaled[seen] = kept
    return best
