"""Transforms of what an item has several of, or has among its like: multi-hot, and the place of a price within its category."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from pydantic import Field

from leanrec.artifact import Arrays
from leanrec.data.ids import IdMap
from leanrec.errors import DataError
from leanrec.features.code_transforms import MAX_ONE_HOT, MISSING, OTHER, CodeMissing, frequent
from leanrec.features.tabular_table import Place, Table
from leanrec.features.tabular_values import Figures, Rows, figures_of, words_of
from leanrec.features.transforms import ColumnTransform, FigureMissing, Fitted, FloatArray, Name, Scale, is_no_figure


class MultiHot(ColumnTransform):
    """A dense column for each value that is frequent enough, 1 where the row has it: for lists such as genres or tags."""

    kind: Literal["multi-hot"] = "multi-hot"
    min_count: int = Field(default=2, ge=1)
    """A value that fewer rows have is among the others."""
    max_values: int = Field(default=100, ge=1, le=MAX_ONE_HOT)
    """At most so many values have a column, the most frequent first."""
    missing: CodeMissing = "own"
    """What stands for a row without values: a column of its `own`, `zero` throughout, or an `error`."""

    def fit(self, table: Table, *, earlier: Mapping[str, Fitted]) -> "FittedMultiHot":  # noqa: ARG002 - reads no other feature
        """Learn the values from the rows."""
        self.require_columns(table)
        column = table.column(self.place)
        words = frequent(column.values, column.rows, min_count=self.min_count, max_values=self.max_values)
        return FittedMultiHot(config=self, vocabulary=IdMap(words, kind="value"))

    def restore(self, arrays: Arrays, *, earlier: Mapping[str, Fitted]) -> "FittedMultiHot":  # noqa: ARG002 - reads no other feature
        """The fitted form that `to_arrays` wrote."""
        return FittedMultiHot(config=self, vocabulary=IdMap.from_arrays(arrays, kind="value"))


@dataclass(frozen=True, kw_only=True)
class FittedMultiHot(Fitted):
    """Column 0 is any other value, then the values by frequency, then maybe the lack of any."""

    config: MultiHot
    vocabulary: IdMap

    @cached_property
    def dense_names(self) -> tuple[str, ...]:
        """`other`, the values, and maybe `missing`."""
        names = (OTHER, *self.vocabulary.ids, *([MISSING] if self.config.missing == "own" else []))
        return tuple(f"{self.config.name}={name}" for name in names)

    def dense(self, table: Table) -> FloatArray:
        """(n, W) float32 of zeros and ones; raises `DataError` for a row without values where the policy is `error`."""
        column = table.column(self.config.place)
        lengths, is_missing = column.words.lengths, column.words.lengths == 0
        if self.config.missing == "error" and is_missing[column.rows].any():
            raise DataError(
                f"feature {self.config.name!r}: row {int(np.argmax(is_missing[column.rows]))} has no value, and missing = 'error'",
                hint="bring the value, or declare missing = 'own' or 'zero'",
            )
        hot = np.zeros((len(lengths), len(self.dense_names)), np.float32)
        hot[np.repeat(np.arange(len(lengths)), lengths), self.vocabulary.rows(column.words.flat) + 1] = 1.0
        if self.config.missing == "own":
            hot[is_missing, -1] = 1.0
        return hot[column.rows]

    def to_arrays(self) -> Arrays:
        """The values."""
        return self.vocabulary.to_arrays()


class Position(ColumnTransform):
    """Where a figure stands among the items of the same category: 0 the lowest, 1 the highest; for prices."""

    kind: Literal["position"] = "position"
    within: Name
    """The column of the category, of the same source; several categories count alike, an unknown one is all items."""
    missing: FigureMissing = "mean"
    """What stands for a missing figure: the `mean`, `zero`, the mean with a `flag` beside it, or an `error`."""

    @property
    def places(self) -> tuple[Place, ...]:
        """The figure and the category."""
        return (self.place, (self.source, self.within))

    def fit(self, table: Table, *, earlier: Mapping[str, Fitted]) -> "FittedPosition":  # noqa: ARG002 - reads no other feature
        """Learn the figures of every category from the items that the rows name, each once."""
        self.require_columns(table)
        figures, groups = table.column(self.place), table.column((self.source, self.within))
        self.refuse(figures.values, is_wrong=is_no_figure, needs="figures", hint="name the column of prices")
        pairs = np.unique(np.stack([figures.rows, groups.rows], axis=1), axis=0)
        found: dict[str, list[float]] = {"": []}
        for figure, row in zip(figures_of(figures.values)[pairs[:, 0]].tolist(), pairs[:, 1].tolist(), strict=True):
            if figure == figure:
                for word in ("", *words_of(groups.values[row])):
                    found.setdefault(word, []).append(figure)
        words = sorted(found)
        sorted_figures = np.concatenate([np.sort(found[word]) for word in words])
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum([len(found[word]) for word in words])])
        unscaled = FittedPosition(
            config=self,
            words=IdMap(words, kind="value"),
            offsets=offsets,
            known=sorted_figures,
            scale=Scale(name=self.name, missing=self.missing, mean=0.0, deviation=1.0),
        )
        scale = Scale.of(unscaled.positions(table), name=self.name, missing=self.missing)
        return FittedPosition(config=self, words=unscaled.words, offsets=offsets, known=sorted_figures, scale=scale)

    def restore(self, arrays: Arrays, *, earlier: Mapping[str, Fitted]) -> "FittedPosition":  # noqa: ARG002 - reads no other feature
        """The fitted form that `to_arrays` wrote."""
        return FittedPosition(
            config=self,
            words=IdMap.from_arrays(arrays, kind="value"),
            offsets=arrays["offsets"],
            known=arrays["known"],
            scale=Scale.from_arrays(arrays, name=self.name, missing=self.missing),
        )


@dataclass(frozen=True, kw_only=True)
class FittedPosition(Fitted):
    """The sorted figures of every category."""

    config: Position
    words: IdMap
    """(G,) categories; the empty one is all items."""
    offsets: Rows
    """(G + 1,)"""
    known: Figures
    """(P,) those of category g stand at `offsets[g]:offsets[g + 1]`, rising."""
    scale: Scale

    @property
    def dense_names(self) -> tuple[str, ...]:
        """The place, and maybe its flag."""
        return self.scale.names

    def dense(self, table: Table) -> FloatArray:
        """(n, 1 or 2) float32."""
        return self.scale.dense(self.positions(table))

    def positions(self, table: Table) -> Figures:
        """(n,) the share of the category's figures that are lower, equal ones by half; the mean over several categories."""
        figures, groups = table.column(self.config.place), table.column((self.config.source, self.config.within))
        pairs, rows = np.unique(np.stack([figures.rows, groups.rows], axis=1), axis=0, return_inverse=True)
        places = np.full(len(pairs), np.nan)
        for number, (figure, group) in enumerate(zip(figures_of(figures.values)[pairs[:, 0]].tolist(), pairs[:, 1].tolist(), strict=True)):
            if figure == figure:
                found = self.words.known_rows(words_of(groups.values[group])).tolist() or [self.words.row("")]
                places[number] = sum(self._position(figure, row) for row in found) / len(found)
        return places[rows.reshape(-1)]

    def to_arrays(self) -> Arrays:
        """Categories, figures and scale."""
        return {**self.words.to_arrays(), "offsets": self.offsets, "known": self.known, **self.scale.to_arrays()}

    def _position(self, figure: float, group: int) -> float:
        known = self.known[self.offsets[group] : self.offsets[group + 1]]
        if not len(known):
            return 0.5
        low, high = np.searchsorted(known, figure, side="left"), np.searchsorted(known, figure, side="right")
        return float(low + high) / (2.0 * len(known))
