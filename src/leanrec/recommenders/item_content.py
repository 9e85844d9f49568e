"""ItemContent: what a network learned of attributes, media and texts, by which an item that it never trained on gets a vector; NumPy alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from leanrec.artifact import Arrays
from leanrec.data.description import ItemDescription
from leanrec.features.attribute_vocabulary import AttributeVocabulary
from leanrec.recommenders.protocol import FloatArray

_PREFIX = "content."
_ARRAYS = ("attributes", "media", "text")


@dataclass(frozen=True, kw_only=True)
class ItemContent:
    """The content side of item vectors: sums of learnt vectors of attributes, and projections of media and text vectors."""

    vocabulary: AttributeVocabulary
    attributes: FloatArray
    """(A, D) a vector for each attribute."""
    media: FloatArray
    """(V + 1, D), the last row for items that have a media vector; (0, D) where nothing was learned of any."""
    text: FloatArray
    """(E + 1, D) the same of a text encoder's vectors."""

    @classmethod
    def of_arrays(cls, vocabulary: AttributeVocabulary, learnt: Arrays, *, width: int) -> "ItemContent":
        """From what `ItemEmbedding.content_arrays` gives."""
        nothing = np.zeros((0, width), np.float32)
        return cls(
            vocabulary=vocabulary,
            attributes=learnt.get("attributes", nothing),
            media=learnt.get("vectors", nothing),
            text=learnt.get("text", nothing),
        )

    def of_features(self, attributes: sp.csr_matrix, *, media: FloatArray | None = None, text: FloatArray | None = None) -> FloatArray:
        """(M, D) of items given by their attributes (M, A) and vectors; a row of zeros is a missing vector."""
        vectors = np.asarray(attributes @ self.attributes, np.float32)
        for given, learnt in ((media, self.media), (text, self.text)):
            if given is not None and len(learnt):
                vectors = vectors + projected(given, learnt)
        return vectors

    def of_items(self, items: Sequence[ItemDescription], *, text: FloatArray | None = None) -> FloatArray:
        """(M, D) of items by what their rows say; attributes that no item had in training say nothing."""
        return self.of_features(self.vocabulary.matrix(items), text=text)

    def to_arrays(self) -> Arrays:
        """Everything, for safetensors."""
        return {**self.vocabulary.to_arrays(), **{f"{_PREFIX}{name}": getattr(self, name) for name in _ARRAYS}}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "ItemContent | None":
        """The content that `to_arrays` wrote, if any."""
        if f"{_PREFIX}attributes" not in arrays:
            return None
        return cls(vocabulary=AttributeVocabulary.from_arrays(arrays), **{name: arrays[f"{_PREFIX}{name}"] for name in _ARRAYS})


def projected(vectors: FloatArray, learnt: FloatArray) -> FloatArray:
    """(M, D) of vectors (M, V) by a matrix (V + 1, D) whose last row is added where there is a vector."""
    is_there = vectors.any(axis=1, keepdims=True)
    result: FloatArray = vectors @ learnt[:-1] + is_there * learnt[-1]
    return result.astype(np.float32, copy=False)
