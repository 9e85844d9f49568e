"""Accuracy metrics agree with hand-worked lists, with ranx to 1e-9, and never flatter a tie."""

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanrec.errors import ConfigError
from leanrec.metrics.accuracy import MAP, METRICS, MRR, NDCG, HitRate, Metric, Precision, Recall, parse_metric, parse_metrics
from leanrec.metrics.ranking import UNRANKED, TargetRanks, rank_in_list, rank_targets


def ranks_of(*lists: list[int]) -> TargetRanks:
    return TargetRanks.of_lists([np.array(ranks, np.int64) for ranks in lists])


# One user with three targets at places 1, 3 and 7; one with a single target at place 2; one with a single target at place 50.
HAND = ranks_of([3, 1, 7], [2], [50])


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (Recall(5), [2 / 3, 1.0, 0.0]),
        (Precision(5), [2 / 5, 1 / 5, 0.0]),
        (HitRate(5), [1.0, 1.0, 0.0]),
        (NDCG(5), [(1 + 1 / 2) / (1 + 1 / math.log2(3) + 1 / 2), 1 / math.log2(3), 0.0]),
        (MRR(5), [1.0, 1 / 2, 0.0]),
        (MAP(5), [(1 / 1 + 2 / 3) / 3, 1 / 2, 0.0]),
        (NDCG(1), [1.0, 0.0, 0.0]),
        (Recall(1), [1 / 3, 0.0, 0.0]),
    ],
)
def test_metrics_agree_with_hand_worked_lists(metric: Metric, expected: list[float]) -> None:
    np.testing.assert_allclose(metric.per_user(HAND), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", METRICS)
def test_a_user_without_targets_has_no_value(kind: type[Recall]) -> None:
    values = kind(10).per_user(ranks_of([1], [], [2]))
    assert np.isnan(values).tolist() == [False, True, False]


@pytest.mark.parametrize("kind", METRICS)
def test_a_target_that_a_list_lacks_is_worth_nothing(kind: type[Recall]) -> None:
    assert kind(10).per_user(ranks_of([UNRANKED])).tolist() == [0.0]


@settings(max_examples=60)
@given(st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=12, unique=True), min_size=1, max_size=8), st.integers(1, 20))
def test_metrics_lie_between_zero_and_one_and_grow_with_better_ranks(lists: list[list[int]], k: int) -> None:
    worse = [[rank + 1 for rank in ranks] for ranks in lists]
    for kind in METRICS:
        better_values, worse_values = kind(k).per_user(ranks_of(*lists)), kind(k).per_user(ranks_of(*worse))
        assert (better_values >= 0).all()
        assert (better_values <= 1 + 1e-12).all()
        assert (better_values >= worse_values - 1e-12).all()


