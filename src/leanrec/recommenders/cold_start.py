"""ColdStart: any recommender with content beside it, so that new items and a user's own words are answered too."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field

from leanrec.artifact import Arrays, Artifact
from leanrec.config import Config
from leanrec.data.dataset import Dataset
from leanrec.data.description import ItemDescription
from leanrec.data.ids import ItemId
from leanrec.data.query import Query, Recommendations
from leanrec.errors import ConfigError
from leanrec.features.histories import Rows
from leanrec.recommenders.building import build, opener
from leanrec.recommenders.catalogue_scorer import CatalogueScorer
from leanrec.recommenders.content import MAX_OCCLUDED, Content, ContentConfig, words_asked
from leanrec.recommenders.fusion_pools import SHARPNESS, scaled_scores
from leanrec.recommenders.protocol import (
    CatalogueRecommender,
    FloatArray,
    GivesInfluences,
    GivesReasons,
    LearnsFromValidation,
    Recommender,
    SimilarItems,
)
from leanrec.training.run import Run

RECOMMENDER_FOLDER, CONTENT_FOLDER = "recommender", "content"


class ColdStartConfig(Config):
    """Whom content stands beside, and how much it says; weights chosen on validation items of two Amazon files (docs/log.md)."""

    recommender: str = "sequential"
    """Who answers wherever the history and the items are known."""
    config: Mapping[str, Any] = Field(default_factory=dict)  # Any: the values of a TOML table
    """The settings of that recommender."""
    content: ContentConfig = ContentConfig()
    """What items say of themselves."""
    neighbours: int = Field(default=30, ge=1)
    """A new item is scored as so many known items that are most like it."""
    sharpness: float = Field(default=10.0, gt=0)
    """How much more a nearer neighbour counts: weights are exp(sharpness x likeness)."""
    likeness: float = Field(default=1.0, ge=0)
    """What one standard deviation of likeness to the history adds to a new item, in standard deviations of the recommender's scores."""
    share: float = Field(default=0.45, gt=0, le=1)
    """New items' scores are this part of what they would be: the price of not being known. 1 shows more of them and costs known ones places."""
    question: float = Field(default=0.7, ge=0, le=1)
    """With a text and a history, the weight of the text."""


