"""Journal: what happened in a training, one JSON object a line, each on disk as soon as it is written."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leanrec.artifact import writing_file
from leanrec.errors import ArtifactError

JOURNAL_FILE = "journal.jsonl"
TIMED = ("begin", "resume")

Figure = float | int | str | None | dict[str, Any]  # Any: settings, as a TOML table holds them


class Journal:
    """Lines with `event`, `step` and figures; without a path nothing is written.

    The events are `begin`, `resume`, `step`, `epoch` (`quality` null when not validated), `grow` (weights were added), `halved` (batches are
    read in more pieces), `end` and `error`. `begin` and `resume` say the time of day as `at`, in seconds since 1970, UTC; the others count
    from there.
    """

    def __init__(self, path: Path | None, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock

    def begin(self) -> None:
        """Start with no lines."""
        if self.path is not None:
            self._write(self.path, "", mode="w")

    def cut(self, step: int) -> None:
        """Drop what was written after `step` steps, so that a resumed training tells each step once."""
        if self.path is None or not self.path.exists():
            return
        kept = [line for line in self.path.read_text(encoding="utf-8").splitlines() if _is_before(line, step)]
        with writing_file(self.path) as draft:
            self._write(draft, "".join(f"{line}\n" for line in kept), mode="w")

    def write(self, event: str, *, step: int, **figures: Figure) -> None:
        """Add one line; a figure that is no number is written as text."""
        if self.path is not None:
            moment = {"at": self._clock()} if event in TIMED else {}
            values = {name: _plain(value) for name, value in figures.items()}
            self._write(self.path, json.dumps({"event": event, "step": step, **moment, **values}, allow_nan=False) + "\n", mode="a")

    def _write(self, path: Path, text: str, *, mode: str) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open(mode, encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise ArtifactError(f"the journal {path} cannot be written: {error}", hint="make room, or train into another folder") from error


def keep_only_journals(folder: Path) -> None:
    """Remove everything below a folder but its journals: what a training left that is over."""
    for path in sorted(folder.rglob("*"), reverse=True):  # what lies in a folder comes before it
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        elif path.is_file() and path.name != JOURNAL_FILE:
            path.unlink()


def _plain(value: Figure) -> Figure:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _is_before(line: str, step: int) -> bool:
    """Whether a line belongs to the first `step` steps; one torn by a kill does not, nor how the training ended."""
    try:
        content = json.loads(line)
        return bool(content["step"] <= step and content["event"] not in ("end", "error"))
    except (ValueError, KeyError, TypeError):
        return False
