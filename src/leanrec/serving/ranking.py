"""Rank and fuse: order each source's offers, then make one list of them."""

import numpy as np
from pydantic import Field

from leanrec.config import Config
from leanrec.serving.stage import Candidates, Question


class RankConfig(Config):
    """How many of each source go on."""

    keep: int = Field(default=200, ge=1, le=10_000)
    """The best of each source, at least 4 k."""


class Rank:
    """Orders the offers of each source by its own scores and keeps the best; equal scores in the order of rows."""

    def __init__(self, config: RankConfig) -> None:
        self.config = config

    def __call__(self, question: Question, candidates: Candidates) -> Candidates:
        """Source after source, each with its best first."""
        keep = max(self.config.keep, 4 * question.k)
        order = np.lexsort((candidates.rows, -candidates.scores, candidates.sources))
        order = order[np.isfinite(candidates.scores[order])]
        if len(candidates.names) == 1:
            return candidates.take(order[:keep])
        return candidates.take(order[_ranks(candidates.sources[order]) < keep])


class FuseConfig(Config):
    """How several sources become one list."""

    smoothing: float = Field(default=60.0, ge=0)
    """An item at rank r of a source counts weight / (smoothing + r); 60 is the constant of Cormack et al. 2009."""


class Fuse:
    """Reciprocal rank fusion of the sources (Cormack, Clarke and Buettcher 2009); one source alone keeps its scores."""

    def __init__(self, config: FuseConfig) -> None:
        self.config = config

    def __call__(self, question: Question, candidates: Candidates) -> Candidates:  # noqa: ARG002 - ranks alone decide
        """Each item once, best first, named after the source that counted most for it."""
        if len(candidates.names) == 1:
            return candidates.take(np.arange(len(candidates)), note="one source")
        ranks = _ranks(candidates.sources)
        shares = np.array(candidates.weights)[candidates.sources] / (self.config.smoothing + 1 + ranks)
        rows, place = np.unique(candidates.rows, return_inverse=True)
        totals = np.bincount(place, weights=shares, minlength=len(rows)).astype(np.float32)
        strongest = np.lexsort((shares, place))[np.cumsum(np.bincount(place, minlength=len(rows))) - 1]
        order = np.argsort(-totals, kind="stable")
        return Candidates(
            rows=rows[order],
            scores=totals[order],
            sources=candidates.sources[strongest][order],
            names=candidates.names,
            note=f"{len(candidates.names)} sources",
        )


def _ranks(sources: np.ndarray) -> np.ndarray:
    """(C,) place of each candidate within its source, from 0; the sources stand one after the other."""
    counts = np.bincount(sources, minlength=int(sources.max(initial=0)) + 1)
    starts = np.cumsum(counts) - counts
    ranks: np.ndarray = np.arange(len(sources)) - starts[sources]
    return ranks
