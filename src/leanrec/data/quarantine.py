"""Quarantine: rows that were set aside, with file, line and reason, so that nothing is lost in silence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import polars as pl

from leanrec.artifact import writing_file
from leanrec.errors import DataError

QUARANTINE_SCHEMA: Mapping[str, pl.DataType] = MappingProxyType(
    {"file": pl.String(), "line": pl.Int64(), "reason": pl.String(), "content": pl.String()}
)
MAX_BAD = 0.01
"""Share of unreadable rows up to which a run goes on."""


def _empty() -> pl.DataFrame:
    return pl.DataFrame(schema=dict(QUARANTINE_SCHEMA))


@dataclass(frozen=True, kw_only=True)
class Quarantine:
    """Rows set aside: file, line (1 is the first line of the file), reason, and up to 200 characters of content."""

    frame: pl.DataFrame = field(default_factory=_empty)

    def __len__(self) -> int:
        return self.frame.height

    @classmethod
    def joined(cls, parts: Sequence["Quarantine"]) -> "Quarantine":
        """All the rows of several."""
        return cls(frame=pl.concat([_empty(), *(part.frame for part in parts)]))

    def counts(self) -> dict[str, int]:
        """Rows by reason, most frequent first."""
        counted = self.frame["reason"].value_counts(sort=True)
        return dict(zip(counted["reason"].to_list(), counted["count"].to_list(), strict=True))

    def require_few(self, num_rows: int, *, max_bad: float = MAX_BAD) -> None:
        """Raise `DataError` when more than `max_bad` of all rows were set aside, naming the first of them."""
        if len(self) <= max_bad * max(1, num_rows):
            return
        first = self.frame.row(0, named=True)
        raise DataError(
            f"{len(self)} of {num_rows} rows cannot be used ({len(self) / max(1, num_rows):.1%}; allowed: {max_bad:.1%}); "
            f"the first: {first['file']}, line {first['line']}: {first['reason']}: {first['content'][:80]!r}",
            hint="correct the file or the column mapping, or allow more with --set cleaning.max_bad=0.05",
        )

    def save(self, path: Path) -> None:
        """Write the rows as Parquet; complete or not at all."""
        with writing_file(path) as draft:
            self.frame.write_parquet(draft, compression="zstd")
