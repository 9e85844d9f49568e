"""TrainedItems: which items of a catalogue a network trains on, and how the others get their vectors."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch.nn import functional

from leanrec.data.dataset import Dataset
from leanrec.features.attribute_vocabulary import AttributeVocabulary
from leanrec.features.histories import Histories, Rows
from leanrec.features.item_attributes import ItemAttributes
from leanrec.models.item_embedding import ItemEmbedding, ItemEmbeddingConfig
from leanrec.recommenders.catalogue_scorer import act_counts
from leanrec.recommenders.item_content import ItemContent
from leanrec.recommenders.protocol import FloatArray
from leanrec.recommenders.vector_scorer import unit_vectors


@dataclass(frozen=True, kw_only=True)
class TrainedItems:
    """Rows of the items that are trained on, with what is known of the whole catalogue.

    An item that nobody chose is never a target, only pushed down by those that are. Where content speaks for such items they are left
    out of the training, and their vectors are made of their content afterwards.
    """

    rows: Rows
    """(n,) rows of the catalogue, rising."""
    counts: Rows
    """(n,) acts on each."""
    known: ItemAttributes
    """Of the whole catalogue."""
    text: FloatArray | None
    """(N, E) a text encoder's vectors of the whole catalogue."""
    title: str | None
    """The column that names items."""

    @classmethod
    def of(cls, train: Dataset, known: ItemAttributes, *, only_chosen: bool, text: FloatArray | None = None) -> "TrainedItems":
        """Every item of the catalogue, or those alone that somebody chose."""
        counts = act_counts(train)
        rows = np.flatnonzero(counts) if only_chosen else np.arange(train.num_items)
        return cls(rows=rows, counts=counts[rows], known=known, text=text, title=train.catalogue.title_column)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def num_items(self) -> int:
        """Items of the whole catalogue."""
        return int(self.known.matrix.shape[0])

    @cached_property
    def vocabulary(self) -> AttributeVocabulary:
        """The attributes by name."""
        return AttributeVocabulary.of(self.known.names, title=self.title)

    def histories(self, train: Dataset) -> Histories:
        """The users' histories, on places among the trained items."""
        histories = Histories.of_dataset(train)
        if len(self) == self.num_items:
            return histories
        place_of = np.full(self.num_items, -1, np.int64)
        place_of[self.rows] = np.arange(len(self))
        return replace(histories, item_rows=place_of[histories.item_rows], num_items=len(self))

    def embedding(self, config: ItemEmbeddingConfig, *, width: int) -> ItemEmbedding:
        """Fresh vectors of the trained items."""
        is_all = len(self) == self.num_items
        return ItemEmbedding(
            config,
            width=width,
            num_items=len(self),
            attributes=self.known.matrix if is_all else self.known.matrix[self.rows],
            vectors=self.known.vectors if is_all else self.known.vectors[self.rows],
            text=None if self.text is None else self.text[self.rows],
        )

    def content(self, items: ItemEmbedding, *, width: int) -> ItemContent:
        """What was learned of content."""
        return ItemContent.of_arrays(self.vocabulary, items.content_arrays(), width=width)

    def vectors(self, items: ItemEmbedding, *, is_cosine: bool) -> FloatArray:
        """(N, D) of the whole catalogue, those that were not trained on by their content; with `is_cosine` of length 1."""
        with torch.no_grad():
            own = items()
            trained: FloatArray = (functional.normalize(own, dim=1) if is_cosine else own).float().cpu().numpy()
        if len(self) == self.num_items:
            return trained
        others = np.setdiff1d(np.arange(self.num_items), self.rows)
        made = self.content(items, width=trained.shape[1]).of_features(
            self.known.matrix[others], media=self.known.vectors[others], text=None if self.text is None else self.text[others]
        )
        vectors = np.empty((self.num_items, trained.shape[1]), np.float32)
        vectors[self.rows], vectors[others] = trained, unit_vectors(made) if is_cosine else made
        return vectors
