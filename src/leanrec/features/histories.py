"""Histories: each user's items, oldest first, as flat arrays with offsets."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from leanrec.data.dataset import Dataset
from leanrec.data.events import EVENT_WEIGHTS, watch_weight

FloatArray = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Histories:
    """Sequences of item rows: those of sequence s stand at `item_rows[offsets[s]:offsets[s + 1]]`, oldest first."""

    offsets: Rows
    """(S + 1,)"""
    item_rows: Rows
    """(E,)"""
    weights: FloatArray
    """(E,) how strongly each event speaks for its item; 1 for the weakest kind of event present."""
    num_items: int

    @classmethod
    def of_dataset(cls, dataset: Dataset) -> "Histories":
        """One sequence per user row; impressions are left out, since being shown an item is no act."""
        weights = event_weights(dataset)
        is_act = weights > 0
        user_rows = dataset.column("user_row")[is_act]
        counts = np.bincount(user_rows, minlength=dataset.num_users)
        return cls(
            offsets=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
            item_rows=dataset.column("item_row")[is_act].astype(np.int64),
            weights=weights[is_act],
            num_items=dataset.num_items,
        )

    @classmethod
    def of_rows(cls, sequences: Sequence[Rows], *, num_items: int) -> "Histories":
        """Given sequences of item rows, every event of weight 1."""
        lengths = np.fromiter((len(rows) for rows in sequences), dtype=np.int64, count=len(sequences))
        item_rows = np.concatenate([*sequences, np.zeros(0, np.int64)])
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        return cls(offsets=offsets, item_rows=item_rows, weights=np.ones(len(item_rows), np.float32), num_items=num_items)

    @classmethod
    def of_events(cls, sequence_rows: Rows, item_rows: Rows, *, num_sequences: int, num_items: int) -> "Histories":
        """From single events in order of time; each names its sequence and its item, with weight 1."""
        order = np.argsort(sequence_rows, kind="stable")
        counts = np.bincount(sequence_rows, minlength=num_sequences)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        return cls(offsets=offsets, item_rows=item_rows[order], weights=np.ones(len(order), np.float32), num_items=num_items)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def of(self, sequence: int) -> Rows:
        """Item rows of one sequence, oldest first."""
        return self.item_rows[self.offsets[sequence] : self.offsets[sequence + 1]]

    @property
    def lengths(self) -> Rows:
        """(S,) events in each sequence."""
        return np.diff(self.offsets)

    def ages(self) -> Rows:
        """(E,) how many events of the same sequence came later: 0 for the newest."""
        return np.repeat(self.offsets[1:], self.lengths) - 1 - np.arange(len(self.item_rows))

    def sequence_rows(self) -> Rows:
        """(E,) the sequence that each event belongs to."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def tails(self, last: int) -> "Histories":
        """The `last` newest events of every sequence."""
        is_kept = self.ages() < last
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.minimum(self.lengths, last))])
        return Histories(offsets=offsets, item_rows=self.item_rows[is_kept], weights=self.weights[is_kept], num_items=self.num_items)

    def take(self, sequences: Rows) -> "Histories":
        """The chosen sequences only, in the given order."""
        lengths = self.lengths[sequences]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[sequences] - offsets[:-1], lengths)
        return Histories(offsets=offsets, item_rows=self.item_rows[places], weights=self.weights[places], num_items=self.num_items)

    def followed_by(self, sequence_rows: Rows, item_rows: Rows, *, num_sequences: int, num_items: int) -> "Histories":
        """These events and after them new ones of weight 1, in the given order; sequences and items may be new."""
        sequences = np.concatenate([self.sequence_rows(), sequence_rows])
        rows = np.concatenate([self.item_rows, item_rows])
        return Histories.of_events(sequences, rows, num_sequences=num_sequences, num_items=num_items)

    def matrix(self, *, decay: float = 1.0, last: int | None = None) -> sp.csr_matrix:
        """(S, N) float32: weight x decay^age summed per item, over the `last` events only when given."""
        ages = self.ages()
        values = self.weights * np.power(np.float32(decay), ages, dtype=np.float32)
        if last is not None:
            values = np.where(ages < last, values, np.float32(0.0))
        matrix = sp.csr_matrix((values, self.item_rows, self.offsets), shape=(len(self), self.num_items))
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        return matrix


def event_weights(dataset: Dataset) -> FloatArray:
    """(E,) weight of each event: its kind's weight over the smallest positive weight of the kinds present.

    A log of one kind thus has weight 1 throughout; `watch` events are scaled by the seconds in `value`.
    """
    codes = dataset.column("event")
    table = np.array(list(EVENT_WEIGHTS.values()), dtype=np.float32)
    present = table[np.unique(codes)] if len(codes) else table
    smallest = present[present > 0].min(initial=np.inf)
    weights: FloatArray = (table / smallest if np.isfinite(smallest) else table)[codes]
    is_watch = codes == list(EVENT_WEIGHTS).index("watch")
    if is_watch.any():
        weights[is_watch] *= watch_weight(dataset.column("value")[is_watch])
    return weights
