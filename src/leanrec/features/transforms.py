"""Transforms: what every declared feature says of itself, and those that read a figure from a column."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import StringConstraints

from leanrec.artifact import Arrays
from leanrec.config import Config
from leanrec.errors import ConfigError, DataError, did_you_mean
from leanrec.features.tabular_table import Place, Source, Table
from leanrec.features.tabular_values import Figures, Rows, Value, figure_of, one_by_one, signed_log, words_of

FloatArray = npt.NDArray[np.float32]

LIMIT = 10.0
"""Standardised figures end here: one wild value does not drown the others."""
FLAG = "missing"
TEXT_HINT = "kind = 'category', 'hash' or 'multi-hot' read text"
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
FigureMissing = Literal["mean", "zero", "flag", "error"]


class Transform(Config, ABC):
    """One declared feature: its kind, its name, and what it reads."""

    kind: str
    """How the column is turned into features."""
    name: Name
    """What the feature is called; no two share a name."""

    @property
    @abstractmethod
    def places(self) -> tuple[Place, ...]:
        """The columns that are read."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of features declared before that this one reads."""
        return ()

    @abstractmethod
    def fit(self, table: Table, *, earlier: Mapping[str, "Fitted"]) -> "Fitted":
        """Learn what is needed from rows; raises `ConfigError` where the columns do not fit."""

    @abstractmethod
    def restore(self, arrays: Arrays, *, earlier: Mapping[str, "Fitted"]) -> "Fitted":
        """The fitted form that `to_arrays` wrote."""

    def require_columns(self, table: Table) -> None:
        """Raise `ConfigError` with the nearest name for a column that the table lacks."""
        for source, name in self.places:
            if (source, name) not in table.columns:
                known = [other for origin, other in table.columns if origin == source]
                raise ConfigError(f"feature {self.name!r}: there is no {source} column {name!r}", hint=did_you_mean(name, known))


class ColumnTransform(Transform, ABC):
    """A feature that reads one column."""

    source: Source = "item"
    """`item` (attributes of the item), `user` (attributes of the user) or `context` (what the request says)."""
    column: Name
    """The column's name; an item's title is `title`."""

    @property
    def place(self) -> Place:
        """The column that is read."""
        return (self.source, self.column)

    @property
    def places(self) -> tuple[Place, ...]:
        """The columns that are read."""
        return (self.place,)

    def refuse(self, values: Iterable[Value], *, is_wrong: Callable[[Value], bool], needs: str, hint: str) -> None:
        """Raise `ConfigError` naming the first value of a wrong type."""
        for value in values:
            if value is not None and is_wrong(value):
                where = f"feature {self.name!r}: {self.kind} needs {needs}"
                raise ConfigError(f"{where}; {self.source} column {self.column!r} holds {value!r}", hint=hint)


class Fitted(ABC):
    """A feature that has learned what it needs: rows go in, dense figures or codes come out, the same for one row and for many."""

    config: Transform

    @property
    @abstractmethod
    def dense_names(self) -> tuple[str, ...]:
        """(W,) one name a dense column; none where the feature is a code."""

    @property
    def cardinality(self) -> int | None:
        """How many codes there are; `None` where the feature is dense."""
        return None

    @abstractmethod
    def dense(self, table: Table) -> FloatArray:
        """(n, W) float32."""

    def codes(self, table: Table) -> Rows:  # noqa: ARG002 - those with codes read it
        """(n,) int64 below `cardinality`; raises `ConfigError` where there is none."""
        raise ConfigError(f"feature {self.config.name!r} is dense: it has no codes", hint="read its dense columns")

    @abstractmethod
    def to_arrays(self) -> Arrays:
        """What was learned, by name."""

    def with_events(self, events: Table) -> "Fitted":  # noqa: ARG002 - most features know nothing of events
        """The same after further events."""
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """Figures brought to mean 0 and deviation 1, missing ones by a policy."""

    name: str
    missing: FigureMissing
    mean: float
    deviation: float

    @classmethod
    def of(cls, figures: Figures, *, name: str, missing: FigureMissing) -> "Scale":
        """The scale of the figures that are there; a constant column keeps its size."""
        known = figures[~np.isnan(figures)]
        if missing == "zero":
            known = np.where(np.isnan(figures), 0.0, figures)
        mean = float(known.mean()) if len(known) else 0.0
        deviation = float(known.std()) if len(known) else 0.0
        return cls(name=name, missing=missing, mean=mean, deviation=deviation if deviation > 0 else 1.0)

    @property
    def names(self) -> tuple[str, ...]:
        """The dense columns: the figure, and with `flag` whether it was missing."""
        return (self.name, f"{self.name}.{FLAG}") if self.missing == "flag" else (self.name,)

    def dense(self, figures: Figures) -> FloatArray:
        """(n, 1 or 2) float32; raises `DataError` for a missing figure where the policy is `error`."""
        is_missing = np.isnan(figures)
        if self.missing == "error" and is_missing.any():
            raise DataError(
                f"feature {self.name!r}: row {int(np.argmax(is_missing))} has no value, and missing = 'error'",
                hint="bring the value, or declare missing = 'mean', 'zero' or 'flag'",
            )
        filled = np.where(is_missing, 0.0 if self.missing == "zero" else self.mean, figures)
        scaled = np.clip((filled - self.mean) / self.deviation, -LIMIT, LIMIT)
        columns = [scaled, is_missing] if self.missing == "flag" else [scaled]
        return np.stack([column.astype(np.float32) for column in columns], axis=1)

    def to_arrays(self) -> Arrays:
        """Mean and deviation."""
        return {"scale": np.array([self.mean, self.deviation])}

    @classmethod
    def from_arrays(cls, arrays: Arrays, *, name: str, missing: FigureMissing) -> "Scale":
        """The scale that `to_arrays` wrote."""
        mean, deviation = arrays["scale"].tolist()
        return cls(name=name, missing=missing, mean=mean, deviation=deviation)


