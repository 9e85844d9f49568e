"""Runs: the trainings that journals tell of, listed, compared, drawn, and exported to where people look at them."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leanrec.training.journal_plot import plot_runs
from leanrec.training.journal_reading import TrainingRun, differing, find_runs, flat
from leanrec.training.trackers.targets import open_tracker
from leanrec.workflow.keeping import JOURNALS_FOLDER, SUFFIX

log = logging.getLogger(__name__)

Places = Sequence[Path | str]

POLL_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Trainings side by side."""

    runs: Mapping[str, TrainingRun]
    settings: Mapping[str, tuple[Any, ...]]  # Any: the values of a TOML table
    """Those that differ, with the value of each training; `None` where it has none."""
    cpu_seconds_to_first: tuple[float | None, ...]
    """CPU-seconds until each training was as good as the first one at its best; absent where it never was."""

    @property
    def cpu_ratios(self) -> tuple[float | None, ...]:
        """The same, divided by what the first needed itself."""
        own = self.cpu_seconds_to_first[0]
        return tuple(None if seconds is None or not own else seconds / own for seconds in self.cpu_seconds_to_first)

    def to_dict(self) -> dict[str, Any]:  # Any: JSON
        """For programs."""
        rows = zip(self.runs.items(), self.cpu_seconds_to_first, self.cpu_ratios)
        told = [{"name": name, **run.to_dict(), "cpu_seconds_to_first": seconds, "cpu_ratio": ratio} for (name, run), seconds, ratio in rows]
        return {"runs": told, "differing": {name: list(values) for name, values in self.settings.items()}}


def list_runs(places: Places) -> dict[str, TrainingRun]:
    """Every training at or below the places, by name, the oldest first; raises `ArtifactError` where there is none."""
    return dict(sorted(find_runs(places).items(), key=lambda named: named[1].began))


def compare_runs(places: Places) -> Comparison:
    """The trainings at or below the places, in the order of the places; raises `ArtifactError` where there is none."""
    runs = find_runs(places)
    told = list(runs.values())
    tables = [flat(run.settings) for run in told]
    best = told[0].best_quality
    return Comparison(
        runs=runs,
        settings={name: tuple(table.get(name) for table in tables) for name in differing(told)},
        cpu_seconds_to_first=tuple(None if best is None else run.cpu_seconds_to(best) for run in told),
    )


def plot(places: Places, *, to: Path | str) -> Path:
    """Quality and loss against CPU-seconds, in the format of the suffix; raises `ConfigError` where there is nothing to draw."""
    path = Path(to)
    plot_runs(list_runs(places), path)
    return path


def export_runs(
    places: Places,
    *,
    to: str,
    experiment: str | None = None,
    follow: bool = False,
    told: Callable[[str, TrainingRun], None] | None = None,
) -> int:
    """Show the trainings in `tensorboard:FOLDER`, `mlflow:sqlite:///FILE` or `wandb:PROJECT`, and say how many; done twice it shows them once.

    With `follow`, what is written from now on is shown as it comes, trainings that begin meanwhile too, until the command that trains is done,
    all have ended, or Ctrl-C; `told` hears of each training that has something new. Raises `ConfigError` for another target,
    `MissingExtraError` without its package, `ArtifactError` where there is no training.
    """
    found = list_runs(places)
    tracker = open_tracker(to, experiment=experiment)
    shown: dict[str, TrainingRun] = {}
    try:
        while True:
            for name, run in found.items():
                if shown.get(run.identity) != run:
                    shown[run.identity] = run
                    tracker.tell(run, name=name)
                    if told is not None:
                        told(name, run)
            if not follow or _is_over(places, found):
                break
            time.sleep(POLL_SECONDS)
            found = _found_again(places)
    except KeyboardInterrupt:
        if not follow:
            raise
    finally:
        tracker.close()
    return len(shown)


def _is_over(places: Places, found: Mapping[str, TrainingRun]) -> bool:
    """Whether no more is to come: the folder of a command under way goes away with it, and other trainings may begin there until then."""
    if not found:
        return not _standing(places)
    if any(Path(place).name.endswith(SUFFIX) and Path(place).is_dir() for place in places):
        return False
    return all(run.outcome != "unfinished" for run in found.values())


def _found_again(places: Places) -> dict[str, TrainingRun]:
    """What stands there now, or where the command that trained has moved it; nothing where it was moved in the middle of looking."""
    try:
        return list_runs(_standing(places))
    except OSError as error:  # ours is one too
        log.debug("%s", error)
        return {}


def _standing(places: Places) -> list[Path]:
    """Of the places those that are there; of a command that is done, what it wrote."""
    return [stands for place in map(Path, places) if (stands := _moved(place)).exists()]


def _moved(place: Path) -> Path:
    made = place.with_name(place.name.removesuffix(SUFFIX)) / JOURNALS_FOLDER
    return made if place.name.endswith(SUFFIX) and not place.exists() and made.is_dir() else place
