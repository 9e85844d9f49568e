"""Read journals: what a training was, epoch by epoch, and how it ended. The journal is the truth; whatever shows a training reads it."""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

from leanrec.errors import ArtifactError
from leanrec.training.journal import JOURNAL_FILE
from leanrec.training.progress import EpochRecord

log = logging.getLogger(__name__)

Outcome = Literal["ended", "failed", "unfinished"]
Line = Mapping[str, Any]  # Any: JSON

FRAME = frozenset({"begin", "resume", "end", "error"})
"""Events about the training as a whole; all others tell of a step."""
NO_FIGURES = frozenset({"event", "step", "at", "epoch"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """What was measured at one step: figures named `step/loss`, `epoch/quality` and so on."""

    step: int
    time: float
    """Seconds since 1970, UTC."""
    figures: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingRun:
    """A training as its journal tells it."""

    path: Path = field(compare=False)
    """Of the journal."""
    identity: str
    """The same wherever the journal is moved or copied, and another for every training that began."""
    began: float
    """Seconds since 1970, UTC."""
    settings: Mapping[str, Any]  # Any: the values of a TOML table
    device: str
    data: str
    """Fingerprint of what was learned from."""
    epochs: tuple[EpochRecord, ...]
    points: tuple[Point, ...]
    """Every figure of every line, in the order of the journal."""
    num_steps: int
    seconds: float
    """Wall-clock seconds until the last line, interruptions left out."""
    cpu_seconds: float
    outcome: Outcome
    """`unfinished`: under way, or interrupted; the journal cannot tell which."""
    reason: str
    """Why it stopped: `epochs`, `patience` or `budget`, or the message of its error; empty for an unfinished one."""

    @property
    def best(self) -> EpochRecord | None:
        """The first epoch of the best quality; absent when none was validated."""
        validated = [epoch for epoch in self.epochs if epoch.quality is not None]
        return max(validated, key=lambda epoch: epoch.quality or 0.0) if validated else None

    @property
    def best_quality(self) -> float | None:
        """The best validation figure; absent when no epoch was validated."""
        return self.best.quality if self.best is not None else None

    @property
    def ended(self) -> str:
        """How it ended, in words."""
        return {"ended": self.reason, "failed": f"error: {self.reason}", "unfinished": "unfinished"}[self.outcome]

    def cpu_seconds_to(self, quality: float) -> float | None:
        """CPU-seconds until a validation reached a quality; absent when none did."""
        return next((epoch.cpu_seconds for epoch in self.epochs if epoch.quality is not None and epoch.quality >= quality), None)

    def to_dict(self) -> dict[str, Any]:  # Any: JSON
        """For programs."""
        best = self.best
        return {
            "identity": self.identity,
            "began": self.began,
            "settings": dict(self.settings),
            "device": self.device,
            "data": self.data,
            "epochs": len(self.epochs),
            "steps": self.num_steps,
            "best_epoch": best.epoch if best is not None else None,
            "best_quality": self.best_quality,
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "outcome": self.outcome,
            "reason": self.reason,
        }


def find_runs(places: Sequence[Path | str]) -> dict[str, TrainingRun]:
    """Every training at or below the places, by name: its folder below the one that holds all places.

    A journal in which nothing stands yet is left out, and one in a folder that cannot be read, which the log says. Raises `ArtifactError` for a
    place that is not there, one without a journal, and a file that is none.
    """
    roots = [Path(place).resolve() for place in places]
    found = list(dict.fromkeys(path for root in roots for path in _journals(root)))
    common = _common([(root.parent if root.name == JOURNAL_FILE else root).parent for root in roots])
    named = {_name(path.relative_to(common)): _readable(path, is_named=path in roots) for path in found if _has_begun(path)}
    runs = {name: run for name, run in named.items() if run is not None}
    if not runs:
        raise ArtifactError(
            f"no training has written a journal in {', '.join(map(str, places))}",
            hint="name a model that `leanrec fit` trained, or the folder NAME.training of a training under way",
        )
    return runs


def _readable(path: Path, *, is_named: bool) -> TrainingRun | None:
    """The training, or nothing where one among others cannot be read; one that was named itself is not passed over."""
    try:
        return read_run(path)
    except ArtifactError as error:
        if is_named:
            raise
        log.warning("%s is left out: %s", path, error.message)
        return None


def read_run(path: Path) -> TrainingRun:
    """The training that a journal tells of; a last line torn by a kill is left out.

    Raises `ArtifactError` when it cannot be read or is none.
    """
    lines = _lines(path)
    first, last = lines[0], lines[-1]
    try:
        epochs = [_epoch(line) for line in lines if line["event"] == "epoch"]
        return TrainingRun(
            path=path,
            identity=hashlib.sha256(json.dumps(first, sort_keys=True).encode()).hexdigest()[:12],
            began=float(first["at"]),
            settings=first["settings"],
            device=first["device"],
            data=first["data"],
            epochs=tuple(epochs),
            points=tuple(_points(lines)),
            num_steps=last["step"],
            seconds=last["seconds"],
            cpu_seconds=last["cpu_seconds"],
            outcome={"end": "ended", "error": "failed"}.get(last["event"], "unfinished"),  # type: ignore[arg-type]  # its values are Outcomes
            reason=last.get("stopped_because") or last.get("message") or "",
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"{path} is no journal that this leanrec reads: {error!r}", hint="train again, or leave it out") from None


def flat(settings: Mapping[str, Any], *, prefix: str = "") -> dict[str, Any]:  # Any: the values of a TOML table
    """Tables within tables as one, with dotted names; lists stay.

    >>> flat({"task.loss": {"kind": "softmax", "scale": None}, "seed": 0})
    {'task.loss.kind': 'softmax', 'task.loss.scale': None, 'seed': 0}
    """
    result: dict[str, Any] = {}
    for name, value in settings.items():
        result |= flat(value, prefix=f"{prefix}{name}.") if isinstance(value, Mapping) and value else {f"{prefix}{name}": value}
    return result


def differing(runs: Sequence[TrainingRun]) -> list[str]:
    """Names of the settings in which trainings differ, in their order; one that some lack differs."""
    tables = [flat(run.settings) for run in runs]
    names = dict.fromkeys(name for table in tables for name in table)
    return [name for name in names if any(name not in table or table[name] != tables[0].get(name) for table in tables)]


def _journals(root: Path) -> list[Path]:
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise ArtifactError(f"there is no {root}", hint="name a model, or a folder in which something was trained")
    return sorted(root.rglob(JOURNAL_FILE))


def _name(path: Path) -> str:
    """The folder of a journal; a journal that somebody gave another name is called by that."""
    return (path.parent if path.name == JOURNAL_FILE else path.with_suffix("")).as_posix()


def _common(folders: Sequence[Path]) -> Path:
    """The deepest folder that holds all."""
    shared = takewhile(lambda level: len(set(level)) == 1, zip(*(folder.parts for folder in folders)))
    return Path(*(level[0] for level in shared))


def _has_begun(path: Path) -> bool:
    """Whether a first line stands; a training that is about to begin has an empty journal."""
    with path.open("rb") as file:
        return file.readline().endswith(b"\n")


def _lines(path: Path) -> list[Line]:
    try:
        texts = path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]  # what follows the last newline is torn
    except OSError as error:
        raise ArtifactError(f"the journal {path} cannot be read: {error}", hint="is it there, and yours to read?") from None
    lines = [_parsed(path, number, text) for number, text in enumerate(texts, start=1)]
    if not lines or lines[0]["event"] != "begin":
        raise ArtifactError(f"{path} is no journal: it does not begin with the beginning of a training", hint="name a model, or a journal.jsonl")
    return lines


def _parsed(path: Path, number: int, text: str) -> Line:
    try:
        line: Line = json.loads(text)
        if isinstance(line["event"], str) and isinstance(line["step"], int):
            return line
    except (ValueError, KeyError, TypeError):
        pass
    raise ArtifactError(f"{path} is no journal: line {number} is {text[:60]!r}, and tells of no step", hint="name a model, or a journal.jsonl")


def _epoch(line: Line) -> EpochRecord:
    quality = line["quality"]
    return EpochRecord(
        epoch=line["epoch"],
        step=line["step"],
        loss=float(line["loss"]),
        quality=float(quality) if quality is not None else None,
        learning_rate=float(line["learning_rate"]),
        seconds=float(line["seconds"]),
        cpu_seconds=float(line["cpu_seconds"]),
    )


def _points(lines: Iterable[Line]) -> Iterable[Point]:
    """The time of day of a line: that of the last beginning, and the seconds of training since."""
    offset = 0.0
    for line in lines:
        if "at" in line:
            offset = float(line["at"]) - float(line["seconds"])
        if line["event"] in FRAME:
            continue
        figures = {f"{line['event']}/{name}": number for name, value in line.items() if (number := _number(name, value)) is not None}
        yield Point(step=line["step"], time=offset + float(line["seconds"]), figures=figures)


def _number(name: str, value: object) -> float | None:
    """A figure; one that was no number was written as text."""
    is_figure = name not in NO_FIGURES and not isinstance(value, bool) and (isinstance(value, int | float) or value in ("nan", "inf", "-inf"))
    return float(value) if is_figure else None  # type: ignore[arg-type]  # is_figure says so
