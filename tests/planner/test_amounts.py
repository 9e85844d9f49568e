"""Amounts as people write them, there and back."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanrec.errors import ConfigError
from leanrec.planner.amounts import as_bytes, as_count, as_seconds, count, num_bytes, seconds


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (count, "10M", 1e7),
        (count, " 1,500 ", 1500.0),
        (count, "2.5k", 2500.0),
        (count, "0", 0.0),
        (count, "3b", 3e9),
        (seconds, "24h", 86400.0),
        (seconds, "1.5 d", 129600.0),
        (seconds, "90s", 90.0),
        (num_bytes, "4GB", 4e9),
        (num_bytes, "12b", 12.0),
    ],
)
def test_an_amount_is_read(read: Callable[[str], float], text: str, value: float) -> None:
    assert read(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (count, "-3", "'-3' is below zero"),
        (count, "many", "'many' is no number"),
        (count, "10MB", "'10MB' is no number"),
        (count, "1e999", "'1e999' is beyond any number"),
        (count, "", "'' is no number"),
        (seconds, "30", "'30' is no time"),
        (seconds, "nan", "'nan' is no time"),
        (num_bytes, "4", "'4' is no size"),
    ],
)
def test_what_is_no_amount_is_refused_with_an_example(read: Callable[[str], float], text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        read(text)
    assert "write " in str(error.value.hint)


@given(value=st.floats(min_value=1.0, max_value=9e14))
def test_a_number_that_was_written_is_read_again_within_its_three_digits(value: float) -> None:
    assert count(as_count(value)) == pytest.approx(value, rel=0.006)
    assert num_bytes(as_bytes(value)) == pytest.approx(value, rel=0.006)


@given(value=st.floats(min_value=1e-4, max_value=1e8))
def test_a_time_that_was_written_is_read_again_within_its_three_digits(value: float) -> None:
    assert seconds(as_seconds(value)) == pytest.approx(value, rel=0.006)
