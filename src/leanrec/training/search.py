"""Search: settings tried one after the other, each learned from those before; kept in SQLite, so that a killed search goes on."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from leanrec.config import Settings
from leanrec.errors import ArtifactError, ConfigError, LeanRecError, MissingExtraError
from leanrec.training.search_space import Range, SearchSpace

if TYPE_CHECKING:
    import optuna

log = logging.getLogger(__name__)

STUDY = "leanrec"
FINGERPRINT, COST, REASON = "fingerprint", "cpu_seconds", "reason"
NUM_UNPRUNED, NUM_UNJUDGED = 4, 1
"""The first trials run to their end, and every trial up to its first validation: there is nothing to compare them with."""

State = Literal["complete", "pruned", "failed"]


class PrunedTrialError(Exception):
    """A trial whose validation curve lies below what others had by then: there is nothing more to learn from it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What was tried, and what came of it."""

    number: int
    settings: Mapping[str, Any]  # Any: the values of a TOML table
    """By path."""
    state: State
    quality: float | None
    """On validation; of a pruned trial the last that was seen; absent of a failed one."""
    cpu_seconds: float | None
    reason: str = ""
    """Why a trial failed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What an objective gives."""

    quality: float
    cpu_seconds: float


Report = Callable[[int, float], None]
"""Called with an epoch and its validation; raises `PrunedTrialError` when it is not worth going on."""
Objective = Callable[[Settings, Report], Outcome]
"""Settings by path, and where to report the validation curve."""


class Search:
    """A search in a file: a tree-structured Parzen estimator (Bergstra et al. 2011) with median pruning (Optuna, Akiba et al. 2019)."""

    def __init__(self, space: SearchSpace, *, file: Path, fingerprint: str, seed: int = 0) -> None:
        """Opens the search that `file` holds, or begins one; raises `ConfigError` for one of other data, recipe or space."""
        optuna = _optuna()
        self.space, self._file = space, file
        file.parent.mkdir(parents=True, exist_ok=True)
        with _readable(file):
            self._study = optuna.create_study(
                study_name=STUDY,
                storage=f"sqlite:///{file}",
                direction="maximize",
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(n_startup_trials=NUM_UNPRUNED, n_warmup_steps=NUM_UNJUDGED),
            )
            held = self._study.user_attrs.setdefault(FINGERPRINT, fingerprint)
            self._study.set_user_attr(FINGERPRINT, held)
        if held != fingerprint:
            raise ConfigError(f"{file} holds a search over other data, another recipe or other settings", hint="search into another folder")
        self._study.sampler = optuna.samplers.TPESampler(seed=seed + len(self._study.trials))

    def begin_with(self, settings: Settings) -> None:
        """Try these first; in a search that has begun, try again what was under way when it was cut short."""
        optuna = _optuna()
        for trial in self._study.get_trials(deepcopy=False):
            if trial.state == optuna.trial.TrialState.RUNNING:
                self._study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
                self._study.enqueue_trial(trial.params)
                log.info("trial %d was under way, and is tried again", trial.number)
        if not self._study.trials:
            self._study.enqueue_trial(settings)

    def run(self, objective: Objective, *, num_trials: int | None, is_over: Callable[[], bool]) -> tuple[Trial, ...]:
        """Try until so many trials are done, those before included, or until `is_over`; all trials, those before included."""
        while not is_over() and (num_trials is None or self._num_done() < num_trials):
            self._try(objective)
        return self.trials()

    def trials(self) -> tuple[Trial, ...]:
        """What was tried to an end; what was cut short is tried again under another number."""
        told = (_told(trial) for trial in self._study.get_trials(deepcopy=False) if trial.state.is_finished())
        return tuple(trial for trial in told if trial.state != "failed" or trial.reason)

    def _num_done(self) -> int:
        return len([trial for trial in self.trials() if trial.state != "failed"])

    def _try(self, objective: Objective) -> None:
        optuna = _optuna()
        trial = self._study.ask()
        settings = {path: _suggested(trial, path, wanted) for path, wanted in self.space.settings.items()}
        last: list[float] = []

        def report(epoch: int, quality: float) -> None:
            last[:] = [quality]
            trial.report(quality, epoch)
            if trial.should_prune():
                raise PrunedTrialError

        try:
            outcome = objective(settings, report)
        except PrunedTrialError:
            self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            log.info("trial %d is given up at %.4f: %s", trial.number, last[-1], settings)
            return
        except LeanRecError as error:
            trial.set_user_attr(REASON, error.message)
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
            log.warning("trial %d failed: %s", trial.number, error.message)
            return
        trial.set_user_attr(COST, outcome.cpu_seconds)
        self._study.tell(trial, outcome.quality)
        log.info("trial %d: %.4f in %.1f CPU-seconds: %s", trial.number, outcome.quality, outcome.cpu_seconds, settings)


def _optuna() -> Any:  # Any: a module that may be absent
    try:
        import optuna
    except ModuleNotFoundError:
        raise MissingExtraError("a search needs optuna, which is not installed", hint="pip install 'leanrec[tune]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    """Raise `ArtifactError` where the file is no search."""
    from sqlalchemy.exc import DatabaseError

    try:
        yield
    except (DatabaseError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise ArtifactError(f"{file} cannot be read as a search: {first}", hint="search into another folder, or delete the file") from None


def _suggested(trial: "optuna.trial.Trial", path: str, wanted: Range) -> Any:  # Any: the value of a setting
    if wanted.choices:
        return trial.suggest_categorical(path, wanted.choices)
    assert wanted.low is not None  # noqa: S101 - a range without choices has both ends
    assert wanted.high is not None  # noqa: S101 - as above
    if wanted.is_whole:
        return trial.suggest_int(path, int(wanted.low), int(wanted.high), log=wanted.log)
    return trial.suggest_float(path, wanted.low, wanted.high, log=wanted.log)


def _told(trial: "optuna.trial.FrozenTrial") -> Trial:
    states: dict[str, State] = {"COMPLETE": "complete", "PRUNED": "pruned"}
    return Trial(
        number=trial.number,
        settings=dict(trial.params),
        state=states.get(trial.state.name, "failed"),
        quality=trial.value if trial.value is not None else trial.intermediate_values.get(trial.last_step or 0),
        cpu_seconds=trial.user_attrs.get(COST),
        reason=trial.user_attrs.get(REASON, ""),
    )
