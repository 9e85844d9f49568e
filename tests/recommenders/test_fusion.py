import json
from pathlib import Path

import numpy as np
import pytest
from tests.recommenders.data import dataset_of

from leanrec.config import Budget
from leanrec.data.query import Query
from leanrec.data.split import split_leave_one_out
from leanrec.data.world import World
from leanrec.errors import ArtifactError, BudgetError, ConfigError
from leanrec.metrics.accuracy import NDCG
from leanrec.recommenders.cooccurrence import Cooccurrence
from leanrec.recommenders.fusion import Fusion, FusionConfig, without_newest
from leanrec.recommenders.fusion_weights import Pools, fit_weights, on_one_scale
from leanrec.recommenders.popularity import Popularity
from leanrec.training.run import Run

HISTORIES = {"u": "abc", "v": "abd", "w": "acd", "x": "be"}


def config(**weights: float | None) -> FusionConfig:
    return FusionConfig.parse({"members": [{"name": name.replace("_", "-"), "weight": weight} for name, weight in weights.items()]})


def test_a_fusion_of_one_member_ranks_like_that_member() -> None:
    train = dataset_of(HISTORIES)
    fusion, member = Fusion(config(cooccurrence=1.0)).fit(train), Cooccurrence().fit(train)
    queries = [Query(history=("a",)), Query(history=("b", "c"))]
    assert [answer.item_ids for answer in fusion.recommend(queries, k=2)] == [answer.item_ids for answer in member.recommend(queries, k=2)]


def test_scores_are_the_weighted_sum_on_one_scale() -> None:
    train = dataset_of(HISTORIES)
    fusion = Fusion(config(cooccurrence=2.0, popularity=0.5)).fit(train)
    query, seen = Query(history=("a",)), [np.array([0])]
    parts = [on_one_scale(member.catalogue_scores([query]), seen) for member in (Cooccurrence().fit(train), Popularity().fit(train))]
    assert np.allclose(fusion.catalogue_scores([query]), 2.0 * parts[0] + 0.5 * parts[1])


def test_one_scale_runs_from_the_median_to_the_best_unseen_item() -> None:
    scaled = on_one_scale(np.array([[0.0, 0.0, 0.0, 5.0, 1.0, 9.0, 0.0]], dtype=np.float32), [np.array([5])])
    assert scaled[0, 3] == pytest.approx(1.0)
    assert scaled[0, 0] == 0.0
    assert scaled[0, 5] > 1.0
    assert 0.0 < scaled[0, 4] < 1.0


def test_a_member_that_has_nothing_to_say_of_unseen_items_adds_nothing() -> None:
    silent = np.zeros((1, 4), dtype=np.float32)
    assert on_one_scale(silent, [np.array([0])]).tolist() == [[0.0] * 4]
    assert on_one_scale(np.array([[5.0, 0.0, 0.0, 0.0]], dtype=np.float32), [np.array([0])]).tolist() == [[1.0, 0.0, 0.0, 0.0]]


def test_fitted_weights_find_the_member_that_knows() -> None:
    rng = np.random.default_rng(0)
    is_target = np.zeros((200, 30), dtype=np.bool_)
    is_target[np.arange(200), rng.integers(30, size=200)] = True
    scores = rng.random((200, 30, 2), dtype=np.float32)
    scores[..., 1] += 0.9 * is_target
    pools = Pools(scores=scores, is_item=np.ones_like(is_target), is_target=is_target, num_targets=np.ones(200, dtype=np.int64))
    weights, quality = fit_weights(pools, NDCG(10))
    assert weights[1] == 1.0
    assert weights[0] < 0.2
    assert quality > 0.8


def test_ties_count_against_the_target_while_weights_are_fitted() -> None:
    pools = Pools(
        scores=np.ones((1, 3, 1), dtype=np.float32),
        is_item=np.ones((1, 3), dtype=np.bool_),
        is_target=np.array([[True, False, False]]),
        num_targets=np.ones(1, dtype=np.int64),
    )
    assert fit_weights(pools, NDCG(3))[1] == pytest.approx(0.5)


def test_the_rehearsal_leaves_out_the_item_of_the_newest_act() -> None:
    rehearsal = without_newest(dataset_of({"u": "abcc", "v": "d"}))
    assert [rehearsal.items.ids[row] for row in rehearsal.column("item_row")] == ["a", "b", "d"]


def test_weights_are_fitted_on_validation_and_kept(tmp_path: Path) -> None:
    split = split_leave_one_out(World.generate(seed=0).dataset)
    fusion = Fusion().fit(split.train, valid=split.valid)
    assert max(fusion.weights.values()) == 1.0
    assert 0.0 < fusion.figures["rehearsed ndcg@10"] <= 1.0
    fusion.save(tmp_path / "fusion")
    assert Fusion.load(tmp_path / "fusion").weights == fusion.weights
    assert (tmp_path / "fusion" / "members" / "cooccurrence" / "manifest.json").is_file()


def test_a_settled_fusion_needs_no_validation_and_answers_alike() -> None:
    split = split_leave_one_out(World.generate(seed=0).dataset)
    fusion = Fusion().fit(split.train, valid=split.valid)
    again = fusion.settled().fit(split.train)
    queries = split.holdout("test").queries[:5]
    assert again.recommend(queries) == fusion.recommend(queries)


def test_a_member_that_was_tampered_with_is_noticed(tmp_path: Path) -> None:
    Fusion(config(cooccurrence=1.0, popularity=1.0)).fit(dataset_of(HISTORIES)).save(tmp_path / "fusion")
    path = tmp_path / "fusion" / "members" / "popularity" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "seed": 7}))
    with pytest.raises(ArtifactError, match="popularity"):
        Fusion.load(tmp_path / "fusion")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cooccurrence": None}, "validation data"),
        ({"cooccurrence": 1.0, "ease": None}, "some members only"),
        ({"ease": 0.0}, "every weight"),
        ({}, "needs members"),
    ],
)
def test_a_fusion_that_cannot_be_weighed_is_refused(given: dict[str, float | None], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Fusion(config(**given)).fit(dataset_of(HISTORIES))


def test_a_misspelt_member_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="coocurrence") as caught:
        Fusion(config(coocurrence=1.0)).fit(dataset_of(HISTORIES))
    assert "cooccurrence" in caught.value.hint


def test_an_optional_member_that_does_not_fit_the_budget_is_left_out_and_another_is_an_error() -> None:
    members = [{"name": "popularity", "weight": 1.0}, {"name": "ease", "weight": 1.0, "is_optional": True}]
    run = Run(budget=Budget(memory_gb=1e-9))
    assert list(Fusion(FusionConfig.parse({"members": members})).fit(dataset_of(HISTORIES), run=run).weights) == ["popularity"]
    with pytest.raises(BudgetError):
        Fusion(config(popularity=1.0, ease=1.0)).fit(dataset_of(HISTORIES), run=run)
