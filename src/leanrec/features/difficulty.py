"""Difficulty of examples, told from the data alone: what a curriculum sorts by. Small comes first."""

import numpy as np

from leanrec.features.batches import TokenBatches
from leanrec.features.histories import FloatArray, Rows


def by_length(batches: TokenBatches) -> FloatArray:
    """(S,) targets of each sequence: short ones first."""
    return batches.lengths.astype(np.float32)


def by_popularity(batches: TokenBatches, counts: Rows) -> FloatArray:
    """(S,) how rare a sequence's targets are: the mean of -log of how often each item was chosen, from its `counts` (N,)."""
    rarity = -np.log(np.maximum(counts, 1)).astype(np.float32)
    return batches.example_losses(rarity[batches.histories.item_rows])


def by_recency(batches: TokenBatches, times: Rows) -> FloatArray:
    """(S,) how long ago a sequence ended, in the unit of `times` (E,) of the events: the newest first."""
    ends = batches.target_places()[np.cumsum(batches.lengths) - 1]
    ages: FloatArray = (times.max(initial=0) - times[ends]).astype(np.float32)
    return ages


def by_confidence(batches: TokenBatches, confidence: FloatArray) -> FloatArray:
    """(S,) how unsure a teacher is of a sequence's targets, from its confidence (E,) at each event, NaN where it was not asked."""
    return -batches.example_losses(confidence)
