"""What language models are tuned on: choices with what was not chosen, ratings, and never anything that came later."""

import numpy as np
import polars as pl
import pytest

from leanrec.data.catalogue import Catalogue
from leanrec.data.dataset import Dataset
from leanrec.data.events import EVENT_SCHEMA, EventLog
from leanrec.errors import DataError
from leanrec.features.choice_examples import ExamplesConfig, choice_examples, moments_of
from leanrec.features.histories import Histories
from leanrec.features.history_text import history_text
from leanrec.features.rating_examples import RatingWordsConfig, rating_examples

TEXTS = ["Kettle", "Teapot", "Ladle", "Drill", "Saw", ""]


def histories(*rows: list[int]) -> Histories:
    return Histories.of_rows([np.array(one, np.int64) for one in rows], num_items=len(TEXTS))


def rated(rows: list[tuple[str, str, int, float | None, str]], *, quality: str = "exact") -> Dataset:
    """user, item, time, stars, review"""
    columns = {
        "user_id": [row[0] for row in rows],
        "item_id": [row[1] for row in rows],
        "event": ["rate"] * len(rows),
        "timestamp": [row[2] for row in rows],
        "value": [row[3] for row in rows],
    }
    frame = pl.DataFrame(columns).select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items())
    frame = frame.with_columns(review=pl.Series([row[4] for row in rows], dtype=pl.String))
    catalogue = Catalogue(frame=pl.DataFrame({"item_id": ["a", "b", "c"], "title": ["Kettle", "Teapot", "Ladle"]}))
    return Dataset.build(EventLog(frame=frame, time_quality=quality), catalogue=catalogue)


def test_a_choice_is_asked_with_what_was_had_before_in_the_words_that_are_served() -> None:
    config = ExamplesConfig(history_items=2, others=2)
    moments = moments_of(histories([0, 1, 2, 3]), TEXTS, config=config, rng=np.random.default_rng(0))
    examples = choice_examples(moments, TEXTS, np.ones(6, np.int64), config=config, rng=np.random.default_rng(0))
    assert examples.histories == (history_text(["Kettle", "Teapot", "Ladle"], num_items=2),)
    assert examples.labels.tolist() == [1.0, 0.0]  # of six items four were chosen and one has no text
    assert [examples.candidates[row] for row in examples.candidate_rows] == ["Drill", "Saw"]


def test_what_was_chosen_before_or_says_nothing_is_no_choice() -> None:
    config = ExamplesConfig(per_user=9)
    moments = moments_of(histories([5, 0, 1, 0, 5], [3], [5, 4]), TEXTS, config=config, rng=np.random.default_rng(0))
    assert moments.chosen.tolist() == [1]
    assert moments.pasts[0].tolist() == [5, 0]
    with pytest.raises(DataError, match="no user chose two items that have a text"):
        moments_of(histories([0], [5, 5]), TEXTS, config=config, rng=np.random.default_rng(0))


def test_the_others_are_the_best_of_who_proposes_and_never_chosen_at_any_time() -> None:
    config = ExamplesConfig(per_user=2, others=1, pool=1)
    moments = moments_of(histories([0, 1, 2]), TEXTS, config=config, rng=np.random.default_rng(0))
    assert moments.chosen.tolist() == [1, 2]

    def propose(pasts: object) -> np.ndarray:
        return np.tile(np.array([9, 8, 7, 1, 2, 6], np.float32), (len(pasts), 1))  # type: ignore[arg-type]

    examples = choice_examples(moments, TEXTS, np.ones(6, np.int64), config=config, rng=np.random.default_rng(0), propose=propose)
    assert examples.candidate_rows[examples.labels == 0].tolist() == [4, 4]


def test_moments_are_drawn_when_there_are_too_many_and_the_newest_are_taken() -> None:
    many = histories(*[[0, 1, 2, 3]] * 50)
    moments = moments_of(many, TEXTS, config=ExamplesConfig(max_questions=7), rng=np.random.default_rng(0))
    assert len(moments) == 7
    assert set(moments.chosen.tolist()) == {3}


def test_a_rating_reads_nothing_that_is_not_surely_earlier() -> None:
    day = 86_400_000_000
    data = rated([("u", "a", 1 * day, 5.0, "hot"), ("u", "b", 2 * day, 2.0, "cold"), ("u", "c", 2 * day, 4.0, "long"), ("v", "b", 3 * day, 1.0, "")])
    config, texts = ExamplesConfig(per_user=9), ["Kettle", "Teapot", "Ladle"]
    examples = rating_examples(data, texts, config=config, rng=np.random.default_rng(0))
    assert examples.histories == ("", "Kettle", "Kettle", "")
    assert examples.labels.tolist() == [5.0, 2.0, 4.0, 1.0]
    words = RatingWordsConfig(says="reviews", heard=1)
    told = rating_examples(data, texts, config=config, words=words, rng=np.random.default_rng(0))
    assert told.histories[1] == "Kettle 5 stars. hot"
    assert told.candidates[1] == "Teapot"
    assert told.candidates[3] == "Teapot cold"
    alone = rating_examples(data, texts, config=config, words=words, users=np.array([1]), rng=np.random.default_rng(0))
    assert alone.candidates == ("Teapot cold",)


def test_events_without_stars_or_reviews_that_are_asked_for_are_said() -> None:
    config, texts = ExamplesConfig(), ["Kettle", "Teapot", "Ladle"]
    bare = rated([("u", "a", 1, None, ""), ("u", "b", 2, None, "")])
    with pytest.raises(DataError, match="no item that has a text was rated"):
        rating_examples(bare, texts, config=config, rng=np.random.default_rng(0))
    with pytest.raises(DataError, match="the events hold no reviews"):
        rating_examples(bare, texts, config=config, words=RatingWordsConfig(says="reviews"), rng=np.random.default_rng(0))
    ordered = rated([("u", "a", 1, 3.0, "x"), ("u", "b", 2, 3.0, "y")], quality="order")
    with pytest.raises(DataError, match="cannot be known without clock times"):
        rating_examples(ordered, texts, config=config, words=RatingWordsConfig(heard=1), rng=np.random.default_rng(0))
