"""Open an address with the source that knows it: the registered ones are asked, the plain table last."""

import logging
from dataclasses import replace

from leanrec import registry
from leanrec.data.sources.catalogue_file import joined_catalogues, read_catalogue
from leanrec.data.sources.columns import ColumnMapping, MappingGuess
from leanrec.data.sources.protocol import Reading, Source
from leanrec.data.sources.table import TableSource
from leanrec.errors import ConfigError

log = logging.getLogger(__name__)

GROUP: registry.Group = "leanrec.sources"


def open_source(url: str, *, name: str | None = None, columns: ColumnMapping | None = None) -> Source:
    """The source for an address: the one named, else the first that recognises it.

    `columns` is for the plain table, which it chooses unless another source is named. Raises `ConfigError` when it cannot
    take effect or the name is unknown.
    """
    columns = columns or ColumnMapping()
    chosen = name or (TableSource.name if columns.stated else _recognised(url))
    if chosen == TableSource.name:
        return TableSource(columns=columns)
    if columns != ColumnMapping():
        raise ConfigError(
            f"{url} is read as {chosen!r}, whose columns are fixed: the column mapping cannot take effect",
            hint="leave [columns] out, or state columns.user and columns.item to have it read as a plain table",
        )
    source: Source = registry.find(GROUP, chosen)()
    return source


def read(url: str, *, source: str | None = None, columns: ColumnMapping | None = None, catalogue: str | None = None) -> Reading:
    """Everything found at a file, folder or URL; `catalogue` names a table of items that goes before what the source says of them."""
    opened = open_source(str(url), name=source, columns=columns)
    log.info("%s is read as %s", url, opened.name)
    reading = opened.read(str(url))
    log.info("%s: %d events, %d users, %d items", url, len(reading.log), reading.log.num_users, reading.log.num_items)
    if catalogue is None:
        return reading
    return replace(reading, catalogue=joined_catalogues([read_catalogue(str(catalogue)), reading.catalogue]))


def guess_columns(url: str, *, columns: ColumnMapping | None = None) -> MappingGuess | None:
    """What the columns of a plain table are taken for, to be shown before reading; None where the format says it itself."""
    source = open_source(str(url), columns=columns)
    return source.guess(str(url)) if isinstance(source, TableSource) else None


def _recognised(url: str) -> str:
    for name in registry.names(GROUP):
        if name != TableSource.name and registry.find(GROUP, name).recognises(url):
            return name
    return TableSource.name
