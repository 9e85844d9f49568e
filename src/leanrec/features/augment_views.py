"""View: histories as a network is to read them: cut short, with events hidden, in another order, replaced, or joined by others."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from leanrec.features.augment_draws import Uniform
from leanrec.features.batches import Batch, Groups
from leanrec.features.histories import Rows

Bools = npt.NDArray[np.bool_]

HIDDEN = -1
"""The item row of an event that is hidden: a network reads a vector of its own there."""
INSERTED = -1
"""The place of an item that stands for no event of the histories."""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """Sequences one after the other, without padding; the operations below give new views and change those sequences alone that are asked for.

    A sequence of fewer than two events is too short for any of them.
    """

    item_rows: Rows
    """(T,) what is read; `HIDDEN` where it is hidden."""
    places: Rows
    """(T,) which event of the histories stands there; `INSERTED` where none does."""
    lengths: Rows
    """(S,)"""
    ends: Rows
    """(S,) the event after the newest of each sequence."""
    keys: Rows
    """(S,) names each sequence: its oldest event before anything was changed."""

    @classmethod
    def of_batch(cls, batch: Batch) -> "View":
        """The inputs of a batch as they are."""
        lengths = np.repeat(np.array([length for _, length in batch.groups]), np.array([count for count, _ in batch.groups]))
        newest = np.cumsum(lengths) - 1
        places = batch.places - 1
        return cls(item_rows=batch.item_rows, places=places, lengths=lengths, ends=batch.places[newest], keys=places[newest - lengths + 1])

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def offsets(self) -> Rows:
        """(S,) where each sequence begins."""
        starts: Rows = np.cumsum(self.lengths) - self.lengths
        return starts

    @property
    def newest(self) -> Rows:
        """(S,) where the newest event of each sequence stands."""
        found: Rows = np.cumsum(self.lengths) - 1
        return found

    @property
    def sequences(self) -> Rows:
        """(T,) the sequence of each event."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def positions(self) -> Rows:
        """(T,) events of the sequence before each."""
        return np.arange(len(self.item_rows)) - np.repeat(self.offsets, self.lengths)

    def take(self, chosen: Rows) -> "View":
        """The chosen sequences only, in the given order."""
        events = self._events(chosen)
        return View(
            item_rows=self.item_rows[events],
            places=self.places[events],
            lengths=self.lengths[chosen],
            ends=self.ends[chosen],
            keys=self.keys[chosen],
        )

    def next_places(self) -> Rows:
        """(T,) the event that comes after each; before an inserted item, the one after it."""
        following = np.append(self.places[1:], INSERTED)
        following[self.newest] = self.ends
        is_before_inserted = following == INSERTED
        following[is_before_inserted] = self.places[np.flatnonzero(is_before_inserted) + 2]
        return following

    def packed(self) -> "Packed":
        """In the order of rising lengths, as batches are."""
        order = np.argsort(self.lengths, kind="stable")
        values, counts = np.unique(self.lengths, return_counts=True)
        return Packed(sequences=order, events=self._events(order), groups=tuple(zip(counts.tolist(), values.tolist(), strict=True)))

    def _events(self, chosen: Rows) -> Rows:
        """Where the events of the chosen sequences stand, sequence after sequence."""
        lengths = self.lengths[chosen]
        found: Rows = np.arange(lengths.sum()) + np.repeat(self.offsets[chosen] - (np.cumsum(lengths) - lengths), lengths)
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """The order in which a network reads a view."""

    sequences: Rows
    """(S,) of the view."""
    events: Rows
    """(T,) of the view."""
    groups: Groups


def window_of(view: View, *, share: float, least: int, draws: Uniform) -> Bools:
    """(T,) a window of each sequence: `share` of its events, at least `least` and all but one at most; (S,) draws say where it begins."""
    widths = _numbers(view, share=share, least=least)
    starts = np.floor(draws * (view.lengths - widths + 1)).astype(np.int64)
    positions, sequences = view.positions, view.sequences
    is_within: Bools = (positions >= starts[sequences]) & (positions < (starts + widths)[sequences])
    return is_within


def some_of(view: View, *, share: float, draws: Uniform) -> Bools:
    """(T,) `share` of the events of each sequence, at least one and all but one at most: those with the smallest (T,) draws."""
    order = np.lexsort((draws, view.sequences))
    ranks = np.empty_like(order)
    ranks[order] = view.positions
    is_chosen: Bools = ranks < _numbers(view, share=share, least=1)[view.sequences]
    return is_chosen


def kept(view: View, is_kept: Bools) -> View:
    """The chosen (T,) events only, a window of each sequence; what came after it is what follows."""
    lengths = np.bincount(view.sequences[is_kept], minlength=len(view))
    last = np.flatnonzero(is_kept)[np.cumsum(lengths) - 1]
    return replace(view, item_rows=view.item_rows[is_kept], places=view.places[is_kept], lengths=lengths, ends=view.next_places()[last])


def hidden(view: View, is_hidden: Bools) -> View:
    """The chosen (T,) events are there, and nobody sees which they are."""
    return replace(view, item_rows=np.where(is_hidden, HIDDEN, view.item_rows))


def reordered(view: View, is_within: Bools, *, draws: Uniform) -> View:
    """The events of the (T,) window change places with each other, in the order of the (T,) draws."""
    positions, sequences = view.positions, view.sequences
    moved, first = np.unique(sequences[is_within], return_index=True)
    starts = np.zeros(len(view), np.int64)
    starts[moved] = positions[is_within][first]
    order = np.lexsort((draws, np.where(is_within, starts[sequences], positions), sequences))
    return replace(view, item_rows=view.item_rows[order], places=view.places[order])


def substituted(view: View, is_replaced: Bools, *, companions: Rows) -> View:
    """At the chosen (T,) events their (T,) companions are read; they still stand for the events."""
    return replace(view, item_rows=np.where(is_replaced, companions, view.item_rows))


def inserted(view: View, is_followed: Bools, *, companions: Rows, max_length: int) -> View:
    """Before the chosen (T,) events come their (T,) companions; of what grows too long the newest `max_length` are kept."""
    before = np.flatnonzero(is_followed)
    lengths = view.lengths + np.bincount(view.sequences[before], minlength=len(view))
    grown = replace(
        view,
        item_rows=np.insert(view.item_rows, before, companions[before]),
        places=np.insert(view.places, before, INSERTED),
        lengths=lengths,
    )
    is_kept = grown.positions >= (lengths - max_length)[grown.sequences]
    return replace(grown, item_rows=grown.item_rows[is_kept], places=grown.places[is_kept], lengths=np.minimum(lengths, max_length))


def _numbers(view: View, *, share: float, least: int) -> Rows:
    """(S,) how many events a share of each sequence is."""
    wanted = np.floor(share * view.lengths + 0.5).astype(np.int64)
    found: Rows = np.minimum(np.maximum(wanted, least), np.maximum(view.lengths - 1, least))
    return found
