"""Table: rows to be turned into features: who is asked about which item, where and when; whole columns and single rows alike."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np

from leanrec.data.description import DescribedValue, ItemDescription
from leanrec.data.events import TimeQuality
from leanrec.data.ids import UserId
from leanrec.features.tabular_values import Figures, Keys, Rows, Value, figures_of, plain_value, stable_hash, words_of

Source = Literal["item", "user", "context"]
Place: TypeAlias = tuple[Source, str]
"""Where a column comes from, and its name."""

ITEM_ID: Place = ("item", "item_id")
USER_ID: Place = ("user", "user_id")
TITLE = "title"
"""The item column that holds what names it, whatever it is called in the catalogue."""
NO_TIME = -(2**63)
"""A row whose time is not known: it stands after everything known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """One row: a user, an item, a context and a time, each as far as it is known."""

    item: ItemDescription | None = None
    user_id: UserId | None = None
    user: Mapping[str, DescribedValue] = field(default_factory=dict)
    context: Mapping[str, str] = field(default_factory=dict)
    time: int | None = None
    """Microseconds since 1970 UTC; `None` means after everything known."""

    def value(self, place: Place) -> Value:
        """The row's value in a column; `None` where it has none."""
        source, name = place
        if place == USER_ID:
            return self.user_id
        if source != "item":
            return plain_value((self.user if source == "user" else self.context).get(name))
        return None if self.item is None else item_value(self.item, name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """The words of m values, one after another."""

    flat: Sequence[str]
    """(F,)"""
    lengths: Rows
    """(m,) how many each value has."""
    hashes: Keys
    """(F,) their stable hashes."""

    @classmethod
    def of(cls, values: Sequence[Value]) -> "Words":
        """Those of some values."""
        each = [words_of(value) for value in values]
        flat = [word for words in each for word in words]
        lengths = np.fromiter(map(len, each), dtype=np.int64, count=len(each))
        return cls(flat=flat, lengths=lengths, hashes=np.fromiter(map(stable_hash, flat), dtype=np.uint64, count=len(flat)))

    @property
    def starts(self) -> Rows:
        """(m,) where the words of each value begin."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def firsts(self) -> list[str]:
        """(m,) the first word of each value, empty where there is none."""
        return [self.flat[start] if length else "" for start, length in zip(self.starts.tolist(), self.lengths.tolist(), strict=True)]


@dataclass(frozen=True, kw_only=True)
class Column:
    """Values, and which of them each row has: what many rows share is turned into features once."""

    values: Sequence[Value]
    """(m,)"""
    rows: Rows
    """(n,) places in `values`."""

    @cached_property
    def figures(self) -> Figures:
        """(m,) the values as figures, read once."""
        return figures_of(self.values)

    @cached_property
    def words(self) -> Words:
        """The values as words, read once."""
        return Words.of(self.values)

    def take(self, rows: Rows) -> "Column":
        """The same values for other rows; what was read of them is kept."""
        taken = Column(values=self.values, rows=self.rows[rows])
        taken.__dict__.update({name: self.__dict__[name] for name in ("figures", "words") if name in self.__dict__})
        return taken


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """n rows by columns. `past` says what happened; without it, features of events come from what they were fitted on."""

    times: Rows
    """(n,) int64 microseconds since 1970 UTC, or positions where only the order is known; `NO_TIME` where nothing is."""
    columns: Mapping[Place, Column]
    kinds: Rows | None = None
    """(n,) of a table of events: the place of each row's kind in `EVENT_WEIGHTS`."""
    values: Figures | None = None
    """(n,) of a table of events: what each was given (stars, seconds); not a number where nothing."""
    time_quality: TimeQuality = "exact"
    past: "Table | None" = None
    """Events in file order, later ones than the rows included: each row sees those strictly before its own time."""

    def __len__(self) -> int:
        return len(self.times)

    @classmethod
    def of_situations(cls, situations: Sequence[Situation], places: Iterable[Place]) -> "Table":
        """Single rows, as they come in online; only the named columns are kept."""
        times = [NO_TIME if situation.time is None else situation.time for situation in situations]
        rows = np.arange(len(situations))
        columns = {place: Column(values=[situation.value(place) for situation in situations], rows=rows) for place in places}
        return cls(times=np.array(times, dtype=np.int64), columns=columns)

    @classmethod
    def of_items(cls, items: Sequence[ItemDescription], places: Iterable[Place], *, asked: Situation | None = None) -> "Table":
        """One row an item, all of them in the situation of one question."""
        each, nobody = np.arange(len(items)), Column(values=[None], rows=np.zeros(len(items), np.int64))
        columns = {
            place: Column(values=[item_value(item, place[1]) for item in items], rows=each) if place[0] == "item" else nobody for place in places
        }
        return cls(times=np.full(len(items), NO_TIME, dtype=np.int64), columns=columns).asked(asked or Situation())

    def asked(self, situation: Situation) -> "Table":
        """The same items in the situation of another question: a catalogue is read once, and asked about again and again."""
        time, same = NO_TIME if situation.time is None else situation.time, np.zeros(len(self), np.int64)
        others = {place: Column(values=[situation.value(place)], rows=same) for place in self.columns if place[0] != "item"}
        return replace(self, times=np.full(len(self), time, dtype=np.int64), columns={**self.columns, **others})

    def column(self, place: Place) -> Column:
        """A column; where the table has none such, nothing is known of any row."""
        return self.columns.get(place) or Column(values=[None], rows=np.zeros(len(self), np.int64))

    def take(self, rows: Rows) -> "Table":
        """The chosen rows in the given order."""
        columns = {place: column.take(rows) for place, column in self.columns.items()}
        kinds = None if self.kinds is None else self.kinds[rows]
        return replace(self, times=self.times[rows], columns=columns, kinds=kinds, values=None if self.values is None else self.values[rows])


def item_value(item: ItemDescription, name: str) -> Value:
    """An item's value in a column: its id, its title, or an attribute."""
    if name == ITEM_ID[1]:
        return item.item_id
    return item.title if name == TITLE else plain_value(item.attributes.get(name))
