"""Feature worth: what each feature says of an outcome by itself, and what a model loses without it on a later slice of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from leanrec.errors import MissingExtraError
from leanrec.evaluation.outcomes import CHOOSE, LEARN, REPORT, Outcome
from leanrec.features.code_transforms import FittedCodes
from leanrec.features.tabular import TabularFeatures
from leanrec.features.tabular_table import Table
from leanrec.features.transforms import Fitted
from leanrec.metrics.ratings import auc

Figures = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

SEEDS = (0, 1, 2)
NUM_SUBSAMPLES = 10
MAX_SUBSAMPLE = 2500
"""Rows of each draw over which information is estimated."""
NUM_SHUFFLES = 5
"""Shuffles of each feature under each seed."""
NUM_DRAWS = 10
"""Draws of users for each shuffle; for an AUC as many as all shuffles have together."""
MAX_CATEGORIES = 4096
NUM_TREES = 100
PARAMETERS = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.06,
    "min_data_in_leaf": 50,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "feature_fraction": 0.8,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """A mean, and the 2.5th and 97.5th percentile of what repeated draws gave."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, draws: Sequence[float]) -> "Spread":
        """That of some draws."""
        low, high = np.percentile(draws, (2.5, 97.5))
        return cls(value=float(np.mean(draws)), low=float(low), high=float(high))


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureWorth:
    """What one feature is worth."""

    name: str
    kind: str
    information: Spread
    """Nats that it shares with the outcome (the most of its columns), less what it shares with a shuffled outcome; over draws of moments."""
    importance: Spread
    """How far the AUC falls when the feature is shuffled among the moments; over seeds of the model, shuffles and draws of users."""

    @property
    def is_useful(self) -> bool:
        """Whether the model misses it beyond the noise of seeds, shuffles and users."""
        return self.importance.low > 0


def judge(
    features: TabularFeatures,
    table: Table,
    outcome: Outcome,
    *,
    seeds: Sequence[int] = SEEDS,
    known: Sequence[FeatureWorth] = (),
) -> tuple[FeatureWorth, ...]:
    """Every feature's worth, the best first: mutual information where is learned, permutation importance in a small LightGBM after it.

    Correlated features share their importance: one that is shuffled is missed little while another says the same. What `known` says of
    information, which no other feature changes, is not estimated again.
    """
    _require_packages()
    learnt = outcome.rows(LEARN)
    informations = {each.name: each.information for each in known}
    importances = _importances(features.fitted, table, outcome, seeds=seeds)
    judged = [
        FeatureWorth(
            name=part.config.name,
            kind=part.config.kind,
            information=informations.get(part.config.name) or _information(part, table.take(learnt), outcome.labels[learnt]),
            importance=Spread.of(importances[number]),
        )
        for number, part in enumerate(features.fitted)
    ]
    return tuple(sorted(judged, key=lambda each: -each.importance.value))


def reported_auc(features: TabularFeatures, table: Table, outcome: Outcome) -> Spread:
    """How well a small LightGBM over the features tells the outcome on the newest moments, by which nothing was chosen; over draws of users."""
    _require_packages()
    matrix, categories, _ = _matrix(features.fitted, table)
    rows = outcome.rows(REPORT)
    scores = np.mean([_predict(_learn(matrix, categories, outcome, seed=seed), matrix[rows]) for seed in SEEDS], axis=0)
    labels = outcome.labels[rows]
    draws = _draws(outcome.user_rows[rows], labels, num_draws=NUM_DRAWS * NUM_SHUFFLES * len(SEEDS), rng=np.random.default_rng(0))
    spread = Spread.of([auc(labels[drawn], scores[drawn]) for drawn in draws])
    return Spread(value=auc(labels, scores), low=spread.low, high=spread.high)


