"""Read a table whose layout is known: sources with a fixed format say their columns here instead of guessing."""

from collections.abc import Sequence

import polars as pl

from leanrec.data.sources.columns import ColumnMapping
from leanrec.data.sources.delimited import DelimitedTable
from leanrec.data.sources.dialect import Dialect
from leanrec.data.sources.files import DataFile
from leanrec.data.sources.raw_table import RawTable
from leanrec.data.sources.typed_events import EventCollector, EventLayout


def collect_events(table: RawTable, mapping: ColumnMapping, collector: EventCollector) -> None:
    """Add every event of a table under a complete mapping; raises `DataError` when a column is missing."""
    mapping.require_columns(table.columns, place=table.name)
    layout = EventLayout.of_mapping(mapping, table.sample(), place=table.name)
    for batch in table.batches(layout.columns):
        collector.add(batch, layout, name=table.name)


def delimited_table(file: DataFile, columns: Sequence[str], *, delimiter: str, encoding: str = "utf-8") -> DelimitedTable:
    """A headerless delimited file with these columns and no quotes."""
    return DelimitedTable(
        file=file, dialect=Dialect(delimiter=delimiter, columns=tuple(columns), has_header=False, is_quoted=False, encoding=encoding)
    )


def whole_frame(table: RawTable) -> pl.DataFrame:
    """All rows and columns of a small table; blank lines are left out."""
    frames = [batch.frame for batch in table.batches(table.columns)]
    if not frames:
        return pl.DataFrame(schema=dict.fromkeys(table.columns, pl.String))
    return pl.concat(frames).filter(~pl.all_horizontal(pl.all().is_null()))
