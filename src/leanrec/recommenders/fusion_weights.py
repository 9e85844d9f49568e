"""Fusion weights: chosen by cross-validation among ways to find them, and averaged over the folds, so that few answers do not mislead."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leanrec.features.histories import Rows
from leanrec.metrics.accuracy import Metric
from leanrec.metrics.report import Measure
from leanrec.metrics.uncertainty import paired_difference
from leanrec.recommenders.fusion_gradient import SmoothNDCG, climb_to_top
from leanrec.recommenders.fusion_pools import Pools
from leanrec.recommenders.protocol import FloatArray

Values = npt.NDArray[np.float64]
Way = Callable[[Pools, Metric, FloatArray | None], FloatArray]
"""How weights (M,) that add up to 1 are found for pools, from a start where one is known."""

NUM_FOLDS = 5
WEIGHTS_TRIED = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)
MAX_ROUNDS = 4
MAX_STEPS = 25
PRIOR_QUERIES = 50
"""Queries that the prior is worth: after so many, weights stand halfway between it and what was found; from the curves of docs/log.md."""
NEGLIGIBLE = 0.01
"""A member below this share of the heaviest is not worth fitting."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FittedWeights:
    """Weights, how they were found, and what they are worth on answers that they were not fitted to."""

    weights: FloatArray
    """(M,) the heaviest is 1."""
    way: str
    """Name of the way that won; empty where nothing could be compared."""
    folds: Rows
    """(B,) the fold of each query."""
    by_fold: FloatArray
    """(F, M) weights found without each fold, shrunk."""
    values: Values
    """(B,) the metric of each query, by the weights found without its fold."""


def fit_weights(pools: Pools, metric: Metric, *, rng: np.random.Generator) -> FittedWeights:
    """Weights that rank the answers of queries high that they were not fitted to.

    Every way is tried without each fifth of the queries and judged on that fifth; the best one's five weights are averaged. What each
    finds is shrunk towards weights in proportion to what the members are worth alone: a hundred users mislead (docs/log.md).
    """
    num_members, folds = pools.num_members, _folds(len(pools), rng)
    if num_members == 1 or folds.max(initial=0) == 0:
        weights = np.ones(num_members, dtype=np.float32)
        alike = weights[None, :] / np.float32(num_members)
        return FittedWeights(weights=weights, way="", folds=folds, by_fold=alike, values=pools.quality(pools.scores @ weights, metric))
    judged = {name: np.zeros(len(pools)) for name in WAYS}
    found: dict[str, list[FloatArray]] = {name: [] for name in WAYS}
    for rest, held in _parts(folds):
        seen, asked = pools.take(rest), pools.take(held)
        prior = _prior(seen, metric)
        for name, raw in _all_ways(seen, metric).items():
            weights = _shrunk(raw, prior, num_queries=len(seen))
            found[name].append(weights)
            judged[name][held] = asked.quality(asked.scores @ weights, metric)
    way = max(WAYS, key=lambda name: float(judged[name].mean()))
    by_fold = np.stack(found[way])
    return FittedWeights(weights=_heaviest_is_one(by_fold.mean(axis=0)), way=way, folds=folds, by_fold=by_fold, values=judged[way])


def changes_without(pools: Pools, metric: Metric, fitted: FittedWeights, *, rng: np.random.Generator) -> list[Measure]:
    """For each member, how the metric changes when it is left out and the other weights are fitted again in the same way.

    Paired over queries, each judged by weights that were fitted without its fold; the pools still hold what the member brought in.
    """
    if pools.num_members == 1 or not fitted.way:
        return []
    changes = []
    for member in range(pools.num_members):
        rest = pools.only(np.arange(pools.num_members) != member)
        values = np.zeros(len(pools))
        for number, (kept, held) in enumerate(_parts(fitted.folds)):
            start = np.delete(fitted.by_fold[number], member)
            seen = rest.take(kept)
            raw = WAYS[fitted.way](seen, metric, start if start.any() else None)
            weights = _shrunk(raw, _prior(seen, metric), num_queries=len(seen))
            asked = rest.take(held)
            values[held] = asked.quality(asked.scores @ weights, metric)
        changes.append(paired_difference(values, fitted.values, rng=rng))
    return changes


def _all_ways(pools: Pools, metric: Metric) -> dict[str, FloatArray]:
    """What each way finds; the later ones start where the earlier ones arrived."""
    single = _single(pools, metric, None)
    ascended = _ascent(pools, metric, single)
    return {"single": single, "halfway": _between(single, ascended), "ascent": ascended, "gradient": _gradient(pools, metric, ascended)}


