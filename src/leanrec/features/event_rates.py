"""Transforms of what happened: counts and rates with decay, and how long ago the last event was; each as of the row's own time.

A row at time t sees the events strictly before t. Events at exactly t are not seen, in whatever order the file has them.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import log1p
from typing import Literal

import numpy as np
from pydantic import Field

from leanrec.artifact import Arrays
from leanrec.data.events import EVENT_WEIGHTS
from leanrec.errors import ConfigError, did_you_mean
from leanrec.features.decayed_counts import NO_DECAY, DecayedCounts, Timeline
from leanrec.features.tabular_table import ITEM_ID, NO_TIME, USER_ID, Column, Place, Table
from leanrec.features.tabular_values import Figures, Keys, Rows, mixed, one_by_one
from leanrec.features.time_transforms import DAY, require_clock
from leanrec.features.transforms import FigureMissing, Fitted, FloatArray, Scale, Transform

KINDS = tuple(EVENT_WEIGHTS)
ACTS = tuple(kind for kind in KINDS if kind != "impression")


class EventTransform(Transform, ABC):
    """A feature of events: which are meant, and of whom or what they are counted."""

    by: tuple[str, ...] = ("item",)
    """Counted for each `item`, `user`, value of a column (`item.genres`, `user.country`), or combination (`["user", "item.genres"]`)."""
    events: tuple[str, ...] = ACTS
    """The kinds of events that are meant; all but impressions by default."""
    min_value: float | None = None
    """Of `events`, only those whose value is at least this: ratings of four stars and more."""
    missing: FigureMissing = "mean"
    """What stands for a row that lacks what is counted by: the `mean`, `zero`, the mean with a `flag` beside it, or an `error`."""

    @property
    def places(self) -> tuple[Place, ...]:
        """The columns that say for whom or what is counted."""
        return tuple(_place(self.name, part) for part in self.by)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The kinds of events that are counted, one count each."""
        return (self.events,)

    @property
    def half_life(self) -> float:
        """In microseconds."""
        return NO_DECAY

    @abstractmethod
    def figures(self, counted: tuple[Figures, ...], ages: Figures, prior: float) -> Figures:
        """(n,) the figure from the counts of each group, the days since the last event, and the mean rate."""

    def fit(self, table: Table, *, earlier: Mapping[str, Fitted]) -> "FittedEvents":  # noqa: ARG002 - reads no other feature
        """Take in the past, and learn mean and deviation over the rows, each as of its own time."""
        past = self._checked_past(table)
        states = tuple(self.counts_of(past, group).state() for group in range(len(self.groups)))
        totals = [len(self.rows_of(past, group)) for group in range(len(self.groups))]
        prior = totals[0] / max(1, totals[-1])
        scale = Scale(name=self.name, missing=self.missing, mean=0.0, deviation=1.0)
        unscaled = FittedEvents(config=self, states=states, prior=prior, scale=scale)
        return replace(unscaled, scale=Scale.of(unscaled.figures(table), name=self.name, missing=self.missing))

    def restore(self, arrays: Arrays, *, earlier: Mapping[str, Fitted]) -> "FittedEvents":  # noqa: ARG002 - reads no other feature
        """The fitted form that `to_arrays` wrote."""
        parts: list[Arrays] = [{} for _ in self.groups]
        for name, array in arrays.items():
            group, dot, what = name.partition(".")
            if dot:
                parts[int(group)][what] = array
        return FittedEvents(
            config=self,
            states=tuple(DecayedCounts.from_arrays(part) for part in parts),
            prior=float(arrays["prior"][0]),
            scale=Scale.from_arrays(arrays, name=self.name, missing=self.missing),
        )

    def rows_of(self, events: Table, group: int) -> Rows:
        """Places of the events that a group counts; raises `ConfigError` where the table does not say what its events are."""
        if events.kinds is None:
            raise ConfigError("a table of events says of what kind each is; this one does not", hint="make it with `events_of` or set `kinds`")
        is_counted = np.isin(events.kinds, [KINDS.index(kind) for kind in self.groups[group]])
        if group == 0 and self.min_value is not None:
            is_counted &= (np.full(len(events), np.nan) if events.values is None else events.values) >= self.min_value
        return np.flatnonzero(is_counted)

    def counts_of(self, events: Table, group: int) -> "Counted":
        """The counts of a group of events, as of any time."""
        chosen = events.take(self.rows_of(events, group))
        rows, keys = keys_of(chosen, self.places)
        return Counted(timeline=Timeline.of(keys, chosen.times[rows], half_life=self.half_life))

    def _checked_past(self, table: Table) -> Table:
        for kind in (kind for group in self.groups for kind in group):
            if kind not in KINDS:
                raise ConfigError(f"feature {self.name!r}: there is no kind of event {kind!r}", hint=did_you_mean(kind, KINDS))
        self.require_columns(table)
        if table.past is None or table.past.kinds is None:
            raise ConfigError(f"feature {self.name!r}: {self.kind} needs events to count; none were given", hint="fit with a table that has a past")
        if table.time_quality == "none":
            raise ConfigError(
                f"feature {self.name!r}: {self.kind} needs to know what came first; the time of these data is 'none'", hint="leave the feature out"
            )
        if self.half_life != NO_DECAY:
            require_clock(self.name, f"{self.kind} with half_life_days", table)
        return table.past


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """The timeline of a feature, and the state in which it ends."""

    timeline: Timeline

    def state(self) -> DecayedCounts:
        """What was counted after the last event."""
        moments, before, ends = self.timeline.moments, self.timeline.before, self.timeline.moments.ends
        is_first = ends == moments.starts
        return DecayedCounts(
            keys=self.timeline.keys,
            before=before[ends],
            at=moments.counts[ends],
            last=moments.times[ends],
            previous=np.where(is_first, NO_TIME, moments.times[np.maximum(ends - 1, 0)]),
            half_life=self.timeline.half_life,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class FittedEvents(Fitted):
    """What was counted by now, one state a group of kinds; a table with a past of its own is answered from that past."""

    config: EventTransform
    states: tuple[DecayedCounts, ...] = field(repr=False)
    prior: float
    """Events of the first group for each of the last one, over everything fitted on."""
    scale: Scale

    @property
    def dense_names(self) -> tuple[str, ...]:
        """The figure, and maybe its flag."""
        return self.scale.names

    def dense(self, table: Table) -> FloatArray:
        """(n, 1 or 2) float32."""
        return self.scale.dense(self.figures(table))

    def figures(self, table: Table) -> Figures:
        """(n,) before scaling; not a number for a row that lacks what is counted by."""
        rows, keys = keys_of(table, self.config.places)
        past, times = table.past, table.times[rows]
        known: tuple[DecayedCounts | Timeline, ...] = self.states
        if past is not None:
            known = tuple(self.config.counts_of(past, group).timeline for group in range(len(self.states)))
        sums = tuple(_sums(rows, state.count(keys, times), len(table)) for state in known)
        figures = self.config.figures(sums, _days(rows, times, known[0].last_before(keys, times), len(table)), self.prior)
        return np.where(np.bincount(rows, minlength=len(table)) > 0, figures, np.nan)

    def with_events(self, events: Table) -> "FittedEvents":
        """The same after further events; itself stays as it is."""
        states = []
        for group, state in enumerate(self.states):
            chosen = events.take(self.config.rows_of(events, group))
            rows, keys = keys_of(chosen, self.config.places)
            states.append(state.after(keys, chosen.times[rows]))
        return replace(self, states=tuple(states))

    def to_arrays(self) -> Arrays:
        """Counts, prior and scale."""
        counts = {f"{group}.{name}": array for group, state in enumerate(self.states) for name, array in state.to_arrays().items()}
        return {**counts, "prior": np.array([self.prior]), **self.scale.to_arrays()}


class Count(EventTransform):
    """The logarithm of 1 + how often it happened, faded by age, standardised; the mean where a row has several values."""

    kind: Literal["count"] = "count"
    half_life_days: float | None = Field(default=None, gt=0)
    """After so many days an event counts half; `None`: it counts for ever."""

    @property
    def half_life(self) -> float:
        """In microseconds."""
        return NO_DECAY if self.half_life_days is None else self.half_life_days * DAY

    def figures(self, counted: tuple[Figures, ...], ages: Figures, prior: float) -> Figures:  # noqa: ARG002 - asks for counts only
        """(n,) the logarithms."""
        return one_by_one(log1p, counted[0])


class Rate(EventTransform):
    """How often one kind of event comes for each event of another: clicks per impression, buys per view; standardised."""

    kind: Literal["rate"] = "rate"
    per: tuple[str, ...]
    """The kinds of events in the denominator."""
    smoothing: float = Field(default=10.0, ge=0)
    """How many events at the mean rate are added, so that one lucky event is no rate of 1."""
    half_life_days: float | None = Field(default=None, gt=0)
    """After so many days an event counts half; `None`: it counts for ever."""

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Numerator and denominator."""
        return (self.events, self.per)

    @property
    def half_life(self) -> float:
        """In microseconds."""
        return NO_DECAY if self.half_life_days is None else self.half_life_days * DAY

    def figures(self, counted: tuple[Figures, ...], ages: Figures, prior: float) -> Figures:  # noqa: ARG002 - asks for counts only
        """(n,) (events + smoothing x mean rate) / (per + smoothing); the mean rate where nothing happened at all."""
        above, below = counted[0] + self.smoothing * prior, counted[1] + self.smoothing
        return np.where(below > 0, above / np.where(below > 0, below, 1.0), prior)


class Since(EventTransform):
    """How long ago the last such event was, as the logarithm of 1 + days, standardised; missing where there was none."""

    kind: Literal["since"] = "since"
    missing: FigureMissing = "flag"
    """What stands where there was none: the mean with a `flag` beside it, the `mean`, `zero`, or an `error`."""

    def figures(self, counted: tuple[Figures, ...], ages: Figures, prior: float) -> Figures:  # noqa: ARG002 - asks for ages only
        """(n,) the logarithms."""
        return one_by_one(lambda age: log1p(age) if age == age else age, ages)

    def _checked_past(self, table: Table) -> Table:
        past = super()._checked_past(table)
        require_clock(self.name, self.kind, table)
        return past


def keys_of(table: Table, places: tuple[Place, ...]) -> tuple[Rows, Keys]:
    """(F,) rows and (F,) keys: every combination of each row's values in the columns, in order; none for a row that lacks a value."""
    rows, keys = np.arange(len(table)), np.full(len(table), len(places), dtype=np.uint64)
    for place in places:
        column: Column = table.column(place)
        lengths, starts, hashes = column.words.lengths, column.words.starts, column.words.hashes
        mine = column.rows[rows]
        repeats = lengths[mine]
        within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        keys = mixed(np.repeat(keys, repeats), hashes[np.repeat(starts[mine], repeats) + within])
        rows = np.repeat(rows, repeats)
    return rows, keys


def _sums(rows: Rows, counts: Figures, num_rows: int) -> Figures:
    """(n,) the mean over each row's keys."""
    return np.bincount(rows, weights=counts, minlength=num_rows) / np.maximum(1, np.bincount(rows, minlength=num_rows))


def _days(rows: Rows, times: Rows, last: Rows, num_rows: int) -> Figures:
    """(n,) days since the newest event of any of each row's keys; not a number where there was none, or the time is not known."""
    newest = np.full(num_rows, NO_TIME, dtype=np.int64)
    np.maximum.at(newest, rows, last)
    moments = np.full(num_rows, NO_TIME, dtype=np.int64)
    moments[rows] = times
    is_known = (newest != NO_TIME) & (moments != NO_TIME)
    return np.where(is_known, np.maximum(np.where(is_known, moments - np.where(is_known, newest, 0), 0), 0) / DAY, np.nan)


def _place(name: str, part: str) -> Place:
    if part == "item":
        return ITEM_ID
    if part == "user":
        return USER_ID
    source, dot, column = part.partition(".")
    if not dot or source not in ("item", "user"):
        raise ConfigError(f"feature {name!r}: by = {part!r} is not allowed", hint="item, user, item.COLUMN or user.COLUMN; the log keeps no context")
    return ("item" if source == "item" else "user", column)
