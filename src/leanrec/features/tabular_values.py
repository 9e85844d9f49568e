"""Plain values of a table's cells: read as figures or as words, and hashed alike everywhere.

What is computed for a whole column and what is computed for one row must not differ in a single bit. NumPy's logarithms and powers may
differ with the place of a value in its array, so such functions are taken one value at a time.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from leanrec.data.description import DescribedValue

Value: TypeAlias = DescribedValue | None
Figures: TypeAlias = npt.NDArray[np.float64]
Rows: TypeAlias = npt.NDArray[np.int64]
Keys: TypeAlias = npt.NDArray[np.uint64]

LARGEST = 1e15
"""Figures beyond it are taken for it, as the server's messages bound them."""


def plain_value(value: object) -> Value:
    """A cell in plain values: text, a finite figure, several texts, or `None` where it says nothing.

    >>> plain_value(3), plain_value(float("nan")), plain_value(["a", None]), plain_value(True)
    (3.0, None, ['a'], 'True')
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return [str(entry) for entry in value if entry is not None]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else None
    return str(value)


def figure_of(value: Value) -> float:
    """The value as a figure; not a number where it holds none. Text that reads as a figure is one: a request's context is all text."""
    if isinstance(value, list) or value is None:
        return math.nan
    try:
        figure = float(value)
    except ValueError:
        return math.nan
    return min(max(figure, -LARGEST), LARGEST) if math.isfinite(figure) else math.nan


def figures_of(values: Sequence[Value]) -> Figures:
    """(m,) float64 of `figure_of`."""
    return np.fromiter(map(figure_of, values), dtype=np.float64, count=len(values))


def words_of(value: Value) -> list[str]:
    """The value as words, each once, in their order; none where it says nothing.

    >>> words_of(1990.0), words_of(["b", "a", "b", " "]), words_of(""), words_of(0.5)
    (['1990'], ['b', 'a'], [], ['0.5'])
    """
    if value is None:
        return []
    if isinstance(value, list):
        return list(dict.fromkeys(entry for entry in value if entry.strip()))
    if isinstance(value, str):
        return [value] if value.strip() else []
    return [str(int(value)) if value.is_integer() and abs(value) <= LARGEST else repr(value)]


@lru_cache(maxsize=1 << 17)
def stable_hash(text: str) -> int:
    """64 bits that name a text, the same on every machine and in every process."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def mixed(first: Keys, second: Keys) -> Keys:
    """(n,) 64 bits that name a pair (Steele et al. 2014, SplitMix64)."""
    state = first * np.uint64(0x9E3779B97F4A7C15) + second
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def one_by_one(function: Callable[[float], float], figures: Figures) -> Figures:
    """(n,) the function of each figure, by the C library and never by a vector unit."""
    return np.fromiter(map(function, figures.tolist()), dtype=np.float64, count=len(figures))


def signed_log(figure: float) -> float:
    """The logarithm of 1 + the figure's size, with its sign: 0 stays 0, and large figures come near one another."""
    return math.copysign(math.log1p(abs(figure)), figure)
