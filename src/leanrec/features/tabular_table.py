"""Table: rows to be turned into features: who is asked about which item, where and when; whole columns and single rows alike."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np

from leanrec.data.description import DescribedValue, ItemDescription
from leanrec.data.events import TimeQuality
from leanrec.data.ids import UserId
from leanrec.features.tabular_values import Figures, Rows, Value, plain_value

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
class Column:
    """Values, and which of them each row has: what many rows share is turned into features once."""

    values: Sequence[Value]
    """(m,)"""
    rows: Rows
    """(n,) places in `values`."""


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
        asked, each, same = asked or Situation(), np.arange(len(items)), np.zeros(len(items), np.int64)
        columns = {}
        for place in places:
            is_item = place[0] == "item"
            values = [item_value(item, place[1]) for item in items] if is_item else [asked.value(place)]
            columns[place] = Column(values=values, rows=each if is_item else same)
        time = NO_TIME if asked.time is None else asked.time
        return cls(times=np.full(len(items), time, dtype=np.int64), columns=columns)

    def column(self, place: Place) -> Column:
        """A column; where the table has none such, nothing is known of any row."""
        return self.columns.get(place) or Column(values=[None], rows=np.zeros(len(self), np.int64))

    def take(self, rows: Rows) -> "Table":
        """The chosen rows in the given order."""
        columns = {place: Column(values=column.values, rows=column.rows[rows]) for place, column in self.columns.items()}
        kinds = None if self.kinds is None else self.kinds[rows]
        return replace(self, times=self.times[rows], columns=columns, kinds=kinds, values=None if self.values is None else self.values[rows])


def item_value(item: ItemDescription, name: str) -> Value:
    """An item's value in a column: its id, its title, or an attribute."""
    if name == ITEM_ID[1]:
        return item.item_id
    return item.title if name == TITLE else plain_value(item.attributes.get(name))
