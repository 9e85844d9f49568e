"""WordWeights: BM25 by hand, items of a later day, and what it does with odd texts."""

import math

import numpy as np
import pytest

from leanrec.data.description import ItemDescription
from leanrec.features.word_weights import WordWeights

ITEMS = [
    ItemDescription(item_id="a", title="Red lamp", attributes={"kind": "lamp"}),
    ItemDescription(item_id="b", title="Blue lamp", attributes={"tags": ["quiet", "night"]}),
    ItemDescription(item_id="c", title=None, attributes={"price": 3.0}),
]


def bm25(times: int, length: int, *, mentioned_in: int) -> float:
    rarity = math.log(1 + (3 - mentioned_in + 0.5) / (mentioned_in + 0.5))
    return rarity * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * length / (7 / 3)))


def test_scores_are_bm25() -> None:
    index = WordWeights.of(ITEMS)
    expected = [bm25(2, 3, mentioned_in=2), bm25(1, 4, mentioned_in=2) + 2 * bm25(1, 4, mentioned_in=1), 0.0]
    np.testing.assert_allclose(index.scores("a LAMP, blue blue!"), expected, rtol=1e-6)


def test_a_later_item_is_weighed_as_those_of_the_first_day() -> None:
    index = WordWeights.of(ITEMS)
    later = index.with_items([ItemDescription(item_id="d", title="lamp red LAMP moon"), ItemDescription(item_id="e")])
    assert later.scores("lamp").tolist()[:3] == index.scores("lamp").tolist()
    assert later.scores("lamp")[3] == pytest.approx(bm25(2, 4, mentioned_in=2), rel=1e-6)
    assert later.scores("moon").tolist() == [0.0, 0.0, 0.0, pytest.approx(bm25(1, 4, mentioned_in=1), rel=1e-6), 0.0]


def test_saved_and_opened_it_is_the_same() -> None:
    index = WordWeights.of(ITEMS)
    opened = WordWeights.from_arrays(index.to_arrays())
    assert opened.scores("quiet lamp").tolist() == index.scores("quiet lamp").tolist()


@pytest.mark.parametrize("text", ["", "   ", "\x00\x07", "🙂🙂", "שלום", "\ud800", "nobody says this", "lamp " * 2_000_000])
def test_any_text_is_read(text: str) -> None:
    scores = WordWeights.of(ITEMS).scores(text)
    assert np.isfinite(scores).all()
    assert (scores > 0).any() == ("lamp" in text)


def test_a_catalogue_without_words_finds_nothing() -> None:
    index = WordWeights.of([ItemDescription(item_id="a")])
    assert index.scores("lamp").tolist() == [0.0]
    assert WordWeights.from_arrays(index.to_arrays()).scores("lamp").tolist() == [0.0]
