"""Parquet as a raw table: read in slices, so that no column is held whole."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from leanrec.data.sources.files import DataFile
from leanrec.data.sources.raw_table import SAMPLE_ROWS, RawBatch, located_by_content
from leanrec.errors import DataError

BATCH_ROWS = 500_000


@dataclass(frozen=True, kw_only=True)
class ParquetTable:
    """One Parquet file on this machine; a remote one is fetched first, by whoever opens it."""

    name: str
    path: Path
    schema: pl.Schema
    num_rows: int
    has_header: bool = True

    @classmethod
    def open(cls, file: DataFile, *, local_path: Path | None = None) -> "ParquetTable":
        """The file with its schema read; raises `DataError` when it is cut short or damaged."""
        path = local_path or file.path
        if path is None:
            raise DataError(f"{file.name} lies in a remote store and was not fetched", hint="copy it to this machine first")
        try:
            scan = pl.scan_parquet(path)
            schema = scan.collect_schema()
            num_rows = int(scan.select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _damaged(file.name, error) from None
        return cls(name=file.name, path=path, schema=schema, num_rows=num_rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(self.schema)

    def sample(self) -> pl.DataFrame:
        """The first rows, with the file's own types."""
        return self._slice(self.columns, 0, SAMPLE_ROWS)

    def batches(self, columns: Sequence[str]) -> Iterator[RawBatch]:
        """All rows; `line` is the row's number, from 1."""
        for start in range(0, self.num_rows, BATCH_ROWS):
            frame = self._slice(columns, start, BATCH_ROWS)
            yield RawBatch(frame=frame, locate=located_by_content(frame, first_row=start + 1), share=frame.height / self.num_rows)

    def _slice(self, columns: Sequence[str], start: int, count: int) -> pl.DataFrame:
        try:
            return pl.scan_parquet(self.path).select(columns).slice(start, count).collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _damaged(self.name, error) from None


def _damaged(name: str, error: Exception) -> DataError:
    first = str(error).splitlines()[0]
    return DataError(f"{name}: the Parquet file is cut short or damaged: {first}", hint="copy or write the file again, whole")
