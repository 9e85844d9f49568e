"""ItemComparer: a catalogue scorer that also knows which items resemble one another."""

from abc import abstractmethod
from typing import TypeVar

import numpy as np

from leanrec.config import Config
from leanrec.data.ids import ItemId
from leanrec.data.query import Recommendations, RecommendedItem
from leanrec.errors import ConfigError
from leanrec.recommenders.catalogue_scorer import EXCLUDED, CatalogueScorer, top_rows
from leanrec.recommenders.protocol import FloatArray

Settings = TypeVar("Settings", bound=Config)


class ItemComparer(CatalogueScorer[Settings]):
    """Adds `similar`; a child says by `_affinity` how near one item is to all others."""

    def similar(self, item_id: ItemId, *, k: int = 10) -> Recommendations:
        """The k items nearest to one item, nearest first; fewer when fewer have anything to do with it.

        Raises `UnknownIdError` for an item that is not in the catalogue and `ConfigError` for k < 1.
        """
        if k < 1:
            raise ConfigError(f"k is {k}; allowed: 1 or more", hint="k is how many items the answer holds")
        row = self.items.row(item_id)
        affinity = self._affinity(row)
        affinity = np.where(affinity > 0, affinity, EXCLUDED).astype(np.float32)
        affinity[row] = EXCLUDED
        ids = self.items.ids
        nearest = top_rows(affinity, k=k).tolist()
        chosen = tuple(RecommendedItem(item_id=ids[other], score=float(affinity[other]), source=self.name) for other in nearest)
        return Recommendations(items=chosen, model_version=self.model_version)

    @abstractmethod
    def _affinity(self, item_row: int) -> FloatArray:
        """(N,) how near each item is to this one; 0 or less for items that have nothing to do with it."""


def cosines(vectors: FloatArray, row: int) -> FloatArray:
    """(N,) cosine of the vector in `row` with every vector (N, D); 0 for a vector of length 0."""
    lengths = np.linalg.norm(vectors, axis=1)
    products = vectors @ vectors[row]
    result: FloatArray = np.divide(products, lengths * lengths[row], out=np.zeros_like(products), where=lengths * lengths[row] > 0)
    return result
