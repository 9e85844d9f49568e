"""Accuracy at k per user: recall, precision, hit rate, NDCG, MRR, MAP, from the ranks of the true items.

With m targets of a user, r_1 < ... < r_m their ranks, and h(k) the number of ranks up to k. A user without targets has no value
(not a number). Definitions and normalisations are those of trec_eval and ranx.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from leanrec.errors import ConfigError, did_you_mean
from leanrec.metrics.ranking import FloatArray, TargetRanks


class Metric(Protocol):
    """A figure of merit with one value per user."""

    @property
    def name(self) -> str:
        """Its name in reports, cut-off included: `ndcg@10`."""
        ...

    def per_user(self, ranks: TargetRanks) -> FloatArray:
        """(B,) float64; not a number for a user without targets."""
        ...


@dataclass(frozen=True)
class AtK:
    """Parent of the metrics that look at the first k places."""

    word: ClassVar[str]
    k: int

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ConfigError(f"{self.word}@{self.k}: k is {self.k}; allowed: 1 or more", hint=f"write {self.word}@10")

    @property
    def name(self) -> str:
        """`recall@10` and the like."""
        return f"{self.word}@{self.k}"

    def _hits(self, ranks: TargetRanks) -> FloatArray:
        """(B,) h(k)."""
        return ranks.sum_by_user((ranks.ranks <= self.k).astype(np.float64))


class Recall(AtK):
    """h(k) / m: the share of what the user wanted that stands in the first k places."""

    word = "recall"

    def per_user(self, ranks: TargetRanks) -> FloatArray:
        """(B,) in [0, 1]; below 1 even for a perfect list when m > k."""
        return self._hits(ranks) / np.maximum(ranks.counts, 1)


class Precision(AtK):
    """h(k) / k: the share of the first k places that the user wanted."""

    word = "precision"

    def per_user(self, ranks: TargetRanks) -> FloatArray:
        """(B,) in [0, 1]; at most m / k."""
        return self._hits(ranks) / self.k


class HitRate(AtK):
    """1 when any target stands in the first k places, else 0; equal to recall when m = 1."""

    word = "hit_rate"

    def per_user(self, ranks: TargetRanks) -> FloatArray:
        """(B,) 0 or 1."""
        return np.minimum(self._hits(ranks), 1.0)


class NDCG(AtK):
    """Sum of 1 / log2(1 + r_i) over r_i <= k, divided by its best value, the sum over the first min(m, k) places."""

    word = "ndcg"

    def per_user(self, ranks: TargetRanks) -> FloatArray:
        """(B,) in [0, 1]; 1 when the first min(m, k) places are all targets."""
        is_hit = ranks.ranks <= self.k
        gains = np.where(is_hit, 1.0 / np.log2(1.0 + np.where(is_hit, ranks.ranks, 1)), 0.0)
        ideal = np.cumsum(1.0 / np.log2(np.arange(2, self.k + 2)))
        return ranks.sum_by_user(gains) / ideal[np.clip(ranks.counts, 1, self.k) - 1]


class MRR(AtK):
    """1 / r_1 when r_1 <= k, else 0: how soon the first target comes."""

    word = "mrr"

    def per_user(self, ranks: TargetRanks) -> FloatArray:
        """(B,) in [0, 1]."""
        best = np.zeros(len(ranks))
        inverse = np.where(ranks.ranks <= self.k, 1.0 / ranks.ranks, 0.0)
        np.maximum.at(best, ranks.users, inverse)
        return np.where(ranks.counts > 0, best, np.nan)


class MAP(AtK):
    """Sum of i / r_i over r_i <= k, divided by m: the precision at each target found, averaged over all targets."""

    word = "map"

    def per_user(self, ranks: TargetRanks) -> FloatArray:
        """(B,) in [0, 1]; below 1 even for a perfect list when m > k."""
        order = np.lexsort((ranks.ranks, ranks.users))
        sorted_ranks = ranks.ranks[order]
        found = np.arange(1, len(order) + 1) - np.repeat(ranks.offsets[:-1], ranks.counts)
        precisions = np.where(sorted_ranks <= self.k, found / sorted_ranks, 0.0)
        return ranks.sum_by_user(precisions) / np.maximum(ranks.counts, 1)


METRICS: tuple[type[Recall | Precision | HitRate | NDCG | MRR | MAP], ...] = (Recall, Precision, HitRate, NDCG, MRR, MAP)
DEFAULT_METRICS: tuple[Metric, ...] = (Recall(10), NDCG(10), HitRate(10), Precision(10), MRR(10), MAP(10))
"""What is reported when nobody asks for anything else; ten is the cut-off of the published benchmarks."""


def parse_metric(text: str) -> Metric:
    """The metric that a name states; raises `ConfigError` with the nearest name when there is none.

    >>> parse_metric("ndcg@10")
    NDCG(k=10)
    """
    by_word = {kind.word: kind for kind in METRICS}
    match = re.fullmatch(r"\s*([\w-]+)@(-?\d+)\s*", text)
    if match is None:
        raise ConfigError(f"the metric {text!r} cannot be read", hint=f"write name@k, such as ndcg@10; names: {', '.join(sorted(by_word))}")
    word = match.group(1).lower().replace("-", "_")
    if word not in by_word:
        raise ConfigError(f"metric {word!r} is unknown", hint=did_you_mean(word, by_word))
    return by_word[word](int(match.group(2)))


def parse_metrics(given: Iterable[Metric | str]) -> tuple[Metric, ...]:
    """Metrics from names and metrics; raises `ConfigError` when none is given or one stands twice."""
    metrics = tuple(parse_metric(entry) if isinstance(entry, str) else entry for entry in given)
    names = [metric.name for metric in metrics]
    if not names or len(set(names)) != len(names):
        raise ConfigError(f"metrics must be given, each once; found {names}", hint="write metrics=['recall@10', 'ndcg@10']")
    return metrics
