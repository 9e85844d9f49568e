"""Transforms that give each row one code of a few: categories, hashes and crosses; as a code for embeddings, or one-hot."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from leanrec.artifact import Arrays
from leanrec.data.ids import IdMap
from leanrec.errors import ConfigError, DataError, did_you_mean
from leanrec.features.tabular_table import Place, Table
from leanrec.features.tabular_values import Rows, Value, mixed, words_of
from leanrec.features.transforms import ColumnTransform, Fitted, FloatArray, Transform

MAX_CODES = 1 << 22
MAX_ONE_HOT = 1024
"""More dense columns than this are a table for embeddings: form = 'code'."""
OTHER = "other"
MISSING = "missing"
Form = Literal["one-hot", "code"]
CodeMissing = Literal["own", "zero", "error"]


class CodeTransform(Transform, ABC):
    """A feature that gives each row one code."""

    form: Form = "one-hot"
    """`one-hot`: a dense column for each code; `code`: one whole number, for a model that embeds it."""


class FittedCodes(Fitted, ABC):
    """Codes with a name each."""

    config: CodeTransform

    @property
    @abstractmethod
    def code_names(self) -> tuple[str, ...]:
        """(cardinality,) what each code stands for."""

    @property
    def num_codes(self) -> int:
        """How many codes there are."""
        return len(self.code_names)

    @property
    def cardinality(self) -> int | None:
        """How many codes there are, where the feature is given as a code."""
        return self.num_codes if self.config.form == "code" else None

    @property
    def dense_names(self) -> tuple[str, ...]:
        """One column a code, where the feature is one-hot."""
        return tuple(f"{self.config.name}={name}" for name in self.code_names) if self.config.form == "one-hot" else ()

    def dense(self, table: Table) -> FloatArray:
        """(n, codes) float32 with a 1 at each row's code; no columns where the feature is given as a code. Code -1 is all zeros."""
        if self.config.form == "code":
            return np.zeros((len(table), 0), np.float32)
        codes = self.raw_codes(table)
        hot = np.zeros((len(table), self.num_codes), np.float32)
        rows = np.flatnonzero(codes >= 0)
        hot[rows, codes[rows]] = 1.0
        return hot

    def codes(self, table: Table) -> Rows:
        """(n,) int64 below `cardinality`."""
        return np.maximum(self.raw_codes(table), 0)

    @abstractmethod
    def raw_codes(self, table: Table) -> Rows:
        """(n,) int64; -1 where a missing value counts as nothing."""

    def with_missing(self, codes: Rows, is_missing: np.ndarray, *, policy: CodeMissing, own: int) -> Rows:
        """The codes with the policy applied; raises `DataError` where it is `error`."""
        if policy == "error" and is_missing.any():
            raise DataError(
                f"feature {self.config.name!r}: row {int(np.argmax(is_missing))} has no value, and missing = 'error'",
                hint="bring the value, or declare missing = 'own' or 'zero'",
            )
        return np.where(is_missing, own if policy == "own" else -1, codes)


class ColumnCodes(CodeTransform, ColumnTransform, ABC):
    """A code read from one column."""

    missing: CodeMissing = "own"
    """What stands for a missing value: a code of its `own`, nothing (`zero`: no column is hot; as a code the first one), or an `error`."""


class Category(ColumnCodes):
    """One code for each value that is frequent enough; the rest shares the code `other`."""

    kind: Literal["category"] = "category"
    min_count: int = Field(default=2, ge=1)
    """A value that fewer rows have is among the others."""
    max_values: int = Field(default=1000, ge=1, le=MAX_CODES)
    """At most so many values have a code, the most frequent first."""
    values: tuple[str, ...] = ()
    """The values that have a code, when they are known beforehand; a column that the data lack needs them."""

    def fit(self, table: Table, *, earlier: Mapping[str, Fitted]) -> "FittedCategory":  # noqa: ARG002 - reads no other feature
        """Learn the values from the rows."""
        if not self.values:
            self.require_columns(table)
        column = table.column(self.place)
        self.refuse(column.values, is_wrong=_is_several, needs="one value a row", hint="kind = 'multi-hot' reads several")
        words = self.values or frequent(column.values, column.rows, min_count=self.min_count, max_values=self.max_values)
        return self._fitted(IdMap(words, kind="value"))

    def restore(self, arrays: Arrays, *, earlier: Mapping[str, Fitted]) -> "FittedCategory":  # noqa: ARG002 - reads no other feature
        """The fitted form that `to_arrays` wrote."""
        return self._fitted(IdMap.from_arrays(arrays, kind="value"))

    def _fitted(self, vocabulary: IdMap) -> "FittedCategory":
        require_one_hot(self, len(vocabulary) + 2)
        return FittedCategory(config=self, vocabulary=vocabulary)


@dataclass(frozen=True, kw_only=True)
class FittedCategory(FittedCodes):
    """Code 0 is every other value, then the values by frequency, then maybe the missing one."""

    config: Category
    vocabulary: IdMap

    @cached_property
    def code_names(self) -> tuple[str, ...]:
        """`other`, the values, and maybe `missing`."""
        return (OTHER, *self.vocabulary.ids, *([MISSING] if self.config.missing == "own" else []))

    def raw_codes(self, table: Table) -> Rows:
        """(n,) the code of each row's value."""
        column = table.column(self.config.place)
        codes, is_missing = self.vocabulary.rows(column.words.firsts) + 1, column.words.lengths == 0
        return self.with_missing(codes[column.rows], is_missing[column.rows], policy=self.config.missing, own=len(self.vocabulary) + 1)

    def to_arrays(self) -> Arrays:
        """The values."""
        return self.vocabulary.to_arrays()


