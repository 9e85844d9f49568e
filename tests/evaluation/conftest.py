"""Small data and small recommenders to evaluate, written without the rooms that are evaluated."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
import pytest

from leanrec.config import Config
from leanrec.data.catalogue import Catalogue
from leanrec.data.dataset import Dataset
from leanrec.data.events import EVENT_SCHEMA, EventLog
from leanrec.data.ids import IdMap
from leanrec.data.query import Query, Recommendations, RecommendedItem
from leanrec.data.split import Split, split_leave_one_out
from leanrec.errors import BudgetError, MissingExtraError
from leanrec.training.run import Run

NUM_ITEMS = 40


def _dataset(*, num_users: int = 120, length: int = 8, ratings: bool = False, seed: int = 0) -> Dataset:
    """Everybody walks up the items from a place of their own, two steps at most: the next item can be guessed."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(num_users):
        places = (rng.integers(0, NUM_ITEMS) + np.cumsum(rng.integers(1, 3, length + user % 3))) % NUM_ITEMS
        rows += [
            (f"u{user:03}", f"i{place:02}", "rate" if ratings else "buy", 10 * day + user, float(1 + place % 5) if ratings else None)
            for day, place in enumerate(dict.fromkeys(places.tolist()))
        ]
    frame = pl.DataFrame(rows, schema=list(EVENT_SCHEMA), orient="row").select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items())
    catalogue = Catalogue(
        frame=pl.DataFrame({"item_id": [f"i{item:02}" for item in range(NUM_ITEMS)], "category": ["even", "odd"] * (NUM_ITEMS // 2)})
    )
    return Dataset.build(EventLog(frame=frame, time_quality="exact"), catalogue=catalogue)


class ByScores:
    """Scores one item at a time; a child says how high, given the last item of the history."""

    name: ClassVar[str] = "by-scores"

    def __init__(self, config: Config | None = None) -> None:
        self.config = config
        self.ids = IdMap([], kind="item")
        self.model_version = ""

    def fit(self, train: Dataset, *, valid: Dataset | None = None, run: Run | None = None) -> Self:
        self.ids, self.model_version = train.items, train.fingerprint[:12]
        return self

    def step_score(self, steps: np.ndarray) -> np.ndarray:
        """(N,) steps upwards from the last item, to scores."""
        return np.where(steps == 0, -0.5, -steps)

    def all_scores(self, query: Query) -> np.ndarray:
        last = self.ids.row(query.history[-1]) if query.history else 0
        return self.step_score((np.arange(len(self.ids)) - last) % len(self.ids)).astype(np.float32)

    def score(self, query: Query, item_ids: Sequence[str]) -> np.ndarray:
        return self.all_scores(query)[self.ids.rows(item_ids)]

    def recommend(self, queries: Sequence[Query], *, k: int = 10, exclude_seen: bool = True) -> list[Recommendations]:
        answers = []
        for query in queries:
            scores = self.all_scores(query)
            hidden = set(query.history) if exclude_seen else set()
            best = [row for row in np.argsort(-scores, kind="stable").tolist() if self.ids.ids[row] not in hidden][:k]
            items = tuple(RecommendedItem(item_id=self.ids.ids[row], score=float(scores[row]), source=self.name) for row in best)
            answers.append(Recommendations(items=items, user_id=query.user_id, model_version=self.model_version))
        return answers

    def save(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "weights").write_bytes(b"0" * 1000)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls()


class Upwards(ByScores):
    """Knows that everybody walks up."""

    name = "upwards"

    @property
    def items(self) -> IdMap:
        return self.ids

    def catalogue_scores(self, queries: Sequence[Query]) -> np.ndarray:
        return np.stack([self.all_scores(query) for query in queries])


class Downwards(Upwards):
    """Believes the opposite."""

    name = "downwards"

    def step_score(self, steps: np.ndarray) -> np.ndarray:
        return steps.astype(np.float64)


class Level(Upwards):
    """Finds everything alike."""

    name = "level"

    def step_score(self, steps: np.ndarray) -> np.ndarray:
        return np.zeros(len(steps))


class TooLarge(Upwards):
    name = "too-large"

    def fit(self, train: Dataset, *, valid: Dataset | None = None, run: Run | None = None) -> Self:
        raise BudgetError("needs 900 GB", hint="prune the catalogue")


class NotInstalled(Upwards):
    name = "not-installed"

    def fit(self, train: Dataset, *, valid: Dataset | None = None, run: Run | None = None) -> Self:
        raise MissingExtraError("implicit is missing", hint="pip install 'leanrec[data]'")


class Rater(Upwards):
    """Predicts three stars for everything."""

    name = "rater"

    def predict(self, user_ids: Sequence[str], item_ids: Sequence[str]) -> np.ndarray:
        return np.full(len(item_ids), 3.0, np.float32)


KINDS: dict[str, type[ByScores]] = {kind.name: kind for kind in (ByScores, Upwards, Downwards, Level, TooLarge, NotInstalled, Rater)}


@pytest.fixture
def make_dataset() -> Callable[..., Dataset]:
    return _dataset


@pytest.fixture(scope="session")
def split() -> Split:
    return split_leave_one_out(_dataset())


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> dict[str, type[ByScores]]:
    """The recommenders above, also found by name."""

    def find(group: str, name: str) -> Any:
        return KINDS[name]

    monkeypatch.setattr("leanrec.registry.find", find)
    return KINDS
