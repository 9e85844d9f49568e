"""Catalogue files: a table of items (CSV, JSON lines, Parquet) read into a `Catalogue`, its id column found by name."""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from leanrec.data.catalogue import Catalogue
from leanrec.data.sources.column_names import NAMES
from leanrec.data.sources.files import DataFile, files_at, kind_of
from leanrec.data.sources.guess import plain_name
from leanrec.data.sources.item_columns import typed_attributes
from leanrec.data.sources.opened_tables import opened_table
from leanrec.data.sources.text_blocks import text_blocks
from leanrec.errors import DataError

log = logging.getLogger(__name__)

Record = Mapping[str, Any]  # Any: values of a JSON object


def read_catalogue(url: str, *, id_column: str | None = None) -> Catalogue:
    """The items in a file or folder of files, one row each; the first of repeated ids stands."""
    parts = [_read_file(file, id_column) for file in files_at(url)]
    return joined_catalogues(parts) or Catalogue.of_ids(())


def joined_catalogues(parts: Sequence[Catalogue | None]) -> Catalogue | None:
    """All items and columns of several catalogues; where two tell of one item, the first that knows a value stands."""
    frames = [part.frame for part in parts if part is not None]
    if len(frames) < 2:
        return Catalogue(frame=frames[0]) if frames else None
    both = pl.concat(frames, how="diagonal_relaxed")
    merged = both.group_by("item_id", maintain_order=True).agg(pl.col(name).drop_nulls().first() for name in both.columns if name != "item_id")
    return Catalogue(frame=merged)


def catalogue_of_records(records: Iterable[Record], *, id_key: str) -> Catalogue:
    """Items from JSON objects: nested lists become flat lists of distinct texts, figures stay figures, the rest is text."""
    rows: dict[str, Record] = {}
    for record in records:
        item_id = record.get(id_key)
        if item_id is not None and str(item_id).strip():
            rows.setdefault(str(item_id).strip(), record)
    keys = dict.fromkeys(key for record in rows.values() for key in record if key != id_key)
    columns = [pl.Series("item_id", list(rows), dtype=pl.String)]
    columns += [_column("category" if key == "item_id" else key, [record.get(key) for record in rows.values()]) for key in keys]
    return Catalogue(frame=pl.DataFrame(columns))


def _column(name: str, values: Sequence[Any]) -> pl.Series:  # Any: values of a JSON object
    known = [value for value in values if value is not None]
    if any(isinstance(value, (list, tuple)) for value in known):
        return pl.Series(name, [flat_texts(value) for value in values], dtype=pl.List(pl.String))
    if known and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in known):
        return pl.Series(name, values, dtype=pl.Int64 if all(isinstance(value, int) for value in known) else pl.Float64, strict=False)
    return pl.Series(
        name, [value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values], dtype=pl.String
    )


def flat_texts(value: Any) -> list[str] | None:  # Any: a JSON value
    """Nested lists as one list of distinct texts, in order.

    >>> flat_texts([["Beauty", "Makeup"], ["Beauty", "Nails"]])
    ['Beauty', 'Makeup', 'Nails']
    """
    if value is None:
        return None
    if not isinstance(value, (list, tuple)):
        return [str(value)]
    return list(dict.fromkeys(text for part in value for text in (flat_texts(part) or [])))


def json_records(file: DataFile) -> Iterable[Record]:
    """The objects of a JSON-lines file; raises `DataError` with the line that is none."""
    with file.opened() as stream:
        for block in text_blocks(stream, name=file.name):
            for number, line in enumerate(block.data.decode("utf-8", errors="replace").split("\n"), start=block.first_line):
                if line.strip():
                    yield _record(line, place=f"{file.name}, line {number}")


def _record(line: str, *, place: str) -> Record:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise DataError(f"{place}: not a JSON object: {error}", hint="correct the line, or take it out") from None
    if not isinstance(record, dict):
        raise DataError(f"{place}: {line[:60]!r} is no JSON object", hint='one object a line: {"item_id": "i7", "title": "..."}')
    return record


def _read_file(file: DataFile, id_column: str | None) -> Catalogue:
    if kind_of(file) == "jsonl":
        records = list(json_records(file))
        columns = tuple(dict.fromkeys(key for record in records for key in record))
        return catalogue_of_records(records, id_key=_id_column(columns, id_column, file.name))
    with opened_table(file) as table:
        column = _id_column(table.columns, id_column, file.name)
        frame = pl.concat([batch.frame for batch in table.batches(table.columns)])
    ids = frame[column].cast(pl.String).str.strip_chars().alias("item_id")
    rest = frame.drop(column) if column == "item_id" else frame.drop([name for name in (column, "item_id") if name in frame.columns])
    whole = rest.insert_column(0, ids).filter(pl.col("item_id").is_not_null() & (pl.col("item_id") != ""))
    distinct = whole.unique("item_id", keep="first", maintain_order=True)
    if distinct.height < whole.height:
        log.warning("%s: %d rows repeat an item; the first of each stands", file.name, whole.height - distinct.height)
    return Catalogue(frame=typed_attributes(distinct))


def _id_column(columns: Sequence[str], stated: str | None, place: str) -> str:
    if stated is not None:
        if stated not in columns:
            raise DataError(f"{place} has no column {stated!r}", hint=f"columns: {', '.join(columns)}")
        return stated
    plain = {plain_name(column).replace("_", ""): column for column in reversed(columns)}
    for known in (*(name for name in NAMES["item"] if not name.endswith(("title", "name"))), "id"):
        if known.replace("_", "") in plain:
            return plain[known.replace("_", "")]
    raise DataError(f"{place}: no column looks like the item's id; columns: {', '.join(columns)}", hint="rename the column to item_id")
