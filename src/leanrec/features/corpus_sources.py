"""Where the texts of a corpus come from: what items say of themselves, what people wrote of them, and files of plain text."""

import re
from collections.abc import Iterator, Sequence

import polars as pl

from leanrec.data.description import ItemDescription
from leanrec.data.events import REVIEW_COLUMN, EventLog
from leanrec.data.sources.catalogue_file import json_records
from leanrec.data.sources.files import DataFile, files_at, kind_of
from leanrec.data.sources.text_blocks import text_blocks
from leanrec.errors import DataError
from leanrec.features.item_text import ItemText, ItemTextConfig

TEXT_KEY = "text"
_DELIMITER = re.compile(r"[\t|;]|::|,\S")
"""What parts cells; a comma in a sentence has a space after it."""


def item_documents(items: Sequence[ItemDescription], config: ItemTextConfig | None = None) -> list[str]:
    """What each item says of itself; empty where its row says nothing."""
    return ItemText.of_items(items, config).texts(items)


def review_documents(log: EventLog) -> list[str]:
    """What people wrote of items. Give the training part of a log where later events are to be foretold."""
    if REVIEW_COLUMN not in log.frame.columns:
        return []
    return log.frame[REVIEW_COLUMN].drop_nulls().to_list()


def is_text_file(url: str, *, key: str = TEXT_KEY) -> bool:
    """Whether a file holds texts rather than events: JSON lines with `key`, or lines of words that no delimiter parts."""
    file = files_at(url)[0]
    kind = kind_of(file)
    if kind == "jsonl":
        return key in next(iter(json_records(file)))
    if kind == "parquet":
        return False
    head = file.first_bytes(1 << 14).decode("utf-8", errors="replace").strip().splitlines()[0]
    return not _DELIMITER.search(head) and not all(word.isdigit() for word in head.split())


def file_documents(url: str, *, key: str = TEXT_KEY) -> list[str]:
    """The texts of a file or of a folder of files: a line each, or the value of `key` in every JSON line or row of a Parquet file.

    Raises `DataError` naming the place where there is none.
    """
    return [text for file in files_at(url) for text in _documents(file, key=key)]


def _documents(file: DataFile, *, key: str) -> Iterator[str]:
    kind = kind_of(file)
    if kind == "parquet":
        with file.opened() as stream:
            frame = pl.read_parquet(stream.read())
        if frame.schema.get(key) != pl.String():
            raise _no_text(file.name, key, found=frame.columns)
        yield from frame[key].drop_nulls()
    elif kind == "jsonl":
        for number, record in enumerate(json_records(file), start=1):
            if not isinstance(record.get(key), str):
                raise _no_text(f"{file.name}, record {number}", key, found=list(record))
            yield record[key]
    else:
        with file.opened() as stream:
            for block in text_blocks(stream, name=file.name):
                yield from block.data.decode("utf-8", errors="replace").splitlines()


def _no_text(place: str, key: str, *, found: Sequence[str]) -> DataError:
    return DataError(f"{place}: no text under {key!r}; it holds {', '.join(found)}", hint="name the column: --set text_key=NAME")
