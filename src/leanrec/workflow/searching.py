"""Tune: search the settings of a recommender on validation users, within a budget, and write down the best and what it cost."""

import hashlib
import json
import logging
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from leanrec.artifact import writing_file
from leanrec.config import Config, Settings, apply_overrides, read_toml, toml_of
from leanrec.data.dataset import Dataset
from leanrec.data.split import Split
from leanrec.errors import ConfigError, DataError
from leanrec.evaluation.efficiency import spend
from leanrec.evaluation.full_ranking import rank_holdout
from leanrec.evaluation.ladder_plot import pareto_front
from leanrec.evaluation.search_plot import plot_search
from leanrec.metrics.accuracy import parse_metric
from leanrec.recommenders.building import build
from leanrec.recommenders.protocol import LearnsFromValidation
from leanrec.recommenders.search_spaces import space_of
from leanrec.training.journal import keep_only_journals
from leanrec.training.run import Run
from leanrec.training.search import Objective, Outcome, Report, Search, Trial
from leanrec.training.search_space import SearchSpace, merged, nested
from leanrec.workflow.proving import split_for
from leanrec.workflow.reading import Data, read
from leanrec.workflow.settings import RunSettings
from leanrec.workflow.sharing import Clock

log = logging.getLogger(__name__)

SEARCH_FILE, BEST_FILE, TRIALS_FILE, PLOT_FILES = "search.sqlite3", "best.toml", "trials.json", ("pareto.svg", "pareto.png")


class SearchConfig(Config):
    """How long is searched, and where."""

    trials: int | None = Field(default=None, ge=1)
    """Trials at most, those of an interrupted search included; left out: as many as the minutes hold, or 30."""
    trial_minutes: float | None = Field(default=None, gt=0)
    """What one trial may take: its schedule is laid out for it. Left out: what is left of the minutes."""
    space: SearchSpace | None = None
    """Settings and their ranges; left out: those of the recommender that matter most."""


class SearchSettings(RunSettings):
    """A run's settings, and the search."""

    search: SearchConfig = SearchConfig()


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchOutcome:
    """What a search found."""

    recommender: str
    metric: str
    trials: tuple[Trial, ...]
    best: Trial
    folder: Path

    @property
    def first(self) -> Trial:
        """The recommender as it comes."""
        return self.trials[0]

    @property
    def front(self) -> tuple[Trial, ...]:
        """Trials that nothing cheaper equals, cheapest first."""
        done = complete(self.trials)
        places = pareto_front([trial.cpu_seconds or 0.0 for trial in done], [trial.quality or 0.0 for trial in done])
        return tuple(done[place] for place in places)


def read_search_settings(path: Path | None = None, overrides: Sequence[str] = ()) -> SearchSettings:
    """Settings from a TOML file and `a.b=value` overrides; raises `ConfigError` naming file and key."""
    tables = read_toml(path) if path is not None else {}
    return SearchSettings.parse(apply_overrides(tables, overrides), where=str(path) if path is not None else "--set")


def tune(data: Data, *, recommender: str, to: Path | str, settings: SearchSettings | None = None, catalogue: str | None = None) -> SearchOutcome:
    """Search the settings of a recommender; the folder `to` holds the search, the best settings for `leanrec fit --config`, and a plot.

    Interrupted, the same call goes on. The test part of the split is never asked.
    """
    settings, folder = settings or SearchSettings(), Path(to)
    clock = Clock(budget=settings.budget)
    base = settings.configs.get(recommender, {})
    config = _config_of(recommender, base)
    space = settings.search.space or space_of(recommender)
    begin = space.within(config)
    _require_known(recommender, base, space)
    dataset = read(data, settings=settings, catalogue=catalogue, beside=to)
    split = split_for(dataset, settings)
    search = Search(space, file=folder / SEARCH_FILE, fingerprint=_fingerprint(dataset, recommender, space, settings), seed=settings.seed)
    search.begin_with(begin)
    num_trials = settings.search.trials or (None if settings.budget.minutes is not None else 30)
    objective = _objective(recommender, base, split, settings, clock=clock, folder=folder)
    trials = search.run(objective, num_trials=num_trials, is_over=_Deadline(clock, search))
    done = complete(trials)
    if not done:
        reasons = sorted({trial.reason for trial in trials if trial.reason})
        raise DataError(f"no trial came to an end: {'; '.join(reasons) or 'the minutes hold none'}", hint="allow more minutes, or name another space")
    best = max(done, key=lambda trial: trial.quality or 0.0)
    outcome = SearchOutcome(recommender=recommender, metric=f"ndcg@{settings.k}", trials=trials, best=best, folder=folder)
    _write(outcome, settings)
    return outcome


