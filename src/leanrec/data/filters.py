"""Filter: one condition on an item's attribute, as people write it (`genre=Comedy`, `year>=1990`)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

import polars as pl

from leanrec.errors import ConfigError, DataError, did_you_mean

Operator = Literal["=", "!=", "<=", ">=", "<", ">"]
_PATTERN = re.compile(r"^\s*([\w. -]+?)\s*(!=|<=|>=|=|<|>)\s*(.*?)\s*$", re.DOTALL)
_FORM = "write column=value, column!=value, or column<number (also <=, >, >=); several values: column=a|b"


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """A column, an operator and the values allowed; `=` and `!=` take several values parted by `|`."""

    column: str
    operator: Operator
    values: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Filter":
        """The condition that a text states; raises `ConfigError` when it states none.

        >>> Filter.parse("genre=Comedy|Drama")
        Filter(column='genre', operator='=', values=('Comedy', 'Drama'))
        """
        match = _PATTERN.match(text)
        if match is None or not match.group(3):
            raise ConfigError(f"the filter {text!r} cannot be read", hint=_FORM)
        column, operator, value = match.groups()
        return cls(column=column, operator=cast(Operator, operator), values=tuple(part.strip() for part in value.split("|")))

    def expression(self, schema: Mapping[str, pl.DataType]) -> pl.Expr:
        """The Polars condition over a catalogue of that schema; a missing value meets no condition."""
        dtype = schema.get(self.column)
        if dtype is None or self.column == "item_id" or isinstance(dtype, pl.Array):
            known = [name for name, kind in schema.items() if name != "item_id" and not isinstance(kind, pl.Array)]
            raise DataError(f"the catalogue has no attribute {self.column!r}", hint=did_you_mean(self.column, known))
        column = pl.col(self.column)
        if self.operator in ("=", "!="):
            found = self._equals(column, dtype)
            return (found if self.operator == "=" else ~found).fill_null(value=False)
        return self._compares(column, dtype).fill_null(value=False)

    def _equals(self, column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
        if isinstance(dtype, pl.List):
            return pl.any_horizontal([column.list.contains(value) for value in self.values])
        if dtype.is_numeric():
            return column.cast(pl.Float64).is_in([self._number(value) for value in self.values])
        return column.cast(pl.String).is_in(list(self.values))

    def _compares(self, column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
        if not dtype.is_numeric() and dtype != pl.String():
            raise ConfigError(f"{self.column!r} holds several values and cannot be compared with {self.operator!r}", hint="use = or !=")
        bound = self._number(self.values[0])
        figure = column.cast(pl.Float64, strict=False)
        return {"<": figure < bound, "<=": figure <= bound, ">": figure > bound, ">=": figure >= bound}[self.operator]

    def _number(self, value: str) -> float:
        try:
            return float(value)
        except ValueError:
            raise ConfigError(f"the filter on {self.column!r} compares with {value!r}, which is no number", hint=_FORM) from None
