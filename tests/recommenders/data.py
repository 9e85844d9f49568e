"""Small logs whose answers can be worked out by hand."""

import polars as pl

from leanrec.data.catalogue import Catalogue
from leanrec.data.dataset import Dataset
from leanrec.data.events import EVENT_SCHEMA, EventLog, TimeQuality

Row = tuple[str, str] | tuple[str, str, str] | tuple[str, str, str, float | None]

DAY = 86_400_000_000
START = 1_700_000_000_000_000


def log_of(rows: list[Row], *, time_quality: TimeQuality = "exact", step: int = 1_000_000) -> EventLog:
    """(user, item[, event[, value]]), one step of microseconds after another."""
    full = [
        (row[0], row[1], row[2] if len(row) > 2 else "click", START + step * number, row[3] if len(row) > 3 else None)
        for number, row in enumerate(rows)
    ]
    frame = pl.DataFrame(full, schema={name: pl.Float32 if name == "value" else None for name in EVENT_SCHEMA}, orient="row")
    return EventLog(frame=frame.select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items()), time_quality=time_quality)


def dataset_of(histories: dict[str, str], *, catalogue: Catalogue | None = None, time_quality: TimeQuality = "exact") -> Dataset:
    """One user per entry; each letter is an item."""
    rows: list[Row] = [(user, item) for user, items in histories.items() for item in items]
    return Dataset.build(log_of(rows, time_quality=time_quality), catalogue=catalogue)
