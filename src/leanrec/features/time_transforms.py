"""Transforms of time: of day and of week as cycles or buckets, and how old something is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from math import cos, pi, sin
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from leanrec.artifact import Arrays
from leanrec.errors import ConfigError, DataError
from leanrec.features.code_transforms import MISSING, CodeMissing, CodeTransform, FittedCodes
from leanrec.features.tabular_table import NO_TIME, Place, Table
from leanrec.features.tabular_values import Figures, Rows, Value, figure_of, one_by_one, signed_log, words_of
from leanrec.features.transforms import FigureTransform, Fitted, FloatArray

Mask = npt.NDArray[np.bool_]

MINUTE = 60_000_000
DAY = 86_400_000_000
THURSDAY = 3
"""The first of January 1970 was one; Monday is 0."""
Unit = Literal["microseconds", "milliseconds", "seconds", "days", "years"]
_MICROSECONDS = {"microseconds": 1.0, "milliseconds": 1e3, "seconds": 1e6, "days": float(DAY)}


def require_clock(name: str, kind: str, table: Table) -> None:
    """Raise `ConfigError` where times are no clock times."""
    if table.time_quality != "exact":
        raise ConfigError(
            f"feature {name!r}: {kind} needs clock times; the time of these data is {table.time_quality!r}", hint="leave the feature out"
        )


class Cycle(CodeTransform, ABC):
    """When the question is asked, within a day or a week."""

    form: Literal["cyclic", "one-hot", "code"] = "cyclic"  # type: ignore[assignment]  # one form more than other codes
    """`cyclic`: sine and cosine, so that midnight is near 23:59; or buckets of equal length, one-hot or as a code."""
    utc_offset_hours: float = Field(default=0.0, ge=-14, le=14)
    """The shop's clock against UTC."""
    missing: CodeMissing = "own"
    """What stands for an unknown time: a bucket (with `cyclic`: a column) of its `own`, `zero`, or an `error`."""

    @property
    def places(self) -> tuple[Place, ...]:
        """None: it reads the time of the question."""
        return ()

    @property
    @abstractmethod
    def minutes(self) -> int:
        """Length of the cycle."""

    @property
    @abstractmethod
    def num_buckets(self) -> int:
        """Buckets of a cycle."""

    def fit(self, table: Table, *, earlier: Mapping[str, Fitted]) -> "FittedCycle":  # noqa: ARG002 - reads no other feature
        """Check that there are clock times; nothing is learned."""
        require_clock(self.name, self.kind, table)
        return FittedCycle(config=self)

    def restore(self, arrays: Arrays, *, earlier: Mapping[str, Fitted]) -> "FittedCycle":  # noqa: ARG002 - learned nothing
        """The fitted form."""
        return FittedCycle(config=self)

    def minute(self, times: Rows) -> Rows:
        """(n,) the minute within the cycle."""
        first_day = THURSDAY * 1440 if self.minutes > 1440 else 0
        return (times // MINUTE + round(self.utc_offset_hours * 60) + first_day) % self.minutes


class TimeOfDay(Cycle):
    """The time of day at which the question is asked."""

    kind: Literal["time-of-day"] = "time-of-day"
    buckets: int = Field(default=24, ge=2, le=1440)
    """Buckets a day."""

    @property
    def minutes(self) -> int:
        """A day."""
        return 1440

    @property
    def num_buckets(self) -> int:
        """Buckets a day."""
        return self.buckets


class TimeOfWeek(Cycle):
    """The time of the week at which the question is asked; the week begins on Monday."""

    kind: Literal["time-of-week"] = "time-of-week"
    buckets: int = Field(default=7, ge=2, le=1008)
    """Buckets a week."""

    @property
    def minutes(self) -> int:
        """A week."""
        return 10080

    @property
    def num_buckets(self) -> int:
        """Buckets a week."""
        return self.buckets


@dataclass(frozen=True, kw_only=True)
class FittedCycle(FittedCodes):
    """Sine and cosine by minute, from a table, or the bucket."""

    config: Cycle

    @property
    def is_cyclic(self) -> bool:
        """Whether it gives sine and cosine; its buckets can be crossed all the same."""
        return self.config.form == "cyclic"

    @cached_property
    def code_names(self) -> tuple[str, ...]:
        """The buckets, and maybe `missing`."""
        return (*map(str, range(self.config.num_buckets)), *([MISSING] if self.config.missing == "own" else []))

    @property
    def dense_names(self) -> tuple[str, ...]:
        """Sine, cosine and maybe a column for an unknown time; or what buckets have."""
        if not self.is_cyclic:
            return super().dense_names
        name = self.config.name
        return (f"{name}.sin", f"{name}.cos", *([f"{name}.{MISSING}"] if self.config.missing == "own" else []))

    def dense(self, table: Table) -> FloatArray:
        """(n, W) float32."""
        if not self.is_cyclic:
            return super().dense(table)
        is_missing = self._missing(table)
        waves = np.where(is_missing[:, None], 0.0, self._waves[self.config.minute(table.times)])
        columns = [waves, is_missing[:, None]] if self.config.missing == "own" else [waves]
        return np.concatenate([column.astype(np.float32) for column in columns], axis=1)

    def raw_codes(self, table: Table) -> Rows:
        """(n,) the bucket of each row's time."""
        codes = self.config.minute(table.times) * self.config.num_buckets // self.config.minutes
        return self.with_missing(codes, self._missing(table), policy=self.config.missing, own=self.config.num_buckets)

    def to_arrays(self) -> Arrays:
        """Nothing was learned."""
        return {}

    def _missing(self, table: Table) -> Mask:
        is_missing: Mask = table.times == NO_TIME
        if self.config.missing == "error" and is_missing.any():
            raise DataError(f"feature {self.config.name!r}: a row has no time, and missing = 'error'", hint="send the time of the question")
        return is_missing

    @cached_property
    def _waves(self) -> Figures:
        """(minutes, 2) sine and cosine."""
        turns = [2 * pi * minute / self.config.minutes for minute in range(self.config.minutes)]
        return np.array([(sin(turn), cos(turn)) for turn in turns])


class Recency(FigureTransform):
    """How long before the question something was, as the logarithm of 1 + days, standardised: a release date, a birthday."""

    kind: Literal["recency"] = "recency"
    unit: Unit = "seconds"
    """What figures in the column count, from 1970 on (`years`: the year itself); text is read as ISO 8601, UTC unless it says otherwise."""

    def check(self, table: Table) -> None:
        """Raise `ConfigError` where the column tells no time, or the questions have none."""
        require_clock(self.name, self.kind, table)
        self.require_columns(table)
        self.refuse(
            table.column(self.place).values, is_wrong=self._is_no_time, needs="times", hint="ISO 8601 text or figures; `unit` says what they count"
        )

    def figures(self, table: Table) -> Figures:
        """(n,) the logarithms of the ages; what lies ahead is of age 0."""
        column = table.column(self.place)
        moments = np.array([self.moment(value) for value in column.values], dtype=np.float64)[column.rows]
        ages = np.where(table.times == NO_TIME, np.nan, (table.times - moments) / DAY)
        return one_by_one(signed_log, np.maximum(ages, 0.0))

    def moment(self, value: Value) -> float:
        """Microseconds since 1970; not a number where the value tells no time."""
        figure = figure_of(value)
        if figure != figure:
            return _moment_of_text(value)
        if self.unit != "years":
            return figure * _MICROSECONDS[self.unit]
        year = int(figure)
        return datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1e6 if 1 <= year <= 9999 else float("nan")

    def _is_no_time(self, value: Value) -> bool:
        moment = self.moment(value)
        return bool(words_of(value)) and moment != moment


def _moment_of_text(value: Value) -> float:
    if not isinstance(value, str):
        return float("nan")
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return float("nan")
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp() * 1e6
