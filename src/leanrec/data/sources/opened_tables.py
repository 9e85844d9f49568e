"""Open whatever tables an address names: CSV, TSV, JSON lines or Parquet, each as a raw table."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leanrec.data.sources.delimited import DelimitedTable
from leanrec.data.sources.files import DataFile, kind_of
from leanrec.data.sources.json_lines import JsonLinesTable
from leanrec.data.sources.parquet import ParquetTable
from leanrec.data.sources.raw_table import RawTable


@contextmanager
def opened_table(file: DataFile, *, delimiter: str | None = None, has_header: bool | None = None) -> Iterator[RawTable]:
    """The table in a file; a remote Parquet file is fetched into a temporary folder while the block lasts."""
    kind = kind_of(file)
    if kind == "delimited":
        yield DelimitedTable.open(file, delimiter=delimiter, has_header=has_header)
    elif kind == "jsonl":
        yield JsonLinesTable.open(file)
    elif file.path is not None:
        yield ParquetTable.open(file)
    else:
        with tempfile.TemporaryDirectory(prefix="leanrec-") as folder:
            local = Path(folder) / "table.parquet"
            with file.opened() as stream, local.open("wb") as target:
                shutil.copyfileobj(stream, target)
            yield ParquetTable.open(file, local_path=local)
