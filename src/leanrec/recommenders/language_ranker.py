"""LanguageRanker: the best candidates of another recommender, ordered anew by a language model that reads of them."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field

from leanrec.artifact import Arrays, Artifact
from leanrec.config import Config
from leanrec.data.dataset import Dataset
from leanrec.data.deadline import Clock, Deadline
from leanrec.data.description import ItemDescription
from leanrec.data.holdout import holdout_of
from leanrec.data.ids import IdMap, ItemId
from leanrec.data.query import Query, Recommendations
from leanrec.errors import ConfigError, DataError
from leanrec.features.histories import Rows
from leanrec.features.history_text import history_text
from leanrec.features.item_text import ItemText, ItemTextConfig
from leanrec.features.language_scorer import LanguageScorer
from leanrec.features.scorer_opening import open_language_scorer
from leanrec.recommenders.building import build, opener
from leanrec.recommenders.catalogue_scorer import CatalogueScorer, masked, top_rows
from leanrec.recommenders.content import words_asked
from leanrec.recommenders.language_ranker_weight import DEFAULT_WEIGHT, Pool, fit_weight
from leanrec.recommenders.protocol import (
    AddsItems,
    CatalogueRecommender,
    FloatArray,
    LearnsFromValidation,
    ReadsProfile,
    ReadsText,
    Recommender,
    SimilarItems,
)
from leanrec.recommenders.reading import Mask, Reading, reordered
from leanrec.training.run import Run

RETRIEVER_FOLDER, SCORER_FOLDER, TEXTS_FILE = "retriever", "scorer", "texts.json"


class LanguageRankerConfig(Config):
    """Who finds candidates, who reads of them, and how long that may take."""

    scorer: str = ""
    """Folder of a language model that ranks candidates: a cross-encoder (for the running side), or a decoder."""
    recommender: str = "sequential"
    """Who finds the candidates."""
    config: Mapping[str, Any] = Field(default_factory=dict)  # Any: the values of a TOML table
    """The settings of that recommender."""
    candidates: int = Field(default=20, ge=2, le=200)
    """How many of its best are read of; all others keep their places."""
    weight: float | None = Field(default=None, ge=0, le=1)
    """What reading counts against the recommender's own scores; 1 is reading alone. Left out, validation decides, and without any it is 0.5."""
    budget_ms: float | None = Field(default=None, ge=0)
    """How long reading may take for one question; what is left unread then keeps its place. Left out, everything is read."""
    history_items: int = Field(default=10, ge=1)
    """How many of the newest items of a history are read."""
    text: ItemTextConfig = ItemTextConfig(max_characters=300)
    """What is read of an item."""
    max_questions: int = Field(default=300, ge=1)
    """Validation questions by which the weight is chosen."""


