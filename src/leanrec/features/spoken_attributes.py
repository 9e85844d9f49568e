"""SpokenAttributes: which of the attributes that a model learned are named in a text, so that words speak through the items that bear them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from leanrec.data.ids import IdMap
from leanrec.features.attribute_vocabulary import AttributeVocabulary
from leanrec.features.histories import FloatArray
from leanrec.features.text_encoder import MAX_CHARACTERS
from leanrec.features.title_words import title_words


@dataclass(frozen=True, kw_only=True)
class SpokenAttributes:
    """An attribute is spoken of when every word of its value stands in the text; rare ones weigh more."""

    words: IdMap
    """(V,) the words of all values."""
    needs: sp.csr_matrix
    """(A, V) 1 where the value has the word."""
    rarity: FloatArray
    """(A,) how much each attribute counts."""

    @classmethod
    def of(cls, vocabulary: AttributeVocabulary, *, rarity: FloatArray) -> "SpokenAttributes":
        """From the attributes of a model and `rarity_of` the items that it learned from."""
        values = [sorted(set(title_words(name.partition("=")[2]))) for name in vocabulary.names.ids]
        words = IdMap(sorted({word for value in values for word in value}), kind="word")
        offsets = np.cumsum([0, *map(len, values)])
        columns = words.rows([word for value in values for word in value])
        needs = sp.csr_matrix((np.ones(len(columns), np.float32), columns, offsets), shape=(len(values), len(words)))
        return cls(words=words, needs=needs, rarity=rarity)

    def matrix(self, texts: Sequence[str]) -> sp.csr_matrix:
        """(B, A) float32: what each text speaks of, each row summing to 1; a row of zeros where it speaks of nothing known."""
        rows = [np.unique(self.words.known_rows(title_words(text[:MAX_CHARACTERS]))) for text in texts]
        offsets = np.cumsum([0, *map(len, rows)])
        columns = np.concatenate([*rows, np.zeros(0, np.int64)])
        said = sp.csr_matrix((np.ones(len(columns), np.float32), columns, offsets), shape=(len(texts), len(self.words)))
        found = (said @ self.needs.T).tocsr()  # (B, A) how many words of each value are there
        sizes = np.diff(self.needs.indptr)
        found.data = np.where(found.data == sizes[found.indices], self.rarity[found.indices], np.float32(0.0))
        found.eliminate_zeros()
        return rows_summing_to_one(found)


def rarity_of(matrix: sp.csr_matrix) -> FloatArray:
    """(A,) inverse document frequency, above 0, of each attribute of a matrix (N, A)."""
    counts = np.bincount(matrix.indices, minlength=matrix.shape[1])
    rarity: FloatArray = np.log1p(matrix.shape[0] / (counts + 1.0)).astype(np.float32)
    return rarity


def rows_summing_to_one(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Each row divided by its sum; empty rows stay."""
    sums = np.asarray(matrix.sum(axis=1)).ravel()
    shares = matrix.data / np.repeat(sums, np.diff(matrix.indptr))
    return sp.csr_matrix((shares.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)
