"""MLflow: trainings as runs of an experiment, with settings, figures at their real times, and what was learned from."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from leanrec.errors import ConfigError, MissingExtraError
from leanrec.training.journal_reading import Outcome, Point, TrainingRun, flat
from leanrec.training.trackers.tracker import Told

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # it reports to its makers unless told not to; whoever sets this decides

try:
    from mlflow.entities import Metric, Param
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient
except ModuleNotFoundError as error:
    raise MissingExtraError(f"runs of MLflow need {error.name}", hint="pip install 'leanrec[track]'") from None

IDENTITY_TAG, DATA_TAG, DEVICE_TAG, ENDED_TAG = "leanrec.run", "leanrec.data", "leanrec.device", "leanrec.ended"
MOST_METRICS, MOST_PARAMS = 1000, 100
"""What MLflow takes in one call."""
STATES: Mapping[Outcome, str] = {"ended": "FINISHED", "failed": "FAILED"}

Value = TypeVar("Value")


class MlflowTracker:
    """Runs in a store of MLflow, `sqlite:///FILE` or any other address of one, each found again by its tag `leanrec.run`."""

    def __init__(self, address: str, *, experiment: str) -> None:
        try:
            self._client = MlflowClient(tracking_uri=address)
            found = self._client.get_experiment_by_name(experiment)
            self.experiment_id: str = found.experiment_id if found is not None else self._client.create_experiment(experiment)
        except MlflowException as error:
            raise ConfigError(f"MLflow cannot use {address!r}: {error}", hint="name a store such as mlflow:sqlite:///runs.db") from None
        self._known: dict[str, tuple[str, Told]] = {}
        """Run of MLflow, and what it was told, by identity."""

    def tell(self, run: TrainingRun, *, name: str) -> None:
        """Log figures, and settings at first; the run ends when the training has."""
        if run.identity not in self._known:
            self._known[run.identity] = self._opened(run, name=name)
        run_id, told = self._known[run.identity]
        for some in _parts(_metrics(told.new(run)), MOST_METRICS):
            self._client.log_batch(run_id, metrics=some)
        if run.outcome in STATES:
            self._client.set_tag(run_id, ENDED_TAG, run.ended)
            self._client.set_terminated(run_id, STATES[run.outcome], end_time=_milliseconds(run.points[-1].time if run.points else run.began))

    def close(self) -> None:
        """Nothing is left open: every call is written at once."""

    def _opened(self, run: TrainingRun, *, name: str) -> tuple[str, Told]:
        """The run that was made before, with what it was told, or a new one."""
        found = self._client.search_runs([self.experiment_id], filter_string=f"tags.`{IDENTITY_TAG}` = '{run.identity}'")
        if found:
            run_id = found[0].info.run_id
            histories = [self._client.get_metric_history(run_id, key) for key in found[0].data.metrics]
            return run_id, Told({(metric.key, metric.step) for history in histories for metric in history})
        tags = {IDENTITY_TAG: run.identity, DATA_TAG: run.data, DEVICE_TAG: run.device}
        run_id = self._client.create_run(self.experiment_id, start_time=_milliseconds(run.began), tags=tags, run_name=name).info.run_id
        for some in _parts(_params(run.settings), MOST_PARAMS):
            self._client.log_batch(run_id, params=some)
        return run_id, Told()


def _metrics(points: Sequence[Point]) -> list[Metric]:
    return [Metric(name, value, _milliseconds(point.time), point.step) for point in points for name, value in point.figures.items()]


def _params(settings: Mapping[str, Any]) -> list[Param]:  # Any: the values of a TOML table
    """Settings under names that MLflow takes."""
    return [
        Param(re.sub(r"[^\w\-. :/]", "_", name), value if isinstance(value, str) else json.dumps(value)) for name, value in flat(settings).items()
    ]


def _parts(values: Sequence[Value], size: int) -> Iterator[Sequence[Value]]:
    return (values[start : start + size] for start in range(0, len(values), size))


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)