class ColdStart(CatalogueScorer[ColdStartConfig]):
    """Known items are scored by the recommender, new ones as their nearest known items are and by their likeness to the history.

    The score of a new item c is share x (f(c) + likeness x std(f) x z(c)): f is the recommender's score on the scale of a fusion, for a new item
    that of the weighted mean of what its neighbours' shares of the best score are; z is the standardised cosine of content to the history. Without
    new items and without a text, the answer is the recommender's own, to the bit.
    """

    name = "cold-start"
    Config = ColdStartConfig
    scores_are_logits: ClassVar[bool] = False

    _member: CatalogueRecommender
    _content: Content
    _near: Rows
    """(M, K) for each new item its nearest known ones."""
    _near_weights: FloatArray
    """(M, K)"""
    _reads_text = True
    _settled: Any = None  # Any: an unfitted recommender that is fitted instead of a fresh one

    @classmethod
    def around(cls, member: CatalogueRecommender, content: Content, *, config: ColdStartConfig | None = None, reads_text: bool = True) -> "ColdStart":
        """A fitted recommender with content beside it, ready to be asked, under the recommender's name; both have the same items."""
        made = cls(config)
        made.name = getattr(member, "name", cls.name)
        made._member, made._content, made._items, made._reads_text = member, content, member.items, reads_text
        if isinstance(member, CatalogueScorer):
            made._fallback, made._parent, made._seed = member._fallback, member._parent, member._seed
        made._prepare()
        return made

    @property
    def member(self) -> CatalogueRecommender:
        """Who answers for what is known."""
        self.items  # noqa: B018 - raises NotFittedError
        return self._member

    @property
    def reads_text(self) -> bool:
        """Words are read, unless somebody else was asked to."""
        return self._reads_text

    def settled(self) -> "ColdStart":
        """An unfitted one, with what validation taught the recommender fixed; it needs no validation data."""
        member = self.member
        again = ColdStart(self.config)
        again._settled = member.settled() if isinstance(member, LearnsFromValidation) else None
        return again

    @property
    def adds_items(self) -> bool:
        """Further items are always compared."""
        return True

    def with_items(self, items: Sequence[ItemDescription]) -> Self:
        """Further items, scored by content and by the known items most like them."""
        grown = self._grown(items)
        grown._content = self._content.with_items(items)
        first, num_known = len(self.items), len(self._member.items)
        likeness = grown._content.likeness([np.array([row]) for row in range(first, len(grown.items))])[:, :num_known]
        near, weights = _neighbours(likeness, number=self.config.neighbours, sharpness=self.config.sharpness)
        grown._near, grown._near_weights = np.concatenate([self._near, near]), np.concatenate([self._near_weights, weights])
        return grown

    def similar(self, item_id: ItemId, *, k: int = 10) -> Recommendations:
        """The items most like one: as the recommender has it, and as content has it for a new item or where it compares none."""
        if isinstance(self._member, SimilarItems) and self.items.row(item_id) < len(self._member.items):
            return self._member.similar(item_id, k=k)
        return self._content.similar(item_id, k=k)

    def reason(self, query: Query, item_id: ItemId) -> str:
        """What the recommender says in words of its own; nothing for a new item."""
        is_known = self.items.row(item_id) < len(self._member.items)
        return self._member.reason(_without_text(query), item_id) if is_known and isinstance(self._member, GivesReasons) else ""

    def influences(self, history: Rows, item_rows: Rows) -> FloatArray:
        """(H, K) how far each score falls without the item at each place, wherever it stands; 0 for all but the newest places."""
        first = max(0, len(history) - MAX_OCCLUDED)
        without = [history[history != history[place]] for place in range(first, len(history))]
        drops = np.zeros((len(history), len(item_rows)), dtype=np.float32)
        is_known = item_rows < len(self._member.items)
        if isinstance(self._member, GivesInfluences) and is_known.any() and (history < len(self._member.items)).all():
            drops[:, is_known] = self._member.influences(history, item_rows[is_known])
            item_rows = np.where(is_known, 0, item_rows)
        else:
            is_known = np.zeros_like(is_known)
        if not is_known.all():
            asked = [history, *without]
            queries = [Query(history=tuple(self.items.ids[row] for row in rows)) for rows in asked]
            scores = self._score_rows(asked, queries)[:, item_rows]
            drops[first:, ~is_known] = (scores[0] - scores[1:])[:, ~is_known]
        return drops

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:
        self._content = Content(self.config.content).fit(train, run=run.within("content"))
        member = self._settled if self._settled is not None else build(self.config.recommender, self.config.config, where="config")
        self._member = _scoring(member.fit(train, valid=valid, run=run))
        self._prepare()

    def _prepare(self) -> None:
        self._near = np.zeros((0, min(self.config.neighbours, len(self._member.items))), np.int64)
        self._near_weights = np.zeros(self._near.shape, np.float32)

    def _score_rows(self, histories: Sequence[Rows], queries: Sequence[Query]) -> FloatArray:
        asked = [_without_text(query) for query in queries]
        if not len(self._near) and not any(words_asked(query) for query in queries):
            return self._member.catalogue_scores(asked)
        num_known = len(self._member.items)
        known = [history[history < num_known] for history in histories]
        scores = np.empty((len(queries), len(self.items)), dtype=np.float32)
        scores[:, :num_known] = scaled_scores(self._member, asked, known)
        self._add_new(scores, self._content.likeness(histories), num_known=num_known)
        for row, query in enumerate(queries):
            text = words_asked(query)
            if text and len(histories[row]):
                share = np.float32(self.config.question)
                scores[row] = share * _standardised(self._content.relevance(text)) + (1 - share) * _standardised(scores[row])
            elif text or not len(known[row]):
                scores[row] = self._content.relevance(text) if text else self._content.likeness([histories[row]])[0]
        return scores

    def _add_new(self, scores: FloatArray, likeness: FloatArray, *, num_known: int) -> None:
        """Fill the columns of new items, in place."""
        if not len(self._near):
            return
        known, alike = scores[:, :num_known], likeness[:, :num_known]
        borrowed = (self._over_neighbours(known) + _bent(self._over_neighbours(_straight(known)))) / 2
        spread = np.maximum(alike.std(axis=1, keepdims=True), np.float32(1e-6))
        distance = (likeness[:, num_known:] - alike.mean(axis=1, keepdims=True)) / spread
        bonus = np.float32(self.config.likeness) * known.std(axis=1, keepdims=True) * distance
        scores[:, num_known:] = np.float32(self.config.share) * (borrowed + bonus)

    def _over_neighbours(self, known: FloatArray) -> FloatArray:
        """(B, M) the weighted mean over each new item's neighbours."""
        mean: FloatArray = np.einsum("bmk,mk->bm", known[:, self._near], self._near_weights, optimize=True)
        return mean

    def _is_answerable(self, history: Rows, query: Query) -> bool:
        return len(history) > 0 or bool(words_asked(query))

    def _save_parts(self, draft: Path) -> None:
        self._member.save(draft / RECOMMENDER_FOLDER)
        self._content.save(draft / CONTENT_FOLDER)

    def _load_parts(self, artifact: Artifact) -> None:
        self._member = _scoring(opener(self.config.recommender).load(artifact.folder / RECOMMENDER_FOLDER))
        self._content = Content.load(artifact.folder / CONTENT_FOLDER)
        self._prepare()

    def _to_arrays(self) -> Arrays:
        return {}

    def _from_arrays(self, arrays: Arrays) -> None:
        """The parts are folders of their own."""


def _straight(scaled: FloatArray) -> FloatArray:
    """What `scaled_scores` bent: shares of the best score."""
    straight: FloatArray = np.expm1(scaled * np.float32(np.log1p(SHARPNESS))) / np.float32(SHARPNESS)
    return straight


def _bent(shares: FloatArray) -> FloatArray:
    """Back on the scale of a fusion."""
    bent: FloatArray = np.log1p(np.float32(SHARPNESS) * shares) / np.float32(np.log1p(SHARPNESS))
    return bent


def _scoring(recommender: Recommender) -> CatalogueRecommender:
    if not isinstance(recommender, CatalogueRecommender):
        raise ConfigError(f"{type(recommender).__name__} scores no catalogue, so nothing can stand beside it", hint="name one such as sequential")
    return recommender


def _neighbours(likeness: FloatArray, *, number: int, sharpness: float) -> tuple[Rows, FloatArray]:
    """(M, K) columns of the most alike in each row (M, N), and their weights, which sum to 1; all 0 where nothing is alike."""
    number = min(number, likeness.shape[1])
    near = np.argpartition(-likeness, number - 1, axis=1)[:, :number]
    alike = np.take_along_axis(likeness, near, axis=1)
    weights = np.exp(np.float32(sharpness) * (alike - alike.max(axis=1, keepdims=True, initial=-1.0))) * (alike > 0)
    return near, (weights / np.maximum(weights.sum(axis=1, keepdims=True), np.float32(1e-12))).astype(np.float32)


def _standardised(scores: FloatArray) -> FloatArray:
    standardised: FloatArray = (scores - scores.mean()) / max(float(scores.std()), 1e-12)
    return standardised


def _without_text(query: Query) -> Query:
    return replace(query, text=None) if query.text is not None else query
