"""Frames: events that already stand in memory, in any frame that speaks Arrow (pandas, Polars, pyarrow, DuckDB)."""

import logging
from collections.abc import Sequence
from typing import Any

import polars as pl

from leanrec.data.sources.columns import ColumnMapping, MappingGuess
from leanrec.data.sources.guess import guess_mapping
from leanrec.data.sources.item_columns import ItemCollector
from leanrec.data.sources.protocol import Reading
from leanrec.data.sources.raw_table import SAMPLE_ROWS, RawBatch, located_by_content
from leanrec.data.sources.typed_events import EventCollector, EventLayout
from leanrec.errors import DataError

log = logging.getLogger(__name__)

BATCH_ROWS = 500_000
_PLACE = "the frame"

Frame = Any  # Any: whatever holds columns; the packages that define them are not imported


def read_frame(frame: Frame, mapping: ColumnMapping | None = None) -> Reading:
    """Events of a frame; what `mapping` leaves out is guessed.

    Raises `DataError` when it is no frame, is empty, or its columns cannot be told.
    """
    table = polars_frame(frame)
    guess = guess_frame(table, mapping)
    log.debug("%s", guess.describe())
    collector = EventCollector()
    items = ItemCollector(item=str(guess.mapping.item), attributes=guess.attributes)
    layout = EventLayout.of_mapping(guess.mapping, table.head(SAMPLE_ROWS), place=_PLACE)
    columns = [*dict.fromkeys([*layout.columns, *guess.attributes])]
    for start in range(0, table.height, BATCH_ROWS):
        batch = table.select(columns).slice(start, BATCH_ROWS)
        collector.add(RawBatch(frame=batch, locate=located_by_content(batch, first_row=start + 1)), layout, name=_PLACE)
        items.add(batch)
    return Reading(log=collector.log(), catalogue=items.catalogue(), quarantine=collector.quarantine())


def guess_frame(frame: Frame, mapping: ColumnMapping | None = None) -> MappingGuess:
    """What the columns of a frame are taken for."""
    table = polars_frame(frame)
    if table.height == 0:
        raise DataError(f"{_PLACE} is empty: it has columns {', '.join(table.columns)} and no rows", hint="give at least one event a row")
    return guess_mapping(table.columns, table.head(SAMPLE_ROWS), stated=mapping, place=_PLACE)


def polars_frame(frame: Frame) -> pl.DataFrame:
    """The same columns as a Polars frame, without a copy where the other side speaks Arrow; raises `DataError` for anything else."""
    if isinstance(frame, pl.DataFrame):
        return frame
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if hasattr(frame, "__arrow_c_stream__"):
        try:
            return pl.DataFrame(frame)
        except ImportError:
            log.debug("the frame speaks Arrow only with pyarrow, which is not installed; its columns are copied")
    if hasattr(frame, "columns") and hasattr(frame, "__getitem__"):
        names = [str(name) for name in frame.columns]
        return pl.DataFrame([_column(name, frame[key]) for name, key in zip(names, frame.columns)])
    raise DataError(f"{type(frame).__name__} is no frame", hint="give a pandas, Polars or pyarrow table, a DuckDB relation, or the path of a file")


def _column(name: str, column: Any) -> pl.Series:  # Any: a column of a frame that is not ours
    values = column.to_numpy() if hasattr(column, "to_numpy") else column
    if getattr(values, "dtype", None) is not None and values.dtype.kind not in "OUSV":
        return pl.Series(name, values, nan_to_null=values.dtype.kind == "f")
    return pl.Series(name, _texts(values))


def _texts(values: Sequence[Any]) -> list[str | None]:  # Any: cells of a frame that is not ours
    """Objects as text; None and NaN (which differs from itself) are absent."""
    return [None if value is None or value != value else str(value) for value in values]  # NaN is meant
