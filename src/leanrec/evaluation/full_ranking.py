"""Full ranking: the place of every answer among the whole catalogue, with and without the history, and the best k of each list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from leanrec.console import ProgressBar
from leanrec.data.holdout import Holdout
from leanrec.data.ids import UNKNOWN_ROW, IdMap
from leanrec.data.query import Query
from leanrec.errors import ConfigError, PlugInError
from leanrec.metrics.beyond_accuracy import NO_ITEM
from leanrec.metrics.ranking import Rows, TargetRanks, rank_in_list, rank_targets
from leanrec.recommenders.catalogue_scorer import BLOCK_BYTES, top_rows
from leanrec.recommenders.protocol import CatalogueScores, FloatArray, Recommender

Scorer = Callable[[Sequence[Query]], FloatArray]


@dataclass(frozen=True, kw_only=True, slots=True)
class RankedHoldout:
    """Where the answers of B questions stand; everything that accuracy needs, for any metric and any k."""

    holdout: Holdout
    masked: TargetRanks | None
    """History taken out of the ranking; absent when it was not asked for."""
    unmasked: TargetRanks
    """History left in the ranking."""
    lists: Rows
    """(B, k) the best item rows, history taken out when `masked` is there; -1 where a list is shorter."""

    @property
    def ranks(self) -> TargetRanks:
        """The ranks that were asked for: masked where there, else unmasked."""
        return self.unmasked if self.masked is None else self.masked

    def __len__(self) -> int:
        return len(self.holdout)


def rank_holdout(recommender: Recommender, holdout: Holdout, *, items: IdMap, k: int = 10, exclude_seen: bool = True) -> RankedHoldout:
    """Rank the whole catalogue for every question, in blocks of 64 MB of scores, one thread.

    `items` maps the rows of the targets; an item that the recommender does not know is ranked last. The history is taken out of
    the ranking when `exclude_seen`, and the ranks without that stand beside.
    """
    _require_maskable(holdout, exclude_seen=exclude_seen)
    scorer = _scorer(recommender, items)
    block = max(1, BLOCK_BYTES // (4 * max(1, len(items))))
    masked: list[Rows] = []
    unmasked: list[Rows] = []
    lists = np.full((len(holdout), k), NO_ITEM, np.int64)
    with threadpool_limits(limits=1), ProgressBar("ranking", total=len(holdout)) as bar:
        for start in range(0, len(holdout), block):
            queries = holdout.queries[start : start + block]
            for row, (query, scores) in enumerate(zip(queries, _checked(scorer(queries), recommender), strict=True), start=start):
                seen = np.unique(items.known_rows(query.history)) if exclude_seen else np.zeros(0, np.int64)
                without, within = rank_targets(scores, holdout.targets[row], masked=seen)
                masked.append(without)
                unmasked.append(within)
                best = _best(scores, seen=seen, k=k)
                lists[row, : len(best)] = best
            bar.advance(len(queries))
    return RankedHoldout(
        holdout=holdout,
        masked=TargetRanks.of_lists(masked) if exclude_seen else None,
        unmasked=TargetRanks.of_lists(unmasked),
        lists=lists,
    )


def rank_recommended(recommender: Recommender, holdout: Holdout, *, items: IdMap, k: int, exclude_seen: bool = True) -> TargetRanks:
    """Ranks in the lists that `recommend` answers, `UNRANKED` beyond k: what a user would see, rules and all.

    Unlike `rank_holdout`, ties stand as the recommender happened to order them.
    """
    _require_maskable(holdout, exclude_seen=exclude_seen)
    answers = recommender.recommend(holdout.queries, k=k, exclude_seen=exclude_seen)
    lists = [items.rows(answer.item_ids) for answer in answers]
    return TargetRanks.of_lists([rank_in_list(ranked, targets) for ranked, targets in zip(lists, holdout.targets, strict=True)])


def _require_maskable(holdout: Holdout, *, exclude_seen: bool) -> None:
    if exclude_seen and holdout.includes_repeats:
        raise ConfigError("the split declares repeats, so the history holds answers and cannot be masked", hint="pass exclude_seen=False")


def _scorer(recommender: Recommender, items: IdMap) -> Scorer:
    """How to get (B, N) scores over the rows of `items`."""
    if not isinstance(recommender, CatalogueScores):
        return lambda queries: np.stack([recommender.score(query, items.ids) for query in queries])
    if recommender.items.ids is items.ids or recommender.items == items:
        return recommender.catalogue_scores
    columns = recommender.items.rows(items.ids)
    return lambda queries: _onto(recommender.catalogue_scores(queries), columns)


def _onto(scores: FloatArray, columns: npt.NDArray[np.int64]) -> FloatArray:
    placed: FloatArray = np.where(columns == UNKNOWN_ROW, np.float32(-np.inf), scores[:, columns])
    return placed


def _checked(scores: FloatArray, recommender: Recommender) -> FloatArray:
    if np.isnan(scores.sum(axis=1)).any() and np.isnan(scores).any():
        raise PlugInError(f"{type(recommender).__name__} gives scores that are not numbers", hint="a score is a finite float, higher is better")
    return scores


def _best(scores: FloatArray, *, seen: Rows, k: int) -> Rows:
    allowed = scores.copy()
    allowed[seen] = -np.inf
    return top_rows(allowed, k=k)
