"""The ladder: run every rung, cheapest first, keep what earns its cost, and recommend the cheapest that nothing beats.

How it is decided. Where any rung learns from validation, half of the validation users, drawn by the seed, are left to that and the
other half choose, so that no rung is judged on answers it was tuned on; else all of them choose. Each rung is compared with the best
so far by the 95 % interval of the paired difference over the choosing users, and takes its place when that interval lies above zero.
Recommended is the cheapest rung that no other rung, later or earlier, beats beyond its interval; the one with the highest mean is
never beaten, so there always is one. Cheap is the order in which rungs are given; where measured CPU-seconds contradict it clearly, a
note says so. The test chooses nothing: every rung's figure on it is reported, and so is what the recommended rung gains over the first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from leanrec.console import ProgressBar
from leanrec.data.dataset import Dataset
from leanrec.data.holdout import Holdout, check_holdout
from leanrec.data.split import Part, Split
from leanrec.errors import BudgetError, ConfigError, DataError, EmptySplitError, MissingExtraError
from leanrec.evaluation.efficiency import spend, with_answering_cost
from leanrec.evaluation.evaluate import LIST_LENGTH, report_ranking
from leanrec.evaluation.full_ranking import rank_holdout
from leanrec.evaluation.ladder_report import LadderReport, RungResult
from leanrec.evaluation.ratings import PredictsRatings, has_ratings
from leanrec.metrics.accuracy import Metric, parse_metric, parse_metrics
from leanrec.metrics.ranking import FloatArray
from leanrec.metrics.report import Cost, Report
from leanrec.metrics.uncertainty import bootstrap_means, paired_difference
from leanrec.recommenders.building import build
from leanrec.recommenders.fusion_rehearsal import worth_of_members
from leanrec.recommenders.protocol import LearnsFromValidation, Recommender
from leanrec.training.run import Run

MAX_USERS = 20_000
CLEARLY_DEARER = 2.0
"""A rung that took this many times the CPU-seconds of a later one, and at least a second, contradicts the given order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """A registered recommender and its settings; the name may stand only once in a ladder."""

    name: str
    config: Mapping[str, Any] = field(default_factory=dict)  # Any: the values of a TOML table


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """Who chooses, who is asked in the test, what tuning may see, and by which metrics."""

    split: Split
    choosing: Holdout
    testing: Holdout
    tuning: Dataset | None
    """Validation events of users who do not choose; absent when no rung learns from them."""
    metric: Metric
    metrics: tuple[Metric, ...]
    run: Run

    @property
    def exclude_seen(self) -> bool:
        """Histories are masked unless repeats are declared."""
        return not self.split.includes_repeats


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A report and the value of the choosing metric for every user behind it."""

    report: Report
    values: FloatArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A rung's result with the value of the choosing metric for every user."""

    result: RungResult
    valid_values: FloatArray
    test_values: FloatArray


def prove(
    split: Split,
    *,
    rungs: Sequence[Rung],
    metric: str = "ndcg@10",
    metrics: Sequence[Metric | str] = ("recall@10", "ndcg@10", "mrr@10"),
    run: Run | None = None,
    max_users: int = MAX_USERS,
) -> LadderReport:
    """Fit and measure every rung, cheapest first, and recommend one; `metric` chooses, `metrics` are reported beside it.

    A rung whose fit raises `BudgetError`, `MissingExtraError` or `DataError` is listed as skipped with the reason. More than
    `max_users` users are sampled, in each part. Raises `DataError` when no rung could be measured.
    """
    _require_distinct(rungs)
    chosen_by, others = parse_metric(metric), parse_metrics(metrics)
    all_metrics = others if chosen_by in others else (chosen_by, *others)
    trial = _trial(split, metric=chosen_by, metrics=all_metrics, is_tuned=_is_tuned(rungs), run=run or Run(), max_users=max_users)
    results: list[RungResult] = []
    measured: list[Measured] = []
    with ProgressBar("proving", total=len(rungs)) as bar:
        for rung in rungs:
            bar.advance(0.0, description=f"proving {rung.name}")
            outcome = _measure(rung, trial, best=_best(measured))
            if isinstance(outcome, Measured):
                measured.append(outcome)
            results.append(outcome.result if isinstance(outcome, Measured) else outcome)
            bar.advance()
    if not measured:
        reasons = "; ".join(f"{result.name}: {result.skipped}" for result in results)
        raise DataError(f"no rung could be measured ({reasons})", hint="add the rung 'popularity', which suits every log")
    return _report(trial, results, measured)


def choose(measured: Sequence[Measured], *, seed: int) -> Measured:
    """The first of the rungs, cheapest first, that no other beats beyond the interval of the paired difference."""
    table = np.stack([entry.valid_values for entry in measured], axis=1)
    for place, entry in enumerate(measured):
        gains = bootstrap_means(table - table[:, [place]], rng=np.random.default_rng(seed))
        if not (gains.lows > 0.0).any():
            return entry
    raise AssertionError("the rung with the highest mean cannot be beaten")


def _is_tuned(rungs: Sequence[Rung]) -> bool:
    """Whether any rung learns from validation; builds each once, so a wrong setting shows before the work begins."""
    return sum(_learns_from_validation(rung) for rung in rungs) > 0


def _learns_from_validation(rung: Rung) -> bool:
    try:
        return isinstance(build(rung.name, rung.config), LearnsFromValidation)
    except MissingExtraError:
        return False


