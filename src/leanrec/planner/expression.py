"""Expressions: formulas as text, as numbers, and as nested lists that a web page evaluates to the same numbers.

A formula is arithmetic over names: `+ - * / **`, comparisons, `a if b else c`, and a few functions. It is read with Python's own
parser, but nothing of Python runs: what is not arithmetic is refused.
"""

import ast
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from leanrec.errors import ConfigError

Tree = float | str | list[Any]  # Any: trees within a tree
"""A number, a name, or `[operation, tree, ...]`: JSON as it stands."""

OPERATIONS: Mapping[str, Callable[..., float]] = MappingProxyType(
    {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b,
        "**": lambda a, b: math.pow(a, b),
        "neg": lambda a: -a,
        "<": lambda a, b: float(a < b),
        "<=": lambda a, b: float(a <= b),
        ">": lambda a, b: float(a > b),
        ">=": lambda a, b: float(a >= b),
        "==": lambda a, b: float(a == b),
        "min": min,
        "max": max,
        "ceil": lambda a: float(math.ceil(a)),
        "floor": lambda a: float(math.floor(a)),
        "sqrt": math.sqrt,
        "exp": math.exp,
        "log": math.log,
    }
)
"""What a formula may do; `pages/plan.js` has the same list. `if` is evaluated apart, since one of its sides is left alone."""

_BINARY = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
_COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "=="}
_FUNCTIONS = ("min", "max", "ceil", "floor", "sqrt", "exp", "log")


def parse(text: str) -> Tree:
    """The tree of a formula; raises `ConfigError` for what is no arithmetic.

    >>> parse("4 * items * width")
    ['*', ['*', 4.0, 'items'], 'width']
    >>> parse("a if a > 1 else min(b, 2)")
    ['if', ['>', 'a', 1.0], 'a', ['min', 'b', 2.0]]
    """
    try:
        return _tree(ast.parse(text.strip(), mode="eval").body)
    except SyntaxError as error:
        raise ConfigError(f"{text!r} is no formula: {error.msg}", hint="write arithmetic over names, as in 4 * items * width") from None


def evaluate(tree: Tree, values: Mapping[str, float]) -> float:
    """The number that a tree comes to; raises `ConfigError` for a name without a value, and where a division has nothing to divide by.

    >>> evaluate(parse("2 * max(a, 3)"), {"a": 5.0})
    10.0
    """
    if isinstance(tree, float | int):
        return float(tree)
    if isinstance(tree, str):
        if tree not in values:
            raise ConfigError(f"the formula names {tree!r}, which has no value", hint=f"known: {', '.join(sorted(values))}")
        return values[tree]
    operation, *parts = tree
    if operation == "if":
        condition, then, otherwise = parts
        return evaluate(then if evaluate(condition, values) else otherwise, values)
    numbers = [evaluate(part, values) for part in parts]
    try:
        return float(OPERATIONS[operation](*numbers))
    except (ZeroDivisionError, ValueError, OverflowError) as error:
        raise ConfigError(
            f"{operation} of {numbers} is no number: {error}", hint="check what was asked for: a figure of it may be 0, or absurd"
        ) from None


def names_of(tree: Tree) -> frozenset[str]:
    """What a tree has to be told."""
    if isinstance(tree, str):
        return frozenset({tree})
    if isinstance(tree, list):
        return frozenset().union(*(names_of(part) for part in tree[1:]))
    return frozenset()


def _tree(node: ast.expr) -> Tree:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return float(value)
        case ast.Name(id=name):
            return name
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return ["neg", _tree(operand)]
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _BINARY:
            return [_BINARY[type(operator)], _tree(left), _tree(right)]
        case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in _COMPARISONS:
            return [_COMPARISONS[type(operator)], _tree(left), _tree(right)]
        case ast.IfExp(test=test, body=body, orelse=otherwise):
            return ["if", _tree(test), _tree(body), _tree(otherwise)]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS and arguments:
            return [name, *(_tree(argument) for argument in arguments)]
    raise ConfigError(
        f"{ast.unparse(node)!r} is no arithmetic", hint=f"a formula has + - * / **, comparisons, `a if b else c`, {', '.join(_FUNCTIONS)}"
    )