@pytest.fixture(scope="module")
def ranx_evaluate() -> Callable[[dict[str, dict[str, int]], dict[str, dict[str, float]], str], float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ranx and its plotting stack warn on import; nothing of ours does
        ranx = pytest.importorskip("ranx", reason="ranx is not installed")

    def evaluated(qrels: dict[str, dict[str, int]], run: dict[str, dict[str, float]], name: str) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numba warns of reflected types inside ranx
            return float(ranx.evaluate(ranx.Qrels(qrels), ranx.Run(run), name, make_comparable=True))

    return evaluated


@pytest.mark.parametrize(
    ("kind", "theirs"), [(Recall, "recall"), (Precision, "precision"), (HitRate, "hit_rate"), (NDCG, "ndcg"), (MRR, "mrr"), (MAP, "map")]
)
@pytest.mark.parametrize("seed", range(6))
def test_metrics_agree_with_ranx(ranx_evaluate: Callable[..., float], kind: type[Recall], theirs: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    num_items, num_users = int(rng.integers(12, 60)), 25
    scores = rng.permuted(np.tile(np.arange(num_items, dtype=np.float32), (num_users, 1)), axis=1)
    targets = [rng.choice(num_items, size=int(rng.integers(1, 9)), replace=False) for _ in range(num_users)]
    nothing = np.zeros(0, np.int64)
    ranks = TargetRanks.of_lists([rank_targets(row, wanted, masked=nothing)[0] for row, wanted in zip(scores, targets, strict=True)])
    qrels = {f"u{user}": {f"i{item}": 1 for item in wanted.tolist()} for user, wanted in enumerate(targets)}
    run = {f"u{user}": {f"i{item}": float(score) for item, score in enumerate(row)} for user, row in enumerate(scores)}
    for k in (1, 5, 10):
        assert kind(k).per_user(ranks).mean() == pytest.approx(ranx_evaluate(qrels, run, f"{theirs}@{k}"), abs=1e-9)


def test_a_recommender_that_scores_everything_alike_is_last() -> None:
    masked, unmasked = rank_targets(np.ones(100, np.float32), np.array([7]), masked=np.array([1, 2]))
    assert masked.tolist() == [98]
    assert unmasked.tolist() == [100]


def test_tied_targets_share_no_place_and_stand_behind_their_rivals() -> None:
    scores = np.array([5.0, 3.0, 3.0, 3.0, 1.0], np.float32)
    assert rank_targets(scores, np.array([1, 3]), masked=np.zeros(0, np.int64))[0].tolist() == [3, 4]


def test_masked_items_do_not_count_as_rivals() -> None:
    scores = np.array([9.0, 8.0, 7.0, 6.0], np.float32)
    masked, unmasked = rank_targets(scores, np.array([3, 1]), masked=np.array([0, 2]))
    assert masked.tolist() == [2, 1]
    assert unmasked.tolist() == [4, 2]


@settings(max_examples=60)
@given(st.data())
def test_ranks_equal_those_of_a_pessimistic_sort(data: st.DataObject) -> None:
    num_items = data.draw(st.integers(25, 60))
    scores = np.array(data.draw(st.lists(st.integers(0, 6), min_size=num_items, max_size=num_items)), np.float32)
    places = data.draw(st.permutations(range(num_items)))
    num_targets = data.draw(st.integers(1, 22))
    targets, masked = np.array(places[:num_targets]), np.array(places[num_targets : num_targets + 3])
    is_target = np.isin(np.arange(num_items), targets)
    for hidden, found in zip((masked, masked[:0]), rank_targets(scores, targets, masked=masked), strict=True):
        rivals_first = sorted(set(range(num_items)) - set(hidden.tolist()), key=lambda item: (-scores[item], is_target[item]))
        expected = {scores[item]: [] for item in targets.tolist()}
        for place, item in enumerate(rivals_first, start=1):
            if is_target[item]:
                expected[scores[item]].append(place)
        assert sorted(found.tolist()) == sorted(place for places_ in expected.values() for place in places_)
        assert all(rank in expected[scores[item]] for item, rank in zip(targets.tolist(), found.tolist(), strict=True))


def test_places_in_a_list_are_its_ranks() -> None:
    assert rank_in_list(np.array([4, 2, 9]), np.array([9, 5, 4])).tolist() == [3, UNRANKED, 1]


def test_keeping_some_targets_keeps_their_ranks_and_all_users() -> None:
    kept = HAND.keep(np.array([True, False, True, False, True]))
    assert kept.ranks.tolist() == [3, 7, 50]
    assert kept.counts.tolist() == [2, 0, 1]


def test_metrics_are_parsed_from_their_names() -> None:
    assert parse_metric("ndcg@10") == NDCG(10)
    assert parse_metric("Hit-Rate@5").name == "hit_rate@5"
    assert [metric.name for metric in parse_metrics(["map@3", Recall(k=2)])] == ["map@3", "recall@2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("ndgc@10", "did you mean 'ndcg'"), ("ndcg", "name@k"), ("recall@0", "1 or more"), ("recall@-3", "1 or more")],
)
def test_a_metric_that_cannot_be_read_says_what_can(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_metric(text)


def test_a_metric_stands_once() -> None:
    with pytest.raises(ConfigError, match="each once"):
        parse_metrics(["ndcg@10", NDCG(10)])
