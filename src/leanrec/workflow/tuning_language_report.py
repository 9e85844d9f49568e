"""What held-out users say of a tuned language model, asked through what the running side opens."""

from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise
from typing import Any, cast

import numpy as np

from leanrec.data.tokens import FloatArray
from leanrec.errors import DataError
from leanrec.features.choice_examples import Moments
from leanrec.features.language_scorer import LanguageScorer
from leanrec.features.relevance_examples import RelevanceExamples
from leanrec.features.text_encoder import TextEncoder
from leanrec.metrics.ratings import auc, rmse
from leanrec.metrics.relevance import ratings_report, relevance_report
from leanrec.metrics.report import Measure, finite_or_null
from leanrec.metrics.uncertainty import bootstrap_means
from leanrec.workflow.tuning_language_material import Material
from leanrec.workflow.tuning_language_settings import Purpose

CUT_OFF = 10
Quality = dict[str, Measure]


def quality_of(reader: TextEncoder | LanguageScorer, material: Material, purpose: Purpose, *, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What the held-out users say, ready for JSON: `quality` by metric, and for cross-encoders `classes`; `recipe` as in `tuned.json`."""
    if purpose == "encoder":
        quality = recall_of(cast(TextEncoder, reader), material, history_items=recipe["history_items"], decay=recipe["decay"])
        return _plain({"quality": quality})
    return _plain(pairs_quality(cast(LanguageScorer, reader), material.held_out, purpose))


def reference_of(material: Material, purpose: Purpose) -> dict[str, Any]:  # Any: JSON
    """What needs no language model: popularity for choices, the mean for stars; nothing for an encoder."""
    if purpose == "encoder":
        return {}
    if purpose == "ratings":
        labels = material.held_out.labels
        return _plain({"rmse": Measure(value=rmse(labels, np.full(len(labels), material.train.labels.mean())))})
    counts = material.counts[material.held_out.candidate_rows].astype(np.float32)
    return _plain(_within_questions(material.held_out, counts))


def recall_of(encoder: TextEncoder, material: Material, *, history_items: int, decay: float) -> Quality:
    """Recall and NDCG at 10 of what held-out users chose last, among all items that have a text; the history is left out, ties count against us."""
    moments = _asked(material)
    has_text = np.array([bool(text) for text in material.texts], np.bool_)
    table = np.zeros((len(material.texts), encoder.width), np.float32)
    table[has_text] = encoder.encode([text for text in material.texts if text])
    ranks = np.array([_rank(table, has_text, moments, number, history_items, decay) for number in range(len(moments))])
    is_found = ranks <= CUT_OFF
    gain = np.where(is_found, 1.0 / np.log2(1.0 + ranks), 0.0)
    return _measured({f"recall@{CUT_OFF}": is_found.astype(np.float64), f"ndcg@{CUT_OFF}": gain})


def pairs_quality(scorer: LanguageScorer, examples: RelevanceExamples, purpose: Purpose) -> dict[str, Any]:  # Any: JSON
    """AUC within a question with its interval, and for cross-encoders the report over all pairs; of a decoder the first alone."""
    scores = _scores(scorer, examples)
    is_read = np.isfinite(scores)
    labels, figures = examples.labels[is_read], scores[is_read]
    if purpose == "ratings":
        report = ratings_report(labels, figures)
        errors = (figures.astype(np.float64) - labels) ** 2
        measures = {"rmse": _root(bootstrap_means(errors, rng=np.random.default_rng(0)).measure()), "auc": Measure(value=float(str(report["auc"])))}
        return {"quality": measures, "classes": report["classes"]}
    within = _within_questions(examples, scores)
    if purpose == "decoder":
        return {"quality": within}
    report = relevance_report(labels, figures)
    whole = {name: Measure(value=float(str(report[name]))) for name in ("auc", "log_loss")}
    return {"quality": {**within, **whole}, "classes": report["classes"]}


def _within_questions(examples: RelevanceExamples, scores: FloatArray) -> Quality:
    return _measured({"question_auc": _auc_by_question(examples, scores), "hit@1": _is_first(examples, scores)})


def _plain(content: Mapping[str, Any]) -> dict[str, Any]:  # Any: measures in, JSON out
    """Measures as tables of numbers."""
    plain = {
        key: asdict(value) if isinstance(value, Measure) else _plain(value) if isinstance(value, Mapping) else value for key, value in content.items()
    }
    result: dict[str, Any] = finite_or_null(plain)
    return result


def _asked(material: Material) -> Moments:
    if material.moments is None:
        raise DataError("ratings ask about no choices", hint="gather for an encoder, a ranker or a decoder")
    return material.moments


def _rank(table: FloatArray, has_text: np.ndarray, moments: Moments, number: int, history_items: int, decay: float) -> int:
    """The place of what was chosen, 1 for the best; items of the history have none."""
    past, chosen = moments.pasts[number], int(moments.chosen[number])
    newest = past[has_text[past]][-history_items:]
    asked = (decay ** np.arange(len(newest))[::-1]) @ table[newest]
    scores = table @ asked.astype(np.float32)
    may_stand = has_text.copy()
    may_stand[past] = False
    return int((scores[may_stand] >= scores[chosen]).sum())


def _scores(scorer: LanguageScorer, examples: RelevanceExamples) -> FloatArray:
    scores = np.full(len(examples), np.nan, np.float32)
    for start, end in _spans(examples):
        texts = [examples.candidates[row] for row in examples.candidate_rows[start:end]]
        scores[start:end] = scorer.scores(examples.histories[examples.questions[start]], texts)
    return scores


def _spans(examples: RelevanceExamples) -> list[tuple[int, int]]:
    return list(pairwise(np.flatnonzero(np.diff(examples.questions, prepend=-1, append=-1)).tolist()))


def _auc_by_question(examples: RelevanceExamples, scores: FloatArray) -> np.ndarray:
    """(Q,) chance that what was chosen stands above another of its question; no number where there is no other."""
    found = []
    for start, end in _spans(examples):
        told, labels = scores[start:end], examples.labels[start:end] > 0
        is_read = np.isfinite(told)
        told, labels = told[is_read], labels[is_read]
        found.append(auc(labels, told) if labels.any() and not labels.all() else np.nan)
    return np.array(found)


def _is_first(examples: RelevanceExamples, scores: FloatArray) -> np.ndarray:
    """(Q,) 1 where what was chosen stands alone at the top."""
    tops = []
    for start, end in _spans(examples):
        told, labels = np.nan_to_num(scores[start:end], nan=-np.inf), examples.labels[start:end] > 0
        others = told[~labels]
        tops.append(float(told[labels].max() > others.max()) if labels.any() and len(others) else np.nan)
    return np.array(tops)


def _measured(values: Mapping[str, np.ndarray]) -> Quality:
    return {name: bootstrap_means(figures, rng=np.random.default_rng(0)).measure() for name, figures in values.items()}


def _root(measure: Measure) -> Measure:
    """Of a mean square and its bounds."""
    low, high = (None if bound is None else float(np.sqrt(bound)) for bound in (measure.low, measure.high))
    return Measure(value=float(np.sqrt(measure.value)), low=low, high=high, num_users=measure.num_users)
