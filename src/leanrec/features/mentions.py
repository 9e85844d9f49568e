"""Mentions: which values of attributes a review speaks of by name."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from leanrec.features.described_items import Value
from leanrec.features.title_words import title_words

MIN_CHARACTERS = 3
"""A shorter value is too easily a word of another meaning."""


def mentions(reviews: Sequence[str | None], values: Sequence[Value]) -> sp.csr_matrix:
    """(n, A) 1 where a review holds all words of a value, one after the other, whatever their case."""
    by_first = _by_first_word(values)
    rows, columns = [], []
    for row, review in enumerate(reviews):
        words = title_words(review or "")
        found = {
            column for place, word in enumerate(words) for column, spoken in by_first.get(word, ()) if words[place : place + len(spoken)] == spoken
        }
        rows += [row] * len(found)
        columns += sorted(found)
    return sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(len(reviews), len(values)))


def _by_first_word(values: Sequence[Value]) -> dict[str, list[tuple[int, list[str]]]]:
    found: dict[str, list[tuple[int, list[str]]]] = defaultdict(list)
    for column, (_, value) in enumerate(values):
        words = title_words(value)
        if words and len(value) >= MIN_CHARACTERS and not value.isdigit():
            found[words[0]].append((column, words))
    return found
