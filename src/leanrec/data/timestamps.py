"""Recognise how a column tells time and turn it into int64 microseconds since 1970, UTC."""

import logging
from dataclasses import dataclass

import polars as pl

from leanrec.errors import DataError

log = logging.getLogger(__name__)

EARLIEST_YEAR = 1971
LATEST_YEAR = 2100
MICROSECONDS_PER_YEAR = 365.2425 * 86_400 * 1e6
FROM = int((EARLIEST_YEAR - 1970) * MICROSECONDS_PER_YEAR)
UNTIL = int((LATEST_YEAR - 1970) * MICROSECONDS_PER_YEAR)
"""Clock times outside these years are impossible values, which cleaning removes or refuses."""

_UNITS = {"seconds": 1_000_000.0, "milliseconds": 1_000.0, "microseconds": 1.0, "nanoseconds": 1e-3}
_ISO = "ISO 8601"
_PATTERNS = (
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y",
    "%Y%m%d",
    "%d-%b-%Y",
    "%d %b %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%m %d, %Y",
    "%a, %d %b %Y %H:%M:%S",
    "%a %b %d %H:%M:%S %z %Y",
)
"""Tried in turn after ISO 8601; the one that reads most of the sample wins, so 03/04/2024 is the fourth of March
unless a day above 12 says otherwise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeFormat:
    """How one column tells time, decided once from a sample and then applied to every batch."""

    form: str
    """A unit of numbers since 1970, `date` for typed columns, `ISO 8601`, or a pattern like `%d.%m.%Y`."""

    def read(self, column: pl.Series) -> pl.Series:
        """Int64 microseconds, null where unreadable."""
        if self.form in _UNITS:
            return _from_numbers(column, factor=_UNITS[self.form])
        if self.form == "date":
            return _from_datetime(column)
        if self.form == _ISO:
            return _from_iso_text(column)
        return _from_datetime(_clock(_spaced(column), self.form))


def to_microseconds(column: pl.Series, *, place: str) -> pl.Series:
    """Int64 microseconds from seconds, milliseconds, microseconds, nanoseconds, dates or text; null where unreadable.

    The unit of numbers is the one that puts the median between 1971 and 2100. float32 is refused with `DataError`: it holds
    24 bits, so times of today fall on a grid of 128 seconds and their order is lost. `place` names file and column.
    """
    return time_format_of(column, place=place).read(column)


def time_format_of(column: pl.Series, *, place: str) -> TimeFormat:
    """How the column tells time; raises `DataError` naming `place` when it does not."""
    refuse_float32(column.dtype, place=place)
    if column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
        return TimeFormat(form="date")
    if column.dtype == pl.String:
        numbers = column.str.strip_chars().cast(pl.Float64, strict=False).drop_nans().drop_nulls()
        known = column.drop_nulls().len()
        if len(numbers) >= max(1, known - known // 2) and not _are_compact_dates(numbers):
            return TimeFormat(form=_unit(numbers, place=place))
        return TimeFormat(form=_text_form(column, place=place))
    if column.dtype.is_numeric():
        numbers = column.cast(pl.Float64).drop_nans().drop_nulls()
        return TimeFormat(form=_unit(numbers, place=place)) if len(numbers) else TimeFormat(form="microseconds")
    raise DataError(f"{place}: {column.dtype} does not tell time", hint="use seconds, milliseconds, a date or ISO 8601 text")


def refuse_float32(dtype: pl.DataType, *, place: str) -> None:
    """Raise `DataError` for float32, which rounds the times of today to 128 seconds."""
    if dtype in (pl.Float32, pl.Float16):
        raise DataError(
            f"{place}: timestamps are {str(dtype).lower()}, which rounds the times of today to 128 seconds or worse, so that their order is lost",
            hint="write the column as int64 or float64 from the original data",
        )


def unit_of(typical: float) -> str | None:
    """The unit in which a number is a plausible clock time, or None.

    >>> unit_of(881250949), unit_of(1_700_000_000_000), unit_of(3)
    ('seconds', 'milliseconds', None)
    """
    for unit, factor in _UNITS.items():
        if FROM <= typical * factor <= UNTIL:
            return unit
    return None


def _unit(numbers: pl.Series, *, place: str) -> str:
    typical = numbers.median()
    unit = unit_of(float(typical)) if isinstance(typical, (int, float)) else None
    if unit is None:
        raise DataError(
            f"{place}: the typical timestamp {typical!s} lies outside {EARLIEST_YEAR}-{LATEST_YEAR} in seconds, milliseconds, micro- and nanoseconds",
            hint="correct the column, or leave time out with --set columns.time=none (or order, when the rows stand in order of time)",
        )
    return unit


def _text_form(column: pl.Series, *, place: str) -> str:
    sample = column.drop_nulls().head(10_000)
    if len(sample) == 0:
        return _ISO
    best, most = "", 0
    for form in (_ISO, *_PATTERNS):
        count = TimeFormat(form=form).read(sample).drop_nulls().len()
        if count == len(sample):
            _warn_if_ambiguous(form, sample, place=place)
            return form
        if count > most:
            best, most = form, count
    if most * 2 < len(sample):
        raise DataError(
            f"{place}: {sample[0]!r} does not tell time",
            hint="use seconds or milliseconds since 1970, a date or ISO 8601 text (2024-03-31T18:30:00Z)",
        )
    return best


def _are_compact_dates(numbers: pl.Series) -> bool:
    """Whether numbers read like 20240331."""
    days = numbers.cast(pl.Int64, strict=False)
    return bool(((days > 19_710_101) & (days < 21_000_101) & (days % 10_000 // 100).is_between(1, 12) & (days % 100).is_between(1, 31)).all())


def _from_numbers(column: pl.Series, *, factor: float) -> pl.Series:
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        whole = text.cast(pl.Int64, strict=False)
        column = whole if whole.null_count() == text.null_count() else text.cast(pl.Float64, strict=False)
    if column.dtype.is_integer() and factor >= 1:
        step = int(factor)
        known = column.cast(pl.Int64, strict=False)
        too_large = known.abs() > (2**63 - 1) // step
        return (known.set(too_large, None) * step if too_large.any() else known * step).alias(column.name)
    numbers = column.cast(pl.Float64)
    return (numbers * factor).round().cast(pl.Int64, strict=False)


def _from_iso_text(column: pl.Series) -> pl.Series:
    text = column.str.strip_chars().str.replace(r" UTC$", "Z").str.replace(r"^(\d{4}-\d\d-\d\d) ", "${1}T")
    instants = pl.select(
        pl.coalesce(
            text.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False),
            _clock(text, "%Y-%m-%dT%H:%M:%S%.f"),
            _clock(text, "%Y-%m-%dT%H:%M"),
            text.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us", "UTC")),
        )
    ).to_series()
    return _from_datetime(instants).alias(column.name)


def _spaced(column: pl.Series) -> pl.Series:
    return column.str.strip_chars().str.replace_all(r"\s+", " ")


def _clock(text: pl.Series, form: str) -> pl.Series:
    """Times written without a zone are taken as UTC."""
    if "%H" not in form:
        return text.str.to_date(form, strict=False).cast(pl.Datetime("us", "UTC"))
    if "%z" in form:
        return text.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False)
    return text.str.to_datetime(form, time_unit="us", strict=False).dt.replace_time_zone("UTC")


def _from_datetime(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Date:
        return column.cast(pl.Datetime("us")).to_physical()
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None:
        column = column.dt.convert_time_zone("UTC")
    return column.dt.cast_time_unit("us").to_physical()


def _warn_if_ambiguous(form: str, sample: pl.Series, *, place: str) -> None:
    """Day and month may change places where no value has a day above 12; nobody should find that out from the recommendations."""
    swapped = form.replace("%m/%d", "%d/%m")
    if swapped != form and TimeFormat(form=swapped).read(sample).drop_nulls().len() == len(sample):
        log.warning("%s: dates such as %s are taken as month/day/year; write them as 2024-03-04 if that is wrong", place, sample[0])
