"""Targets: where trainings are exported to, in one word: `tensorboard:FOLDER`, `mlflow:sqlite:///FILE`, `wandb:PROJECT`."""

from leanrec.errors import ConfigError, did_you_mean
from leanrec.training.trackers.tracker import Tracker

EXPERIMENT = "leanrec"
TRACKERS = ("tensorboard", "mlflow", "wandb")


def open_tracker(target: str, *, experiment: str | None = None) -> Tracker:
    """The tracker that a target names; `experiment` is the one of MLflow, and of no other.

    Raises `ConfigError` for a target that is none, `MissingExtraError` where its package is missing.
    """
    kind, _, place = target.partition(":")
    if kind not in TRACKERS or not place:
        known = did_you_mean(kind, TRACKERS) if kind not in TRACKERS else f"as in {kind}:{_example(kind)}"
        raise ConfigError(f"{target!r} is no target: it must name a tracker and a place", hint=known)
    if experiment is not None and kind != "mlflow":
        raise ConfigError(f"{kind} has no experiments, and {experiment!r} would be lost", hint="leave --experiment out, or export to mlflow:")
    if kind == "tensorboard":
        from leanrec.training.trackers.tensorboard import TensorBoardTracker

        return TensorBoardTracker(place)
    if kind == "mlflow":
        from leanrec.training.trackers.mlflow import MlflowTracker

        return MlflowTracker(place, experiment=experiment or EXPERIMENT)
    from leanrec.training.trackers.wandb import WandbTracker

    return WandbTracker(place)


def _example(kind: str) -> str:
    return {"tensorboard": "events", "mlflow": "sqlite:///runs.db", "wandb": "my-shop"}[kind]
