"""Tables of a data set: its events, and questions about its users and items, on the columns that features read."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from leanrec.data.dataset import Dataset
from leanrec.data.description import ItemDescription
from leanrec.features.tabular_table import ITEM_ID, TITLE, USER_ID, Column, Place, Source, Table, item_value
from leanrec.features.tabular_values import Rows, Value, plain_value


def places_of(dataset: Dataset) -> tuple[Place, ...]:
    """Every column of a data set that a feature can read."""
    title = dataset.catalogue.title_column
    items: list[Place] = [("item", name) for name in dataset.catalogue.attributes if name != title]
    titles: list[Place] = [("item", TITLE)] if title is not None else []
    users: list[Place] = []
    if dataset.user_attributes is not None:
        users = [("user", name) for name in dataset.user_attributes.columns if name != USER_ID[1]]
    return (ITEM_ID, USER_ID, *titles, *items, *users)


def questions_of(
    dataset: Dataset, *, user_rows: Rows, item_rows: Rows, times: Rows, places: Iterable[Place] | None = None, past: Table | None = None
) -> Table:
    """A table of questions: each names a user, an item and a time. `past` says what happened, for features of events.

    Columns that the data set lacks are left out, so that fitting names them; `places` is every column when left out.
    """
    known = places_of(dataset)
    wanted = known if places is None else [place for place in places if place in known]
    rows: dict[Source, Rows] = {"user": user_rows.astype(np.int64), "item": item_rows.astype(np.int64)}
    items = dataset.catalogue.descriptions() if any(source == "item" for source, _ in wanted) else []
    columns = {place: Column(values=_values(dataset, place, items), rows=rows[place[0]]) for place in wanted}
    return Table(times=times.astype(np.int64), columns=columns, time_quality=dataset.time_quality, past=past)


def events_of(dataset: Dataset, *, places: Iterable[Place] | None = None) -> Table:
    """All events of a data set as a table, impressions included: the past of questions.

    Where no time is known there is no past that could be told from the future, and features of events refuse it.
    """
    table = questions_of(
        dataset,
        user_rows=dataset.column("user_row"),
        item_rows=dataset.column("item_row"),
        times=dataset.column("timestamp"),
        places=places,
    )
    kinds, values = dataset.column("event").astype(np.int64), dataset.column("value").astype(np.float64)
    return replace(table, kinds=kinds, values=values)


def _values(dataset: Dataset, place: Place, items: Sequence[ItemDescription]) -> list[Value]:
    """The plain values of a column, one for each item or user row."""
    if place == USER_ID:
        return list(dataset.users.ids)
    source, name = place
    if source == "item":
        return [item_value(item, name) for item in items]
    users = dataset.user_attributes
    return [] if users is None else [plain_value(value) for value in users[name].to_list()]