class Hash(ColumnCodes):
    """One of B codes by a stable hash of the value: for ids and other columns of very many values; nothing is learned."""

    kind: Literal["hash"] = "hash"
    buckets: int = Field(default=1000, ge=2, le=MAX_CODES)
    """B; different values may share a code."""
    form: Form = "code"

    @model_validator(mode="after")
    def _checked(self) -> "Hash":
        require_one_hot(self, self.buckets + 1)
        return self

    def fit(self, table: Table, *, earlier: Mapping[str, Fitted]) -> "FittedHash":  # noqa: ARG002 - reads no other feature
        """Check the column; a context column may be unknown to the data."""
        if self.source != "context":
            self.require_columns(table)
        self.refuse(table.column(self.place).values, is_wrong=_is_several, needs="one value a row", hint="kind = 'multi-hot' reads several")
        return FittedHash(config=self)

    def restore(self, arrays: Arrays, *, earlier: Mapping[str, Fitted]) -> "FittedHash":  # noqa: ARG002 - learned nothing
        """The fitted form."""
        return FittedHash(config=self)


@dataclass(frozen=True, kw_only=True)
class FittedHash(FittedCodes):
    """Codes 0 to B - 1, and maybe B for a missing value."""

    config: Hash

    @cached_property
    def code_names(self) -> tuple[str, ...]:
        """The numbers, and maybe `missing`."""
        return (*map(str, range(self.config.buckets)), *([MISSING] if self.config.missing == "own" else []))

    def raw_codes(self, table: Table) -> Rows:
        """(n,) the bucket of each row's value."""
        column = table.column(self.config.place)
        is_missing = column.words.lengths == 0
        codes = np.zeros(len(column.values), np.int64)
        codes[~is_missing] = column.words.hashes[column.words.starts[~is_missing]] % np.uint64(self.config.buckets)
        return self.with_missing(codes[column.rows], is_missing[column.rows], policy=self.config.missing, own=self.config.buckets)

    def to_arrays(self) -> Arrays:
        """Nothing was learned."""
        return {}


class Cross(CodeTransform):
    """Two features together, hashed into B codes: what neither says alone."""

    kind: Literal["cross"] = "cross"
    of: tuple[str, str]
    """Two features declared before, each of which is one code a row: category, hash, bucketise, a time of day or week, another cross."""
    buckets: int = Field(default=1000, ge=2, le=MAX_CODES)
    """B; different pairs may share a code."""
    form: Form = "code"

    @model_validator(mode="after")
    def _checked(self) -> "Cross":
        require_one_hot(self, self.buckets)
        return self

    @property
    def places(self) -> tuple[Place, ...]:
        """None of its own: it reads what its two features read."""
        return ()

    @property
    def needs(self) -> tuple[str, ...]:
        """The two features."""
        return self.of

    def fit(self, table: Table, *, earlier: Mapping[str, Fitted]) -> "FittedCross":  # noqa: ARG002 - learned nothing
        """Find the two features."""
        return self.restore({}, earlier=earlier)

    def restore(self, arrays: Arrays, *, earlier: Mapping[str, Fitted]) -> "FittedCross":  # noqa: ARG002 - learned nothing
        """The fitted form."""
        parts = []
        for name in self.of:
            part = earlier.get(name)
            if part is None:
                where = f"feature {self.name!r} names the feature {name!r}"
                raise ConfigError(f"{where}, which is not declared before it", hint=did_you_mean(name, earlier))
            if not isinstance(part, FittedCodes):
                raise ConfigError(
                    f"cross {self.name!r}: the feature {name!r} is of kind {part.config.kind!r}, which gives no code",
                    hint="cross features of kind category, hash, bucketise, time-of-day or time-of-week (form 'code' or 'one-hot')",
                )
            parts.append(part)
        return FittedCross(config=self, first=parts[0], second=parts[1])


@dataclass(frozen=True, kw_only=True)
class FittedCross(FittedCodes):
    """Codes 0 to B - 1 of pairs."""

    config: Cross
    first: FittedCodes = field(repr=False)
    second: FittedCodes = field(repr=False)

    @cached_property
    def code_names(self) -> tuple[str, ...]:
        """The numbers."""
        return tuple(map(str, range(self.config.buckets)))

    def raw_codes(self, table: Table) -> Rows:
        """(n,) the bucket of each row's pair."""
        first, second = ((part.raw_codes(table) + 1).astype(np.uint64) for part in (self.first, self.second))
        return (mixed(first, second) % np.uint64(self.config.buckets)).astype(np.int64)

    def to_arrays(self) -> Arrays:
        """Nothing was learned."""
        return {}


def frequent(values: Sequence[Value], rows: Rows, *, min_count: int, max_values: int) -> list[str]:
    """The words that enough rows have, the most frequent first, equals in alphabetical order."""
    times = np.bincount(rows, minlength=len(values)).tolist()
    counts: Counter[str] = Counter()
    for value, count in zip(values, times, strict=True):
        for word in words_of(value):
            counts[word] += count
    kept = sorted((-count, word) for word, count in counts.items() if count >= min_count)
    return [word for _, word in kept[:max_values]]


def require_one_hot(transform: CodeTransform, num_codes: int) -> None:
    """Raise `ConfigError` where one-hot would take more columns than is sensible."""
    if transform.form == "one-hot" and num_codes > MAX_ONE_HOT:
        raise ConfigError(
            f"feature {transform.name!r}: one-hot would take {num_codes} columns; at most {MAX_ONE_HOT}",
            hint="declare form = 'code', or fewer values or buckets",
        )


def _is_several(value: Value) -> bool:
    return isinstance(value, list)