class FigureTransform(ColumnTransform, ABC):
    """A feature that reads one figure from each value of a column and brings it to scale."""

    missing: FigureMissing = "mean"
    """What stands for a missing value: the `mean`, `zero`, the mean with a `flag` beside it, or an `error`."""

    @abstractmethod
    def figures(self, table: Table) -> Figures:
        """(n,) float64 before scaling; not a number where missing."""

    def check(self, table: Table) -> None:
        """Raise `ConfigError` where the column is no column of figures."""
        self.require_columns(table)
        self.refuse(table.column(self.place).values, is_wrong=is_no_figure, needs="figures", hint=TEXT_HINT)

    def fit(self, table: Table, *, earlier: Mapping[str, Fitted]) -> "FittedFigure":  # noqa: ARG002 - reads no other feature
        """Learn mean and deviation over the rows."""
        self.check(table)
        return FittedFigure(config=self, scale=Scale.of(self.figures(table), name=self.name, missing=self.missing))

    def restore(self, arrays: Arrays, *, earlier: Mapping[str, Fitted]) -> "FittedFigure":  # noqa: ARG002 - reads no other feature
        """The fitted form that `to_arrays` wrote."""
        return FittedFigure(config=self, scale=Scale.from_arrays(arrays, name=self.name, missing=self.missing))


@dataclass(frozen=True, kw_only=True, slots=True)
class FittedFigure(Fitted):
    """A figure and its scale."""

    config: FigureTransform
    scale: Scale

    @property
    def dense_names(self) -> tuple[str, ...]:
        """The figure, and maybe its flag."""
        return self.scale.names

    def dense(self, table: Table) -> FloatArray:
        """(n, 1 or 2) float32."""
        return self.scale.dense(self.config.figures(table))

    def to_arrays(self) -> Arrays:
        """The scale."""
        return self.scale.to_arrays()


class Standardise(FigureTransform):
    """A figure at mean 0 and deviation 1."""

    kind: Literal["standardise"] = "standardise"

    def figures(self, table: Table) -> Figures:
        """(n,) the figures as they are."""
        column = table.column(self.place)
        return column.figures[column.rows]


class Log(FigureTransform):
    """The logarithm of 1 + a figure's size, with its sign, then standardised: for prices, counts, sizes."""

    kind: Literal["log"] = "log"

    def figures(self, table: Table) -> Figures:
        """(n,) the signed logarithms."""
        column = table.column(self.place)
        return one_by_one(signed_log, column.figures)[column.rows]


class TextLength(FigureTransform):
    """The logarithm of 1 + the number of characters, then standardised; several texts count together."""

    kind: Literal["text-length"] = "text-length"
    missing: FigureMissing = "zero"
    """What stands for a missing text; `zero` reads it as one of no characters."""

    def check(self, table: Table) -> None:
        """Any column has a length as text; it only has to be there."""
        self.require_columns(table)

    def figures(self, table: Table) -> Figures:
        """(n,) the logarithms of the lengths."""
        column = table.column(self.place)
        lengths = [sum(map(len, words)) if (words := words_of(value)) else float("nan") for value in column.values]
        return one_by_one(signed_log, np.array(lengths, dtype=np.float64))[column.rows]


def is_no_figure(value: Value) -> bool:
    """Whether a value says something, and that is no figure."""
    figure = figure_of(value)
    return bool(words_of(value)) and figure != figure
