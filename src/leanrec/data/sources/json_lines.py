"""JSON lines as a raw table: one object a line, values as text, broken lines set aside alone."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from leanrec.data.sources.files import DataFile
from leanrec.data.sources.raw_table import SAMPLE_ROWS, RawBatch, Rows, located, set_aside
from leanrec.data.sources.text_blocks import TextBlock, text_blocks
from leanrec.errors import DataError


@dataclass(frozen=True, kw_only=True)
class JsonLinesTable:
    """One file of JSON objects, a line each."""

    file: DataFile
    columns: tuple[str, ...]
    has_header: bool = True

    @classmethod
    def open(cls, file: DataFile) -> "JsonLinesTable":
        """The file with the keys of its first objects; raises `DataError` when there is none."""
        head = _head(file)
        keys: dict[str, None] = {}
        for line in head:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                keys.update(dict.fromkeys(record))
        if not keys:
            raise DataError(
                f"{file.name}, line 1: {head[0][:80]!r} is no JSON object",
                hint='one object a line: {"user": "u1", "item": "i7", "time": 1700000000}; convert an array with jq -c \'.[]\'',
            )
        return cls(file=file, columns=tuple(keys))

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.file.name

    def sample(self) -> pl.DataFrame:
        """The first rows, all text."""
        return next(
            (batch.frame.head(SAMPLE_ROWS) for batch in self.batches(self.columns)), pl.DataFrame(schema=dict.fromkeys(self.columns, pl.String))
        )

    def batches(self, columns: Sequence[str]) -> Iterator[RawBatch]:
        """All rows, block by block; numbers and lists as their JSON text."""
        schema = dict.fromkeys(columns, pl.String())
        with self.file.opened() as stream:
            for block in text_blocks(stream, name=self.name):
                if not block.data.strip():
                    continue
                try:
                    frame = pl.read_ndjson(block.data, schema=schema)
                except (pl.exceptions.ComputeError, pl.exceptions.SchemaError):
                    yield replace(self._parse_by_line(block, columns), share=len(block.data) / (self.file.num_bytes or math.inf))
                    continue
                share = len(block.data) / (self.file.num_bytes or math.inf)
                yield RawBatch(frame=frame, locate=lambda rows, block=block: _locate(block, rows), share=share)  # type: ignore[misc]  # the block is bound, not asked for

    def _parse_by_line(self, block: TextBlock, columns: Sequence[str]) -> RawBatch:
        lines = block.data.decode("utf-8", errors="replace").split("\n")
        good: list[int] = []
        bad: list[int] = []
        kept: list[list[str | None]] = []
        for number, line in enumerate(lines):
            record = _object(line)
            if record is not None:
                good.append(number)
                kept.append([as_text(record.get(column)) for column in columns])
            elif line.strip():
                bad.append(number)
        frame = pl.DataFrame(kept, schema=dict.fromkeys(columns, pl.String), orient="row")

        def locate(rows: Rows) -> pl.DataFrame:
            numbers = [good[row] for row in rows]
            return located(np.array(numbers, np.int64) + block.first_line, [lines[number] for number in numbers])

        found = located(np.array(bad, np.int64) + block.first_line, [lines[number] for number in bad])
        return RawBatch(frame=frame, locate=locate, quarantine=set_aside(found, name=self.name, reasons=["not a JSON object"] * len(bad)))


def as_text(value: Any) -> str | None:  # Any: a JSON value
    """A JSON value as text; null stays absent."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _object(line: str) -> dict[str, Any] | None:  # Any: a JSON value
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _head(file: DataFile) -> list[str]:
    with file.opened() as stream:
        block = next(text_blocks(stream, name=file.name, block_bytes=1 << 20), None)
    lines = block.data.decode("utf-8", errors="replace").splitlines()[:1000] if block is not None else []
    if not any(line.strip() for line in lines):
        raise DataError(f"{file.name} is empty", hint="give one JSON object a line")
    return [line for line in lines if line.strip()]


def _locate(block: TextBlock, rows: Rows) -> pl.DataFrame:
    lines = block.data.split(b"\n")
    filled = [number for number, line in enumerate(lines) if line.strip()]
    numbers = [filled[row] for row in rows]
    contents = [lines[number].decode("utf-8", errors="replace") for number in numbers]
    return located(np.array(numbers, np.int64) + block.first_line, contents)
