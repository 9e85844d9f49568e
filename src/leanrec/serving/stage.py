"""The door of the room for answering: a question and candidates go into a stage, candidates come out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from leanrec.data.profile import Correction
from leanrec.data.query import Query
from leanrec.serving.item_index import Mask, Rows
from leanrec.serving.served_model import ServedModel

FloatArray = npt.NDArray[np.float32]

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

    @property
    def is_cold(self) -> bool:
        """Nothing is known of who asks."""
        return len(self.history_rows) == 0


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
