"""Decayed counts: how often something happened before a moment, as of any past moment or as of now, event by event.

An event counts 2^(-age / half-life). Only events strictly earlier than the moment count, so that neither an event itself nor what
happened at the same time is ever seen. `Timeline` answers for any moment from all events at once; `DecayedCounts` is where a timeline
ends, takes in further events, and answers for now. Both add and fade in the same order, so they agree to the last bit.
"""

from dataclasses import dataclass, replace
from math import exp2

import numpy as np

from leanrec.artifact import Arrays
from leanrec.features.tabular_table import NO_TIME
from leanrec.features.tabular_values import Figures, Keys, Rows, one_by_one

NO_DECAY = float("inf")


@dataclass(frozen=True, kw_only=True, slots=True)
class DecayedCounts:
    """What was counted of each of E keys up to its last event."""

    keys: Keys
    """(E,) rising."""
    before: Figures
    """(E,) events before the last moment, faded to it."""
    at: Figures
    """(E,) events at the last moment."""
    last: Rows
    """(E,) the last moment."""
    previous: Rows
    """(E,) the moment before it; `NO_TIME` where there is none."""
    half_life: float
    """In the unit of times; infinite when nothing fades."""

    @classmethod
    def none(cls, half_life: float) -> "DecayedCounts":
        """Nothing has happened yet."""
        figures, times = np.zeros(0), np.zeros(0, np.int64)
        return cls(keys=np.zeros(0, np.uint64), before=figures, at=figures, last=times, previous=times, half_life=half_life)

    def count(self, keys: Keys, times: Rows) -> Figures:
        """(n,) the count of each key as of a time; a time before the key's last event is taken for the time of that event."""
        rows, is_known = self._find(keys)
        moments = self._moments(times)
        known, asked = rows[is_known], np.maximum(moments[is_known], self.last[rows[is_known]])
        is_later = asked > self.last[known]
        total = np.where(is_later, self.before[known] + self.at[known], self.before[known])
        counts = np.zeros(len(keys))
        counts[is_known] = total * faded(asked - self.last[known], self.half_life)
        return counts

    def last_before(self, keys: Keys, times: Rows) -> Rows:
        """(n,) when each key last happened before a time; `NO_TIME` where it never did."""
        rows, is_known = self._find(keys)
        found = np.full(len(keys), NO_TIME, dtype=np.int64)
        known = rows[is_known]
        found[is_known] = np.where(self._moments(times)[is_known] > self.last[known], self.last[known], self.previous[known])
        return found

    def after(self, keys: Keys, times: Rows) -> "DecayedCounts":
        """The same after further events; one that comes late is added as faded as it is by now."""
        if not len(keys):
            return self
        grown = self._with_keys(np.unique(keys))
        rows = np.searchsorted(grown.keys, keys)
        is_late = times < grown.last[rows]
        late, ahead = rows[is_late], Moments.of(rows[~is_late], times[~is_late])
        weights = faded(grown.last[late] - times[is_late], self.half_life)
        started = replace(grown, before=grown.before + np.bincount(late, weights=weights, minlength=len(grown.keys)))
        return started._followed_by(ahead)

    def to_arrays(self) -> Arrays:
        """Everything by name."""
        return {name: getattr(self, name) for name in ("keys", "before", "at", "last", "previous")} | {"half_life": np.array([self.half_life])}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "DecayedCounts":
        """What `to_arrays` wrote."""
        half_life = float(arrays["half_life"][0])
        return cls(half_life=half_life, **{name: arrays[name] for name in ("keys", "before", "at", "last", "previous")})

    def _find(self, keys: Keys) -> tuple[Rows, np.ndarray]:
        if not len(self.keys):
            return np.zeros(len(keys), np.int64), np.zeros(len(keys), np.bool_)
        rows = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return rows, self.keys[rows] == keys

    def _moments(self, times: Rows) -> Rows:
        """Where no time is given, the moment after everything known."""
        return np.where(times == NO_TIME, self.last.max(initial=0) + 1, times)

    def _with_keys(self, new: Keys) -> "DecayedCounts":
        keys = np.union1d(self.keys, new)
        places = np.searchsorted(keys, self.keys)
        grown = {}
        for name, empty in (("before", 0.0), ("at", 0.0), ("last", NO_TIME), ("previous", NO_TIME)):
            values = getattr(self, name)
            grown[name] = np.full(len(keys), empty, dtype=values.dtype)
            grown[name][places] = values
        return DecayedCounts(keys=keys, half_life=self.half_life, **grown)

    def _followed_by(self, moments: "Moments") -> "DecayedCounts":
        before, previous = running_totals(moments, self)
        ends = moments.ends
        rows = moments.rows[ends]
        arrays = {name: getattr(self, name).copy() for name in ("before", "at", "last", "previous")}
        arrays["before"][rows], arrays["previous"][rows] = before[ends], previous[ends]
        is_same = moments.times[ends] == self.last[rows]
        arrays["at"][rows] = moments.counts[ends] + np.where(is_same, self.at[rows], 0.0)
        arrays["last"][rows] = moments.times[ends]
        return replace(self, **arrays)


