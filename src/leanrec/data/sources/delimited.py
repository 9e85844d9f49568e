"""Delimited text (CSV, TSV, `::`) as a raw table: parsed block by block, every row true to its line."""

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl

from leanrec.data.sources.dialect import STAND_IN, Dialect, dialect_of
from leanrec.data.sources.files import DataFile
from leanrec.data.sources.raw_table import SAMPLE_ROWS, RawBatch, Rows, located, set_aside
from leanrec.data.sources.text_blocks import TextBlock, text_blocks

_EXTRA = "\x1eextra"
_UNREADABLE = "\ufffd"


@dataclass(frozen=True, kw_only=True)
class DelimitedTable:
    """One delimited file."""

    file: DataFile
    dialect: Dialect

    @classmethod
    def open(cls, file: DataFile, *, delimiter: str | None = None, has_header: bool | None = None) -> "DelimitedTable":
        """The file with its dialect found; raises `DataError` when it is no table."""
        return cls(file=file, dialect=dialect_of(file, delimiter=delimiter, has_header=has_header))

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.file.name

    @property
    def has_header(self) -> bool:
        """Whether the first line names the columns."""
        return self.dialect.has_header

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the header, or column_1, column_2, ..."""
        return self.dialect.columns

    def sample(self) -> pl.DataFrame:
        """The first rows, all text."""
        for batch in self._batches(self.columns, block_bytes=1 << 20):
            if batch.frame.height:
                return batch.frame.filter(~pl.all_horizontal(pl.all().is_null())).head(SAMPLE_ROWS)
        return pl.DataFrame(schema=dict.fromkeys(self.columns, pl.String))

    def batches(self, columns: Sequence[str]) -> Iterator[RawBatch]:
        """All rows, block by block, all text; a row with more fields than the header is set aside."""
        return self._batches(columns)

    def _batches(self, columns: Sequence[str], *, block_bytes: int | None = None) -> Iterator[RawBatch]:
        options = {} if block_bytes is None else {"block_bytes": block_bytes}
        with self.file.opened() as stream:
            blocks = text_blocks(stream, name=self.name, encoding=self.dialect.encoding, quoted=self.dialect.is_quoted, **options)
            for number, block in enumerate(blocks):
                body = self._without_header(block) if number == 0 and self.has_header else block
                if body.data.strip():
                    yield replace(self._parsed(body, columns), share=len(block.data) / (self.file.num_bytes or math.inf))

    def _without_header(self, block: TextBlock) -> TextBlock:
        """The block after the first line that is not blank."""
        start, line = 0, block.first_line
        while (end := block.data.find(b"\n", start)) >= 0 and not block.data[start:end].strip():
            start, line = end + 1, line + 1
        rest = block.data[end + 1 :] if end >= 0 else b""
        return TextBlock(data=rest, first_line=line + 1, is_balanced=block.is_balanced)

    def _parsed(self, block: TextBlock, columns: Sequence[str]) -> RawBatch:
        frame = self._parse_fast(block, columns) if block.is_balanced else None
        if frame is None:
            return self._parse_by_line(block, columns)
        is_bad = frame[_EXTRA].is_not_null()
        if self._has_unreadable(frame, block):
            is_bad |= frame.select(pl.any_horizontal(pl.col(columns).str.contains(_UNREADABLE, literal=True).fill_null(value=False))).to_series()
        kept = frame.drop(_EXTRA)
        if not is_bad.any():
            return RawBatch(frame=kept, locate=lambda rows: self._locate(block, rows))
        rows = np.flatnonzero(is_bad.to_numpy())
        found = self._locate(block, rows)
        if found["content"].str.contains("\n", literal=True).any():
            return self._parse_by_line(block, columns)
        good = np.flatnonzero(~is_bad.to_numpy())
        reasons = [self._ragged if is_extra else "bytes that are not UTF-8" for is_extra in frame[_EXTRA].is_not_null().gather(rows)]
        return RawBatch(
            frame=kept[good], locate=lambda rows: self._locate(block, good[rows]), quarantine=set_aside(found, name=self.name, reasons=reasons)
        )

    @cached_property
    def _ragged(self) -> str:
        return f"more than {len(self.columns)} fields"

    def _parse_fast(self, block: TextBlock, columns: Sequence[str]) -> pl.DataFrame | None:
        """The block by Polars, or None where its quotes are not as they should be."""
        delimiter, data = self.dialect.delimiter, block.data
        if len(delimiter) > 1:
            data, delimiter = data.replace(delimiter.encode(), STAND_IN.encode()), STAND_IN
        names = [f"c{number}" for number in range(len(self.columns))]
        header = delimiter.join([*names, _EXTRA]).encode() + b"\n"
        position = {column: names[place] for place, column in enumerate(self.columns)}
        try:
            frame = pl.read_csv(
                header + data,
                separator=delimiter,
                quote_char='"' if self.dialect.is_quoted else None,
                columns=[*(position[column] for column in columns), _EXTRA],
                infer_schema=False,
                truncate_ragged_lines=True,
                encoding="utf8-lossy",
            )
        except pl.exceptions.ComputeError:
            return None
        return frame.select(*(pl.col(position[column]).alias(column) for column in columns), _EXTRA)

    def _has_unreadable(self, frame: pl.DataFrame, block: TextBlock) -> bool:
        if frame.height == 0 or self.dialect.encoding != "utf-8":
            return False
        try:
            block.data.decode("utf-8")
        except UnicodeDecodeError:
            return True
        return False

    def _parse_by_line(self, block: TextBlock, columns: Sequence[str]) -> RawBatch:
        """Each line for itself, by Python: for blocks whose quotes do not match; a faulty line is set aside alone."""
        lines = block.data.decode("utf-8", errors="replace").split("\n")
        places = [self.columns.index(column) for column in columns]
        kept: list[list[str | None]] = []
        good: list[int] = []
        bad: list[int] = []
        reasons: list[str] = []
        for number, line in enumerate(lines):
            fields, reason = self._line_fields(line)
            if reason:
                bad.append(number)
                reasons.append(reason)
            elif line.strip():
                good.append(number)
                kept.append([fields[place] or None if place < len(fields) else None for place in places])
        frame = pl.DataFrame(kept, schema=dict.fromkeys(columns, pl.String), orient="row")

        def locate(rows: Rows) -> pl.DataFrame:
            numbers = [good[row] for row in rows]
            return located(np.array(numbers, np.int64) + block.first_line, [lines[number] for number in numbers])

        found = located(np.array(bad, np.int64) + block.first_line, [lines[number] for number in bad])
        return RawBatch(frame=frame, locate=locate, quarantine=set_aside(found, name=self.name, reasons=reasons))

    def _line_fields(self, line: str) -> tuple[list[str], str]:
        if _UNREADABLE in line:
            return [], "bytes that are not UTF-8"
        if not self.dialect.is_quoted or len(self.dialect.delimiter) > 1:
            fields = line.split(self.dialect.delimiter)
        else:
            try:
                fields = next(csv.reader([line], delimiter=self.dialect.delimiter, strict=True), [])
            except csv.Error:
                return [], "a quote that does not match"
        return (fields, "") if len(fields) <= len(self.columns) else ([], self._ragged)

    def _locate(self, block: TextBlock, rows: Rows) -> pl.DataFrame:
        starts = block.record_starts(quoted=self.dialect.is_quoted)
        ends = np.append(starts[1:], len(block.data))
        contents = [block.data[starts[row] : ends[row]].decode("utf-8", errors="replace").rstrip("\n") for row in rows]
        return located(block.lines_of(starts[rows]), contents)
