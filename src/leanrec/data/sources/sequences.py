"""SequencesSource: `sequences.txt`, a user a line, then the items oldest first; `items.jsonl` beside it is the catalogue."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl

from leanrec.data.quarantine import Quarantine
from leanrec.data.sources.catalogue_file import read_catalogue
from leanrec.data.sources.files import DataFile, kind_of, local_folder
from leanrec.data.sources.protocol import Reading
from leanrec.data.sources.raw_table import RawBatch, located, located_by_content, set_aside
from leanrec.data.sources.text_blocks import TextBlock, text_blocks
from leanrec.data.sources.typed_events import EventCollector, EventLayout
from leanrec.errors import DataError

FILE_NAME = "sequences.txt"
CATALOGUE_NAMES = ("items.jsonl", "items.csv", "items.parquet")
_LAYOUT = EventLayout(user="user", item="item", kind="view", time_quality="order")


@dataclass(frozen=True, kw_only=True)
class SequencesSource:
    """Reads whitespace-separated histories; only the order of events is known."""

    name: ClassVar[str] = "sequences"

    @classmethod
    def recognises(cls, url: str) -> bool:
        """Whether it is a file or a folder named for sequences."""
        folder = local_folder(url)
        return (folder / FILE_NAME).is_file() if folder is not None else Path(str(url)).name == FILE_NAME

    def read(self, url: str) -> Reading:
        """Each item of each line as one `view`, its timestamp the place in the file."""
        folder = local_folder(url)
        file = DataFile(url=str(folder / FILE_NAME), name=str(folder / FILE_NAME)) if folder is not None else DataFile(url=str(url), name=str(url))
        if file.path is not None and not file.path.is_file():
            raise DataError(f"no file at {file.name}", hint=f"a folder of sequences holds {FILE_NAME}")
        kind_of(file)
        collector = EventCollector()
        with file.opened() as stream:
            for block in text_blocks(stream, name=file.name):
                collector.add(_events(block, name=file.name), _LAYOUT, name=file.name)
        beside = next((path for name in CATALOGUE_NAMES if file.path is not None and (path := file.path.with_name(name)).is_file()), None)
        catalogue = read_catalogue(str(beside)) if beside is not None else None
        return Reading(log=collector.log(), catalogue=catalogue, quarantine=collector.quarantine())


def _events(block: TextBlock, *, name: str) -> RawBatch:
    """One row an item; a line with a user and no items is set aside."""
    lines = block.data.decode("utf-8", errors="replace").split("\n")
    users: list[str] = []
    items: list[str] = []
    bad: list[int] = []
    for number, line in enumerate(lines):
        words = line.split()
        if len(words) == 1:
            bad.append(number)
        users += words[:1] * (len(words) - 1)
        items += words[1:]
    frame = pl.DataFrame({"user": users, "item": items}, schema={"user": pl.String, "item": pl.String})
    found = located(np.array(bad, np.int64) + block.first_line, [lines[number] for number in bad])
    quarantine = set_aside(found, name=name, reasons=["a user without items"] * len(bad)) if bad else Quarantine()
    return RawBatch(frame=frame, locate=located_by_content(frame, first_row=1), quarantine=quarantine)
