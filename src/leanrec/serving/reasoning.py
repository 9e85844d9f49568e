"""Explain: a reason in words for every item of an answer, within a few milliseconds."""

import time
from dataclasses import replace

import numpy as np
from pydantic import Field

from leanrec.config import Config
from leanrec.data.query import Query
from leanrec.explaining.attribution import NO_SINGLE_ITEM, POPULAR
from leanrec.serving.item_index import Rows
from leanrec.serving.served_model import ServedModel
from leanrec.serving.stage import NEW_ITEM, POPULARITY, Candidates, FloatArray, Question

MAX_INFLUENCES = 20
"""Newest items of a history among which a reason is looked for; with the usual decay older ones weigh less than a thousandth."""
NEW_IN_CATALOGUE = "new in the catalogue"
SELDOM_CHOSEN = "few have chosen it so far"


class ExplainConfig(Config):
    """How long reasons may take."""

    budget_ms: float = Field(default=3.0, ge=0)
    """A model that cannot say what each history item adds is asked again without the newest ones, one by one, for so long."""


class Explain:
    """The recommender's own words first (a rule that fired), else the item of the history that adds most to the score."""

    def __init__(self, config: ExplainConfig) -> None:
        self.config = config

    def __call__(self, question: Question, candidates: Candidates) -> Candidates:
        """The same candidates with reasons."""
        if not question.wants_reasons:
            return candidates
        reasons = [
            _reason_of_words(question, row) or _reason_of_source(candidates.names[source], question, row)
            for row, source in zip(candidates.rows.tolist(), candidates.sources.tolist(), strict=True)
        ]
        if question.model.reasoner is not None:
            reasons = [reason or _own_words(question, row) for reason, row in zip(reasons, candidates.rows.tolist(), strict=True)]
        open_places = [place for place, reason in enumerate(reasons) if not reason]
        note = ""
        if open_places:
            influences, note = self._influences(question, candidates.rows[open_places])
            for place, because in zip(open_places, _strongest(influences), strict=True):
                reasons[place] = _because(question, because)
        return replace(candidates, reasons=tuple(reasons), note=note)

    def _influences(self, question: Question, rows: Rows) -> tuple[FloatArray, str]:
        """(H', K) what each of the newest history items does for each item, and how it was found."""
        model = question.model
        if model.influencer is not None:
            return model.influencer.influences(question.history_rows[-MAX_INFLUENCES:], rows), "what each history item adds"
        influences = _by_occlusion(model, question, rows, budget_ms=self.config.budget_ms)
        return influences, f"asked again without each of the newest {len(influences)}"


def _reason_of_words(question: Question, row: int) -> str:
    return question.heard.reason(row) if question.heard is not None else ""


def _reason_of_source(source: str, question: Question, row: int) -> str:
    if source == NEW_ITEM:
        return NEW_IN_CATALOGUE if row >= question.model.catalogue.num_known else SELDOM_CHOSEN
    is_for_everyone = source == POPULARITY or not question.model.heeds_history
    return POPULAR if is_for_everyone and question.model.reasoner is None else ""


def _own_words(question: Question, row: int) -> str:
    model = question.model
    if model.reasoner is None or row >= model.num_scored:
        return ""
    words = model.reasoner.reason(model.readable(question.query), model.catalogue.item_id(row))
    return words or (POPULAR if not model.heeds_history or question.is_cold else "")


def _by_occlusion(model: ServedModel, question: Question, rows: Rows, *, budget_ms: float) -> FloatArray:
    """(H', K) how far scores fall without each of the newest items of the history, as many as the time allows, oldest first."""
    deadline = time.perf_counter() + budget_ms / 1000
    item_ids = [model.catalogue.item_id(row) for row in rows.tolist()]
    query = model.readable(question.query)
    whole = _scores(model, query, item_ids, rows)
    drops: list[FloatArray] = []
    for row in question.history_rows[::-1].tolist():
        if drops and time.perf_counter() > deadline:
            break
        gone = model.catalogue.item_id(row)
        history = tuple(item_id for item_id in query.history if item_id != gone)
        drops.append(whole - _scores(model, replace(query, history=history), item_ids, rows))
    return np.array(drops[::-1], np.float32).reshape(len(drops), len(rows))


def _scores(model: ServedModel, query: Query, item_ids: list[str], rows: Rows) -> FloatArray:
    return model.scorer.catalogue_scores([query])[0][rows] if model.scorer is not None else model.recommender.score(query, item_ids)


def _strongest(influences: FloatArray) -> list[int | None]:
    """For each item how many places from the end of the history the strongest influence stands; `None` where none helps."""
    if len(influences) == 0:
        return [None] * influences.shape[1]
    best = influences.argmax(axis=0)
    is_helpful = influences[best, np.arange(influences.shape[1])] > 0
    return [len(influences) - place if helps else None for place, helps in zip(best.tolist(), is_helpful.tolist(), strict=True)]


def _because(question: Question, places_from_end: int | None) -> str:
    if places_from_end is None:
        return NO_SINGLE_ITEM
    return f"because of {question.model.catalogue.title(int(question.history_rows[-places_from_end]))}"
