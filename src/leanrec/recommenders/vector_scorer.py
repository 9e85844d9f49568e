"""VectorScorer: scores a catalogue by the product of a vector that sums up a history and a vector of every item."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Self, TypeVar

import numpy as np

from leanrec.artifact import Arrays
from leanrec.config import Config
from leanrec.data.description import ItemDescription
from leanrec.data.query import Query
from leanrec.errors import ConfigError
from leanrec.features.histories import Rows
from leanrec.recommenders.item_comparer import ItemComparer, cosines
from leanrec.recommenders.item_content import ItemContent
from leanrec.recommenders.protocol import FloatArray

Settings = TypeVar("Settings", bound=Config)

Encode = Callable[[FloatArray], FloatArray]
"""(B, L, D) vectors of the items of B histories of one length, oldest first -> (B, D), one vector for each history."""

MAX_TOKENS = 8192
"""Events that are encoded at once: bounds the memory of a block of queries."""
MAX_OCCLUDED = 10
"""Newest places of a history whose influence is found by asking without them; each costs an encoding."""


class VectorScorer(ItemComparer[Settings]):
    """Adds scores, likeness and influences to a child that fits vectors and encodes histories by `_encode`.

    The child sets `_item_vectors` (N, D) float32 and `_max_length`, the newest events of a history that it reads.
    """

    scores_are_logits: ClassVar[bool] = True
    """Scores are logarithms of odds, up to a constant for each query: what the losses of networks make of them."""
    _item_vectors: FloatArray
    _max_length: int
    _temperature: float | None = None
    """Given, item vectors have length 1 and scores are cosines divided by it."""
    _content: ItemContent | None = None
    """What items that come later are computed by, where training hid ids, so that content alone learned to speak."""

    @abstractmethod
    def _encode(self, items: FloatArray) -> FloatArray:
        """The encoder: see `Encode`."""

    @property
    def adds_items(self) -> bool:
        """Whether items that come later can be scored: where training hid ids and content was there to learn."""
        return self._content is not None

    def with_items(self, items: Sequence[ItemDescription]) -> Self:
        """Further items, scored by their content; raises `ConfigError` where content learned nothing."""
        grown = self._grown(items)
        if self._content is None or not self.adds_items:
            raise ConfigError(
                f"{self.name} knows items by their ids: it was fitted with items.id_dropout = 0, or had no attributes to learn from",
                hint="set items.id_dropout, 0.2 say, and fit again, or let cold-start stand content beside it",
            )
        vectors = self._new_vectors(self._content, items)
        grown._item_vectors = np.concatenate([self._item_vectors, vectors if self._temperature is None else unit_vectors(vectors)])
        return grown

    def _new_vectors(self, content: ItemContent, items: Sequence[ItemDescription]) -> FloatArray:
        """(M, D) of items that come later."""
        return content.of_items(items)

    def user_vectors(self, histories: Sequence[Rows]) -> FloatArray:
        """(B, D) float32 from item rows, oldest first; zeros for an empty history."""
        vectors = encoded(histories, self._item_vectors, encode=self._encode, max_length=self._max_length)
        return vectors if self._temperature is None else unit_vectors(vectors) / np.float32(self._temperature)

    def influences(self, history: Rows, item_rows: Rows) -> FloatArray:
        """(H, K) how far each score falls without the item at each place, wherever it stands; 0 for all but the newest places."""
        first = max(0, len(history) - MAX_OCCLUDED)
        without = [history[history != history[place]] for place in range(first, len(history))]
        scores = self.user_vectors([history, *without]) @ self._item_vectors[item_rows].T
        drops = np.zeros((len(history), len(item_rows)), dtype=np.float32)
        drops[first:] = scores[0] - scores[1:]
        return drops

    def _score_rows(self, histories: Sequence[Rows], queries: Sequence[Query]) -> FloatArray:  # noqa: ARG002
        scores: FloatArray = self.user_vectors(histories) @ self._item_vectors.T
        return scores

    def _affinity(self, item_row: int) -> FloatArray:
        return cosines(self._item_vectors, item_row)

    def _to_arrays(self) -> Arrays:
        return {
            "item_vectors": self._item_vectors,
            "max_length": np.array([self._max_length]),
            "temperature": np.array([np.nan if self._temperature is None else self._temperature]),
            **({} if self._content is None else self._content.to_arrays()),
        }

    def _from_arrays(self, arrays: Arrays) -> None:
        self._item_vectors = arrays["item_vectors"]
        self._max_length = int(arrays["max_length"][0])
        temperature = float(arrays["temperature"][0])
        self._temperature = None if np.isnan(temperature) else temperature
        self._content = ItemContent.from_arrays(arrays)


def unit_vectors(vectors: FloatArray) -> FloatArray:
    """Each vector of the last axis at length 1; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    divided: FloatArray = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return divided


def encoded(histories: Sequence[Rows], item_vectors: FloatArray, *, encode: Encode, max_length: int, width: int | None = None) -> FloatArray:
    """(B, D), or as wide as the encoder's vectors are, of the newest `max_length` items of each history; zeros for an empty one.

    Histories of equal length are encoded together, so nothing is padded.
    """
    vectors = np.zeros((len(histories), width or item_vectors.shape[1]), dtype=np.float32)
    lengths = np.fromiter((min(len(history), max_length) for history in histories), dtype=np.int64, count=len(histories))
    for length in np.unique(lengths[lengths > 0]).tolist():
        places = np.flatnonzero(lengths == length)
        block = max(1, MAX_TOKENS // length)
        for start in range(0, len(places), block):
            chosen = places[start : start + block]
            rows = np.stack([histories[place][-length:] for place in chosen.tolist()])
            vectors[chosen] = encode(item_vectors[rows])
    return vectors
