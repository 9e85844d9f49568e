"""Times are recognised however they are written, and refused where they cannot be true."""

import polars as pl
import pytest

from leanrec.data.timestamps import time_format_of, to_microseconds
from leanrec.errors import DataError

MOMENT = 1_711_909_800_000_000
"""2024-03-31 18:30 UTC."""


@pytest.mark.parametrize(
    "text",
    [
        *("2024-03-31T18:30:00Z", "2024-03-31 18:30:00", "2024-03-31T20:30:00+02:00", "2024-03-31 18:30:00 UTC", "2024-03-31T18:30:00.000"),
        *("3/31/2024 18:30", "31/03/2024 18:30:00", "31.03.2024 18:30", "2024/03/31 18:30", "1711909800", "1711909800.0", "1711909800000"),
        *("1711909800000000", "1711909800000000000"),
    ],
)
def test_a_moment_is_read_however_it_is_written(text: str) -> None:
    assert to_microseconds(pl.Series([text, None]), place="t").to_list() == [MOMENT, None]


@pytest.mark.parametrize(
    "text", ["2024-03-31", "31.03.2024", "3/31/2024", "20240331", "31-Mar-2024", "Mar 31, 2024", "March 31, 2024", "03 31, 2024"]
)
def test_a_day_is_its_first_moment(text: str) -> None:
    assert to_microseconds(pl.Series([text]), place="t").to_list() == [1_711_843_200_000_000]


def test_a_day_above_twelve_tells_which_part_is_the_month() -> None:
    assert time_format_of(pl.Series(["03/04/2024"]), place="t").form == "%m/%d/%Y"
    assert time_format_of(pl.Series(["03/04/2024", "13/04/2024"]), place="t").form == "%d/%m/%Y"


def test_unreadable_times_are_absent() -> None:
    column = pl.Series(["1711909800", "1711909801", "soon", ""])
    assert to_microseconds(column, place="t").to_list() == [MOMENT, MOMENT + 1_000_000, None, None]


@pytest.mark.parametrize("dtype", [pl.Int32, pl.UInt32, pl.Int64, pl.Float64])
def test_any_width_that_holds_seconds_is_read(dtype: pl.DataType) -> None:
    assert to_microseconds(pl.Series([1_711_909_800], dtype=dtype), place="t").to_list() == [MOMENT]


def test_fractions_of_seconds_are_kept() -> None:
    assert to_microseconds(pl.Series([1_711_909_800.25]), place="t").to_list() == [MOMENT + 250_000]


def test_typed_times_of_any_zone_and_unit_are_read() -> None:
    from datetime import datetime, timedelta, timezone

    moment = datetime(2024, 3, 31, 20, 30, tzinfo=timezone(timedelta(hours=2)))
    for unit in ("ms", "us", "ns"):
        column = pl.Series([moment]).cast(pl.Datetime(unit, "UTC"))  # type: ignore[arg-type]  # one of the units
        assert to_microseconds(column, place="t").to_list() == [MOMENT]


@pytest.mark.parametrize("dtype", [pl.Float32])
def test_float32_is_refused_with_the_reason(dtype: pl.DataType) -> None:
    with pytest.raises(DataError, match="rounds the times of today to 128 seconds"):
        to_microseconds(pl.Series([1.7e9], dtype=dtype), place="a.csv, column 'time'")


@pytest.mark.parametrize("column", [pl.Series(["soon", "later"]), pl.Series([3, 4]), pl.Series([True])])
def test_what_tells_no_time_is_refused(column: pl.Series) -> None:
    with pytest.raises(DataError, match=r"a.csv"):
        time_format_of(column, place="a.csv")
