"""The doors of the room: what every recommender does, and what some can do besides."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from leanrec.data.dataset import Dataset
from leanrec.data.description import ItemDescription
from leanrec.data.events import EventLog
from leanrec.data.ids import IdMap, ItemId, Rows
from leanrec.data.query import Query, Recommendations
from leanrec.recommenders.reading import Reading
from leanrec.training.run import Run

FloatArray = npt.NDArray[np.float32]


@runtime_checkable
class Recommender(Protocol):
    """Answers queries from what it learned; every one keeps the contract suite of `leanrec.testing`."""

    def fit(self, train: Dataset, *, valid: Dataset | None = None, run: Run = ...) -> Self:
        """Learn from `train`; `valid` holds later events of the same users, for choosing settings. Returns itself."""
        ...

    def score(self, query: Query, item_ids: Sequence[ItemId]) -> FloatArray:
        """(len(item_ids),) float32, higher is better; raises `UnknownIdError` for an item never seen."""
        ...

    def recommend(self, queries: Sequence[Query], *, k: int = 10, exclude_seen: bool = True) -> list[Recommendations]:
        """One answer per query: at most k items of the catalogue, scores falling."""
        ...

    def save(self, folder: Path) -> None:
        """Write an artifact; complete or not at all."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The recommender that `save` wrote; same answers."""
        ...


@runtime_checkable
class CatalogueScores(Protocol):
    """A recommender that can score its whole catalogue at once: full ranking without a detour over ids."""

    @property
    def items(self) -> IdMap:
        """The catalogue; row r is `items.ids[r]`."""
        ...

    def catalogue_scores(self, queries: Sequence[Query]) -> FloatArray:
        """(B, N) float32 over the rows of `items`, before any masking."""
        ...


@runtime_checkable
class CatalogueRecommender(Recommender, CatalogueScores, Protocol):
    """Both: what can take part in a fusion."""


@runtime_checkable
class Incremental(Protocol):
    """A recommender that learns new events without refitting."""

    def append(self, events: EventLog) -> Self:
        """Take in later events, new users and new items included. Returns itself."""
        ...


@runtime_checkable
class AddsItems(Protocol):
    """A recommender that can score an item as soon as its row is there, from what the row says; one with a false answer refuses."""

    @property
    def adds_items(self) -> bool:
        """Whether this one does, as it was fitted."""
        ...

    def with_items(self, items: Sequence[ItemDescription]) -> Self:
        """The same with further items on the rows after its own, in the given order; itself stays as it is.

        Raises `DataError` for an item that it has already, and `ConfigError` when it cannot.
        """
        ...


@runtime_checkable
class ReadsText(Protocol):
    """A recommender that understands `Query.text`; one without this door, or with a false answer, refuses a query with text."""

    @property
    def reads_text(self) -> bool:
        """Whether this one does, as it was fitted."""
        ...


@runtime_checkable
class ReadsProfile(Protocol):
    """A recommender that heeds `Query.profile`; for one without this door, or with a false answer, no profile is computed."""

    @property
    def reads_profile(self) -> bool:
        """Whether this one does, as it was fitted."""
        ...


@runtime_checkable
class SimilarItems(Protocol):
    """A recommender that knows which items resemble one another."""

    def similar(self, item_id: ItemId, *, k: int = 10) -> Recommendations:
        """The k items nearest to one item, itself left out; raises `UnknownIdError` when it is unknown."""
        ...


@runtime_checkable
class GivesReasons(Protocol):
    """A recommender that can say in its own words why an item stands in the answer."""

    def reason(self, query: Query, item_id: ItemId) -> str:
        """Why, in words for the user; empty when the method has none of its own for this item."""
        ...


@runtime_checkable
class GivesInfluences(Protocol):
    """A recommender that can say at once what scores would lose without each item of a history: reasons without asking again."""

    def influences(self, history: Rows, item_rows: Rows) -> FloatArray:
        """(H, K): for each place of the history (item rows, oldest first) how far each item's score falls without the item there."""
        ...


@runtime_checkable
class RanksByReading(Protocol):
    """A recommender that puts another's best candidates in a new order by reading of them, as long as a budget lasts."""

    @property
    def retriever(self) -> "CatalogueRecommender":
        """Who finds the candidates."""
        ...

    @property
    def num_candidates(self) -> int:
        """How many are read of."""
        ...

    def knowing(self, items: Sequence[ItemDescription]) -> Self:
        """One that can read of further items too, on the rows after its own; itself stays as it is."""
        ...

    def read(self, query: Query, item_ids: Sequence[ItemId], scores: FloatArray, *, budget_ms: float | None = None) -> Reading:
        """Candidates with falling scores (K,) in a new order; without a budget, its own settings say how long that may take."""
        ...


@runtime_checkable
class LearnsFromValidation(Protocol):
    """A recommender that chooses settings on validation data, and can be fitted to everything with the choice kept."""

    def settled(self) -> Recommender:
        """The same, unfitted, with what validation taught fixed in its settings. Raises `NotFittedError` before fit."""
        ...
