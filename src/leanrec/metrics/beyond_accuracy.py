"""Beyond accuracy: what the lists of all users are like together: coverage, Gini, novelty, diversity, popularity bias.

`lists` (B, k) holds item rows, best first, with -1 where a list is shorter.
"""

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from leanrec.metrics.ranking import FloatArray, Rows

NO_ITEM = -1


def coverage(lists: Rows, *, num_items: int) -> float:
    """Share of the catalogue that at least one list holds."""
    return float(np.count_nonzero(_recommended(lists, num_items=num_items)) / num_items)


def gini(lists: Rows, *, num_items: int) -> float:
    """How unequally the places fall on the catalogue: 0 when every item gets as many, near 1 when one gets all.

    With counts x_1 <= ... <= x_N: sum of (2 i - N - 1) x_i / (N sum of x_i).

    >>> gini(np.array([[0, 1], [2, 3]]), num_items=4), gini(np.array([[0], [0]]), num_items=4)
    (0.0, 0.75)
    """
    counts = np.sort(_recommended(lists, num_items=num_items))
    weights = 2 * np.arange(1, num_items + 1) - num_items - 1
    return float((weights * counts).sum() / (num_items * max(1, counts.sum())))


def novelty(lists: Rows, *, num_users_of_item: Rows, num_users: int) -> FloatArray:
    """(B,) mean self-information -log2(users who know the item / users) of a list, in bits; an item of nobody counts as one of one user."""
    shares = np.minimum(np.maximum(num_users_of_item, 1) / max(1, num_users), 1.0)
    return _mean_over_list(lists, -np.log2(shares))


def diversity(lists: Rows, *, vectors: sp.csr_matrix) -> FloatArray:
    """(B,) mean of 1 - cosine over all pairs of a list; not a number for lists of fewer than two items.

    `vectors` (N, F) describes each item: its categories, or the users who know it. An item with an empty vector resembles none.
    """
    lengths = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
    unit = sp.diags_array(np.divide(1.0, lengths, out=np.zeros_like(lengths, dtype=np.float64), where=lengths > 0)) @ vectors
    chosen = _membership(lists, num_items=vectors.shape[0])
    sums = sp.csr_matrix(chosen @ unit)
    squares = np.asarray(sums.multiply(sums).sum(axis=1)).ravel() - chosen @ (lengths > 0).astype(np.float64)
    sizes = (lists != NO_ITEM).sum(axis=1)
    pairs = sizes * (sizes - 1)
    return np.where(pairs > 0, 1.0 - squares / np.maximum(pairs, 1), np.nan)


def mean_popularity(lists: Rows, *, num_users_of_item: Rows) -> FloatArray:
    """(B,) mean number of users who know the items of a list. Popularity bias is this over the same of the user's history."""
    return _mean_over_list(lists, num_users_of_item.astype(np.float64))


def _recommended(lists: Rows, *, num_items: int) -> Rows:
    """(N,) in how many lists each item stands."""
    return np.bincount(lists[lists != NO_ITEM], minlength=num_items)


def _mean_over_list(lists: Rows, values: FloatArray) -> FloatArray:
    is_item = lists != NO_ITEM
    totals = np.where(is_item, values[lists], 0.0).sum(axis=1)
    sizes: npt.NDArray[np.int64] = is_item.sum(axis=1)
    return np.where(sizes > 0, totals / np.maximum(sizes, 1), np.nan)


def _membership(lists: Rows, *, num_items: int) -> sp.csr_matrix:
    """(B, N) 1 where the list holds the item."""
    is_item = lists != NO_ITEM
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(is_item.sum(axis=1))])
    rows = lists[is_item]
    return sp.csr_matrix((np.ones(len(rows)), rows, offsets), shape=(len(lists), num_items))
