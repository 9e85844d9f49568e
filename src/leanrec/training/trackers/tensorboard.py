"""TensorBoard: an event file for each training, written by TensorBoard's own writer; neither TensorFlow nor torch is needed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leanrec.errors import MissingExtraError
from leanrec.training.journal_reading import TrainingRun, flat
from leanrec.training.trackers.tracker import Told

try:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb
    from tensorboard.plugins.scalar.metadata import create_summary_metadata
    from tensorboard.plugins.text.summary_v2 import text_pb
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
    from tensorboard.util.tensor_util import make_tensor_proto
except ModuleNotFoundError as error:
    raise MissingExtraError(f"event files for TensorBoard need {error.name}", hint="pip install 'leanrec[track]'") from None


@dataclass(kw_only=True, slots=True)
class _Shown:
    """The event file of one training, and what stands in it."""

    writer: EventFileWriter
    told: Told = field(default_factory=Told)


class TensorBoardTracker:
    """Event files below a folder, `NAME-IDENTITY/events...`; `tensorboard --logdir FOLDER` shows them.

    A training that was exported before is written anew, in the place of what was there.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._shown: dict[str, _Shown] = {}

    def tell(self, run: TrainingRun, *, name: str) -> None:
        """Write figures with the time at which they were measured, and at first the settings, as text and for the HPARAMS page."""
        shown = self._shown.get(run.identity) or self._begin(run, name=name)
        for point in shown.told.new(run):
            for tag, value in point.figures.items():
                shown.writer.add_event(Event(wall_time=point.time, step=point.step, summary=_scalar(tag, value)))
        shown.writer.flush()

    def close(self) -> None:
        """Close the files."""
        for shown in self._shown.values():
            shown.writer.close()
        self._shown.clear()

    def _begin(self, run: TrainingRun, *, name: str) -> _Shown:
        suffix = f".{run.identity}.leanrec"
        for old in self.folder.rglob(f"events.out.tfevents.*{suffix}"):
            old.unlink()
        place = self.folder / f"{name}-{run.identity[:6]}"
        shown = _Shown(writer=EventFileWriter(str(place), filename_suffix=suffix))
        self._shown[run.identity] = shown
        settings = {name: _plain(value) for name, value in flat(run.settings).items()}
        described = text_pb("settings", _listed({**settings, "device": run.device, "data": run.data}))
        for summary in (described, hparams_pb(settings, trial_id=run.identity, start_time_secs=run.began)):
            shown.writer.add_event(Event(wall_time=run.began, step=0, summary=summary))
        return shown


def _scalar(tag: str, value: float) -> Summary:
    tensor = make_tensor_proto(value, dtype="float32")
    return Summary(value=[Summary.Value(tag=tag, tensor=tensor, metadata=create_summary_metadata(display_name=None, description=None))])


def _plain(value: object) -> bool | int | float | str:
    return value if isinstance(value, bool | int | float | str) else json.dumps(value)


def _listed(values: Mapping[str, Any]) -> str:  # Any: numbers and words
    """A table in Markdown, which TensorBoard draws."""
    return "\n".join(["| setting | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in values.items())])
