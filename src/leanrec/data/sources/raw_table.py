"""RawTable: one file as batches of untyped columns, able to say on which line each row stands."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from leanrec.data.quarantine import Quarantine

Rows = npt.NDArray[np.int64]
Locate = Callable[[Rows], pl.DataFrame]

SAMPLE_ROWS = 10_000
MAX_CONTENT = 200


@dataclass(frozen=True, kw_only=True)
class RawBatch:
    """Some rows of a file as they stand there."""

    frame: pl.DataFrame
    locate: Locate
    """Rows of the batch -> frame of `line` (Int64, 1 is the first) and `content` (String)."""
    quarantine: Quarantine = field(default_factory=Quarantine)
    """Records of this stretch that could not be parsed at all."""
    share: float = 0.0
    """How much of the file this batch is, for the progress bar; 0 where that is unknown."""


class RawTable(Protocol):
    """A file that can be read as a table, whatever its format."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    @property
    def has_header(self) -> bool:
        """Whether the columns' names come from the file."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all its columns."""
        ...

    def sample(self) -> pl.DataFrame:
        """Its first rows, every column."""
        ...

    def batches(self, columns: Sequence[str]) -> Iterator[RawBatch]:
        """All its rows with these columns, in order."""
        ...


def located_by_content(frame: pl.DataFrame, *, first_row: int) -> Locate:
    """For formats without lines: the row's number (1 is the first) and its values."""

    def locate(rows: Rows) -> pl.DataFrame:
        plain = [name for name, dtype in frame.schema.items() if not dtype.is_nested() and dtype != pl.Binary()]
        texts = frame.select(plain)[rows].select(pl.concat_str(pl.all().cast(pl.String).fill_null(""), separator=", "))
        return located(rows + first_row, texts.to_series().to_list())

    return locate


def located(lines: Rows, contents: Sequence[str]) -> pl.DataFrame:
    """The frame that `locate` returns."""
    return pl.DataFrame({"line": pl.Series(lines, dtype=pl.Int64), "content": pl.Series(list(contents), dtype=pl.String)})


def set_aside(located_rows: pl.DataFrame, *, name: str, reasons: Sequence[str]) -> Quarantine:
    """A quarantine of located rows with a reason each."""
    frame = located_rows.select(
        pl.lit(name).alias("file"), "line", pl.Series("reason", list(reasons), dtype=pl.String), pl.col("content").str.slice(0, MAX_CONTENT)
    )
    return Quarantine(frame=frame)
