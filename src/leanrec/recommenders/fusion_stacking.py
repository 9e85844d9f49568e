"""Stacking: LightGBM learns on the rehearsal's pools to order the best candidates of a fusion's members; NumPy applies what it learnt."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from leanrec.errors import DataError, MissingExtraError
from leanrec.features.histories import Rows
from leanrec.metrics.accuracy import Metric
from leanrec.recommenders.fusion_pools import Pools
from leanrec.recommenders.fusion_trees import Trees
from leanrec.recommenders.fusion_weights import cut_of
from leanrec.recommenders.protocol import FloatArray

Values = npt.NDArray[np.float64]

NUM_FOLDS = 3
MAX_TREES = 150
PARAMETERS = {
    "objective": "lambdarank",
    "num_leaves": 15,
    "max_depth": 6,
    "learning_rate": 0.05,
    "min_data_in_leaf": 100,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Stacked:
    """What was learnt, and what it is worth on queries that it was not learnt from."""

    model_text: str
    values: Values
    """(B,) the metric of each query."""


def require_lightgbm() -> None:
    """Raise `MissingExtraError` where LightGBM is not installed."""
    if find_spec("lightgbm") is None:
        raise MissingExtraError("combiner = 'lightgbm' needs LightGBM to be fitted", hint="pip install 'leanrec[train]', or combiner = 'weights'")


def features_of(scores: FloatArray, fused: FloatArray, *, lengths: Rows, popularity: FloatArray, is_item: npt.NDArray[np.bool_]) -> FloatArray:
    """(B, P, 2 M + 3): members' scores, log of their ranks in the pool, weighted sum, length of the history, popularity of the item.

    `scores` (B, P, M), `fused`, `popularity` and `is_item` (B, P), `lengths` (B,).
    """
    ranks = [np.log1p(_num_above(np.where(is_item, scores[..., member], -np.inf))) for member in range(scores.shape[2])]
    history = np.broadcast_to(np.log1p(lengths)[:, None], fused.shape)
    columns = np.stack([*ranks, fused, history, popularity], axis=2)
    return np.concatenate([scores, columns.astype(np.float32)], axis=2)


def popularity_of(counts: Rows) -> FloatArray:
    """(N,) how popular each item is, as the trees read it, from its acts."""
    popularity: FloatArray = np.log1p(counts).astype(np.float32)
    return popularity


def in_order_of(wanted: Values, fused: FloatArray) -> FloatArray:
    """(P,) the same sums, dealt out anew so that they fall as `wanted` (P,) does: the pool as a whole keeps its places."""
    dealt = np.empty_like(fused)
    dealt[np.argsort(-wanted, kind="stable")] = -np.sort(-fused)
    return dealt


def stack(pools: Pools, weights: FloatArray, metric: Metric, *, counts: Rows, seed: int, num_threads: int) -> Stacked:
    """LambdaRank (Burges 2010) over what the members say; the number of trees is the one that serves queries best that were left out.

    `weights` (M,), acts of each item `counts` (N,).
    """
    import lightgbm

    fused, popularity = pools.scores @ weights, popularity_of(counts)[pools.item_rows]
    features = features_of(pools.scores, fused, lengths=pools.lengths, popularity=popularity, is_item=pools.is_found)
    is_candidate = pools.is_found
    is_learnt: npt.NDArray[np.bool_] = np.any(pools.is_target & is_candidate, axis=1)
    if np.count_nonzero(is_learnt) < NUM_FOLDS * 2:
        raise DataError(f"stacking has {np.count_nonzero(is_learnt)} validation users to learn from", hint="combiner = 'weights', or bring more data")
    parameters = {**PARAMETERS, "seed": seed, "num_threads": num_threads, "lambdarank_truncation_level": 2 * cut_of(metric)}

    def learn(queries: Rows, num_trees: int) -> Any:  # Any: LightGBM's booster
        chosen = queries[is_learnt[queries]]
        kept = is_candidate[chosen]
        labels = pools.is_target[chosen][kept].astype(np.int32)
        data = lightgbm.Dataset(features[chosen][kept], label=labels, group=np.count_nonzero(kept, axis=1), params=parameters)
        return lightgbm.train(parameters, data, num_boost_round=num_trees)

    folds = np.random.default_rng(seed).permutation(len(pools)) % NUM_FOLDS
    tried = range(25, MAX_TREES + 1, 25)
    values = np.zeros((len(tried), len(pools)))
    for number in range(NUM_FOLDS):
        booster, held = learn(np.flatnonzero(folds != number), MAX_TREES), np.flatnonzero(folds == number)
        asked, kept = pools.take(held), is_candidate[held]
        for row, num_trees in enumerate(tried):
            wanted = np.full(kept.shape, -np.inf)
            wanted[kept] = booster.predict(features[held][kept], num_iteration=num_trees)
            values[row, held] = asked.quality(_reordered(wanted, fused[held], kept), metric)
    best = int(np.argmax(values.mean(axis=1)))
    return Stacked(model_text=learn(np.arange(len(pools)), tried[best]).model_to_string(), values=values[best])


def restack(trees: Trees, fused: FloatArray, pool: Rows, scores: FloatArray, *, length: int, popularity: FloatArray) -> FloatArray:
    """(N,) the weighted sums of one query, those of its pool (p,) dealt out anew by the trees; `scores` (p, M), `popularity` (N,)."""
    features = features_of(
        scores[None],
        fused[None, pool],
        lengths=np.array([length]),
        popularity=popularity[None, pool],
        is_item=np.ones((1, len(pool)), dtype=np.bool_),
    )
    ordered = fused.copy()
    ordered[pool] = in_order_of(trees.predict(features[0]), fused[pool])
    return ordered


def _reordered(wanted: Values, fused: FloatArray, kept: npt.NDArray[np.bool_]) -> FloatArray:
    ordered = fused.copy()
    for query, is_kept in enumerate(kept):
        ordered[query, is_kept] = in_order_of(wanted[query, is_kept], fused[query, is_kept])
    return ordered


def _num_above(scores: FloatArray) -> Rows:
    """(B, P) how many of the same row are greater."""
    order = np.argsort(-scores, axis=1, kind="stable")
    falling = np.take_along_axis(scores, order, axis=1)
    places = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    is_new = np.concatenate([np.ones((len(scores), 1), np.bool_), falling[:, 1:] != falling[:, :-1]], axis=1)
    firsts = np.maximum.accumulate(np.where(is_new, places, 0), axis=1)
    above = np.empty(scores.shape, dtype=np.int64)
    np.put_along_axis(above, order, firsts, axis=1)
    return above
