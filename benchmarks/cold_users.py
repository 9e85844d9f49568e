"""Users nobody knows: MovieLens-latest-small cut by time; those who came later are replayed in order, event by event.

Everything is fitted on the older 80 % of the events. A user whose first event is younger is asked before each of the first events, with what
came before it as history; nothing is fitted again. Full rankings, the history masked.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from datasets import read_dataset
from encoders import minilm_folder, run_of
from leanrec.data.dataset import Dataset
from leanrec.data.query import Query
from leanrec.evaluation.efficiency import spend
from leanrec.metrics.uncertainty import bootstrap_means
from leanrec.recommenders.building import build
from leanrec.recommenders.protocol import CatalogueScores, LearnsFromValidation
from leanrec.training.run import Run
from rows import BenchmarkRow

NAME = "ml-latest-small"
OLDER = 0.8
EVENTS = (0, 1, 2, 3, 4, 5, 7, 10, 15, 20)
"""Known events of a user when asked for the next."""
K = 10
Events = Sequence[tuple[int, int]]
"""Item row and time, oldest first."""


def settings() -> Mapping[str, tuple[str, Mapping[str, Any]]]:
    """Recipes by name; popularity and the graph first."""
    minilm = {"text_encoder": str(minilm_folder())}
    return {
        "popularity": ("popularity", {}),
        "popularity-recent": ("popularity-recent", {}),
        "cooccurrence": ("cooccurrence", {}),
        "content, words": ("content", {}),
        "content, words and MiniLM": ("content", minilm),
        "sequential": ("sequential", {}),
        "fusion": ("fusion", {}),
    }


def rows() -> list[BenchmarkRow]:
    """Recall@10 and NDCG@10 of each recipe by the number of known events."""
    dataset = read_dataset(NAME)
    cut = float(np.quantile(dataset.column("timestamp"), OLDER))
    train = dataset.subset(dataset.column("timestamp") < cut)
    newcomers = _newcomers(dataset, cut)
    found: list[BenchmarkRow] = []
    for recipe, (name, config) in settings().items():
        fit = _fused if name == "fusion" else _plain
        spent = spend(lambda fit=fit, name=name, config=config: fit(train, name, config))
        for known in EVENTS:
            found += _rows_of(recipe, spent.result, newcomers, known, cpu_seconds=spent.cost.fit_cpu_seconds)
    return found


def _plain(train: Dataset, name: str, config: Mapping[str, Any]) -> Any:  # Any: a recommender
    return build(name, config).fit(train, run=run_of(name))


def _fused(train: Dataset, name: str, config: Mapping[str, Any]) -> Any:  # Any: a recommender
    """As `leanrec fit` does: weights from the newest events of the training part, then everything fitted to all of it."""
    last = np.quantile(train.column("timestamp"), 0.9)
    is_valid = train.column("timestamp") >= last
    chosen = build(name, config).fit(train.subset(~is_valid), valid=train.subset(is_valid), run=Run(seed=0))
    if not isinstance(chosen, LearnsFromValidation):
        raise TypeError(f"{name} keeps nothing of what validation taught it")
    return chosen.settled().fit(train, run=Run(seed=0))


def _newcomers(dataset: Dataset, cut: float) -> list[Events]:
    """For each user who came after the cut the events, oldest first: item row and time."""
    users, rows, times = (dataset.column(name) for name in ("user_row", "item_row", "timestamp"))
    found: list[Events] = []
    for user in np.unique(users).tolist():
        places = np.flatnonzero(users == user)
        if times[places].min() >= cut:
            found.append(list(zip(rows[places].tolist(), times[places].tolist(), strict=True)))
    return found


def _rows_of(recipe: str, fitted: Any, newcomers: Sequence[Events], known: int, *, cpu_seconds: float) -> list[BenchmarkRow]:  # Any: a recommender
    asked = [events for events in newcomers if len(events) > known]
    ranks = np.array([_rank(fitted, events, known) for events in asked], np.float64)
    is_hit = ranks <= K
    values = np.stack([is_hit, np.where(is_hit, 1 / np.log2(ranks + 1), 0.0)], axis=1)
    intervals = bootstrap_means(values, rng=np.random.default_rng(0))
    return [
        BenchmarkRow.of_measure(
            intervals.measure(column),
            case=f"new users: {recipe}",
            metric=f"{metric}@10, {known} events known",
            dataset=NAME,
            split="time, older 80 % fitted on",
            seeds=1,
            cpu_seconds=cpu_seconds,
            note=f"{len(asked)} users",
        )
        for column, metric in enumerate(("recall", "ndcg"))
    ]


def _rank(fitted: Any, events: Events, known: int) -> int:  # Any: a recommender
    """The place of the next item among all, ties against it."""
    if not isinstance(fitted, CatalogueScores):
        raise TypeError("the recipes of this benchmark score their whole catalogue")
    history = [row for row, _ in events[:known]]
    target, time = events[known]
    scores = fitted.catalogue_scores([Query(history=tuple(fitted.items.ids[row] for row in history), time=time)])[0].copy()
    value = scores[target]
    scores[[row for row in history if row != target]] = -np.inf
    return max(1, int((scores >= value).sum()))
