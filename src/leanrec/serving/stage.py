"""The door of the room for answering: a question and candidates go into a stage, candidates come out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from leanrec.data.profile import Correction
from leanrec.data.query import Query
from leanrec.serving.hearing import FloatArray, Heard
from leanrec.serving.item_index import Mask, Rows
from leanrec.serving.served_model import ServedModel

__all__ = ["NEW_ITEM", "POPULARITY", "Candidates", "FloatArray", "Question", "Stage"]

NEW_ITEM = "new-item"
"""Source of an item that no model has seen."""
POPULARITY = "popularity"


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One question with everything that stages may ask about it, on the rows of the model that answers."""

    query: Query
    """With the newest part of the history; candidates and exclusions stand in `blocked`."""
    k: int
    model: ServedModel
    models: Mapping[str, ServedModel]
    """All models that are loaded, for further sources."""
    history_rows: Rows
    """(H,) the part of the history that the model knows, oldest first."""
    blocked: Mask
    """(N + new,) items that may not be answered."""
    num_blocked: int
    wants_reasons: bool = True
    corrections: tuple[Correction, ...] = ()
    """What the user says of their tastes; items that are `not-me` stand in `blocked` already."""
    heard: Heard | None = None
    """What they ask for in their own words; its conditions stand in `blocked` already."""
    person: str = ""
    """One word for all ids of the user, or for the session; with `day` what chance is drawn from, so that lists stay the same for a while."""
    day: int = 0
    """Since 1970."""
    _scores: dict[str, FloatArray] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_cold(self) -> bool:
        """Nothing is known of who asks."""
        return len(self.history_rows) == 0 and self.model.is_cold(self.model.readable(self.query))

    def scores_of(self, model: ServedModel) -> FloatArray:
        """(R,) how a model scores each item that it knows; it is asked once, and must be one that scores a whole catalogue."""
        if model.name not in self._scores:
            assert model.scorer is not None, "only such a model has scores of everything"  # noqa: S101 - only our own bug could break it
            self._scores[model.name] = model.scorer.catalogue_scores([model.readable(self.query)])[0]
        return self._scores[model.name]

    def lifted(self, scores: FloatArray, rows: Rows) -> FloatArray:
        """Scores of rows with what the user's own words add."""
        return scores if self.heard is None else self.heard.lifted(scores, rows)


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidates:
    """Item rows with scores, each from a source; before fusing an item may stand here once for each source."""

    rows: Rows
    """(C,)"""
    scores: FloatArray
    """(C,) as its source scored it, and after fusing on one scale."""
    sources: npt.NDArray[np.int8]
    """(C,) position in `names`."""
    names: tuple[str, ...]
    """What the sources are called in an answer."""
    weights: tuple[float, ...] = ()
    """How much each source counts when they are fused."""
    reasons: tuple[str, ...] = ()
    note: str = field(default="", compare=False)
    """What the last stage has to say of itself."""

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: npt.NDArray[np.bool_] | npt.NDArray[np.int64], *, note: str = "") -> "Candidates":
        """The chosen candidates, in the given order."""
        return Candidates(
            rows=self.rows[places], scores=self.scores[places], sources=self.sources[places], names=self.names, weights=self.weights, note=note
        )


@runtime_checkable
class Stage(Protocol):
    """One step of the pipeline; it changes nothing that it was given."""

    def __call__(self, question: Question, candidates: Candidates) -> Candidates:
        """What goes on to the next stage."""
        ...