def _importances(parts: Sequence[Fitted], table: Table, outcome: Outcome, *, seeds: Sequence[int]) -> list[list[float]]:
    """For each feature the falls of the AUC, one a seed, shuffle and draw of users; draws are the same for all features."""
    matrix, categories, spans = _matrix(parts, table)
    rows = outcome.rows(CHOOSE)
    asked, labels = matrix[rows], outcome.labels[rows]
    falls: list[list[float]] = [[] for _ in parts]
    for seed in seeds:
        booster, rng = _learn(matrix, categories, outcome, seed=seed), np.random.default_rng(seed)
        draws = _draws(outcome.user_rows[rows], labels, num_draws=NUM_DRAWS, rng=rng)
        scores = _predict(booster, asked)
        whole = [auc(labels[drawn], scores[drawn]) for drawn in draws]
        for number, span in enumerate(spans):
            for _ in range(NUM_SHUFFLES):
                shuffled = asked.copy()
                shuffled[:, span] = asked[rng.permutation(len(rows)), span]
                poorer = _predict(booster, shuffled)
                falls[number] += [was - auc(labels[drawn], poorer[drawn]) for was, drawn in zip(whole, draws, strict=True)]
    return falls


def _learn(matrix: Figures, categories: list[int], outcome: Outcome, *, seed: int) -> Any:  # Any: LightGBM's booster
    import lightgbm

    rows, parameters = outcome.rows(LEARN), {**PARAMETERS, "seed": seed}
    data = lightgbm.Dataset(matrix[rows], label=outcome.labels[rows], categorical_feature=categories, params=parameters)
    return lightgbm.train(parameters, data, num_boost_round=NUM_TREES)


def _predict(booster: Any, asked: Figures) -> Figures:  # Any: LightGBM's booster
    return np.asarray(booster.predict(asked, num_threads=1), dtype=np.float64)


def _matrix(parts: Sequence[Fitted], table: Table) -> tuple[Figures, list[int], list[slice]]:
    """(n, M) features as trees read them, a code being one column; which columns are codes; and the columns of each feature."""
    blocks = [(part.codes(table)[:, None] if part.cardinality is not None else part.dense(table)).astype(np.float64) for part in parts]
    ends = np.cumsum([block.shape[1] for block in blocks]).tolist()
    spans = [slice(end - block.shape[1], end) for block, end in zip(blocks, ends, strict=True)]
    categories = [span.start for part, span in zip(parts, spans, strict=True) if part.cardinality is not None and part.cardinality <= MAX_CATEGORIES]
    return np.concatenate(blocks, axis=1), categories, spans


def _draws(users: Rows, labels: Rows, *, num_draws: int, rng: np.random.Generator) -> list[Rows]:
    """Rows of users drawn with replacement, each with all moments; a draw without either label is left out."""
    order = np.argsort(users, kind="stable")
    starts = np.flatnonzero(np.diff(users[order], prepend=-1))
    groups = np.split(order, starts[1:])
    drawn = [np.concatenate([groups[group] for group in rng.integers(0, len(groups), size=len(groups))]) for _ in range(num_draws)]
    return [rows for rows in drawn if 0 < labels[rows].sum() < len(rows)] or [np.arange(len(users))]


def _information(part: Fitted, table: Table, labels: Rows) -> Spread:
    """Draws of half the rows without replacement, at most `MAX_SUBSAMPLE`; codes as they are, figures by nearest neighbours."""
    from sklearn.feature_selection import mutual_info_classif

    is_code = isinstance(part, FittedCodes)
    columns = part.raw_codes(table)[:, None] if isinstance(part, FittedCodes) else part.dense(table).astype(np.float64)
    is_discrete = is_code or part.config.kind == "multi-hot"
    rng, found = np.random.default_rng(0), []
    for _ in range(NUM_SUBSAMPLES):
        rows = rng.choice(len(labels), size=min(MAX_SUBSAMPLE, len(labels) // 2), replace=False)
        shared, chance = (
            mutual_info_classif(columns[rows], target, discrete_features=is_discrete, random_state=0)
            for target in (labels[rows], rng.permutation(labels[rows]))
        )
        best = int(np.argmax(shared))
        found.append(float(shared[best] - chance[best]))
    return Spread.of(found)


def _require_packages() -> None:
    missing = [package for package, module in (("scikit-learn", "sklearn"), ("lightgbm", "lightgbm")) if find_spec(module) is None]
    if missing:
        raise MissingExtraError(f"judging features needs {' and '.join(missing)}", hint="pip install 'leanrec[train]'")
