"""Diversify: pick the k items that go out, near what was asked and unlike one another."""

import numpy as np
from pydantic import Field

from leanrec.config import Config
from leanrec.serving.stage import Candidates, FloatArray, Question


class DiversifyConfig(Config):
    """How much variety a list should have."""

    relevance: float = Field(default=0.9, ge=0, le=1)
    """1 takes the best by score; less gives up that much score for items unlike those above them (lambda of MMR)."""
    pool: int = Field(default=4, ge=1, le=20)
    """The pick is made among the pool x k best."""


class Diversify:
    """Maximal marginal relevance (Carbonell and Goldstein 1998) over categories."""

    def __init__(self, config: DiversifyConfig) -> None:
        self.config = config

    def __call__(self, question: Question, candidates: Candidates) -> Candidates:
        """At most k candidates in the order of the answer."""
        wanted = min(len(candidates), question.k)
        pool = candidates.take(np.arange(min(len(candidates), max(1, wanted) * self.config.pool)))
        catalogue = question.model.catalogue
        if self.config.relevance == 1.0 or catalogue.index.categories.shape[1] == 0 or wanted < 2:
            return pool.take(np.arange(wanted), note="by score")
        order = marginal_relevance(pool.scores, catalogue.category_vectors(pool.rows), k=wanted, relevance=self.config.relevance)
        moved = sum(place != position for position, place in enumerate(order))
        return pool.take(np.array(order, np.int64), note=f"{moved} moved")


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
