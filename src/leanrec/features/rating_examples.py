"""Ratings as labelled pairs: what somebody chose or said before, an item, and the stars that they gave it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from leanrec.config import Config
from leanrec.data.acts import is_act
from leanrec.data.dataset import Dataset
from leanrec.data.events import EVENT_WEIGHTS, REVIEW_COLUMN
from leanrec.errors import DataError
from leanrec.features.choice_examples import ExamplesConfig
from leanrec.features.histories import FloatArray, Rows
from leanrec.features.history_text import history_text
from leanrec.features.relevance_examples import RelevanceExamples

RATE = list(EVENT_WEIGHTS).index("rate")

Says = Literal["titles", "stars", "reviews"]


class RatingWordsConfig(Config):
    """What is read of ratings besides the items."""

    says: Says = "titles"
    """A line of the history: the item as `language-ranker` reads it; with the stars it was given; or with those and the review.
    Stars tell most, but a scorer that learned to read them is served histories without."""
    heard: int = Field(default=0, ge=0)
    """Newest reviews of the item by others, from before the rating, that are read as part of its text: for catalogues that say little."""
    max_review_characters: int = Field(default=200, ge=1)
    """A review is cut here."""


@dataclass(frozen=True, kw_only=True)
class _Log:
    """The acts of a data set as arrays, by user and then time."""

    users: Rows
    items: Rows
    times: Rows
    """Clock times, or places in the log where those are not exact: an act that is not surely earlier is not read."""
    stars: FloatArray
    """NaN where none were given."""
    reviews: list[str]
    by_item: Rows
    """Places by item and then time."""
    has_clock: bool

    @classmethod
    def of_dataset(cls, dataset: Dataset) -> "_Log":
        acts = np.flatnonzero(is_act(dataset))
        has_clock = dataset.time_quality == "exact"
        reviews = dataset.events[REVIEW_COLUMN].fill_null("").to_list() if REVIEW_COLUMN in dataset.events.columns else [""] * len(dataset)
        items = dataset.column("item_row")[acts].astype(np.int64)
        times = dataset.column("timestamp")[acts].astype(np.int64) if has_clock else np.arange(len(acts))
        values = dataset.events["value"].fill_null(np.nan).to_numpy()[acts].astype(np.float32)
        return cls(
            users=dataset.column("user_row")[acts].astype(np.int64),
            items=items,
            times=times,
            stars=np.where(dataset.column("event")[acts] == RATE, values, np.float32(np.nan)),
            reviews=[reviews[row] for row in acts.tolist()],
            by_item=np.lexsort((times, items)),
            has_clock=has_clock,
        )


def rating_examples(
    dataset: Dataset,
    texts: Sequence[str],
    *,
    config: ExamplesConfig,
    words: RatingWordsConfig | None = None,
    users: Rows | None = None,
    rng: np.random.Generator,
) -> RelevanceExamples:
    """One question a rating of these users, or of all, its label the stars; nothing that is not surely earlier than the rating is read.

    Raises `DataError` when no item with a text was rated, or when the log holds no reviews that `words` asks for.
    """
    words, log = words or RatingWordsConfig(), _Log.of_dataset(dataset)
    if (words.says == "reviews" or words.heard) and not any(log.reviews):
        raise DataError("the events hold no reviews", hint="name their column with --set columns.review=NAME, or read titles and stars")
    if words.heard and not log.has_clock:
        raise DataError("what others said before cannot be known without clock times", hint="set words.heard to 0")
    has_text = np.array([bool(text) or words.heard > 0 for text in texts], np.bool_)
    is_asked = np.isfinite(log.stars) & has_text[log.items]
    if users is not None:
        is_asked &= np.isin(log.users, users)
    chosen = _newest(log.users, np.flatnonzero(is_asked), number=config.per_user)
    if len(chosen) > config.max_questions:
        chosen = np.sort(rng.permutation(chosen)[: config.max_questions])
    candidates = [" ".join(part for part in (texts[log.items[event]], *_heard(log, event, words)) if part) for event in chosen.tolist()]
    is_readable = np.array([bool(text) for text in candidates], np.bool_)
    if not is_readable.any():
        raise DataError("no item that has a text was rated: there is nothing to learn from", hint="read events with a value, and a catalogue")
    chosen, candidates = chosen[is_readable], [text for text in candidates if text]
    return RelevanceExamples(
        histories=tuple(_past(log, event, texts, config=config, words=words) for event in chosen.tolist()),
        candidates=tuple(candidates),
        questions=np.arange(len(chosen)),
        candidate_rows=np.arange(len(chosen)),
        labels=log.stars[chosen],
    )


def _newest(users: Rows, events: Rows, *, number: int) -> Rows:
    """The last `number` of the events of each user."""
    later = np.searchsorted(users[events], users[events], side="right") - np.arange(len(events)) - 1
    return events[later < number]


def _past(log: _Log, event: int, texts: Sequence[str], *, config: ExamplesConfig, words: RatingWordsConfig) -> str:
    """What the user did before, a line an act."""
    start, end = np.searchsorted(log.users, [log.users[event], log.users[event] + 1])
    earlier = np.arange(start, end)[log.times[start:end] < log.times[event]][-config.history_items :]
    return history_text([_line(log, row, texts, words) for row in earlier.tolist()], num_items=config.history_items)


def _line(log: _Log, event: int, texts: Sequence[str], words: RatingWordsConfig) -> str:
    parts = [texts[log.items[event]]]
    if words.says != "titles" and np.isfinite(log.stars[event]):
        parts.append(f"{log.stars[event]:g} stars.")
    if words.says == "reviews":
        parts.append(log.reviews[event][: words.max_review_characters])
    return " ".join(part for part in parts if part)


def _heard(log: _Log, event: int, words: RatingWordsConfig) -> list[str]:
    """What others said of the item before, the newest last."""
    if not words.heard:
        return []
    of_item = log.by_item[slice(*np.searchsorted(log.items[log.by_item], [log.items[event], log.items[event] + 1]))]
    earlier = of_item[(log.times[of_item] < log.times[event]) & (log.users[of_item] != log.users[event])]
    said = [log.reviews[row][: words.max_review_characters] for row in earlier.tolist() if log.reviews[row]]
    return said[-words.heard :]
