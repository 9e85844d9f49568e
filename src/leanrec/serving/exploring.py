"""Explore: a few places of a list go to items of which little is known, so that something can become known of them."""

import zlib
from collections.abc import Sequence

import numpy as np
from pydantic import Field
from scipy.special import betaincinv

from leanrec.config import Config
from leanrec.serving.exposure import Exposure
from leanrec.serving.item_index import Rows
from leanrec.serving.stage import NEW_ITEM, Candidates, FloatArray, Question

POOL = 50
"""New items, the best by score, among which chance decides."""
UNKNOWN_WORTH = np.float32(0.5)
"""Of an item that the model cannot score: it stands between the best and the worst of the others."""


class ExploreConfig(Config):
    """How much of each list is for new items."""

    share: float = Field(default=0.1, ge=0, le=0.5)
    """Share of the places. Where it comes to less than one, so many lists have one (with 5 items and 0.1, every second); 0 turns it off."""
    min_events: int = Field(default=5, ge=0)
    """An item that came after the model was made is new until it has so many acts; one that the model cannot score stays new."""
    includes_known: bool = False
    """Whether an item that the model knows, but with fewer acts than that, is new too; its places cost those of the model's own list."""


class Explore:
    """Gives places below the first to new items, by Thompson sampling over what came of showing them (Chapelle and Li 2011).

    Places and draws follow from the user and the day, so that a list does not flicker. New items that stand in the list already count, and
    an answer to words has none: who asks for something wants that.
    """

    def __init__(self, config: ExploreConfig, *, exposure: Exposure, seed: int) -> None:
        self.config = config
        self._exposure = exposure
        self._seed = seed

    def __call__(self, question: Question, candidates: Candidates) -> Candidates:
        """At most k candidates; new ones where the list has places for them, or falls short of k."""
        chosen = candidates.take(np.arange(min(len(candidates), question.k)))
        rng = np.random.default_rng([self._seed, question.day, zlib.crc32(question.person.encode())])
        quota = self._quota(question, rng) - sum(self._is_new(question, row) for row in chosen.rows.tolist())
        wanted = max(quota, question.k - len(chosen))
        rows = self._drawn(question, chosen.rows, wanted) if wanted > 0 else []
        if not rows:
            return chosen
        self._exposure.shown([question.model.catalogue.item_id(row) for row in rows])
        return _with_new(chosen, rows, k=question.k, rng=rng)

    def _is_new(self, question: Question, row: int) -> bool:
        model = question.model
        if row >= model.num_scored:
            return True
        if row < model.catalogue.num_known and not self.config.includes_known:
            return False
        before = int(model.snapshot.counts[row]) if row < model.catalogue.num_known else 0
        return before + self._exposure.of(model.catalogue.item_id(row))[1] < self.config.min_events

    def _quota(self, question: Question, rng: np.random.Generator) -> int:
        if question.heard is not None:
            return 0
        places = self.config.share * question.k
        whole = int(places)
        return min(whole + int(rng.random() < places - whole), question.k - 1)

    def _drawn(self, question: Question, chosen: Rows, wanted: int) -> list[int]:
        """The rows that draw best: their score among new items, and how likely an act on them is, by the luck of the user, the day and the item."""
        is_new = ~question.blocked
        is_few = question.model.snapshot.counts < (self.config.min_events if self.config.includes_known else 0)
        is_new[: question.model.catalogue.num_known] &= is_few
        is_new[chosen] = False
        rows = np.flatnonzero(is_new)
        worth = _worth(question, rows)
        pool = [place for place in np.argsort(-worth, kind="stable")[: 2 * max(POOL, wanted)].tolist() if self._is_new(question, int(rows[place]))]
        item_ids = [question.model.catalogue.item_id(int(rows[place])) for place in pool]
        seen = np.array([self._exposure.of(item_id) for item_id in item_ids], np.float64).reshape(len(pool), 2)
        shown, acts = seen[:, 0], seen[:, 1]
        luck = [zlib.crc32(f"{item_id} {question.day} {question.person}".encode(), self._seed) / 2**32 for item_id in item_ids]
        draws = betaincinv(1 + acts, 1 + np.maximum(0, shown - acts), luck)
        order = np.argsort(-(worth[pool] + draws), kind="stable")[:wanted]
        found: list[int] = rows[pool][order].tolist()
        return found


def _worth(question: Question, rows: Rows) -> FloatArray:
    """(n,) scores of new items stretched to 0..1."""
    worth = np.full(len(rows), UNKNOWN_WORTH)
    is_scored = rows < question.model.num_scored
    if question.model.scorer is not None and is_scored.any():
        scores = question.scores_of(question.model)[rows[is_scored]]
        span = float(scores.max() - scores.min())
        worth[is_scored] = (scores - scores.min()) / np.float32(span) if span > 0 else UNKNOWN_WORTH
    return worth


def _with_new(chosen: Candidates, new_rows: Sequence[int], *, k: int, rng: np.random.Generator) -> Candidates:
    """The list with new items at random places, the first left alone, and the worst of the others out."""
    kept = min(len(chosen), k - len(new_rows))
    size = kept + len(new_rows)
    first = min(1, kept)
    places = np.sort(rng.choice(np.arange(first, size), size=len(new_rows), replace=False))
    rest = np.setdiff1d(np.arange(size), places)
    names = (*chosen.names, NEW_ITEM)
    rows, scores, sources = np.empty(size, np.int64), np.empty(size, np.float32), np.full(size, len(names) - 1, np.int8)
    rows[rest], scores[rest], sources[rest] = chosen.rows[:kept], chosen.scores[:kept], chosen.sources[:kept]
    rows[places] = new_rows
    scores[places] = [scores[rest[rest < place][-1]] if (rest < place).any() else 0.0 for place in places.tolist()]
    return Candidates(rows=rows, scores=scores, sources=sources, names=names, weights=chosen.weights, note=f"{len(new_rows)} new")