def _trial(split: Split, *, metric: Metric, metrics: tuple[Metric, ...], is_tuned: bool, run: Run, max_users: int) -> Trial:
    valid, test, rng = split.holdout("valid"), split.holdout("test"), run.rng()
    order = rng.permutation(len(valid))
    num_tuning = len(valid) // 2 if is_tuned else 0
    tuning_users = valid.user_rows[order[:num_tuning]]
    choosing = valid.take(np.sort(order[num_tuning:][:max_users]))
    if len(choosing) < 2:
        raise EmptySplitError(f"{len(valid)} validation users are too few to choose by", hint="hold out more, or bring more data")
    testing = test.take(np.sort(rng.permutation(len(test))[:max_users]))
    for holdout in (choosing, testing):
        check_holdout(holdout, split.train)
    return Trial(
        split=split,
        choosing=choosing,
        testing=testing,
        tuning=split.valid.subset(np.isin(split.valid.column("user_row"), tuning_users)) if is_tuned else None,
        metric=metric,
        metrics=metrics,
        run=run,
    )


def _measure(rung: Rung, trial: Trial, *, best: Measured | None) -> Measured | RungResult:
    try:
        recommender = build(rung.name, rung.config)
        if isinstance(recommender, PredictsRatings) and not has_ratings(trial.split.train):
            return RungResult(name=rung.name, config=rung.config, skipped="it learns from ratings, and the training events hold none")
        run = trial.run.within(rung.name)
        spent = spend(lambda: recommender.fit(trial.split.train, valid=trial.tuning, run=run), num_threads=run.num_threads)
    except (BudgetError, MissingExtraError, DataError) as error:
        return RungResult(name=rung.name, config=rung.config, skipped=str(error).replace("\n", "; "))
    fitted = spent.result
    cost = with_answering_cost(spent.cost, fitted, trial.choosing.queries, k=LIST_LENGTH, exclude_seen=trial.exclude_seen)
    valid = _judge(fitted, trial, trial.choosing, part="valid", cost=cost)
    test = _judge(fitted, trial, trial.testing, part="test", cost=cost)
    without = worth_of_members(getattr(fitted, "figures", {}))
    result = RungResult(name=rung.name, config=rung.config, valid=valid.report, test=test.report, without=without)
    if best is not None:
        difference = paired_difference(valid.values, best.valid_values, rng=trial.run.rng())
        result = replace(result, compared_with=best.result.name, difference=difference)
    return Measured(result=result, valid_values=valid.values, test_values=test.values)


def _judge(recommender: Recommender, trial: Trial, holdout: Holdout, *, part: Part, cost: Cost) -> Judged:
    ranked = rank_holdout(recommender, holdout, items=trial.split.dataset.items, k=LIST_LENGTH, exclude_seen=trial.exclude_seen)
    report = report_ranking(ranked, recommender, trial.split, part=part, metrics=trial.metrics, seed=trial.run.seed)
    return Judged(report=report.with_cost(cost), values=trial.metric.per_user(ranked.ranks))


def _best(measured: Sequence[Measured]) -> Measured | None:
    """The last rung that earned its cost."""
    return next((entry for entry in reversed(measured) if entry.result.earns_its_cost), None)


def _report(trial: Trial, results: Sequence[RungResult], measured: Sequence[Measured]) -> LadderReport:
    chosen, first = choose(measured, seed=trial.run.seed), measured[0]
    is_first = chosen is first
    return LadderReport(
        recommended=chosen.result.name,
        metric=trial.metric.name,
        results=tuple(results),
        test_gain=None if is_first else paired_difference(chosen.test_values, first.test_values, rng=trial.run.rng()),
        test_gain_over="" if is_first else first.result.name,
        split=trial.split.describe(),
        dataset=trial.split.dataset.fingerprint,
        seed=trial.run.seed,
        notes=(*_protocol_notes(trial), *_order_notes([entry.result for entry in measured])),
    )


def _protocol_notes(trial: Trial) -> list[str]:
    num_valid, num_test = len(trial.split.holdout("valid")), len(trial.split.holdout("test"))
    masked = "history masked" if trial.exclude_seen else "history not masked, since repeats are declared"
    return [
        f"chosen on {len(trial.choosing)} of {num_valid} validation users" + ("" if trial.tuning is None else "; half of them are left to tuning"),
        f"{len(trial.testing)} of {num_test} test users asked; the whole catalogue ranked, {masked}, ties counted against us",
        f"{trial.run.num_threads} thread(s); memory is the most that the whole process held while fitting",
    ]


def _order_notes(results: Sequence[RungResult]) -> list[str]:
    """Where the given order of cost is not what was measured."""
    seconds = [(result.name, (result.valid.cost.fit_cpu_seconds if result.valid else None) or 0.0) for result in results]
    notes: list[str] = []
    for place, (name, taken) in enumerate(seconds[:-1]):
        later, later_taken = min(seconds[place + 1 :], key=lambda entry: entry[1])
        if taken > max(1.0, CLEARLY_DEARER * later_taken):
            notes.append(f"{name} took {taken:.1f} CPU-seconds, {later} only {later_taken:.1f}, though it stands later in the ladder")
    return notes


def _require_distinct(rungs: Sequence[Rung]) -> None:
    names = [rung.name for rung in rungs]
    if not names or len(set(names)) != len(names):
        raise ConfigError(f"a ladder needs rungs, each once; found {names}", hint="name recommenders, cheapest first: leanrec list")
