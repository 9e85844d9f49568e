"""A language model puts another's candidates in a new order, and nothing else; what it does not reach keeps its place."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.models.rankers import random_causal_scorer, random_cross_encoder, saved
from tests.recommenders.data import dataset_of

from leanrec.data.deadline import Deadline
from leanrec.data.query import Query
from leanrec.data.split import Split, split_leave_one_out
from leanrec.data.world import World, WorldConfig
from leanrec.errors import ConfigError, DataError
from leanrec.features.item_text import ItemText
from leanrec.recommenders.building import build
from leanrec.recommenders.language_ranker import LanguageRanker, LanguageRankerConfig
from leanrec.recommenders.language_ranker_weight import Pool, fit_weight
from leanrec.recommenders.protocol import RanksByReading
from leanrec.recommenders.reading import FloatArray, reordered
from leanrec.testing.recommender_contract import check_recommender

RETRIEVER = {"recommender": "cooccurrence", "candidates": 10}


@cache
def split() -> Split:
    return split_leave_one_out(World.generate(WorldConfig(num_users=60, num_items=40), seed=2).dataset)


@cache
def texts() -> tuple[str, ...]:
    descriptions = split().train.catalogue.descriptions()
    return tuple(ItemText.of_items(descriptions).texts(descriptions))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return saved(random_cross_encoder(texts()), tmp_path_factory.mktemp("scorer") / "pairs")


class Scripted:
    """Reads nothing: says of each candidate what it was told, one a second by its own clock."""

    name = fingerprint = "scripted"
    num_tokens_read = 0

    def __init__(self, worth: dict[str, float]) -> None:
        self.worth, self.now, self.histories = worth, 0.0, []

    def __call__(self) -> float:
        return self.now

    def scores(self, history: str, candidates: Sequence[str], *, deadline: Deadline | None = None) -> FloatArray:
        self.histories.append(history)
        said = np.full(len(candidates), np.nan, np.float32)
        for place, text in enumerate(candidates):
            if deadline is not None and deadline.seconds_left <= 0:
                break
            said[place] = self.worth.get(text, 0.0)
            self.now += 1.0
        return said

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def fitted(folder: str, **settings: Any) -> LanguageRanker:
    config = LanguageRankerConfig.parse({**RETRIEVER, "scorer": folder, **settings})
    return LanguageRanker(config).fit(split().train)


def scripted(folder: str, worth: dict[str, float], **settings: Any) -> tuple[LanguageRanker, Scripted]:
    ranker, scorer = fitted(folder, weight=1.0, **settings), Scripted(worth)
    ranker._scorer, ranker._clock = scorer, scorer
    return ranker, scorer


def query(user: int = 3) -> Query:
    train = split().train
    frame = train.events.filter(train.events["user_row"] == user)
    return Query(user_id=train.users.ids[user], history=tuple(train.items.ids[row] for row in frame["item_row"].to_list()))


def test_it_keeps_the_contract(folder: str) -> None:
    check_recommender(lambda: build("language-ranker", {**RETRIEVER, "scorer": folder}), split().train, valid=split().valid)


def test_it_keeps_the_contract_over_one_that_takes_items_in_and_with_a_decoder(tmp_path: Path) -> None:
    place = saved(random_causal_scorer(texts()), tmp_path / "decoder")
    config = {**RETRIEVER, "scorer": place, "weight": 1.0, "recommender": "content"}
    check_recommender(lambda: build("language-ranker", config), split().train)


def test_reading_alone_decides_the_order_of_candidates_and_of_nothing_else(folder: str) -> None:
    ranker, _ = scripted(folder, {})
    before = ranker.retriever.recommend([query()], k=15)[0]
    wanted = {texts()[ranker.items.row(item_id)]: float(place) for place, item_id in enumerate(before.item_ids[:10])}
    ranker._scorer = Scripted(wanted)
    after = ranker.recommend([query()], k=15)[0]
    assert after.item_ids == (*before.item_ids[:10][::-1], *before.item_ids[10:])
    assert [item.score for item in after.items] == pytest.approx([item.score for item in before.items], rel=1e-5)
    assert [item.source for item in after.items] == ["language-ranker"] * 10 + ["cooccurrence"] * 5


def test_what_the_budget_leaves_unread_keeps_its_place_and_says_so(folder: str) -> None:
    ranker, scorer = scripted(folder, {}, budget_ms=4000)
    before = ranker.retriever.recommend([query()], k=12)[0]
    scorer.worth = {texts()[ranker.items.row(item_id)]: float(place) for place, item_id in enumerate(before.item_ids)}
    after = ranker.recommend([query()], k=12)[0]
    assert after.item_ids == (*before.item_ids[:4][::-1], *before.item_ids[4:])
    assert [item.source for item in after.items] == ["language-ranker"] * 4 + ["cooccurrence"] * 8
    none, _ = scripted(folder, {}, budget_ms=0)
    assert [replace(item, source="") for item in none.recommend([query()], k=12)[0].items] == [replace(item, source="") for item in before.items]


def test_the_budget_of_a_question_goes_before_the_settings(folder: str) -> None:
    ranker, _ = scripted(folder, {}, budget_ms=4000)
    ids = ranker.items.ids[:8]
    falling = np.arange(8, 0, -1).astype(np.float32)
    assert ranker.read(query(), ids, falling).num_read == 4
    assert ranker.read(query(), ids, falling, budget_ms=2000).num_read == 2
    assert ranker.read(query(), ids, falling, budget_ms=0).num_read == 0


def test_the_newest_items_are_read_and_what_the_user_says_last(folder: str) -> None:
    ranker, scorer = scripted(folder, {}, history_items=2)
    asked = replace(query(), text="something\nof bamboo")
    ranker.recommend([asked], k=3)
    newest = [texts()[ranker.items.row(item_id)] for item_id in asked.history[-2:]]
    assert scorer.histories == ["\n".join([*newest, "something of bamboo"])]


def test_a_weight_of_nothing_is_the_retrievers_order(folder: str) -> None:
    ranker = fitted(folder, weight=0.0)
    assert ranker.recommend([query()], k=12) == ranker.retriever.recommend([query()], k=12)
    with pytest.raises(ConfigError, match="brings text, and language-ranker reads none"):
        ranker.recommend([Query(text="bamboo")])


def test_validation_chooses_the_weight_and_settling_keeps_it(folder: str) -> None:
    config = LanguageRankerConfig.parse({**RETRIEVER, "scorer": folder, "max_questions": 20})
    ranker = LanguageRanker(config).fit(split().train, valid=split().valid)
    assert ranker.figures["validation questions"] == 20
    assert ranker.figures["validation ndcg@10"] >= ranker.figures["validation ndcg@10 without reading"]
    settled = ranker.settled()
    assert settled.config.weight == ranker.weight
    assert isinstance(ranker, RanksByReading)


def test_fitting_finds_the_weight_that_ranks_best() -> None:
    falling = np.arange(5, 0, -1).astype(np.float32)
    helpful = Pool(scores=falling, said=np.array([0, 0, 0, 0, 9], np.float32), is_target=np.arange(5) == 4, num_targets=1)
    harmful = replace(helpful, is_target=np.arange(5) == 0)
    assert fit_weight([harmful]).weight == 0.0
    assert fit_weight([helpful]).weight > 0.5
    assert fit_weight([]).weight == 0.5
    missed = replace(helpful, is_target=np.zeros(5, bool))
    assert fit_weight([missed]).figures["validation ndcg@10"] == 0.0


def test_ties_of_the_retriever_do_not_undo_the_order() -> None:
    reading = reordered(np.zeros(4, np.float32), np.array([1, 3, np.nan, 2], np.float32), weight=1.0)
    assert reading.order.tolist() == [1, 3, 2, 0]
    assert (np.diff(reading.scores) < 0).all()
    assert reading.scores == pytest.approx(np.zeros(4))
    assert reading.is_read.tolist() == [True, True, False, True]


def test_a_ranker_without_a_scorer_or_with_something_else_says_what_to_name(folder: str) -> None:
    with pytest.raises(ConfigError, match=r"needs a language model that ranks\nset scorer to the folder"):
        LanguageRanker().fit(split().train)
    with pytest.raises(ConfigError, match="there is no language scorer at 'nowhere'"):
        fitted("nowhere")
    with pytest.raises(ConfigError, match="takes no further items in"):
        fitted(folder).with_items([])


def test_a_catalogue_that_says_nothing_is_refused(folder: str) -> None:
    with pytest.raises(DataError, match="no item has a column 'blurb'"):
        fitted(folder, text={"fields": ["blurb"]})
    with pytest.raises(DataError, match=r"says nothing of its items that could be read\npass a catalogue with titles"):
        LanguageRanker(LanguageRankerConfig.parse({**RETRIEVER, "scorer": folder})).fit(dataset_of({"u": "abc", "v": "bcd"}))


def test_a_saved_ranker_opens_and_answers_alike(folder: str, tmp_path: Path) -> None:
    ranker = fitted(folder, weight=0.7)
    ranker.save(tmp_path / "ranker")
    opened = LanguageRanker.load(tmp_path / "ranker")
    assert opened.weight == 0.7
    assert opened.recommend([query()], k=12) == ranker.recommend([query()], k=12)
