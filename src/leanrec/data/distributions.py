"""Distributions: a few figures and a histogram that say how a column of numbers is spread."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[Any]  # Any: integers and floats alike

_BINS = 30
_FEW = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """How numbers are spread; bin b counts the values from edges[b] up to edges[b + 1]."""

    count: int
    mean: float
    low: float
    p10: float
    median: float
    p90: float
    p99: float
    high: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    is_logarithmic: bool
    """Whether the bins grow by a factor."""


def distribution(values: Numbers, *, is_logarithmic: bool) -> Distribution:
    """Quantiles and a histogram; few distinct values get a bin each, and the top .5 % of a long tail share the last bin.

    >>> distribution(np.array([1, 1, 2, 9]), is_logarithmic=False).median
    1.5
    """
    numbers = np.asarray(values, dtype=np.float64)
    low, p10, median, p90, p99, high = (float(q) for q in np.quantile(numbers, (0.0, 0.1, 0.5, 0.9, 0.99, 1.0)))
    edges = _edges(numbers, is_logarithmic=is_logarithmic)
    counts, _ = np.histogram(np.clip(numbers, edges[0], edges[-1]), bins=edges)
    return Distribution(
        count=len(numbers),
        mean=float(numbers.mean()),
        low=low,
        p10=p10,
        median=median,
        p90=p90,
        p99=p99,
        high=high,
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        is_logarithmic=is_logarithmic,
    )


def share_of_head(counts: Numbers, share: float) -> float:
    """Share of the whole that falls on the largest `share` of the entries (at least one).

    >>> share_of_head(np.array([6, 2, 1, 1]), 0.25)
    0.6
    """
    ordered = np.sort(counts)[::-1]
    return float(ordered[: max(1, round(share * len(ordered)))].sum() / ordered.sum())


def tail_curve(counts: Numbers, *, points: int = 60) -> tuple[tuple[float, float], ...]:
    """Share of the entries, largest first, and share of the whole that they hold; denser where it bends.

    >>> tail_curve(np.array([3, 1]), points=3)
    ((0.0, 0.0), (0.5, 0.75), (1.0, 1.0))
    """
    held = np.concatenate([np.zeros(1), np.cumsum(np.sort(counts)[::-1])])
    places = np.unique(np.round(np.linspace(0, 1, points) ** 2 * len(counts)).astype(np.int64))
    if len(places) < min(points, len(counts) + 1):
        places = np.unique(np.round(np.linspace(0, len(counts), points)).astype(np.int64))
    return tuple((place / len(counts), float(held[place] / held[-1])) for place in places.tolist())


def gini(counts: Numbers) -> float:
    """Inequality of counts: 0 when all are alike, towards 1 when one holds everything.

    >>> gini(np.array([1, 1, 1, 1])), gini(np.array([0, 0, 0, 4]))
    (0.0, 0.75)
    """
    ordered = np.sort(counts).astype(np.float64)
    ranks = np.arange(1, len(ordered) + 1)
    return float((2 * ranks - len(ordered) - 1) @ ordered / (len(ordered) * ordered.sum()))


def _edges(numbers: npt.NDArray[np.float64], *, is_logarithmic: bool) -> npt.NDArray[np.float64]:
    distinct = np.unique(numbers)
    if len(distinct) <= _FEW and not is_logarithmic:
        width = float(np.diff(distinct).min()) if len(distinct) > 1 else 1.0
        if (distinct[-1] - distinct[0]) / width <= _FEW * 2:
            return np.arange(distinct[0] - width / 2, distinct[-1] + width, width)
    if is_logarithmic:
        top = max(2.0, distinct[-1] + 1.0)
        return np.unique(np.round(np.geomspace(max(1.0, distinct[0]), top, _BINS + 1)))
    top = float(np.quantile(numbers, 0.995)) if distinct[-1] > 4 * np.quantile(numbers, 0.99) else float(distinct[-1])
    return np.linspace(float(distinct[0]), max(top, float(distinct[0]) + 1.0), _BINS + 1)
