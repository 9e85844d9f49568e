"""Influences, the fast way to a reason, say what scoring again without an item says."""

import numpy as np
import pytest

from leanrec.data.query import Query
from leanrec.data.world import World, WorldConfig
from leanrec.explaining.attribution import explain
from leanrec.recommenders.building import build
from leanrec.recommenders.protocol import GivesInfluences


@pytest.mark.parametrize("name", ["cooccurrence", "item-knn", "ease"])
@pytest.mark.parametrize("length", [1, 5, 14])
def test_influences_are_what_occlusion_finds_with_repeats_in_the_history(name: str, length: int) -> None:
    dataset = World.generate(WorldConfig(num_users=80, num_items=40), seed=4).dataset
    recommender = build(name).fit(dataset)
    assert isinstance(recommender, GivesInfluences)
    rng = np.random.default_rng(length)
    history = rng.choice(12, size=length)
    asked = np.array([20, 25, 30])
    influences = recommender.influences(history, asked)
    assert influences.shape == (length, 3)
    query = Query(history=tuple(dataset.items.ids[row] for row in history))
    for column, row in enumerate(asked.tolist()):
        evidence = explain(recommender, query, dataset.items.ids[row])
        found = {influence.item_id: influence.score_drop for influence in evidence.influences}
        expected = [found[dataset.items.ids[item]] for item in history.tolist()]
        if length > 1 and len(set(history.tolist())) > 1:  # with nothing left, the model answers from popularity
            assert influences[:, column].tolist() == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_an_empty_history_has_no_influence() -> None:
    dataset = World.generate(WorldConfig(num_users=30, num_items=20), seed=4).dataset
    recommender = build("ease").fit(dataset)
    assert isinstance(recommender, GivesInfluences)
    assert recommender.influences(np.zeros(0, np.int64), np.array([1, 2])).shape == (0, 2)
