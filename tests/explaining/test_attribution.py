from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from leanrec.data.catalogue import Catalogue
from leanrec.data.query import Query
from leanrec.data.split import Split, split_leave_one_out
from leanrec.data.world import World
from leanrec.errors import UnknownIdError
from leanrec.explaining.attribution import explain, with_reasons
from leanrec.recommenders.building import build
from leanrec.recommenders.protocol import Recommender
from leanrec.recommenders.rules import Rules, RulesConfig

READS_HISTORY = ("cooccurrence", "item-knn", "ease", "als", "fusion", "popularity-category", "sequential", "fusion with sequential")
TRAINED: dict[str, Any] = {
    "encoder": {"width": 8, "max_length": 6, "num_layers": 1},
    "training": {"max_epochs": 2, "warmup_epochs": 0, "tokens": 512, "learning_rate": 0.02, "device": "cpu"},
}
CONFIGS: dict[str, dict[str, Any]] = {
    "sequential": TRAINED,
    "fusion": {"members": [{"name": "cooccurrence"}, {"name": "item-knn"}]},
    "fusion with sequential": {"members": [{"name": "cooccurrence", "weight": 1.0}, {"name": "sequential", "weight": 1.0, "config": TRAINED}]},
}


@pytest.fixture(scope="module")
def split() -> Split:
    return split_leave_one_out(World.generate(seed=0).dataset)


def fitted(name: str, split: Split) -> Recommender:
    return build(name.split(" ")[0], CONFIGS.get(name)).fit(split.train, valid=split.valid)


def brute_force(recommender: Recommender, query: Query, item_id: str) -> dict[str, float]:
    full = float(recommender.score(query, [item_id])[0])
    without = {gone: replace(query, history=tuple(item for item in query.history if item != gone)) for gone in set(query.history)}
    return {gone: full - float(recommender.score(shorter, [item_id])[0]) for gone, shorter in without.items()}


@pytest.mark.parametrize("name", READS_HISTORY)
def test_the_named_item_is_the_one_whose_removal_lowers_the_score_most(name: str, split: Split) -> None:
    recommender = fitted(name, split)
    for query in split.holdout("test").queries[:8]:
        item_id = recommender.recommend([query], k=1)[0].item_ids[0]
        evidence, drops = explain(recommender, query, item_id), brute_force(recommender, query, item_id)
        assert {influence.item_id: influence.score_drop for influence in evidence.influences} == pytest.approx(drops, rel=1e-4, abs=1e-6)
        if evidence.because_of is not None:
            assert drops[evidence.because_of] == pytest.approx(max(drops.values()), rel=1e-4, abs=1e-6)
        else:
            assert max(drops.values()) <= 1e-6


@pytest.mark.parametrize("name", ["sequential", "fusion with sequential"])
def test_long_histories_and_items_that_stand_there_twice_are_explained(name: str, split: Split) -> None:
    recommender, ids = fitted(name, split), split.train.items.ids
    history = (ids[9], *ids[:8], ids[9], ids[3])  # 11 events, of which the network reads 6
    query = Query(history=history)
    evidence, drops = explain(recommender, query, ids[20]), brute_force(recommender, query, ids[20])
    assert [influence.item_id for influence in evidence.influences] == [*ids[:3], *ids[4:8], ids[9], ids[3]]
    found = {influence.item_id: influence.score_drop for influence in evidence.influences}
    assert found == pytest.approx(drops, rel=1e-4, abs=1e-6)
    if name == "sequential":
        assert found[ids[0]] == 0.0  # too old to be read
        assert found[ids[9]] != 0.0


def test_popularity_says_that_the_history_does_not_matter(split: Split) -> None:
    recommender, query = fitted("popularity", split), split.holdout("test").queries[0]
    answer = recommender.recommend([query], k=3)[0]
    evidence = explain(recommender, query, answer.item_ids[0])
    assert evidence.because_of is None
    assert not evidence.heeds_history
    assert "everybody the same answer" in evidence.sentence(split.dataset.catalogue)
    assert {item.reason for item in with_reasons(recommender, query, answer, split.dataset.catalogue).items} == {"popular with everyone"}


def test_reasons_name_titles(split: Split) -> None:
    recommender, query = fitted("cooccurrence", split), split.holdout("test").queries[0]
    answer = with_reasons(recommender, query, recommender.recommend([query], k=3)[0], split.dataset.catalogue)
    first = answer.items[0]
    because = explain(recommender, query, first.item_id).because_of
    assert because is not None
    assert first.reason == f"because of {split.dataset.catalogue.title(because)}"


def test_a_cold_answer_is_reasoned_by_popularity(split: Split) -> None:
    recommender = fitted("cooccurrence", split)
    answer = with_reasons(recommender, Query(), recommender.recommend([Query()], k=2)[0], split.dataset.catalogue)
    assert {item.reason for item in answer.items} == {"popular with everyone"}


def test_a_rule_that_fired_is_the_reason() -> None:
    dataset = World.generate(seed=0).dataset
    catalogue = Catalogue(frame=dataset.catalogue.frame.with_columns(pl.lit("new").alias("shelf")))
    dataset = replace(dataset, catalogue=catalogue)
    rules = Rules(RulesConfig.parse({"rules": [{"if": "context.page=home", "then": "shelf=new"}]})).fit(dataset)
    query = Query(context={"page": "home"})
    assert with_reasons(rules, query, rules.recommend([query], k=1)[0], catalogue).items[0].reason == "the rule context.page=home -> shelf=new"


def test_evidence_travels_as_plain_values(split: Split) -> None:
    recommender, query = fitted("cooccurrence", split), split.holdout("test").queries[0]
    evidence = explain(recommender, query, recommender.recommend([query], k=1)[0].item_ids[0])
    assert evidence.to_dict()["because_of"] == evidence.because_of
    drops = [influence.score_drop for influence in evidence.strongest(3)]
    assert drops == sorted(drops, reverse=True)


def test_explaining_an_unknown_item_is_refused(split: Split) -> None:
    with pytest.raises(UnknownIdError):
        explain(fitted("cooccurrence", split), split.holdout("test").queries[0], "no such item")
