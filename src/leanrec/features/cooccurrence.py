"""Co-occurrence: how often and how closely one item follows another in the same history."""

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from leanrec.features.histories import Histories, Rows

BYTES_PER_PAIR = 12
"""A stored pair: a float32 count, an int32 column and its share of the offsets, with room for the sum that is being made."""


def followed_counts(histories: Histories, *, window: int, distance_power: float, num_counted: Rows | None = None) -> sp.csr_matrix:
    """(N, N) float32: entry (a, b) sums distance^-distance_power over all places where b follows a within `window` events.

    An item that follows itself is not counted. With `num_counted` (S,), only pairs whose later event comes after that many first
    events of its sequence are counted: the rest were counted before. Works one distance at a time, so that memory holds the
    counts and one distance's pairs, whatever the number of events.
    """
    shape = (histories.num_items, histories.num_items)
    items = histories.item_rows.astype(np.int32)
    sequences = histories.sequence_rows().astype(np.int32)
    is_new = _is_new(histories, num_counted)
    counts = sp.csr_matrix(shape, dtype=np.float32)
    for distance in range(1, min(window, len(items) - 1) + 1):
        is_pair = (sequences[distance:] == sequences[:-distance]) & (items[distance:] != items[:-distance])
        if is_new is not None:
            is_pair &= is_new[distance:]
        if not is_pair.any():
            continue
        earlier, later = items[:-distance][is_pair], items[distance:][is_pair]
        weights = np.full(len(earlier), float(distance) ** -distance_power, dtype=np.float32)
        counts = counts + sp.csr_matrix((weights, (earlier, later)), shape=shape)
    return counts


def estimated_bytes(histories: Histories, *, window: int) -> int:
    """An upper bound on the memory that the counts of a graph in both directions take while they are made."""
    pairs = 2 * sum(int(np.maximum(histories.lengths - distance, 0).sum()) for distance in range(1, window + 1))
    return min(pairs, histories.num_items**2) * BYTES_PER_PAIR * 2


def _is_new(histories: Histories, num_counted: Rows | None) -> npt.NDArray[np.bool_] | None:
    if num_counted is None:
        return None
    positions = np.arange(len(histories.item_rows)) - np.repeat(histories.offsets[:-1], histories.lengths)
    is_new: npt.NDArray[np.bool_] = positions >= np.repeat(num_counted, histories.lengths)
    return is_new
