"""Amounts: counts as people write them, and as they read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanrec.errors import ConfigError
from leanrec.planner.amounts import as_bytes, as_count, as_seconds, count

SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
BYTES = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


@pytest.mark.parametrize(("text", "value"), [("10M", 1e7), (" 1,500 ", 1500.0), ("2.5k", 2500.0), ("0", 0.0), ("3b", 3e9)])
def test_a_count_is_read(text: str, value: float) -> None:
    assert count(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-3", "'-3' is below zero"),
        ("many", "'many' is no number"),
        ("10MB", "'10MB' is no number"),
        ("1e999", "'1e999' is beyond any number"),
        ("nan", "'nan' is no number"),
        ("", "'' is no number"),
    ],
)
def test_what_is_no_count_is_refused_with_an_example(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        count(text)
    assert "write " in str(error.value.hint)


@given(value=st.floats(min_value=1.0, max_value=9e14))
def test_what_was_written_is_within_its_three_digits(value: float) -> None:
    assert count(as_count(value)) == pytest.approx(value, rel=0.006)
    number, unit = as_bytes(value).split()
    assert float(number) * BYTES[unit] == pytest.approx(value, rel=0.006)


@given(value=st.floats(min_value=1e-4, max_value=1e8))
def test_a_time_that_was_written_is_within_its_three_digits(value: float) -> None:
    number, unit = as_seconds(value).split()
    assert float(number) * SECONDS[unit] == pytest.approx(value, rel=0.006)
