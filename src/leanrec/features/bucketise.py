"""Bucketise: a figure as the bucket that it falls into, between given edges or quantiles."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from leanrec.artifact import Arrays
from leanrec.errors import ConfigError
from leanrec.features.code_transforms import MAX_ONE_HOT, MISSING, ColumnCodes, FittedCodes
from leanrec.features.tabular_table import Table
from leanrec.features.tabular_values import Figures, Rows
from leanrec.features.transforms import TEXT_HINT, Fitted, is_no_figure


class Bucketise(ColumnCodes):
    """The bucket that a figure falls into: between given edges, or quantiles of the rows."""

    kind: Literal["bucketise"] = "bucketise"
    buckets: int = Field(default=10, ge=2, le=MAX_ONE_HOT)
    """How many quantiles; equal edges fall together."""
    edges: tuple[float, ...] = ()
    """Rising edges, instead of quantiles; a figure that equals an edge is in the bucket above it."""

    @model_validator(mode="after")
    def _checked(self) -> "Bucketise":
        if any(first >= second for first, second in pairwise(self.edges)):
            raise ConfigError(f"feature {self.name!r}: edges {list(self.edges)} do not rise", hint="sort them, each once")
        return self

    def fit(self, table: Table, *, earlier: Mapping[str, Fitted]) -> "FittedBuckets":  # noqa: ARG002 - reads no other feature
        """Learn the edges where none are given."""
        if not self.edges or self.source != "context":
            self.require_columns(table)
        column = table.column(self.place)
        self.refuse(column.values, is_wrong=is_no_figure, needs="figures", hint=TEXT_HINT)
        figures = column.figures[column.rows]
        return FittedBuckets(config=self, edges=np.array(self.edges) if self.edges else _quantiles(figures, self.buckets))

    def restore(self, arrays: Arrays, *, earlier: Mapping[str, Fitted]) -> "FittedBuckets":  # noqa: ARG002 - reads no other feature
        """The fitted form that `to_arrays` wrote."""
        return FittedBuckets(config=self, edges=arrays["edges"])


@dataclass(frozen=True, kw_only=True)
class FittedBuckets(FittedCodes):
    """Code b lies between edge b - 1 and edge b; maybe one more for a missing value."""

    config: Bucketise
    edges: Figures

    @cached_property
    def code_names(self) -> tuple[str, ...]:
        """The span of each bucket, and maybe `missing`."""
        ends = ["", *(f"{edge:g}" for edge in self.edges.tolist()), ""]
        return (*(f"{low}..{high}" for low, high in pairwise(ends)), *([MISSING] if self.config.missing == "own" else []))

    def raw_codes(self, table: Table) -> Rows:
        """(n,) the bucket of each row's figure."""
        column = table.column(self.config.place)
        figures = column.figures
        codes = np.searchsorted(self.edges, figures, side="right").astype(np.int64)
        return self.with_missing(codes[column.rows], np.isnan(figures)[column.rows], policy=self.config.missing, own=len(self.edges) + 1)

    def to_arrays(self) -> Arrays:
        """The edges."""
        return {"edges": self.edges}


def _quantiles(figures: Figures, buckets: int) -> Figures:
    known = np.sort(figures[~np.isnan(figures)])
    if not len(known):
        return np.zeros(0)
    places = (np.arange(1, buckets) * len(known)) // buckets
    edges = np.unique(known[places])
    kept: Figures = edges[edges > known[0]]  # nothing would lie below the least
    return kept
