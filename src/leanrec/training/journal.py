"""Journal: what happened in a training, one JSON object a line, each on disk as soon as it is written."""

import json
import math
from pathlib import Path
from typing import Any

from leanrec.artifact import writing_file
from leanrec.errors import ArtifactError

JOURNAL_FILE = "journal.jsonl"

Figure = float | int | str | None | dict[str, Any]  # Any: settings, as a TOML table holds them


class Journal:
    """Lines with `event`, `step` and figures; without a path nothing is written.

    The events are `begin`, `resume`, `step`, `epoch` (`quality` null when not validated), `end` and `error`.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path

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
            values = {name: _plain(value) for name, value in figures.items()}
            self._write(self.path, json.dumps({"event": event, "step": step, **values}, allow_nan=False) + "\n", mode="a")

    def _write(self, path: Path, text: str, *, mode: str) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open(mode, encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise ArtifactError(f"the journal {path} cannot be written: {error}", hint="make room, or train into another folder") from error


def _plain(value: Figure) -> Figure:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _is_before(line: str, step: int) -> bool:
    """Whether a line belongs to the first `step` steps; one torn by a kill does not, nor how the training ended."""
    try:
        content = json.loads(line)
        return bool(content["step"] <= step and content["event"] not in ("end", "error"))
    except (ValueError, KeyError, TypeError):
        return False
