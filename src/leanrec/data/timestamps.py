"""Recognise how a column tells time and turn it into int64 microseconds since 1970, UTC."""

import polars as pl

from leanrec.errors import DataError

EARLIEST_YEAR = 1971
LATEST_YEAR = 2100
MICROSECONDS_PER_YEAR = 365.2425 * 86_400 * 1e6
FROM = int((EARLIEST_YEAR - 1970) * MICROSECONDS_PER_YEAR)
UNTIL = int((LATEST_YEAR - 1970) * MICROSECONDS_PER_YEAR)
"""Clock times outside these years are impossible values, which cleaning removes or refuses."""

_UNITS = {"seconds": 1_000_000.0, "milliseconds": 1_000.0, "microseconds": 1.0, "nanoseconds": 1e-3}


def to_microseconds(column: pl.Series, *, place: str) -> pl.Series:
    """Int64 microseconds from seconds, milliseconds, microseconds, nanoseconds, dates or ISO 8601 text; null where unreadable.

    The unit of numbers is the one that puts the median between 1971 and 2100. float32 is refused with `DataError`: it holds
    24 bits, so times of today fall on a grid of 128 seconds and their order is lost. `place` names file and column.
    """
    if column.dtype == pl.Float32:
        raise DataError(
            f"{place}: timestamps are float32, which keeps 24 bits: times of today are rounded to 128 seconds and their order is lost",
            hint="write the column as int64 or float64 from the original data",
        )
    if column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
        return _from_datetime(column)
    if column.dtype == pl.String:
        numbers = column.cast(pl.Float64, strict=False)
        if numbers.null_count() > column.null_count() + (len(column) - column.null_count()) // 2:
            return _from_text(column)
        return _from_numbers(column.cast(pl.Int64, strict=False) if _is_whole(numbers) else numbers, place=place)
    if column.dtype.is_numeric():
        return _from_numbers(column, place=place)
    raise DataError(f"{place}: {column.dtype} does not tell time", hint="use seconds, milliseconds, a date or ISO 8601 text")


def unit_of(typical: float) -> str | None:
    """The unit in which a number is a plausible clock time, or None.

    >>> unit_of(881250949), unit_of(1_700_000_000_000), unit_of(3)
    ('seconds', 'milliseconds', None)
    """
    for unit, factor in _UNITS.items():
        if FROM <= typical * factor <= UNTIL:
            return unit
    return None


def _from_numbers(column: pl.Series, *, place: str) -> pl.Series:
    typical = column.drop_nulls().median()
    unit = unit_of(float(typical)) if isinstance(typical, (int, float)) else None
    if typical is not None and unit is None:
        raise DataError(
            f"{place}: the typical timestamp {typical!s} lies outside {EARLIEST_YEAR}-{LATEST_YEAR} in seconds, milliseconds, micro- and nanoseconds",
            hint="correct the column, or leave time out with --time none (file order is kept)",
        )
    factor = _UNITS[unit or "microseconds"]
    if column.dtype.is_integer() and factor >= 1:
        whole = int(factor)
        too_large = column.cast(pl.Int64, strict=False).abs() > (2**63 - 1) // whole
        return (column.cast(pl.Int64, strict=False).set(too_large, None) * whole).alias(column.name)
    return (column.cast(pl.Float64) * factor).round().cast(pl.Int64, strict=False)


def _from_text(column: pl.Series) -> pl.Series:
    text = column.str.strip_chars()
    instants = pl.select(
        pl.coalesce(
            text.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False),
            _clock(text, "%Y-%m-%dT%H:%M:%S%.f"),
            _clock(text, "%Y-%m-%dT%H:%M"),
            text.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us", "UTC")),
        )
    ).to_series()
    return _from_datetime(instants).alias(column.name)


def _clock(text: pl.Series, form: str) -> pl.Series:
    """Times written without a zone are taken as UTC."""
    return text.str.replace(" ", "T").str.to_datetime(form, time_unit="us", strict=False).dt.replace_time_zone("UTC")


def _from_datetime(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Date:
        return column.cast(pl.Datetime("us")).to_physical()
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None:
        column = column.dt.convert_time_zone("UTC")
    return column.dt.cast_time_unit("us").to_physical()


def _is_whole(numbers: pl.Series) -> bool:
    known = numbers.drop_nulls()
    return bool((known == known.floor()).all())
