"""Retrieve: each source offers its best items, and enough of them that filters can take some away."""

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from leanrec.config import Config
from leanrec.data.ids import ItemId
from leanrec.serving.stage import POPULARITY, Candidates, FloatArray, Question

if TYPE_CHECKING:
    from leanrec.serving.item_index import Rows
    from leanrec.serving.served_model import ServedModel

ASKED_MODEL = "model"


class SourceConfig(Config):
    """One source of candidates."""

    recommender: str = ASKED_MODEL
    """`model` is the model that was asked; the name of another loaded model; or `popularity`."""
    quota: int = Field(default=200, ge=1, le=10_000)
    """How many items it may offer after filtering; at least k."""
    weight: float = Field(default=1.0, gt=0)
    """How much its ranks count when several sources are fused."""


class RetrieveConfig(Config):
    """Where candidates come from."""

    sources: tuple[SourceConfig, ...] = (SourceConfig(),)
    """At least one."""


class Retrieve:
    """Asks every source once; a source that is not loaded offers nothing, and the note says so."""

    def __init__(self, config: RetrieveConfig) -> None:
        self.config = config

    def __call__(self, question: Question, candidates: Candidates) -> Candidates:  # noqa: ARG002 - the first stage starts from nothing
        """The offers of all sources, one after the other."""
        offers, missing = [], []
        for source in self.config.sources:
            offer = _offer(source, question)
            if offer is None:
                missing.append(source.recommender)
            else:
                offers.append((source, *offer))
        note = f"not loaded: {', '.join(missing)}" if missing else ""
        if len(offers) == 1:
            source, name, rows, scores = offers[0]
            return Candidates(rows=rows, scores=scores, sources=np.zeros(len(rows), np.int8), names=(name,), weights=(source.weight,), note=note)
        empty = np.zeros(0, np.int64)
        return Candidates(
            rows=np.concatenate([empty, *(rows for _, _, rows, _ in offers)]),
            scores=np.concatenate([np.zeros(0, np.float32), *(scores for _, _, _, scores in offers)]),
            sources=np.repeat(np.arange(len(offers), dtype=np.int8), [len(rows) for _, _, rows, _ in offers]),
            names=tuple(name for _, name, _, _ in offers),
            weights=tuple(source.weight for source, _, _, _ in offers),
            note=note,
        )


def _offer(source: SourceConfig, question: Question) -> "tuple[str, Rows, FloatArray] | None":
    quota = max(source.quota, 4 * question.k) + question.num_blocked
    if source.recommender == POPULARITY:
        index = question.model.catalogue.index
        scores = question.lifted(index.popularity, np.arange(len(index)))
        rows = _best(scores, quota)
        return POPULARITY, rows, scores[rows]
    model = question.model if source.recommender == ASKED_MODEL else question.models.get(source.recommender)
    if model is None:
        return None
    name = POPULARITY if question.is_cold and model.heeds_history else model.source
    if model.scorer is None:
        return name, *_asked_by_protocol(model, question, quota)
    scores = question.scores_of(model)
    if model is question.model:
        scores = question.lifted(scores, np.arange(len(scores)))
        rows = _best(scores, quota)
        return name, rows, scores[rows]
    rows = _best(scores, quota)
    return name, *_on_rows_of(question, [model.catalogue.item_id(row) for row in rows.tolist()], scores[rows])


def _best(scores: FloatArray, quota: int) -> "Rows":
    """Rows of the `quota` best scores, in no order."""
    if quota >= len(scores):
        return np.arange(len(scores))
    rows: Rows = np.argpartition(scores, len(scores) - quota)[len(scores) - quota :]
    return rows


def _asked_by_protocol(model: "ServedModel", question: Question, quota: int) -> "tuple[Rows, FloatArray]":
    answer = model.recommender.recommend([model.readable(question.query)], k=quota, exclude_seen=False)[0]
    return _on_rows_of(question, list(answer.item_ids), np.array([item.score for item in answer.items], np.float32))


def _on_rows_of(question: Question, item_ids: list[ItemId], scores: FloatArray) -> "tuple[Rows, FloatArray]":
    """What another source offers, on the rows of the model that answers; items that are not in its catalogue are left out."""
    rows = np.array([question.model.catalogue.row(item_id) for item_id in item_ids], np.int64)
    is_known = rows >= 0
    return rows[is_known], question.lifted(scores[is_known], rows[is_known])
