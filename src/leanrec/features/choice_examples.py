"""Choices as labelled pairs: what somebody had, what they chose next, and other items that they might have chosen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from leanrec.config import Config
from leanrec.errors import DataError
from leanrec.features.histories import FloatArray, Histories, Rows
from leanrec.features.history_text import history_text
from leanrec.features.item_text import ItemTextConfig
from leanrec.features.relevance_examples import RelevanceExamples

Propose = Callable[[Sequence[Rows]], FloatArray]
"""Scores (B, N) of all items after each of B histories: whose candidates the others are."""

BLOCK = 256
"""Histories whose candidates are sought at once."""


class ExamplesConfig(Config):
    """Which moments are asked about, and what is read of them."""

    max_questions: int = Field(default=2000, ge=1)
    """Moments at most, drawn by chance where there are more."""
    per_user: int = Field(default=1, ge=1)
    """Newest moments of each user."""
    others: int = Field(default=4, ge=1)
    """Items that were not chosen, beside each that was; means nothing to ratings."""
    pool: int = Field(default=20, ge=1)
    """The others are drawn from so many of the best candidates; means nothing where they are drawn by popularity."""
    history_items: int = Field(default=10, ge=1)
    """Newest items of a history that are read: as many as `language-ranker` reads."""
    text: ItemTextConfig = ItemTextConfig(max_characters=300)
    """What is read of an item: what `language-ranker` reads."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Moments:
    """Q choices, each with what was chosen before it."""

    users: Rows
    """(Q,) whose choices."""
    pasts: tuple[Rows, ...]
    """Item rows before each, oldest first; never empty."""
    chosen: Rows
    """(Q,) item rows."""
    known: tuple[Rows, ...]
    """Every item that the user is known to have chosen at any time: none of them is one of the others."""

    def __len__(self) -> int:
        return len(self.chosen)


def moments_of(histories: Histories, texts: Sequence[str], *, config: ExamplesConfig, rng: np.random.Generator) -> Moments:
    """The newest choices of users that have something before them and were not made before; of items that have a text.

    Raises `DataError` when there are none.
    """
    has_text = np.array([bool(text) for text in texts], np.bool_)
    found: list[tuple[int, Rows, int]] = []
    for user in range(len(histories)):
        rows = histories.of(user)
        is_first = np.zeros(len(rows), np.bool_)
        is_first[np.unique(rows, return_index=True)[1]] = True
        has_past = np.cumsum(has_text[rows]) - has_text[rows] > 0
        places = np.flatnonzero(is_first & has_past & has_text[rows])[-config.per_user :]
        found += [(user, rows[:place], int(rows[place])) for place in places.tolist()]
    if not found:
        raise DataError(
            "no user chose two items that have a text: there is nothing to learn from", hint="read a catalogue with titles: --catalogue FILE"
        )
    if len(found) > config.max_questions:
        found = [found[place] for place in np.sort(rng.permutation(len(found))[: config.max_questions])]
    return Moments(
        users=np.array([user for user, _, _ in found]),
        pasts=tuple(past for _, past, _ in found),
        chosen=np.array([item for _, _, item in found]),
        known=tuple(np.unique(histories.of(user)) for user, _, _ in found),
    )


def choice_examples(
    moments: Moments,
    texts: Sequence[str],
    counts: Rows,
    *,
    config: ExamplesConfig,
    rng: np.random.Generator,
    propose: Propose | None = None,
) -> RelevanceExamples:
    """One question a moment: what was chosen, labelled 1, and others, labelled 0; candidate row r is item row r.

    The others are drawn from the best candidates that `propose` finds after the same past, else by how often items were chosen: `counts` (N,).
    """
    has_text = np.array([bool(text) for text in texts], np.bool_)
    questions, rows, labels = [], [], []
    for start in range(0, len(moments), BLOCK):
        block = range(start, min(start + BLOCK, len(moments)))
        scores = propose([moments.pasts[number] for number in block]) if propose is not None else None
        for place, number in enumerate(block):
            may_stand = has_text.copy()
            may_stand[moments.known[number]] = False
            if scores is not None:
                others = _of_the_best(scores[place], may_stand, config=config, rng=rng)
            else:
                others = _by_popularity(counts, may_stand, number=config.others, rng=rng)
            questions += [number] * (1 + len(others))
            rows += [int(moments.chosen[number]), *others.tolist()]
            labels += [1.0, *[0.0] * len(others)]
    return RelevanceExamples(
        histories=tuple(history_text([texts[row] for row in past.tolist()], num_items=config.history_items) for past in moments.pasts),
        candidates=tuple(texts),
        questions=np.array(questions, np.int64),
        candidate_rows=np.array(rows, np.int64),
        labels=np.array(labels, np.float32),
    )


def _of_the_best(scores: FloatArray, may_stand: np.ndarray, *, config: ExamplesConfig, rng: np.random.Generator) -> Rows:
    allowed = np.flatnonzero(may_stand)
    size = min(config.pool, len(allowed))
    best = allowed[np.argpartition(-scores[allowed], size - 1)[:size]] if size else allowed
    return rng.permutation(np.sort(best))[: config.others]


def _by_popularity(counts: Rows, may_stand: np.ndarray, *, number: int, rng: np.random.Generator) -> Rows:
    chances = np.where(may_stand, counts + 1e-3, 0.0)  # an item that nobody chose yet may stand too, rarely
    size = min(number, int(may_stand.sum()))
    drawn: Rows = rng.choice(len(counts), size=size, replace=False, p=chances / chances.sum()) if size else np.zeros(0, np.int64)
    return drawn