def _single(pools: Pools, metric: Metric, start: FloatArray | None) -> FloatArray:  # noqa: ARG001 - there is nowhere to start
    """The best member alone."""
    each = np.eye(pools.num_members, dtype=np.float32)
    best: FloatArray = max(each, key=lambda weights: _mean_quality(pools, weights, metric))
    return best


def _ascent(pools: Pools, metric: Metric, start: FloatArray | None) -> FloatArray:
    """Coordinate ascent on the metric itself over a fixed set of weights, from the best single member when no start is given."""
    weights = _heaviest_is_one(_single(pools, metric, None) if start is None else start)
    best = _mean_quality(pools, weights, metric)
    for _ in range(MAX_ROUNDS):
        before = best
        for member in range(pools.num_members):
            weights, best = _best_along(pools, weights, member, best, metric)
        if best == before:
            break
    ascended: FloatArray = weights / weights.sum()
    return ascended


def _halfway(pools: Pools, metric: Metric, start: FloatArray | None) -> FloatArray:
    """Between the best member alone and where coordinate ascent arrives: half of the way, so half of the noise."""
    return _between(_single(pools, metric, None), _ascent(pools, metric, start))


def _gradient(pools: Pools, metric: Metric, start: FloatArray | None) -> FloatArray:
    """Up the slopes of a smooth NDCG, from where coordinate ascent arrives when no start is given."""
    smooth = SmoothNDCG.of_pools(pools, k=cut_of(metric))

    def objective(point: Values) -> tuple[float, Values]:
        total = point.sum() + 1e-9
        weights = (point / total).astype(np.float32)
        value, slopes = smooth.climb(pools.scores @ weights)
        of_weights = np.einsum("bp,bpm->m", slopes, pools.scores).astype(np.float64)
        return value, (of_weights - of_weights @ weights) / total

    begin = _ascent(pools, metric, None) if start is None else start
    top = climb_to_top(objective, begin.astype(np.float64) / begin.sum(), lowest=0.0, max_steps=MAX_STEPS)
    climbed: FloatArray = (top / top.sum()).astype(np.float32)
    return climbed


WAYS: dict[str, Way] = {"single": _single, "halfway": _halfway, "ascent": _ascent, "gradient": _gradient}
"""Simplest first: of equally good ones the first wins."""


def _prior(pools: Pools, metric: Metric) -> FloatArray:
    """(M,) weights in proportion to the metric of each member alone."""
    alone = np.array([_mean_quality(pools, weights, metric) for weights in np.eye(pools.num_members, dtype=np.float32)], dtype=np.float32)
    alone += np.finfo(np.float32).tiny
    prior: FloatArray = alone / alone.sum()
    return prior


def _shrunk(weights: FloatArray, prior: FloatArray, *, num_queries: int) -> FloatArray:
    """Both add up to 1; the fewer queries, the nearer to the prior."""
    shrunk: FloatArray = ((num_queries * weights + PRIOR_QUERIES * prior) / (num_queries + PRIOR_QUERIES)).astype(np.float32)
    return shrunk


def _between(one: FloatArray, other: FloatArray) -> FloatArray:
    middle: FloatArray = (one + other) / np.float32(2.0)
    return middle


def cut_of(metric: Metric) -> int:
    """How many places the metric looks at."""
    k: int = getattr(metric, "k", 10)
    return k


def _best_along(pools: Pools, weights: FloatArray, member: int, best: float, metric: Metric) -> tuple[FloatArray, float]:
    for tried in WEIGHTS_TRIED:
        candidate = weights.copy()
        candidate[member] = tried
        quality = _mean_quality(pools, candidate, metric) if candidate.any() else -1.0
        if quality > best:
            weights, best = candidate, quality
    return weights, best


def _mean_quality(pools: Pools, weights: FloatArray, metric: Metric) -> float:
    return float(pools.quality(pools.scores @ weights, metric).mean())


def _heaviest_is_one(weights: FloatArray) -> FloatArray:
    scaled: FloatArray = (weights / weights.max()).astype(np.float32)
    scaled[scaled < NEGLIGIBLE] = 0.0
    return scaled


def _folds(num_queries: int, rng: np.random.Generator) -> Rows:
    """(B,) the fold of each query, all of nearly one size."""
    folds: Rows = rng.permutation(num_queries) % min(NUM_FOLDS, max(1, num_queries))
    return folds


def _parts(folds: Rows) -> Iterator[tuple[Rows, Rows]]:
    """For each fold the queries outside and inside of it."""
    for number in range(int(folds.max()) + 1):
        yield np.flatnonzero(folds != number), np.flatnonzero(folds == number)
