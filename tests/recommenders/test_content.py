"""Content and ColdStart: what words and likeness answer, new items and a user's own words beside any recommender."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.recommenders.data import dataset_of

from leanrec.data.catalogue import Catalogue
from leanrec.data.dataset import Dataset
from leanrec.data.description import ItemDescription
from leanrec.data.query import Query
from leanrec.errors import ConfigError, DataError
from leanrec.recommenders.building import build
from leanrec.recommenders.cold_start import ColdStart
from leanrec.recommenders.content import Content, ContentConfig
from leanrec.recommenders.protocol import AddsItems, ReadsText

TITLES = {"a": "Red desk lamp", "b": "Blue desk lamp", "c": "Garden chair", "d": "Folding garden table", "e": "Moon poster"}
HISTORIES = {"u": "abab", "v": "cdcd", "w": "abe", "x": "cde", "y": "ab", "z": "cd"}
NEW = ItemDescription(item_id="n", title="Green garden chair", attributes={"room": "garden"})
SECOND = ItemDescription(item_id="m", title="Brass desk lamp")


class SameDirection:
    """An encoder whose vectors share a large part, as those of language models do."""

    width = 3
    fingerprint = "same direction"

    def encode(self, texts: list[str]) -> np.ndarray:
        made = np.array([[5.0, float("lamp" in text.lower()), float("garden" in text.lower())] for text in texts], np.float32)
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    def save(self, folder: Path) -> None:
        raise NotImplementedError


@pytest.fixture(scope="module")
def train() -> Dataset:
    plain = dataset_of(HISTORIES)
    rooms = {"a": "office", "b": "office", "c": "garden", "d": "garden"}
    ids = plain.items.ids
    frame = pl.DataFrame({"item_id": ids, "title": [TITLES[item] for item in ids], "room": [rooms.get(item) for item in ids]})
    return Dataset(users=plain.users, items=plain.items, events=plain.events, time_quality=plain.time_quality, catalogue=Catalogue(frame=frame))


@pytest.fixture(scope="module")
def content(train: Dataset) -> Content:
    return Content().fit(train)


@pytest.fixture(scope="module")
def beside(train: Dataset) -> ColdStart:
    recommender = build("cold-start", {"recommender": "cooccurrence"})
    assert isinstance(recommender, ColdStart)
    return recommender.fit(train)


def best(recommender: Content | ColdStart, query: Query) -> str:
    return recommender.recommend([query], k=1)[0].item_ids[0]


def test_what_is_like_the_history_is_answered(content: Content) -> None:
    assert best(content, Query(history=("a",))) == "b"
    assert best(content, Query(history=("a", "b", "c"))) == "d"


def test_the_users_own_words_are_answered_beside_or_instead_of_a_history(content: Content, beside: ColdStart) -> None:
    for recommender in (content, beside):
        assert isinstance(recommender, ReadsText)
        assert recommender.reads_text
        (answer,) = recommender.recommend([Query(text="something for the GARDEN")], k=2)
        assert set(answer.item_ids) == {"c", "d"}
        assert not answer.cold
        assert best(recommender, Query(history=("a",), text="moon")) == "e"


@pytest.mark.parametrize("text", ["", "   ", "\n\x00"])
def test_an_empty_text_is_no_text(content: Content, text: str) -> None:
    said, silent = content.recommend([Query(history=("a",), text=text), Query(history=("a",))], k=3)
    assert said.item_ids == silent.item_ids
    (nobody,) = content.recommend([Query(text=text)], k=3)
    assert nobody.cold


def test_words_that_nobody_uses_are_still_answered(beside: ColdStart) -> None:
    assert len(beside.recommend([Query(text="שלום 🙂 \ud800")], k=3)[0].items) == 3


@pytest.mark.parametrize("name", ["content", "beside"])
def test_a_new_item_is_answered_at_once_and_what_was_fitted_stays_as_it_is(name: str, request: pytest.FixtureRequest) -> None:
    recommender: Content | ColdStart = request.getfixturevalue(name)
    assert isinstance(recommender, AddsItems)
    grown = recommender.with_items([NEW]).with_items([SECOND])
    assert grown.items.ids == (*recommender.items.ids, "n", "m")
    assert set(grown.recommend([Query(history=("c",), candidates=("n", "m", "e"))], k=2)[0].item_ids) >= {"n"}
    assert best(grown, Query(text="brass")) == "m"
    assert best(grown, Query(history=("n",))) in {"c", "d"}
    assert len(recommender.items) == 5
    assert grown.similar("n", k=1).item_ids == ("c",)
    with pytest.raises(DataError, match="is there already"):
        grown.with_items([NEW])


def test_without_new_items_and_words_the_answer_is_the_recommenders_own(beside: ColdStart) -> None:
    queries = [Query(history=("a",)), Query(history=("c", "e")), Query()]
    assert np.array_equal(beside.catalogue_scores(queries), beside.member.catalogue_scores(queries))
    grown = beside.with_items([NEW])
    for query in queries:
        kept = [item for item in grown.recommend([query], k=6)[0].item_ids if item != "n"]
        assert kept[0] == best(beside, query)


def test_a_higher_share_shows_more_of_new_items(train: Dataset) -> None:
    def place(share: float) -> int:
        made = build("cold-start", {"recommender": "cooccurrence", "share": share, "likeness": 1.0}).fit(train)
        assert isinstance(made, ColdStart)
        return made.with_items([NEW]).recommend([Query(history=("c", "d"))], k=10)[0].item_ids.index("n")

    assert place(1.0) <= place(0.1)


def test_influences_of_known_and_new_items_are_what_occlusion_finds(beside: ColdStart) -> None:
    grown = beside.with_items([NEW])
    history = np.array([grown.items.row(item) for item in ("a", "c", "n", "d")])
    rows = np.array([grown.items.row(item) for item in ("n", "b")])
    drops = grown.influences(history, rows)
    ids = grown.items.ids
    whole = grown.catalogue_scores([Query(history=tuple(ids[row] for row in history))])[0, rows]
    for place, left_out in enumerate(history.tolist()):
        kept = tuple(ids[row] for row in history.tolist() if row != left_out)
        np.testing.assert_allclose(drops[place], whole - grown.catalogue_scores([Query(history=kept)])[0, rows], atol=1e-5)


def test_with_an_encoder_meaning_counts_and_what_all_items_share_does_not(train: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leanrec.recommenders.content.resolve_text_encoder", lambda name: SameDirection())
    content = Content(ContentConfig(text_encoder="one", meaning=1.0)).fit(train)
    likeness = content.likeness([np.array([content.items.row("a")])])[0]
    assert likeness[content.items.row("b")] == pytest.approx(1.0, abs=1e-5)
    assert likeness[content.items.row("c")] < 0
    assert content.with_items([SECOND]).similar("m", k=2).item_ids == ("a", "b")


def test_a_catalogue_that_says_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="says nothing of its items"):
        Content().fit(dataset_of(HISTORIES))


def test_an_encoder_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="no text encoder at 'nowhere'"):
        Content(ContentConfig(text_encoder="nowhere")).fit(_with_titles())


def _with_titles() -> Dataset:
    plain = dataset_of(HISTORIES)
    frame = pl.DataFrame({"item_id": plain.items.ids, "title": [TITLES[item] for item in plain.items.ids]})
    return Dataset(users=plain.users, items=plain.items, events=plain.events, time_quality=plain.time_quality, catalogue=Catalogue(frame=frame))