class LanguageRanker(CatalogueScorer[LanguageRankerConfig]):
    """The retriever's best candidates change places by what a language model makes of them; its scores stay, handed to whoever stands there.

    So nothing outside the candidates moves, nor does what the budget left unread, and an item's source says whether it was read.
    """

    name = "language-ranker"
    Config = LanguageRankerConfig

    _retriever: CatalogueRecommender
    _scorer: LanguageScorer
    _reads: ItemText
    _texts: tuple[str, ...]
    """(N,) what is read of each item; empty where its row says nothing."""
    _weight: float
    _settled: Any = None  # Any: an unfitted recommender that is fitted instead of a fresh one

    def __init__(self, config: LanguageRankerConfig | None = None, *, clock: Clock = time.perf_counter) -> None:
        super().__init__(config)
        self._clock = clock

    @property
    def retriever(self) -> CatalogueRecommender:
        """Who finds the candidates."""
        self.items  # noqa: B018 - raises NotFittedError
        return self._retriever

    @property
    def scorer(self) -> LanguageScorer:
        """Who reads of them."""
        self.items  # noqa: B018 - raises NotFittedError
        return self._scorer

    @property
    def weight(self) -> float:
        """What reading counts, as it was given or fitted."""
        self.items  # noqa: B018 - raises NotFittedError
        return self._weight

    @property
    def num_candidates(self) -> int:
        """How many are read of."""
        return self.config.candidates

    @property
    def budget_ms(self) -> float | None:
        """How long reading may take where the question does not say."""
        return self.config.budget_ms

    @property
    def reads_text(self) -> bool:
        """The user's own words are read as the last line of the history, unless reading counts for nothing."""
        return self.weight > 0 or self._retriever_reads

    @property
    def reads_profile(self) -> bool:
        """Where the retriever does."""
        return isinstance(self.retriever, ReadsProfile) and self.retriever.reads_profile

    @property
    def adds_items(self) -> bool:
        """Where the retriever does."""
        return isinstance(self.retriever, AddsItems) and self.retriever.adds_items

    def with_items(self, items: Sequence[ItemDescription]) -> Self:
        """Further items, found by the retriever and read of like all others."""
        if not isinstance(self._retriever, AddsItems) or not self._retriever.adds_items:
            raise ConfigError(f"{self.config.recommender} takes no further items in", hint="name a recommender that does: cold-start, content")
        grown = self.knowing(items)
        grown._retriever = self._retriever.with_items(items)
        return grown

    def knowing(self, items: Sequence[ItemDescription]) -> Self:
        """One that can read of further items too, for whoever finds candidates elsewhere."""
        grown = self._grown(items)
        grown._texts = (*self._texts, *self._reads.texts(items))
        return grown

    def settled(self) -> "LanguageRanker":
        """An unfitted one with weight and retriever as validation left them; it needs no validation data."""
        retriever = self.retriever
        again = LanguageRanker(self.config.model_copy(update={"weight": self._weight}), clock=self._clock)
        again._settled = retriever.settled() if isinstance(retriever, LearnsFromValidation) else None
        return again

    def similar(self, item_id: ItemId, *, k: int = 10) -> Recommendations:
        """The items most like one, as the retriever has it; raises `ConfigError` when it compares none."""
        if not isinstance(self.retriever, SimilarItems):
            raise ConfigError(f"{self.config.recommender} does not know which items are alike", hint="ask cooccurrence, item-knn, ease or content")
        return self.retriever.similar(item_id, k=k)

    def recommend(self, queries: Sequence[Query], *, k: int = 10, exclude_seen: bool = True) -> list[Recommendations]:
        """As every recommender; items that were not read of are named after the retriever."""
        answers = super().recommend([], k=k)  # refuses a k below 1
        for query in queries:
            if self.is_cold(query) or (query.text is not None and not self.reads_text):
                answers += super().recommend([query], k=k, exclude_seen=exclude_seen)
            else:
                scores, is_read = self._ranked(query)
                answers.append(self._named(self._answer(query, scores, k=k, exclude_seen=exclude_seen), is_read))
        return answers

    def read(self, query: Query, item_ids: Sequence[ItemId], scores: FloatArray, *, budget_ms: float | None = None) -> Reading:
        """Candidates with falling scores (K,) in a new order; `budget_ms` in place of the one of the settings."""
        budget = budget_ms if budget_ms is not None else self.config.budget_ms
        if self.weight == 0:
            budget = 0.0
        deadline = Deadline.after(budget, clock=self._clock) if budget is not None else None
        said = self._said(query, self.items.known_rows(query.history), self.items.rows(item_ids), deadline=deadline)
        return reordered(scores, said, weight=self.weight)

    @property
    def _retriever_reads(self) -> bool:
        return isinstance(self._retriever, ReadsText) and self._retriever.reads_text

    def _said(self, query: Query, history: Rows, rows: Rows, *, deadline: Deadline | None = None) -> FloatArray:
        """(K,) what reading says of items; NaN where nothing was read."""
        newest = [self._texts[row] for row in history[-self.config.history_items :].tolist()]
        text = history_text(newest, words=words_asked(query), num_items=self.config.history_items)
        return self._scorer.scores(text, [self._texts[row] for row in rows.tolist()], deadline=deadline)

    def _found(self, query: Query, *, items: IdMap) -> tuple[FloatArray, Rows]:
        """(N,) the retriever's scores, and the rows of the candidates, best first."""
        readable = query if self._retriever_reads else replace(query, text=None)
        scores = self._retriever.catalogue_scores([readable])[0].copy()
        return scores, top_rows(masked(query, scores, items=items, exclude_seen=True), k=self.config.candidates)

    def _ranked(self, query: Query) -> tuple[FloatArray, Mask]:
        """(N,) scores, and which items were read of; for somebody of whom something is known."""
        scores, rows = self._found(query, items=self.items)
        is_read = np.zeros(len(scores), np.bool_)
        if len(rows):
            reading = self.read(query, [self.items.ids[row] for row in rows.tolist()], scores[rows])
            moved = rows[reading.order]
            scores[moved], is_read[moved] = reading.scores, reading.is_read
        return scores, is_read

    def _named(self, answer: Recommendations, is_read: Mask) -> Recommendations:
        rows = self.items.rows(answer.item_ids).tolist()
        other = getattr(self._retriever, "name", self.config.recommender)
        named = tuple(item if is_read[row] else replace(item, source=other) for item, row in zip(answer.items, rows, strict=True))
        return replace(answer, items=named)

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:
        if not self.config.scorer:
            raise ConfigError("language-ranker needs a language model that ranks", hint="set scorer to the folder of a cross-encoder or a decoder")
        self._scorer = open_language_scorer(self.config.scorer)
        descriptions = train.catalogue.descriptions()
        self._reads = ItemText.of_items(descriptions, self.config.text)
        self._texts = tuple(self._reads.texts(descriptions))
        if not any(self._texts):
            raise DataError("the catalogue says nothing of its items that could be read", hint="pass a catalogue with titles, or name text.fields")
        retriever = self._settled if self._settled is not None else build(self.config.recommender, self.config.config, where="config")
        self._retriever = _scoring(retriever.fit(train, valid=valid, run=run))
        self._weight = self.config.weight if self.config.weight is not None else DEFAULT_WEIGHT
        if self.config.weight is None and valid is not None:
            fitted = fit_weight(self._pools(train, valid, rng=run.rng()))
            self._weight = fitted.weight
            self.figures |= fitted.figures

    def _pools(self, train: Dataset, valid: Dataset, *, rng: np.random.Generator) -> list[Pool]:
        """What retriever and reading say of the candidates of a sample of validation questions."""
        holdout = holdout_of(train, valid)
        if len(holdout) > self.config.max_questions:
            holdout = holdout.take(np.sort(rng.permutation(len(holdout))[: self.config.max_questions]))
        pools = []
        for query, targets in zip(holdout.queries, holdout.targets, strict=True):
            history = train.items.known_rows(query.history)
            if len(history):
                scores, rows = self._found(query, items=train.items)
                said = self._said(query, history, rows)
                pools.append(Pool(scores=scores[rows], said=said, is_target=np.isin(rows, targets), num_targets=len(targets)))
        return pools

    def _score_rows(self, histories: Sequence[Rows], queries: Sequence[Query]) -> FloatArray:
        answered = [self._is_answerable(history, query) for history, query in zip(histories, queries, strict=True)]
        scores = np.zeros((len(queries), len(self.items)), np.float32)
        for row, query in enumerate(queries):
            if answered[row]:
                scores[row] = self._ranked(query)[0]
        return scores

    def _is_answerable(self, history: Rows, query: Query) -> bool:
        return len(history) > 0 or bool(words_asked(query))

    def _save_parts(self, draft: Path) -> None:
        self._retriever.save(draft / RETRIEVER_FOLDER)
        self._scorer.save(draft / SCORER_FOLDER)
        content = {"reads": self._reads.config.model_dump(mode="json"), "texts": self._texts}
        (draft / TEXTS_FILE).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    def _load_parts(self, artifact: Artifact) -> None:
        self._retriever = _scoring(opener(self.config.recommender).load(artifact.folder / RETRIEVER_FOLDER))
        self._scorer = open_language_scorer(artifact.folder / SCORER_FOLDER)
        content = json.loads(artifact.file(TEXTS_FILE).read_text(encoding="utf-8"))
        self._reads, self._texts = ItemText(config=ItemTextConfig.parse(content["reads"], where=TEXTS_FILE)), tuple(content["texts"])

    def _to_arrays(self) -> Arrays:
        return {"weight": np.array([self._weight])}

    def _from_arrays(self, arrays: Arrays) -> None:
        self._weight = float(arrays["weight"][0])


def _scoring(recommender: Recommender) -> CatalogueRecommender:
    if not isinstance(recommender, CatalogueRecommender):
        raise ConfigError(f"{type(recommender).__name__} scores no catalogue, so it finds no candidates here", hint="name one such as sequential")
    return recommender
