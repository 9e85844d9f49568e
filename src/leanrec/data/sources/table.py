"""TableSource: somebody's own event table, CSV, TSV, JSON lines or Parquet, one file or a folder of them."""

import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import ClassVar

from leanrec.console import ProgressBar
from leanrec.data.sources.catalogue_file import joined_catalogues, read_catalogue
from leanrec.data.sources.columns import ColumnMapping, MappingGuess
from leanrec.data.sources.files import DataFile, files_at
from leanrec.data.sources.guess import guess_mapping, kind_in_name
from leanrec.data.sources.item_columns import ItemCollector
from leanrec.data.sources.opened_tables import opened_table
from leanrec.data.sources.protocol import Reading
from leanrec.data.sources.raw_table import RawTable
from leanrec.data.sources.typed_events import EventCollector, EventLayout
from leanrec.errors import DataError

log = logging.getLogger(__name__)

ITEM_FILES = frozenset(
    {"items", "item", "products", "product", "catalogue", "catalog", "articles", "movies", "books", "artists", "artikel", "produkte"}
)
"""Names of files that describe items, in a folder beside events."""


@dataclass(frozen=True, kw_only=True)
class TableSource:
    """Reads event tables; what `columns` leaves out is guessed, and `guess` shows the result beforehand."""

    name: ClassVar[str] = "table"

    columns: ColumnMapping = field(default_factory=ColumnMapping)

    @classmethod
    def recognises(cls, url: str) -> bool:
        """Whether there is a file, or a folder of files, with the name of a table; asked last of all sources."""
        try:
            return bool(files_at(url))
        except DataError:
            return False

    def guess(self, url: str) -> MappingGuess:
        """What the columns are taken for, to be shown before reading; raises `DataError` when user or item cannot be told."""
        with self._table(_parted(url)[0][0]) as table:
            return self._guess(table)

    def read(self, url: str) -> Reading:
        """Every event; files of a folder are read in order of their names and share the columns of the first; items.* is the catalogue."""
        collector = EventCollector()
        items: ItemCollector | None = None
        chosen: MappingGuess | None = None
        files, catalogue_files = _parted(url)
        for file in files:
            with self._table(file) as table:
                if chosen is None:
                    chosen = self._guess(table)
                    log.debug("%s", chosen.describe())
                    items = ItemCollector(item=str(chosen.mapping.item), attributes=chosen.attributes)
                chosen.mapping.require_columns(table.columns, place=table.name)
                _read_table(table, chosen, collector, items)
        log.debug("%s: %d rows read, %d set aside", url, collector.num_rows, collector.num_bad)
        if collector.num_rows == 0:
            raise DataError(f"{url} holds a header but no events", hint="give at least one event a line")
        catalogues = [*(read_catalogue(file.url) for file in catalogue_files), items.catalogue() if items else None]
        return Reading(log=collector.log(), catalogue=joined_catalogues(catalogues), quarantine=collector.quarantine())

    def _table(self, file: DataFile) -> AbstractContextManager[RawTable]:
        return opened_table(file, delimiter=self.columns.delimiter, has_header=self.columns.has_header)

    def _guess(self, table: RawTable) -> MappingGuess:
        sample = table.sample()
        if sample.height == 0:
            raise DataError(f"{table.name} holds a header but no events", hint="give at least one event a line")
        return guess_mapping(table.columns, sample, stated=self.columns, place=table.name, has_header=table.has_header)


def _parted(url: str) -> tuple[list[DataFile], list[DataFile]]:
    """Files of events, and files of items by their names (items.csv, products.jsonl) where a folder holds both."""
    files = files_at(url)
    of_items = [file for file in files if file.url.replace("\\", "/").rsplit("/", 1)[-1].split(".")[0].lower() in ITEM_FILES]
    of_events = [file for file in files if file not in of_items]
    return (of_events, of_items) if of_events else (files, [])


def _read_table(table: RawTable, chosen: MappingGuess, collector: EventCollector, items: ItemCollector | None) -> None:
    """Add a table's events; where neither a column nor a rating says what they are, each file's name may."""
    is_by_name = chosen.mapping.event is None and chosen.reasons.get("kind", "stated").startswith(("the file", "nothing"))
    kind = kind_in_name(table.name) if is_by_name else None
    mapping = chosen.mapping if kind is None else chosen.mapping.model_copy(update={"kind": kind})
    layout = EventLayout.of_mapping(mapping, table.sample(), place=table.name)
    attributes = [column for column in chosen.attributes if column in table.columns]
    with ProgressBar(f"reading {table.name}", total=1.0) as bar:
        for batch in table.batches([*dict.fromkeys([*layout.columns, *attributes])]):
            collector.add(batch, layout, name=table.name)
            if items is not None and len(attributes) == len(chosen.attributes):
                items.add(batch.frame)
            bar.advance(batch.share)
