"""Attribution: which item of the history put an item into the answer, found by taking each one away and asking again."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from leanrec.data.catalogue import Catalogue
from leanrec.data.ids import ItemId
from leanrec.data.query import Query, Recommendations
from leanrec.recommenders.protocol import CatalogueScores, FloatArray, GivesReasons, RanksByReading, ReadsText, Recommender

BLOCK_QUERIES = 64
"""Questions asked of the recommender at once."""
MAX_OCCLUDED = 50
"""The reason of a recommended item is looked for among this many newest items of the history; `explain` looks at all."""

POPULAR = "popular with everyone"
NO_SINGLE_ITEM = "no single item of the history decides"


@dataclass(frozen=True, kw_only=True, slots=True)
class Influence:
    """What one item of the history does for the score of another."""

    item_id: ItemId
    score_drop: float
    """How far the score falls when this item is taken out of the history; below zero, its removal would help."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """Why one item scores as it does for one query."""

    item_id: ItemId
    score: float
    influences: tuple[Influence, ...]
    """One for each distinct item of the history, in the order of its last appearance."""
    heeds_history: bool
    """False when the answer is the same for everybody, so that no history could explain it."""

    @property
    def because_of(self) -> ItemId | None:
        """The item whose removal lowers the score most; of equal ones the newest; `None` when no removal lowers it."""
        best = self.strongest(1)
        return best[0].item_id if best and best[0].score_drop > 0 else None

    def strongest(self, k: int) -> tuple[Influence, ...]:
        """The k influences that lower the score most when removed, strongest first."""
        newest_first = reversed(self.influences)
        return tuple(sorted(newest_first, key=lambda influence: -influence.score_drop)[:k])

    def sentence(self, catalogue: Catalogue) -> str:
        """The evidence in words."""
        title = catalogue.title(self.item_id)
        if not self.heeds_history:
            return f"{title} does not stand there because of the history: this recommender gives everybody the same answer."
        if self.because_of is None:
            return f"No item of the history raises the score of {title}; taking any one away does not lower it."
        drop = self.strongest(1)[0].score_drop
        return f"{title} because of {catalogue.title(self.because_of)}: without it the score falls from {self.score:.4g} to {self.score - drop:.4g}."

    def to_dict(self) -> dict[str, Any]:  # Any: JSON values
        """Plain dictionaries and lists, ready for JSON."""
        return {**asdict(self), "influences": [asdict(influence) for influence in self.influences], "because_of": self.because_of}


def explain(recommender: Recommender, query: Query, item_id: ItemId) -> Evidence:
    """The influence of every history item on the score of `item_id`, by occlusion: the model answers again without each.

    All appearances of an item are taken away together. Where a language model ranks, its retriever is asked, as in `with_reasons`. Raises
    `UnknownIdError` for an item that the recommender does not know.
    """
    recommender, query = _answering(recommender, query)
    removed = _distinct(query.history)
    scores = _scores_without(recommender, query, removed, [item_id])[:, 0]
    return _evidence(recommender, item_id, scores, removed)


def with_reasons(recommender: Recommender, query: Query, answer: Recommendations, catalogue: Catalogue) -> Recommendations:
    """The same answer with `reason` filled in words.

    The recommender's own words come first (a rule that fired); else the history item that weighs most, by occlusion; an answer from
    popularity says so. Where a language model puts another's candidates in order, the reasons are those by which they were found.
    """
    recommender, query = _answering(recommender, query)
    own = _own_words(recommender, query, answer)
    open_ids = [item.item_id for item in answer.items if not own[item.item_id]]
    found = {**own, **_words_by_occlusion(recommender, query, open_ids, catalogue)}
    return replace(answer, items=tuple(replace(item, reason=found[item.item_id]) for item in answer.items))


def _answering(recommender: Recommender, query: Query) -> tuple[Recommender, Query]:
    """Who can be asked again and again, and what: reading anew without each item of a history would take seconds."""
    if not isinstance(recommender, RanksByReading):
        return recommender, query
    found_by = recommender.retriever
    return found_by, query if isinstance(found_by, ReadsText) and found_by.reads_text else replace(query, text=None)


def _own_words(recommender: Recommender, query: Query, answer: Recommendations) -> dict[ItemId, str]:
    words: dict[ItemId, str] = {}
    for item in answer.items:
        given = recommender.reason(query, item.item_id) if isinstance(recommender, GivesReasons) else ""
        words[item.item_id] = given or (POPULAR if item.source == "popularity" or not _heeds_history(recommender) else "")
    return words


def _words_by_occlusion(recommender: Recommender, query: Query, item_ids: Sequence[ItemId], catalogue: Catalogue) -> Mapping[ItemId, str]:
    if not item_ids:
        return {}
    removed = _distinct(query.history)[-MAX_OCCLUDED:]
    scores = _scores_without(recommender, query, removed, item_ids)
    evidences = [_evidence(recommender, item_id, scores[:, column], removed) for column, item_id in enumerate(item_ids)]
    return {
        evidence.item_id: f"because of {catalogue.title(evidence.because_of)}" if evidence.because_of is not None else NO_SINGLE_ITEM
        for evidence in evidences
    }


def _evidence(recommender: Recommender, item_id: ItemId, scores: FloatArray, removed: Sequence[ItemId]) -> Evidence:
    """From (1 + H,) scores: with the whole history, then without each of its items."""
    drops = (scores[0].astype(np.float64) - scores[1:]).tolist()
    return Evidence(
        item_id=item_id,
        score=float(scores[0]),
        influences=tuple(Influence(item_id=other, score_drop=drop) for other, drop in zip(removed, drops, strict=True)),
        heeds_history=_heeds_history(recommender),
    )


def _scores_without(recommender: Recommender, query: Query, removed: Sequence[ItemId], item_ids: Sequence[ItemId]) -> FloatArray:
    """(1 + H, K) scores of the items with the whole history, then without each removed item."""
    recommender.score(query, item_ids)  # an unknown item is refused here, whatever the way of scoring
    queries = [query, *(replace(query, history=tuple(item for item in query.history if item != gone)) for gone in removed)]
    if not isinstance(recommender, CatalogueScores):
        return np.stack([recommender.score(asked, item_ids) for asked in queries])
    rows = recommender.items.rows(item_ids)
    blocks = [recommender.catalogue_scores(queries[start : start + BLOCK_QUERIES])[:, rows] for start in range(0, len(queries), BLOCK_QUERIES)]
    scores: FloatArray = np.concatenate(blocks)
    return scores


def _distinct(history: Sequence[ItemId]) -> list[ItemId]:
    """Each item once, in the order of its last appearance."""
    return list(dict.fromkeys(reversed(history)))[::-1]


def _heeds_history(recommender: Recommender) -> bool:
    """Recommenders of our own say so; any other is taken to heed it."""
    return bool(getattr(recommender, "is_collaborative", True))
