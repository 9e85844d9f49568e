"""AmazonSource: Amazon review JSON lines of 2014, 2018 and 2023 with their metadata files."""

import ast
import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from leanrec.data.catalogue import Catalogue
from leanrec.data.sources.catalogue_file import catalogue_of_records, joined_catalogues
from leanrec.data.sources.columns import ColumnMapping
from leanrec.data.sources.files import DataFile, files_at, is_remote
from leanrec.data.sources.json_lines import JsonLinesTable
from leanrec.data.sources.named_tables import collect_events
from leanrec.data.sources.protocol import Reading
from leanrec.data.sources.text_blocks import text_blocks
from leanrec.data.sources.typed_events import EventCollector
from leanrec.errors import DataError

log = logging.getLogger(__name__)

_SUFFIXES = (".json", ".jsonl", ".ndjson")
_MAPPINGS = (
    ColumnMapping(user="reviewerID", item="asin", value="overall", timestamp="unixReviewTime", kind="rate"),
    ColumnMapping(user="user_id", item="parent_asin", value="rating", timestamp="timestamp", kind="rate"),
)
_DESCRIBING = {"title": "title", "categories": "categories", "category": "categories", "brand": "brand", "store": "brand", "price": "price"}
_DESCRIBING |= {"description": "description", "main_category": "main_category", "main_cat": "main_category"}

Record = dict[str, Any]  # Any: values of a JSON object


@dataclass(frozen=True, kw_only=True)
class AmazonSource:
    """Reads Amazon reviews as `rate` events; metadata files (`meta_*`) beside them become the catalogue."""

    name: ClassVar[str] = "amazon"

    @classmethod
    def recognises(cls, url: str) -> bool:
        """Whether a first line has the keys of an Amazon review."""
        try:
            return any(_mapping_of(_first_record(file)) is not None for file in files_at(url, suffixes=_SUFFIXES))
        except DataError:
            return False

    def read(self, url: str) -> Reading:
        """Every review, with rating and time; files of a folder in order of their names."""
        files = files_at(url, suffixes=_SUFFIXES)
        collector = EventCollector()
        metadata: list[DataFile] = []
        for file in files:
            record = _first_record(file)
            mapping = _mapping_of(record)
            if mapping is not None:
                collect_events(JsonLinesTable.open(file), mapping, collector)
            elif "asin" in record or "parent_asin" in record:
                metadata.append(file)
        if collector.num_rows == 0:
            raise DataError(f"{url} holds no Amazon reviews", hint="a review has the keys reviewerID and asin, or user_id and parent_asin")
        if len(files) == 1:
            metadata = _metadata_beside(files[0])
        return Reading(log=collector.log(), catalogue=joined_catalogues([_catalogue(file) for file in metadata]), quarantine=collector.quarantine())


def _mapping_of(record: Record) -> ColumnMapping | None:
    return next((mapping for mapping in _MAPPINGS if mapping.user in record and mapping.item in record), None)


def _first_record(file: DataFile) -> Record:
    """The first object, or an empty one when the first line is none."""
    head = file.first_bytes().lstrip(b"\xef\xbb\xbf \t\r\n").split(b"\n", 1)[0]
    return _record(head.decode("utf-8", errors="replace")) or {}


def _record(line: str) -> Record | None:
    """A line of JSON, or of the Python literals that the oldest metadata files hold."""
    try:
        record = json.loads(line)
    except ValueError:
        try:
            record = ast.literal_eval(line.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
    return record if isinstance(record, dict) else None


def _metadata_beside(file: DataFile) -> list[DataFile]:
    """meta_NAME beside NAME or NAME_5, for the category of the review file."""
    if is_remote(file.url) or file.path is None:
        return []
    category = file.path.name.split(".")[0].removeprefix("reviews_").removesuffix("_5").lower()
    names = {f"meta_{category}", "meta", "metadata"}
    found = [path for path in sorted(file.path.parent.iterdir()) if path.name.split(".")[0].lower() in names]
    return [DataFile(url=str(path), name=str(path)) for path in found if path != file.path]


def _catalogue(file: DataFile) -> Catalogue:
    return catalogue_of_records(_described(_records(file)), id_key="item_id")


def _records(file: DataFile) -> Iterator[Record]:
    bad = 0
    with file.opened() as stream:
        for block in text_blocks(stream, name=file.name):
            for line in block.data.decode("utf-8", errors="replace").split("\n"):
                record = _record(line) if line.strip() else None
                if record is not None:
                    yield record
                bad += bool(line.strip()) and record is None
    if bad:
        log.warning("%s: %d lines are neither JSON nor Python literals and were left out", file.name, bad)


def _described(records: Iterable[Record]) -> Iterator[Record]:
    for record in records:
        chosen: Record = {"item_id": record.get("parent_asin") or record.get("asin")}
        for key, name in _DESCRIBING.items():
            value = record.get(key)
            if value not in (None, "", []) and name not in chosen:
                chosen[name] = (
                    _price(value) if name == "price" else " ".join(map(str, value)) if name == "description" and isinstance(value, list) else value
                )
        yield chosen


def _price(value: Any) -> float | None:  # Any: a number, or text like "$12.99"
    try:
        return float(str(value).lstrip("$").replace(",", ""))
    except ValueError:
        return None
