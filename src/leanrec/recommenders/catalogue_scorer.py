"""CatalogueScorer: what all recommenders share that score a whole catalogue and pick the best k."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeVar, cast

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from leanrec.artifact import Arrays, Artifact, Manifest, save_into, writing_folder
from leanrec.config import Config
from leanrec.data.dataset import Dataset
from leanrec.data.description import ItemDescription
from leanrec.data.ids import UNKNOWN_ROW, IdMap, ItemId
from leanrec.data.query import Query, Recommendations, RecommendedItem
from leanrec.errors import ArtifactError, ConfigError, DataError, NotFittedError
from leanrec.features.fading import FadingCounts
from leanrec.features.histories import Rows, event_weights
from leanrec.recommenders.protocol import FloatArray
from leanrec.training.run import Run

Settings = TypeVar("Settings", bound=Config)

BLOCK_BYTES = 64_000_000
"""Scores of at most this many bytes are held at once."""
SELECTION_BLOCKS = 8
"""Blocks per wanted item when the best are selected."""
EXCLUDED = np.float32(-np.inf)


class CatalogueScorer(ABC, Generic[Settings]):
    """Fit, full scores, top k, candidates, exclusions, cold marks, save and load; a child says how it learns and scores.

    A child sets `name` and `Config`, and writes `_learn`, `_score_rows`, `_to_arrays` and `_from_arrays`.
    """

    name: str
    """The name it is registered under; set on the class."""
    Config: ClassVar[type[Config]]
    is_collaborative: ClassVar[bool] = True
    """Whether the history decides the answer; when not, every answer is honestly one for everybody, and never reasoned by a history."""

    def __init__(self, config: Settings | None = None) -> None:
        self.config: Settings = config if config is not None else cast(Settings, self.Config())
        self._items: IdMap | None = None
        self._fallback = FadingCounts(counts=np.zeros(0), newest=0)
        self._parent = ""
        self._seed: int | None = None
        self.figures: dict[str, float] = {}
        """What fitting measured of itself (share of weight dropped, say); kept as the metrics of the artifact."""

    @property
    def items(self) -> IdMap:
        """The catalogue; raises `NotFittedError` before fit."""
        if self._items is None:
            raise NotFittedError(f"{self.name} was asked before it was fitted", hint="call fit(train) or load(folder) first")
        return self._items

    def fit(self, train: Dataset, *, valid: Dataset | None = None, run: Run | None = None) -> Self:
        """Learn from the events of `train`; raises `BudgetError` before it starts when the budget cannot hold it."""
        run = run or Run()
        if len(train) == 0:
            raise DataError(f"{self.name} has no events to learn from", hint="check the split: it left an empty training set")
        self._fallback = FadingCounts.of_dataset(train)
        with threadpool_limits(limits=run.num_threads):
            self._learn(train, valid=valid, run=run)
        self._items = train.items
        self._parent = train.fingerprint
        self._seed = run.seed
        return self

    def catalogue_scores(self, queries: Sequence[Query]) -> FloatArray:
        """(B, N) float32 over the rows of `items`.

        A query without a known item gets popularity when the method needs a history: recent popularity, where clock times are known.
        Raises `ConfigError` for a query with text when the method reads none.
        """
        if not self.reads_text and any(query.text is not None for query in queries):
            raise ConfigError(f"the query brings text, and {self.name} reads none", hint="leave `text` out, or ask a recommender that reads: content")
        histories = [self.items.known_rows(query.history) for query in queries]
        scores = self._score_rows(histories, queries)
        if self.is_collaborative:
            for row, (history, query) in enumerate(zip(histories, queries, strict=True)):
                if not self._is_answerable(history, query):
                    scores[row] = self._fallback.shares
        return scores

    def score(self, query: Query, item_ids: Sequence[ItemId]) -> FloatArray:
        """(len(item_ids),) float32; raises `UnknownIdError` for an item that is not in the catalogue."""
        rows = self.items.rows(item_ids)
        if (rows == UNKNOWN_ROW).any():
            self.items.row(item_ids[int(np.argmax(rows == UNKNOWN_ROW))])
        scores: FloatArray = self.catalogue_scores([query])[0][rows]
        return scores

    def recommend(self, queries: Sequence[Query], *, k: int = 10, exclude_seen: bool = True) -> list[Recommendations]:
        """One answer per query: at most k items, scores falling; equal scores stand in the order of rows.

        Candidates that the catalogue does not hold are left out. Raises `ConfigError` for k < 1 or unresolved filters.
        """
        if k < 1:
            raise ConfigError(f"k is {k}; allowed: 1 or more", hint="k is how many items each answer holds")
        block = max(1, BLOCK_BYTES // (4 * len(self.items)))
        answers: list[Recommendations] = []
        for start in range(0, len(queries), block):
            part = queries[start : start + block]
            scores = self.catalogue_scores(part)
            answers += [self._answer(query, row, k=k, exclude_seen=exclude_seen) for query, row in zip(part, scores, strict=True)]
        return answers

    @property
    def reads_text(self) -> bool:
        """Whether `Query.text` is understood."""
        return False

    def is_cold(self, query: Query) -> bool:
        """True when nothing is known of who asks."""
        return not self._is_answerable(self.items.known_rows(query.history), query)

    def save(self, folder: Path) -> None:
        """Write config, ids and arrays as an artifact; complete or not at all."""
        fallback = {"fallback.counts": self._fallback.counts, "fallback.newest": np.array([self._fallback.newest])}
        arrays: Arrays = {**self.items.to_arrays(), **fallback, **self._to_arrays()}
        with writing_folder(Path(folder)) as draft:
            self._save_parts(draft)
            save_into(draft, self._manifest(), arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The recommender that `save` wrote; raises `ArtifactError` when the folder was harmed."""
        artifact = Artifact.open(Path(folder), kind=cls.name)
        recommender = cls(cast(Settings, cls.Config.parse(artifact.manifest.config, where=str(folder))))
        recommender._restore(artifact)
        return recommender

    def _restore(self, artifact: Artifact) -> None:
        """Take back everything that `save` wrote beside the settings."""
        try:
            self._items = IdMap.from_arrays(artifact.arrays, kind="item")
            newest = int(artifact.arrays["fallback.newest"][0])
            self._fallback = FadingCounts(counts=artifact.arrays["fallback.counts"], newest=newest)
            self._parent = artifact.manifest.parents[0]
            self._from_arrays(artifact.arrays)
        except (KeyError, IndexError) as error:
            raise ArtifactError(f"{artifact.folder} lacks a part that a {self.name!r} needs: {error}", hint="make the artifact again") from None
        self._seed = artifact.manifest.seed
        self.figures = dict(artifact.manifest.metrics)
        self._load_parts(artifact)

    @property
    def model_version(self) -> str:
        """The first 12 digits of the fingerprint of the data it was fitted on."""
        return self._parent[:12]

    def _grown(self, items: Sequence[ItemDescription]) -> Self:
        """A copy with further ids, which nobody has chosen yet; a child that keeps `AddsItems` adds what it scores them by."""
        grown = copy(self)
        grown._items = self.items.with_ids([item.item_id for item in items])
        nothing = np.zeros(0, np.int64)
        grown._fallback = self._fallback.with_acts(nothing, None, num_items=len(grown._items))
        return grown

    def _is_answerable(self, history: Rows, query: Query) -> bool:  # noqa: ARG002 - a child may know users by id
        """Whether the method has something to go by."""
        return len(history) > 0

    def _answer(self, query: Query, scores: FloatArray, *, k: int, exclude_seen: bool) -> Recommendations:
        is_cold = self.is_cold(query)
        source = "popularity" if is_cold and self.is_collaborative else self.name
        best = top_rows(masked(query, scores, items=self.items, exclude_seen=exclude_seen), k=k)
        ids = self.items.ids
        chosen = tuple(RecommendedItem(item_id=ids[row], score=float(scores[row]), source=source) for row in best.tolist())
        return Recommendations(items=chosen, user_id=query.user_id, model_version=self.model_version, cold=is_cold)

    def _manifest(self) -> Manifest:
        config = self.config.model_dump(mode="json", by_alias=True)
        return Manifest(kind=self.name, config=config, parents=(self._parent,), metrics=self.figures, seed=self._seed)

    def _save_parts(self, draft: Path) -> None:
        """Write what is no array of its own, such as other recommenders, into the draft folder."""

    def _load_parts(self, artifact: Artifact) -> None:
        """Take back what `_save_parts` wrote."""

    @abstractmethod
    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:
        """Set the arrays that scoring needs."""

    @abstractmethod
    def _score_rows(self, histories: Sequence[Rows], queries: Sequence[Query]) -> FloatArray:
        """(B, N) float32, a fresh array, from the known item rows of each history, oldest first."""

    @abstractmethod
    def _to_arrays(self) -> Arrays:
        """What scoring needs, by name."""

    @abstractmethod
    def _from_arrays(self, arrays: Arrays) -> None:
        """Take back what `_to_arrays` gave."""