@dataclass(frozen=True, kw_only=True, slots=True)
class Moments:
    """Events by key and moment: G pairs, sorted by key, then time."""

    rows: Rows
    """(G,) the key's row."""
    times: Rows
    """(G,)"""
    counts: Figures
    """(G,) events of the key at the moment."""

    @classmethod
    def of(cls, rows: Rows, times: Rows) -> "Moments":
        """Those of single events in any order."""
        distinct, places = np.unique(times, return_inverse=True)
        pairs, counts = np.unique(rows * max(1, len(distinct)) + places.reshape(-1), return_counts=True)
        where = pairs % max(1, len(distinct))
        return cls(rows=pairs // max(1, len(distinct)), times=distinct[where] if len(pairs) else times[:0], counts=counts.astype(np.float64))

    @property
    def starts(self) -> Rows:
        """(K,) where each key begins."""
        return np.flatnonzero(np.diff(self.rows, prepend=-1))

    @property
    def ends(self) -> Rows:
        """(K,) where each key ends."""
        return np.flatnonzero(np.diff(self.rows, append=-1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """Counts of every key before each of its moments: answers as of any time."""

    keys: Keys
    """(E,) rising."""
    moments: Moments
    before: Figures
    """(G,) events before the moment, faded to it."""
    half_life: float

    @classmethod
    def of(cls, keys: Keys, times: Rows, *, half_life: float) -> "Timeline":
        """That of single events in any order."""
        distinct = np.unique(keys)
        moments = Moments.of(np.searchsorted(distinct, keys), times)
        nothing = DecayedCounts.none(half_life)._with_keys(distinct)
        return cls(keys=distinct, moments=moments, before=running_totals(moments, nothing)[0], half_life=half_life)

    def count(self, keys: Keys, times: Rows) -> Figures:
        """(n,) the count of each key strictly before a time."""
        places, is_found = self._find(keys, times)
        known = places[is_found]
        counts = np.zeros(len(keys))
        totals = self.before[known] + self.moments.counts[known]
        counts[is_found] = totals * faded(self._moments(times)[is_found] - self.moments.times[known], self.half_life)
        return counts

    def last_before(self, keys: Keys, times: Rows) -> Rows:
        """(n,) when each key last happened before a time; `NO_TIME` where it never did."""
        places, is_found = self._find(keys, times)
        found = np.full(len(keys), NO_TIME, dtype=np.int64)
        found[is_found] = self.moments.times[places[is_found]]
        return found

    def _find(self, keys: Keys, times: Rows) -> tuple[Rows, np.ndarray]:
        """(n,) the last moment of each key before a time, and whether there is one."""
        if not len(self.keys):
            return np.zeros(len(keys), np.int64), np.zeros(len(keys), np.bool_)
        rows = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        distinct = np.unique(self.moments.times)
        width = len(distinct) + 1
        numbered = self.moments.rows * width + np.searchsorted(distinct, self.moments.times)
        places = np.searchsorted(numbered, rows * width + np.searchsorted(distinct, self._moments(times))) - 1
        is_found = (self.keys[rows] == keys) & (places >= 0)
        return places, is_found & (self.moments.rows[np.maximum(places, 0)] == rows)

    def _moments(self, times: Rows) -> Rows:
        return np.where(times == NO_TIME, self.moments.times.max(initial=0) + 1, times)


def running_totals(moments: Moments, start: DecayedCounts) -> tuple[Figures, Rows]:
    """(G,) events before each moment, faded to it, and (G,) the moment before; `start` says what came before the first.

    The first moments of all keys go together, then their second ones, and so on.
    """
    starts, ends = moments.starts, moments.ends
    order = np.argsort(-(ends - starts), kind="stable")
    starts, lengths = starts[order], (ends - starts)[order] + 1
    rows = moments.rows[starts]
    first = moments.times[starts]
    is_same = first == start.last[rows]
    is_new = start.last[rows] == NO_TIME
    since = np.where(is_same | is_new, 0, first - np.where(is_new, first, start.last[rows]))
    earlier = np.where(is_same, start.before[rows], (start.before[rows] + start.at[rows]) * faded(since, start.half_life))
    before, previous = np.empty(len(moments.times)), np.empty(len(moments.times), np.int64)
    before[starts] = earlier
    previous[starts] = np.where(is_same, start.previous[rows], start.last[rows])
    counted = moments.counts.copy()
    counted[starts] += np.where(is_same, start.at[rows], 0.0)
    fading = faded(np.maximum(np.diff(moments.times, prepend=moments.times[:1]), 0), start.half_life)  # of no use where a key begins
    for step in range(1, int(lengths.max(initial=0))):
        places = starts[: np.searchsorted(-lengths, -step)] + step
        before[places] = (before[places - 1] + counted[places - 1]) * fading[places]
        previous[places] = moments.times[places - 1]
    return before, previous


def faded(ages: Rows, half_life: float) -> Figures:
    """(n,) what is left of 1 after each age."""
    if half_life == NO_DECAY:
        return np.ones(len(ages))
    return one_by_one(exp2, -(ages / half_life))
