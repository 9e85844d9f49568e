"""Prove: the same split for every rung, and a report that says which one to take."""

import logging
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from leanrec.data.acts import is_act, is_first_act
from leanrec.data.dataset import Dataset
from leanrec.data.split import Part, Split, split_by_time_fraction, split_by_user, split_cold_items, split_leave_one_out
from leanrec.errors import BudgetError, MissingExtraError
from leanrec.evaluation.ladder import Rung
from leanrec.evaluation.ladder import prove as climb
from leanrec.evaluation.ladder_report import LadderReport, RungResult
from leanrec.recommenders.building import build
from leanrec.training.run import Run
from leanrec.workflow.estimate import Estimate, estimate
from leanrec.workflow.keeping import keeping_trainings
from leanrec.workflow.reading import Data, read
from leanrec.workflow.settings import RunSettings
from leanrec.workflow.sharing import Clock, plan

log = logging.getLogger(__name__)

PARTS: tuple[Part, Part] = ("valid", "test")
MANY_REPEATS = 0.2
"""Share of repeated acts above which the user is asked to declare them."""


def prove(data: Data, *, settings: RunSettings | None = None, catalogue: str | None = None, to: Path | str | None = None) -> LadderReport:
    """Run every rung on one split and recommend the cheapest that nothing beats; the report is written to `to` when given.

    Trainings keep checkpoints in `<to>.training` until the proof is done: interrupted, the same call goes on from there.
    """
    settings = settings or RunSettings()
    clock = Clock(budget=settings.budget)
    dataset = read(data, settings=settings, catalogue=catalogue, beside=to)
    with keeping_trainings(to, dataset, settings) as folder:
        report = compete(dataset, settings, clock=clock, folder=folder)
        if to is not None:
            report.save(Path(to))
    return report


def compete(dataset: Dataset, settings: RunSettings, *, clock: Clock, folder: Path | None = None, fits_to_everything: bool = False) -> LadderReport:
    """The rungs that the budget holds, each measured; trainings go on in `folder`."""
    split = split_for(dataset, settings)
    _require_known(settings)
    _point_at_repeats(dataset, settings)
    planned = plan(_foreseen(split, settings), clock, fits_to_everything=fits_to_everything)
    for name, reason in planned.refused.items():
        log.info("%s is left out: %s", name, reason)
    rungs = [Rung(name=name, config=settings.configs.get(name, {})) for name in settings.rungs if name not in planned.refused]
    if not rungs:
        raise BudgetError(f"the budget holds none of the rungs; {settings.rungs[0]}: {planned.refused[settings.rungs[0]]}", hint="raise the budget")
    report = climb(
        split,
        rungs=rungs,
        metric=f"ndcg@{settings.k}",
        metrics=(f"recall@{settings.k}", f"ndcg@{settings.k}", f"mrr@{settings.k}"),
        run=Run(seed=settings.seed, budget=planned.training_budget, folder=folder),
        max_users=settings.max_users,
    )
    skipped = tuple(RungResult(name=name, skipped=reason) for name, reason in planned.refused.items())
    return replace(report, results=(*report.results, *skipped))


def _foreseen(split: Split, settings: RunSettings) -> Estimate:
    """What the competition will take, told before it starts."""
    num_asked = sum(min(len(split.holdout(part)), settings.max_users) for part in PARTS)
    foreseen = estimate(split.train, settings.rungs, num_asked=num_asked, configs=settings.configs)
    bound = f"; the budget is {settings.budget.minutes:g} minutes" if settings.budget.minutes is not None else ""
    log.info("%s%s", foreseen.describe(), bound)
    return foreseen


def _point_at_repeats(dataset: Dataset, settings: RunSettings) -> None:
    """In a log of one kind of event, coming back for the same item is a habit that the split should be told of."""
    acts = is_act(dataset)
    if settings.split.includes_repeats or len(np.unique(dataset.column("event")[acts])) != 1:
        return
    share = 1.0 - is_first_act(dataset).sum() / acts.sum()
    if share > MANY_REPEATS:
        log.warning(
            "%.0f %% of the acts repeat an item that the user had before; they count as targets only when declared: "
            "--set split.includes_repeats=true",
            100 * share,
        )


def _require_known(settings: RunSettings) -> None:
    """Every named recommender and setting must exist before anything starts; where a package is missing the rung is skipped later."""
    for name in (*settings.rungs, *settings.configs):
        with suppress(MissingExtraError):
            build(name, settings.configs.get(name))


def split_for(dataset: Dataset, settings: RunSettings) -> Split:
    """The split that the settings name; by time where clock times are exact, else leave-one-out."""
    chosen, rng = settings.split, Run(seed=settings.seed).rng()
    valid, test, repeats = chosen.valid_fraction, chosen.test_fraction, chosen.includes_repeats
    kind = chosen.kind if chosen.kind != "auto" else ("time" if dataset.time_quality == "exact" else "leave-one-out")
    if kind == "time":
        return split_by_time_fraction(dataset, valid_fraction=valid, test_fraction=test, includes_repeats=repeats)
    if kind == "user":
        return split_by_user(dataset, valid_fraction=valid, test_fraction=test, rng=rng, includes_repeats=repeats)
    if kind == "cold-items":
        return split_cold_items(dataset, valid_fraction=valid, test_fraction=test, rng=rng)
    return split_leave_one_out(dataset, includes_repeats=repeats)
