"""evaluate: what a fitted recommender is worth on the held-out part of a split, as a Report.

The whole catalogue is ranked, the history is taken out (the figure with it in stands beside), ties count against the recommender,
and every figure has a 95 % interval by bootstrap over users.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from leanrec.data.holdout import Holdout, check_holdout
from leanrec.data.split import Part, Split
from leanrec.errors import DataError
from leanrec.evaluation.full_ranking import RankedHoldout, rank_holdout
from leanrec.evaluation.list_quality import list_figures, list_measures
from leanrec.evaluation.ratings import PredictsRatings, evaluate_ratings, has_ratings
from leanrec.evaluation.slices import item_slices, num_users_of_item, user_slices
from leanrec.metrics.accuracy import DEFAULT_METRICS, Metric, parse_metrics
from leanrec.metrics.report import Measure, Report
from leanrec.metrics.uncertainty import Figure, measure_figures
from leanrec.recommenders.protocol import Recommender

LIST_LENGTH = 10
"""How much of each list coverage, novelty and the like look at."""
_UNMASKED = "history not masked"


def evaluate(
    recommender: Recommender,
    split: Split,
    *,
    part: Part = "test",
    metrics: Iterable[Metric | str] = DEFAULT_METRICS,
    exclude_seen: bool = True,
    seed: int = 0,
) -> Report:
    """Report of a recommender that was fitted on `split.train`; `seed` draws the resamples of the intervals.

    Raises `DataError` when answers stand in training or in the history, or when the recommender was fitted on them. Where the data
    have ratings and the recommender predicts them, `rmse` and `mae` stand beside.
    """
    ranked = rank_part(recommender, split, part=part, exclude_seen=exclude_seen)
    return report_ranking(ranked, recommender, split, part=part, metrics=metrics, seed=seed)


def rank_part(recommender: Recommender, split: Split, *, part: Part = "test", exclude_seen: bool = True) -> RankedHoldout:
    """The checked full ranking behind `evaluate`, for whoever wants the values of single users too."""
    holdout = split.holdout(part)
    check_holdout(holdout, split.train)
    _require_honest_fit(recommender, split, part=part)
    return rank_holdout(recommender, holdout, items=split.dataset.items, k=LIST_LENGTH, exclude_seen=exclude_seen)


def report_ranking(
    ranked: RankedHoldout, recommender: Recommender, split: Split, *, part: Part, metrics: Iterable[Metric | str], seed: int
) -> Report:
    """The report on a ranking: accuracy, slices, list quality, ratings where there are any."""
    chosen = parse_metrics(metrics)
    figures = [*_accuracy_figures(ranked, chosen), *_slice_figures(ranked, split, chosen), *list_figures(ranked, split.train)]
    groups = measure_figures(figures, rng=np.random.default_rng(seed))
    headline = {**groups.pop("", {}), **list_measures(ranked.lists, num_items=split.dataset.num_items)}
    unmasked = groups.pop(_UNMASKED, {})
    return Report(
        recommender=name_of(recommender),
        part=part,
        split=split.describe(),
        dataset=split.dataset.fingerprint,
        seed=seed,
        history_masked=ranked.masked is not None,
        num_users=len(ranked),
        num_cold_users=sum(not query.history for query in ranked.holdout.queries),
        metrics={**headline, **_rating_measures(recommender, split, ranked, part=part, seed=seed)},
        unmasked=unmasked,
        groups=groups,
        notes=_notes(recommender, split, ranked),
    )


def name_of(recommender: Recommender) -> str:
    """The registered name, or the name of the class."""
    name = getattr(recommender, "name", None)
    return name if isinstance(name, str) else type(recommender).__name__


def _accuracy_figures(ranked: RankedHoldout, metrics: Sequence[Metric]) -> list[Figure]:
    figures = [Figure.of_values(metric.per_user(ranked.ranks), metric=metric.name) for metric in metrics]
    if ranked.masked is not None:
        figures += [Figure.of_values(metric.per_user(ranked.unmasked), metric=metric.name, group=_UNMASKED) for metric in metrics]
    return figures


def _slice_figures(ranked: RankedHoldout, split: Split, metrics: Sequence[Metric]) -> list[Figure]:
    """Slices of items ask about those answers only; slices of users about those users only."""
    figures: list[Figure] = []
    targets = np.concatenate([np.zeros(0, np.int64), *ranked.holdout.targets])
    for group, is_item in item_slices(num_users_of_item(split.train)).items():
        kept = ranked.ranks.keep(is_item[targets])
        figures += [Figure.of_values(metric.per_user(kept), metric=metric.name, group=group) for metric in metrics]
    for group, is_user in user_slices(ranked.holdout).items():
        figures += [Figure.of_values(np.where(is_user, metric.per_user(ranked.ranks), np.nan), metric=metric.name, group=group) for metric in metrics]
    return figures


def _rating_measures(recommender: Recommender, split: Split, ranked: RankedHoldout, *, part: Part, seed: int) -> dict[str, Measure]:
    """RMSE and MAE over the held-out ratings of the users who were asked, where there are any and the recommender predicts them."""
    held_out = split.valid if part == "valid" else split.test
    asked = held_out.subset(np.isin(held_out.column("user_row"), ranked.holdout.user_rows))
    if not isinstance(recommender, PredictsRatings) or not has_ratings(asked):
        return {}
    return evaluate_ratings(recommender, asked, seed=seed)


def _require_honest_fit(recommender: Recommender, split: Split, *, part: Part) -> None:
    """Refuse a recommender whose answers name data that hold the answers asked for."""
    version = _fitted_on(recommender, split.holdout(part))
    if not version or split.train.fingerprint.startswith(version):
        return
    forbidden = {"the whole data set": split.dataset}
    if part == "valid":
        forbidden["training and validation"] = split.train_and_valid
    for name, data in forbidden.items():
        if data.fingerprint.startswith(version):
            raise DataError(
                f"a leak: {name_of(recommender)} was fitted on {name}, which holds the answers of the {part} part",
                hint="fit it on split.train",
            )


def _fitted_on(recommender: Recommender, holdout: Holdout) -> str:
    """The beginning of the fingerprint of the data it was fitted on, or nothing where it does not say."""
    answers = recommender.recommend(holdout.queries[:1], k=1, exclude_seen=not holdout.includes_repeats)
    return answers[0].model_version


def _notes(recommender: Recommender, split: Split, ranked: RankedHoldout) -> tuple[str, ...]:
    notes: list[str] = []
    version = _fitted_on(recommender, ranked.holdout)
    if version and not split.train.fingerprint.startswith(version):
        notes.append(f"{name_of(recommender)} was not fitted on the training part alone (it names data {version})")
    if split.dataset.time_quality == "none":
        notes.append("the log has no time: file order stands in for it, so nothing here speaks of the future")
    if split.dataset.catalogue.category_column is None:
        notes.append("diversity by shared users, since the catalogue has no categories")
    return tuple(notes)
