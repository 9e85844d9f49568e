"""Formulas: arithmetic and nothing else, the same numbers as Python's own."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanrec.errors import ConfigError
from leanrec.planner.expression import evaluate, names_of, parse

NUMBERS = st.floats(min_value=0.01, max_value=100.0)


@given(a=NUMBERS, b=NUMBERS, c=NUMBERS)
@pytest.mark.parametrize(
    "formula",
    [
        "a + b * c - a / b",
        "-a ** 0.5 + (b - c) * 2",
        "min(a, b, c) + max(a, b) + ceil(a) + floor(b)",
        "sqrt(a) * log(b) + exp(-c)",
        "a if a > b else (b if b >= c else c)",
        "(a < b) + (a <= b) + (a == b)",
    ],
)
def test_a_formula_comes_to_what_python_makes_of_it(formula: str, a: float, b: float, c: float) -> None:
    names = {
        "a": a,
        "b": b,
        "c": c,
        "ceil": math.ceil,
        "floor": math.floor,
        "sqrt": math.sqrt,
        "log": math.log,
        "exp": math.exp,
        "min": min,
        "max": max,
    }
    wanted = eval(formula, {"__builtins__": {}}, names)  # noqa: S307 - our own text
    tree = json.loads(json.dumps(parse(formula)))
    assert evaluate(tree, {"a": a, "b": b, "c": c}) == pytest.approx(wanted, rel=1e-12)


def test_the_side_of_an_if_that_is_not_asked_for_is_left_alone() -> None:
    assert evaluate(parse("1 / a if a > 0 else 0"), {"a": 0.0}) == 0.0


def test_names_are_those_of_values_and_not_of_functions() -> None:
    assert names_of(parse("min(items, 2) * width if is_full else 3")) == {"items", "width", "is_full"}


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "a.b",
        "a[0]",
        "'a'",
        "True",
        "lambda: 1",
        "a and b",
        "f(a)",
        "min()",
        "max(a, key=b)",
        "a < b < c",
        "[a]",
        "a if",
        "2 &",
        "",
    ],
)
def test_what_is_no_arithmetic_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text)


def test_a_name_without_a_value_and_a_division_by_nothing_are_said() -> None:
    with pytest.raises(ConfigError, match="names 'width', which has no value"):
        evaluate(parse("items * width"), {"items": 1.0})
    with pytest.raises(ConfigError, match="is no number"):
        evaluate(parse("1 / a"), {"a": 0.0})
    with pytest.raises(ConfigError, match="is no number"):
        evaluate(parse("exp(a)"), {"a": 1e9})
