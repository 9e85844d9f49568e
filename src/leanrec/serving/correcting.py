"""Correct: what people say of their tastes acts on answers at once, whatever model answers."""

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from leanrec.config import Config
from leanrec.data.filters import Filter
from leanrec.data.profile import Correction
from leanrec.serving.item_index import Mask
from leanrec.serving.live_catalogue import LiveCatalogue
from leanrec.serving.stage import Candidates, Question


class CorrectConfig(Config):
    """How much a stated like or dislike counts; `not-me` takes items out, whatever is set here."""

    strength: float = Field(default=0.5, ge=0, le=10)
    """An item with a liked value rises by so many standard deviations of the candidates' scores, with a disliked one it falls; 0 turns it off."""


class Correct:
    """Moves candidates that have a liked or a disliked value."""

    def __init__(self, config: CorrectConfig) -> None:
        self.config = config

    def __call__(self, question: Question, candidates: Candidates) -> Candidates:
        """All candidates, best first; equal scores keep their order."""
        stated = [one for one in question.corrections if one.verdict != "not-me"]
        if not stated or self.config.strength == 0 or len(candidates) < 2:
            return candidates.take(np.arange(len(candidates)), note="nothing stated")
        signs = np.zeros(len(candidates), np.float32)
        for correction in stated:
            signs += np.float32(1 if correction.verdict == "like" else -1) * having(question.model.catalogue, correction)[candidates.rows]
        shift = np.sign(signs) * np.float32(self.config.strength) * candidates.scores.std()
        moved = Candidates(
            rows=candidates.rows, scores=candidates.scores + shift, sources=candidates.sources, names=candidates.names, weights=candidates.weights
        )
        return moved.take(np.argsort(-moved.scores, kind="stable"), note=f"{np.count_nonzero(signs)} liked or disliked")


def muted(catalogue: LiveCatalogue, corrections: Sequence[Correction]) -> Mask | None:
    """(N + new,) items with a value of which the person said `not-me`; `None` where they said it of none."""
    masks = [having(catalogue, one) for one in corrections if one.verdict == "not-me"]
    return np.logical_or.reduce(masks) if masks else None


def having(catalogue: LiveCatalogue, correction: Correction) -> Mask:
    """(N + new,) items that have the value; none where the model's items lack the attribute."""
    if correction.attribute not in catalogue.index.snapshot.attributes:
        return np.zeros(len(catalogue), np.bool_)
    return catalogue.meeting((Filter(column=correction.attribute, operator="=", values=(correction.value,)),))
