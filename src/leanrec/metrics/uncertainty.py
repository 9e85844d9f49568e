"""Intervals: 95 % bootstrap over users, so that a gain inside the noise is not called a gain.

Users are drawn with replacement, each with all that was measured on them; the same seed draws the same users, which pairs
the figures of two recommenders. Bounds are the 2.5th and 97.5th percentile of 1000 such draws.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from leanrec.errors import DataError
from leanrec.metrics.ranking import FloatArray, Rows
from leanrec.metrics.report import Measure

NUM_RESAMPLES = 1000
BLOCK_BYTES = 48_000_000
"""Draws of at most about this many bytes are held at once."""
_BOUNDS = (2.5, 97.5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Intervals:
    """M figures with their bounds, all (M,)."""

    values: FloatArray
    lows: FloatArray
    """Not a number where fewer than two users were measured."""
    highs: FloatArray
    num_users: Rows

    def __len__(self) -> int:
        return len(self.values)

    def measure(self, column: int = 0) -> Measure:
        """One of them."""
        has_bounds = bool(np.isfinite(self.lows[column]))
        return Measure(
            value=float(self.values[column]),
            low=float(self.lows[column]) if has_bounds else None,
            high=float(self.highs[column]) if has_bounds else None,
            num_users=int(self.num_users[column]),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """Something measured on each of B users, to be averaged: sum of numerators over sum of denominators, both (B,)."""

    metric: str
    group: str = ""
    """The slice it belongs to; empty for everybody."""
    numerators: FloatArray
    denominators: FloatArray

    @classmethod
    def of_values(cls, values: FloatArray, *, metric: str, group: str = "") -> "Figure":
        """A mean over the users whose value is a number."""
        counts = np.isfinite(values)
        return cls(metric=metric, group=group, numerators=np.where(counts, values, 0.0), denominators=counts.astype(np.float64))


def measure_figures(figures: Sequence[Figure], *, rng: np.random.Generator) -> dict[str, dict[str, Measure]]:
    """Group -> metric -> measure, all figures from the same draws of users; those that no user counts in are left out."""
    intervals = bootstrap_ratios(
        np.stack([figure.numerators for figure in figures], axis=1), np.stack([figure.denominators for figure in figures], axis=1), rng=rng
    )
    groups: dict[str, dict[str, Measure]] = {}
    for column, figure in enumerate(figures):
        if intervals.num_users[column]:
            groups.setdefault(figure.group, {})[figure.metric] = intervals.measure(column)
    return groups


def bootstrap_means(values: FloatArray, *, rng: np.random.Generator, num_resamples: int = NUM_RESAMPLES) -> Intervals:
    """Means over users of (B,) or (B, M) values; a value that is not a number says that the user does not count."""
    table = values[:, None] if values.ndim == 1 else values
    counts = np.isfinite(table)
    return bootstrap_ratios(np.where(counts, table, 0.0), counts.astype(np.float64), rng=rng, num_resamples=num_resamples)


def bootstrap_ratios(numerators: FloatArray, denominators: FloatArray, *, rng: np.random.Generator, num_resamples: int = NUM_RESAMPLES) -> Intervals:
    """Sum of numerators over sum of denominators, both (B, M); a user with a denominator of 0 does not count."""
    if numerators.shape != denominators.shape or numerators.ndim != 2:
        raise DataError(f"numerators have shape {numerators.shape}, denominators {denominators.shape}", hint="both are (users, figures)")
    draws = [_ratio(counts @ numerators, counts @ denominators) for counts in _draw_counts(len(numerators), rng=rng, num_resamples=num_resamples)]
    num_users = np.count_nonzero(denominators, axis=0)
    low, high = _percentiles(np.concatenate([*draws, np.full((0, numerators.shape[1]), np.nan)]))
    return Intervals(
        values=_ratio(numerators.sum(axis=0), denominators.sum(axis=0)),
        lows=np.where(num_users > 1, low, np.nan),
        highs=np.where(num_users > 1, high, np.nan),
        num_users=num_users,
    )


def paired_difference(values: FloatArray, baseline: FloatArray, *, rng: np.random.Generator, num_resamples: int = NUM_RESAMPLES) -> Measure:
    """Mean of `values` - `baseline`, both (B,) of the same users in the same order; beyond noise when 0 lies outside the bounds."""
    if values.shape != baseline.shape:
        raise DataError(f"{values.shape} values cannot be paired with {baseline.shape}", hint="measure both on the same users, in one order")
    return bootstrap_means(values - baseline, rng=rng, num_resamples=num_resamples).measure()


def _draw_counts(num_users: int, *, rng: np.random.Generator, num_resamples: int) -> Iterator[FloatArray]:
    """Blocks (R, B): how often each draw holds each user."""
    block = max(1, BLOCK_BYTES // (24 * max(1, num_users)))
    with threadpool_limits(limits=1):
        for start in range(0, num_resamples if num_users else 0, block):
            size = min(block, num_resamples - start)
            drawn = rng.integers(0, num_users, size=(size, num_users))
            drawn += np.arange(size)[:, None] * num_users
            yield np.bincount(drawn.ravel(), minlength=size * num_users).reshape(size, num_users).astype(np.float64)


def _percentiles(draws: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(M,) bounds of (R, M) draws; a draw that held nobody of a rare group is left out."""
    bounds = np.full((2, draws.shape[1]), np.nan)
    is_complete = np.isfinite(draws).all(axis=0) if len(draws) else np.zeros(draws.shape[1], np.bool_)
    if is_complete.any():
        bounds[:, is_complete] = np.percentile(draws[:, is_complete], _BOUNDS, axis=0)
    for column in np.flatnonzero(~is_complete):
        known = draws[np.isfinite(draws[:, column]), column]
        if len(known):
            bounds[:, column] = np.percentile(known, _BOUNDS)
    return bounds[0], bounds[1]


def _ratio(numerators: FloatArray, denominators: FloatArray) -> FloatArray:
    ratios: FloatArray = np.divide(numerators, denominators, out=np.full(numerators.shape, np.nan), where=denominators != 0)
    return ratios
