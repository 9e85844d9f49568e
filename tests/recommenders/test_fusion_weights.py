"""Weights find the members that know, and few answers do not mislead them."""

import numpy as np
import pytest
from tests.recommenders.data import dataset_of

from leanrec.data.holdout import Holdout
from leanrec.data.query import Query
from leanrec.metrics.accuracy import NDCG
from leanrec.recommenders import fusion_pools
from leanrec.recommenders.cooccurrence import Cooccurrence
from leanrec.recommenders.fusion_gradient import SmoothNDCG
from leanrec.recommenders.fusion_groups import fit_factors
from leanrec.recommenders.fusion_pools import NO_ITEM, Pools, gather_pools
from leanrec.recommenders.fusion_weights import WAYS, changes_without, fit_weights


def pools_of(scores: np.ndarray, is_target: np.ndarray, *, lengths: np.ndarray | None = None) -> Pools:
    size = scores.shape[:2]
    return Pools(
        scores=scores.astype(np.float32),
        item_rows=np.broadcast_to(np.arange(size[1]), size).copy(),
        is_target=is_target,
        is_found=np.ones(size, dtype=np.bool_),
        num_targets=is_target.sum(axis=1),
        lengths=np.full(size[0], 3) if lengths is None else lengths,
    )


def random_pools(rng: np.random.Generator, knowledge: tuple[float, ...], *, num_queries: int = 200) -> Pools:
    """Members that raise the one true item of 30 by so much."""
    is_target = np.zeros((num_queries, 30), dtype=np.bool_)
    is_target[np.arange(num_queries), rng.integers(30, size=num_queries)] = True
    return pools_of(rng.random((num_queries, 30, len(knowledge))) + is_target[..., None] * np.array(knowledge), is_target)


def test_fitted_weights_find_the_member_that_knows() -> None:
    fitted = fit_weights(random_pools(np.random.default_rng(0), (0.0, 0.9)), NDCG(10), rng=np.random.default_rng(0))
    assert fitted.weights[1] == 1.0
    assert fitted.weights[0] < 0.2
    assert fitted.values.mean() > 0.8


@pytest.mark.parametrize("way", WAYS)
def test_every_way_prefers_the_member_that_knows(way: str) -> None:
    weights = WAYS[way](random_pools(np.random.default_rng(1), (0.1, 0.6, 0.0)), NDCG(10), None)
    assert np.argmax(weights) == 1
    assert weights.sum() == pytest.approx(1.0, abs=1e-5)


def test_leaving_out_the_member_that_knows_costs_most() -> None:
    pools = random_pools(np.random.default_rng(2), (0.4, 0.8, 0.0))
    fitted = fit_weights(pools, NDCG(10), rng=np.random.default_rng(0))
    changes = changes_without(pools, NDCG(10), fitted, rng=np.random.default_rng(0))
    assert changes[1].value < changes[0].value < 0.01
    assert changes[1].high is not None
    assert changes[1].high < 0.0
    assert abs(changes[2].value) < 0.03


@pytest.mark.parametrize("num_queries", [0, 1, 3])
def test_hardly_any_answers_still_give_weights(num_queries: int) -> None:
    pools = random_pools(np.random.default_rng(0), (0.1, 0.9), num_queries=num_queries)
    fitted = fit_weights(pools, NDCG(10), rng=np.random.default_rng(0))
    assert fitted.weights.max() == 1.0
    assert len(changes_without(pools, NDCG(10), fitted, rng=np.random.default_rng(0))) == (2 if num_queries > 1 else 0)


def test_ties_count_against_the_target_and_absent_items_do_not_count() -> None:
    pools = pools_of(np.ones((1, 3, 1)), np.array([[True, False, False]]))
    fused = pools.scores[..., 0]
    assert pools.quality(fused, NDCG(3)).tolist() == [pytest.approx(0.5)]
    pools.item_rows[0, 1:] = NO_ITEM
    assert pools.quality(fused, NDCG(3)).tolist() == [1.0]


def test_slopes_of_the_smooth_metric_are_its_differences() -> None:
    pools = random_pools(np.random.default_rng(3), (0.1, 0.3), num_queries=4)
    pools.is_target[0, :3] = True
    smooth = SmoothNDCG.of_pools(pools, k=10)
    fused = (pools.scores @ np.array([0.02, 0.03], np.float32)).astype(np.float64)
    _, slopes = smooth.climb(fused)
    for place in ((0, 0), (1, 5), (2, 7)):
        up, down = fused.copy(), fused.copy()
        up[place] += 1e-5
        down[place] -= 1e-5
        assert slopes[place] == pytest.approx((smooth.climb(up)[0] - smooth.climb(down)[0]) / 2e-5, rel=1e-3, abs=1e-6)


def test_the_smooth_metric_comes_near_the_metric_where_scores_lie_apart() -> None:
    pools = random_pools(np.random.default_rng(4), (0.5,))
    fused = pools.scores[..., 0] * 10
    assert SmoothNDCG.of_pools(pools, k=30).climb(fused)[0] == pytest.approx(pools.quality(fused, NDCG(30)).mean(), abs=0.02)


def test_factors_follow_the_group_that_a_member_serves() -> None:
    rng = np.random.default_rng(5)
    lengths = np.repeat([1, 5, 9], 100)
    pools = random_pools(rng, (0.0, 0.0), num_queries=300)
    scores = pools.scores + np.float32(0.3) * pools.is_target[..., None] * np.stack([lengths == 1, lengths == 9], axis=1)[:, None, :]
    pools = pools_of(scores, pools.is_target, lengths=lengths)
    factors = fit_factors(pools, np.ones(2, np.float32), NDCG(10), by="history-length", item_groups=np.zeros(30, np.int8))
    assert factors.history_edges.tolist() == [1, 5]
    assert factors.values[0, 0, 0] > factors.values[0, 0, 1]
    assert factors.values[2, 0, 0] < factors.values[2, 0, 1]


def test_pools_leave_out_strangers_and_histories_and_hold_every_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fusion_pools, "POOL", 1)
    member = Cooccurrence().fit(dataset_of({"u": "abc", "v": "abd", "w": "acde"}))
    rows = member.items.rows
    holdout = Holdout(queries=(Query(), Query(history=("a", "b"))), targets=(rows("a"), rows("e")), user_rows=np.array([0, 1]))
    pools = gather_pools([member], holdout)
    assert pools.lengths.tolist() == [2]
    assert set(pools.item_rows[0].tolist()).isdisjoint(rows(["a", "b"]).tolist())
    assert pools.is_target.sum() == 1
    assert pools.is_found.sum() == 1
    assert not (pools.is_found & pools.is_target).any()
