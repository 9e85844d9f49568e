"""Diversify: pick the k items that go out, near what was asked and unlike one another, and give new items a chance."""

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from leanrec.config import Config
from leanrec.serving.stage import NEW_ITEM, Candidates, FloatArray, Question


class DiversifyConfig(Config):
    """How much variety a list should have."""

    relevance: float = Field(default=0.9, ge=0, le=1)
    """1 takes the best by score; less gives up that much score for items unlike those above them (lambda of MMR)."""
    pool: int = Field(default=4, ge=1, le=20)
    """The pick is made among the pool x k best."""
    new_items: int = Field(default=1, ge=0)
    """Last places of a list that go to items no model has seen, while there are such; at most a fifth of the list."""


class Diversify:
    """Maximal marginal relevance (Carbonell and Goldstein 1998) over categories, then new items in the last places."""

    def __init__(self, config: DiversifyConfig, *, rng: np.random.Generator) -> None:
        self.config = config
        self._rng = rng

    def __call__(self, question: Question, candidates: Candidates) -> Candidates:
        """At most k candidates in the order of the answer."""
        new_rows = self._new_rows(question, num_known=len(candidates))
        wanted = min(len(candidates), question.k - len(new_rows))
        pool = candidates.take(np.arange(min(len(candidates), max(1, wanted) * self.config.pool)))
        catalogue = question.model.catalogue
        if self.config.relevance == 1.0 or catalogue.index.categories.shape[1] == 0 or wanted < 2:
            chosen = pool.take(np.arange(wanted), note="by score")
        else:
            order = marginal_relevance(pool.scores, catalogue.category_vectors(pool.rows), k=wanted, relevance=self.config.relevance)
            moved = sum(place != position for position, place in enumerate(order))
            chosen = pool.take(np.array(order, np.int64), note=f"{moved} moved")
        return _with_new(chosen, new_rows) if new_rows else chosen

    def _new_rows(self, question: Question, *, num_known: int) -> list[int]:
        """Which new items stand in the answer: those that fit in the last places, and more where the model has too few."""
        rows = question.model.catalogue.new_rows
        if len(rows) == 0:
            return []
        rows = rows[(rows >= question.model.num_scored) & ~question.blocked[rows]]
        places = max(min(self.config.new_items, question.k // 5), question.k - num_known)
        if len(rows) > places:
            rows = self._rng.choice(rows, size=max(0, places), replace=False)
        found: list[int] = rows.tolist()
        return found


def marginal_relevance(scores: FloatArray, vectors: FloatArray, *, k: int, relevance: float) -> list[int]:
    """Places of k items in the order picked: each maximises relevance x score - (1 - relevance) x likeness to those above.

    `scores` (P,) are stretched to 0..1; likeness is the product of the vectors (P, D), which are of length 1 or 0.
    """
    span = float(scores.max() - scores.min())
    worth = relevance * (scores - scores.min()) / (span or 1.0)
    likeness = np.zeros(len(scores), np.float32)
    likenesses = vectors @ vectors.T
    likenesses *= 1.0 - relevance
    chosen: list[int] = []
    for _ in range(k):
        place = int((worth - likeness).argmax())
        chosen.append(place)
        worth[place] = -np.inf
        np.maximum(likeness, likenesses[place], out=likeness)
    return chosen


def _with_new(chosen: Candidates, new_rows: Sequence[int]) -> Candidates:
    names = (*chosen.names, NEW_ITEM)
    return Candidates(
        rows=np.concatenate([chosen.rows, np.array(new_rows, np.int64)]),
        scores=np.concatenate([chosen.scores, np.zeros(len(new_rows), np.float32)]),
        sources=np.concatenate([chosen.sources, np.full(len(new_rows), len(names) - 1, np.int8)]),
        names=names,
        note=f"{chosen.note}, {len(new_rows)} new",
    )
