"""Weights & Biases: trainings as runs of a project. Nothing is sent unless `WANDB_MODE=online` says so."""

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from leanrec.errors import ConfigError, MissingExtraError
from leanrec.training.journal_reading import TrainingRun
from leanrec.training.trackers.tracker import Told

if os.environ.get("WANDB_MODE") != "online":
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its own failures are reported over the network otherwise

try:
    import wandb
except ModuleNotFoundError as error:
    raise MissingExtraError(f"runs of Weights & Biases need {error.name}", hint="pip install 'leanrec[track]'") from None

if TYPE_CHECKING:
    from wandb import Run as WandbRun

Mode = Literal["online", "offline"]


@dataclass(kw_only=True, slots=True)
class _Shown:
    """A run of W&B under way."""

    run: "WandbRun"
    told: Told
    first_step: int
    """Earlier ones stand there from before."""
    is_good: bool = False


class WandbTracker:
    """Runs of a project, each under the training's identity. Offline they lie in `wandb/offline-run-*`, and `wandb sync` sends them.

    Offline a training that was exported before is written anew, in the place of what was there; online it goes on behind its last step.
    """

    def __init__(self, project: str, *, folder: Path | None = None) -> None:
        self.project = project
        self.folder = folder or Path(os.environ.get("WANDB_DIR", "."))
        self.mode = _mode()
        self._shown: dict[str, _Shown] = {}

    def tell(self, run: TrainingRun, *, name: str) -> None:
        """Log figures with the time at which they were measured; settings are the run's config."""
        shown = self._shown.get(run.identity) or self._begin(run, name=name)
        for point in shown.told.new(run):
            if point.step >= shown.first_step:
                shown.run.log({**point.figures, "_timestamp": point.time}, step=point.step)
        shown.run.summary.update({"ended": run.ended, "cpu_seconds": run.cpu_seconds, "best_quality": run.best_quality})
        shown.is_good = run.outcome == "ended"

    def close(self) -> None:
        """Finish the runs; one whose training failed or was interrupted is marked as failed."""
        for shown in self._shown.values():
            shown.run.finish(exit_code=0 if shown.is_good else 1)
        self._shown.clear()

    def _begin(self, run: TrainingRun, *, name: str) -> _Shown:
        for old in (self.folder / "wandb").glob(f"offline-run-*-{run.identity}") if self.mode == "offline" else ():
            shutil.rmtree(old)
        self.folder.mkdir(parents=True, exist_ok=True)
        made = wandb.init(
            project=self.project,
            id=run.identity,
            name=name,
            config={**run.settings, "device": run.device, "data": run.data, "began": datetime.fromtimestamp(run.began, UTC).isoformat()},
            dir=str(self.folder),
            mode=self.mode,
            resume="allow" if self.mode == "online" else None,
            reinit="create_new",
            settings=_quiet(),
        )
        self._shown[run.identity] = _Shown(run=made, told=Told(), first_step=made.step)
        return self._shown[run.identity]


def _mode() -> Mode:
    asked = os.environ.get("WANDB_MODE", "offline")
    known: dict[str, Mode] = {"online": "online", "offline": "offline"}
    if asked in known:
        return known[asked]
    raise ConfigError(f"WANDB_MODE is {asked!r}, and nothing would be written", hint="set it to online or offline, or leave it out")


def _quiet() -> wandb.Settings:
    """Of the training only: no host name, hardware, packages or code."""
    return wandb.Settings(
        console="off",
        silent=True,
        disable_git=True,
        disable_code=True,
        host="",
        x_disable_meta=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
    )