def complete(trials: Sequence[Trial]) -> list[Trial]:
    """Those that ran to their end."""
    return [trial for trial in trials if trial.state == "complete"]


class _Deadline:
    """Over when the minutes hold no further trial, as long as those before took."""

    def __init__(self, clock: Clock, search: Search) -> None:
        self._clock, self._search = clock, search

    def __call__(self) -> bool:
        left = self._clock.seconds_left
        if left is None:
            return False
        taken = [trial.cpu_seconds for trial in self._search.trials() if trial.cpu_seconds is not None]
        return left <= (0.5 * statistics.median(taken) if taken else 0.0)


class _Curve:
    """A hook that tells the search of every validation."""

    def __init__(self, report: Report) -> None:
        self.after_validation = report

    def before_step(self, context: Any) -> None: ...

    def after_backward(self, context: Any) -> None: ...

    def after_step(self, context: Any) -> None: ...


def _objective(name: str, base: Settings, split: Split, settings: SearchSettings, *, clock: Clock, folder: Path) -> Objective:
    metric = parse_metric(f"ndcg@{settings.k}")
    holdout = split.holdout("valid")
    if len(holdout) > settings.max_users:
        holdout = holdout.take(np.sort(Run(seed=settings.seed).rng().permutation(len(holdout))[: settings.max_users]))

    def measure(chosen: Settings, report: Report) -> Outcome:
        table = merged(base, nested(chosen))
        place = folder / "trainings" / _digest(table)
        left = None if clock.seconds_left is None else max(1e-3, clock.seconds_left / 60)
        minutes = min((given for given in (settings.search.trial_minutes, left) if given is not None), default=None)
        run = Run(seed=settings.seed, budget=settings.budget.model_copy(update={"minutes": minutes}), folder=place, hooks=(_Curve(report),))
        recommender = build(name, table, where=f"configs.{name}")
        learns = isinstance(recommender, LearnsFromValidation)
        try:
            spent = spend(lambda: recommender.fit(split.train, valid=split.valid, run=run) if learns else recommender.fit(split.train, run=run))
            ranks = rank_holdout(spent.result, holdout, items=split.dataset.items, k=settings.k).ranks
        finally:
            if place.is_dir() and not (place / "checkpoint").is_dir():
                keep_only_journals(place)
        return Outcome(quality=float(np.nanmean(metric.per_user(ranks))), cpu_seconds=spent.cost.fit_cpu_seconds or 0.0)

    return measure


def _config_of(name: str, base: Settings) -> Settings:
    """Every setting of a recommender as it would be built."""
    config = getattr(build(name, base, where=f"configs.{name}"), "config", None)
    if not isinstance(config, Config):
        raise ConfigError(f"{name!r} has no settings to search", hint="name a recommender with a configuration")
    return config.model_dump(mode="json")


def _require_known(name: str, base: Settings, space: SearchSpace) -> None:
    """Raise `ConfigError` for a path that is no setting, before anything is tried."""
    for path, wanted in space.settings.items():
        value = wanted.choices[0] if wanted.choices else (int(wanted.low or 0) if wanted.is_whole else wanted.low)
        build(name, merged(base, nested({path: value})), where=f"search.space, {path}")


def _fingerprint(dataset: Dataset, name: str, space: SearchSpace, settings: SearchSettings) -> str:
    """What decides the worth of a trial."""
    made_of = [dataset.fingerprint, name, settings.configs.get(name, {}), space.model_dump(mode="json")]
    return _digest([*made_of, settings.split.model_dump(mode="json"), settings.k, settings.seed, settings.max_users, settings.search.trial_minutes])


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _write(outcome: SearchOutcome, settings: SearchSettings) -> None:
    """The best settings with all that the search itself was told of the data, the trials, the plot."""
    told = settings.model_dump(mode="json", exclude_defaults=True, exclude={"search", "budget", "recommender"})
    best = {"configs": {outcome.recommender: nested(outcome.best.settings)}}
    with writing_file(outcome.folder / BEST_FILE) as draft:
        draft.write_text(toml_of({"recommender": outcome.recommender, **merged(told, best)}), encoding="utf-8")
    with writing_file(outcome.folder / TRIALS_FILE) as draft:
        draft.write_text(json.dumps([asdict(trial) for trial in outcome.trials], indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    plot_search(complete(outcome.trials), outcome.best, metric=outcome.metric, paths=[outcome.folder / name for name in PLOT_FILES])