def masked(query: Query, scores: FloatArray, *, items: IdMap, exclude_seen: bool) -> FloatArray:
    """(N,) scores with everything that may not be answered at minus infinity."""
    if query.filters:
        raise ConfigError(
            f"the filters {list(query.filters)} are not resolved: a recommender holds no attributes",
            hint="pass candidates=catalogue.matching(filters) instead",
        )
    if query.candidates is None:
        allowed = scores.copy()
    else:
        rows = items.known_rows(query.candidates)
        allowed = np.full_like(scores, EXCLUDED)
        allowed[rows] = scores[rows]
    allowed[items.known_rows(query.exclude)] = EXCLUDED
    if exclude_seen:
        allowed[items.known_rows(query.history)] = EXCLUDED
    return allowed


def top_rows(scores: FloatArray, *, k: int) -> Rows:
    """Rows of the k best finite scores, best first; equal scores in the order of rows."""
    rows = _best_unordered(scores, k) if k < len(scores) else np.arange(len(scores))
    rows = rows[np.isfinite(scores[rows])]
    best: Rows = rows[np.argsort(-scores[rows], kind="stable")]
    return best


def _best_unordered(scores: FloatArray, k: int) -> Rows:
    """The k best rows; of those equal to the last one, the first rows.

    The k-th best of the maxima of at least k blocks is a bound that k scores reach, so all but a few rows are left out by one cheap
    comparison; selecting among all scores took most of the time of a query, since most of them are equal.
    """
    width = max(1, len(scores) // (SELECTION_BLOCKS * k))
    blocks = scores[: len(scores) // width * width].reshape(-1, width).max(axis=1)
    bound = np.partition(blocks, len(blocks) - k)[len(blocks) - k]
    above = np.flatnonzero(scores > bound)
    if len(above) > k:
        values = scores[above]
        bound = np.partition(values, len(values) - k)[len(values) - k]
        above = above[values > bound]
    level = np.flatnonzero(scores == bound)[: k - len(above)]
    return np.concatenate([above, level])


def popularity_shares(counts: npt.NDArray[np.generic]) -> FloatArray:
    """(N,) share of all acts that each item has: what everybody is offered when nothing else is known."""
    shares: FloatArray = (counts / max(1, counts.sum())).astype(np.float32)
    return shares


def act_counts(train: Dataset) -> Rows:
    """(N,) how many acts each item has; being shown an item is no act."""
    rows = train.column("item_row")[event_weights(train) > 0]
    return np.bincount(rows, minlength=train.num_items).astype(np.int64)
