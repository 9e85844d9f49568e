"""WordWeights: BM25 over the words of items: what a question in words finds without any language model."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from leanrec.artifact import Arrays
from leanrec.data.description import ItemDescription
from leanrec.data.ids import IdMap
from leanrec.features.histories import FloatArray
from leanrec.features.text_encoder import MAX_CHARACTERS
from leanrec.features.title_words import title_words

SATURATION = 1.2
"""k1: how soon further mentions of a word count no more (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework")."""
LENGTH_SHARE = 0.75
"""b of the same: how far a long text discounts its words."""


@dataclass(frozen=True, kw_only=True)
class WordWeights:
    """Which words speak for which item, weighted by BM25; items of a later day are weighed as those of the first."""

    words: IdMap
    """(W,)"""
    rarity: FloatArray
    """(W,) the inverse document frequency of each word, above 0."""
    mean_length: float
    weights: sp.csr_matrix
    """(N, W) float32: what one mention of the word in a question adds to the item's score."""

    @classmethod
    def of(cls, descriptions: Sequence[ItemDescription]) -> "WordWeights":
        """Titles, single attributes and several ones, all words alike; figures are left out."""
        counted = [Counter(words_of(description)) for description in descriptions]
        mentions = Counter(word for counts in counted for word in counts)
        words = IdMap(sorted(mentions), kind="word")
        frequency = np.array([mentions[word] for word in words.ids], np.float64)
        rarity = np.log1p((len(counted) - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
        mean_length = max(1.0, sum(counts.total() for counts in counted) / max(1, len(counted)))
        empty = cls(words=words, rarity=rarity, mean_length=mean_length, weights=sp.csr_matrix((0, len(words)), dtype=np.float32))
        return replace(empty, weights=empty._weighted(counted))

    def with_items(self, descriptions: Sequence[ItemDescription]) -> "WordWeights":
        """Further items on the rows after these; a word that was never seen is as rare as one that a single item has."""
        counted = [Counter(words_of(description)) for description in descriptions]
        unseen = sorted({word for counts in counted for word in counts if word not in self.words})
        rarest = np.float32(np.log1p((len(self) - 0.5) / 1.5)) if len(self) else np.float32(1.0)
        wider = replace(self, words=self.words.with_ids(unseen), rarity=np.concatenate([self.rarity, np.full(len(unseen), rarest, np.float32)]))
        known = sp.csr_matrix((self.weights.data, self.weights.indices, self.weights.indptr), shape=(len(self), len(wider.words)))
        return replace(wider, weights=sp.vstack([known, wider._weighted(counted)], format="csr", dtype=np.float32))

    def __len__(self) -> int:
        return int(self.weights.shape[0])

    def question(self, text: str) -> FloatArray:
        """(W,) how often each known word stands in a text."""
        rows = self.words.known_rows(title_words(text[:MAX_CHARACTERS]))
        return np.bincount(rows, minlength=len(self.words)).astype(np.float32)

    def scores(self, text: str) -> FloatArray:
        """(N,) BM25 of every item; 0 where it shares no word with the text."""
        scores: FloatArray = self.weights @ self.question(text)
        return scores

    def to_arrays(self) -> Arrays:
        """Everything, for safetensors."""
        parts = {name: getattr(self.weights, name) for name in ("data", "indices", "indptr")}
        return {
            **self.words.to_arrays(),
            "word_rarity": self.rarity,
            "word_mean_length": np.array([self.mean_length]),
            **{f"word_weights.{name}": part for name, part in parts.items()},
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "WordWeights":
        """The index that `to_arrays` wrote."""
        words = IdMap.from_arrays(arrays, kind="word")
        data, indices, indptr = (arrays[f"word_weights.{name}"] for name in ("data", "indices", "indptr"))
        weights = sp.csr_matrix((data, indices, indptr), shape=(len(indptr) - 1, len(words)))
        return cls(words=words, rarity=arrays["word_rarity"], mean_length=float(arrays["word_mean_length"][0]), weights=weights)

    def _weighted(self, counted: Sequence[Counter[str]]) -> sp.csr_matrix:
        """(M, W) of items whose words were counted."""
        lengths = np.array([counts.total() for counts in counted], np.float64)
        rows = np.repeat(np.arange(len(counted)), [len(counts) for counts in counted])
        columns = self.words.rows([word for counts in counted for word in counts])
        times = np.array([times for counts in counted for times in counts.values()], np.float64)
        is_known = columns >= 0
        rows, columns, times = rows[is_known], columns[is_known], times[is_known]
        slowed = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * lengths[rows] / self.mean_length)
        values = self.rarity[columns] * times * (SATURATION + 1) / (times + slowed)
        return sp.csr_matrix((values.astype(np.float32), (rows, columns)), shape=(len(counted), len(self.words)))


def words_of(description: ItemDescription) -> list[str]:
    """The words of an item's title and of its attributes in text.

    >>> words_of(ItemDescription(item_id="1", title="Quiet Nights", attributes={"genre": ["Jazz", "Live"], "year": 1963.0}))
    ['quiet', 'nights', 'jazz', 'live']
    """
    texts = [description.title or ""]
    for value in description.attributes.values():
        texts += value if isinstance(value, list) else [value] if isinstance(value, str) else []
    return [word for text in texts for word in title_words(text[:MAX_CHARACTERS])]
