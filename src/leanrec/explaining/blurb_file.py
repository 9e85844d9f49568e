"""Blurb files: one line of JSON a text, added as it is made, so that an interrupted run goes on with nothing told twice."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from leanrec.artifact import writing_file
from leanrec.data.ids import ItemId
from leanrec.errors import DataError
from leanrec.explaining.facts import FactRecord
from leanrec.explaining.narrate import Narration, Narrator


@dataclass(frozen=True, kw_only=True, slots=True)
class BlurbFile:
    """A file of texts, and by item the line that is there already."""

    path: Path
    told: Mapping[ItemId, Mapping[str, Any]]

    @classmethod
    def open(cls, path: Path) -> Self:
        """What stands in a file; a line that a kill cut short is taken away.

        Raises `DataError` for a file that holds something else, and leaves it as it is.
        """
        path = Path(path)
        lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
        told = [_line(line, path=path, number=number) for number, line in enumerate(lines[:-1], start=1)]
        if lines[-1]:
            with writing_file(path) as draft:
                draft.write_bytes(b"".join(line + b"\n" for line in lines[:-1]))
        return cls(path=path, told={line["item_id"]: line for line in told})

    def is_told(self, item_id: ItemId, made_of: str) -> bool:
        """Whether the file has the item's text, made of the same facts by the same narrator."""
        return self.told.get(item_id, {}).get("made_of") == made_of


class BlurbWriter:
    """Adds lines to a file; each is whole on its own once `add` returns."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab")

    def add(self, line: Mapping[str, Any]) -> None:
        """Write one line; a kill of this process after that does not lose it."""
        self._file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.fsync(self._file.fileno())
        self._file.close()


def told_of(narrator: Narrator, records: Iterable[tuple[ItemId, FactRecord]], *, file: BlurbFile) -> Iterator[tuple[Mapping[str, Any], bool]]:
    """The line of every item, from the file or made now, and whether it was made now."""
    for item_id, record in records:
        made_of = fingerprint(narrator, record)
        if file.is_told(item_id, made_of):
            yield file.told[item_id], False
        else:
            yield line_of(item_id, narrator.tell(record), made_of=made_of), True


def fingerprint(narrator: Narrator, record: FactRecord) -> str:
    """What a text depends on: the facts, the generator and the settings."""
    who = narrator.generator.name if narrator.generator is not None else ""
    return hashlib.sha256(f"{record.fingerprint} {who} {narrator.config.model_dump_json()}".encode()).hexdigest()[:16]


def line_of(item_id: ItemId, narration: Narration, *, made_of: str) -> dict[str, Any]:  # Any: JSON values
    """One line of the file."""
    return {"item_id": item_id, **narration.to_dict(), "made_of": made_of}


def _line(line: bytes, *, path: Path, number: int) -> dict[str, Any]:  # Any: JSON values
    try:
        found = json.loads(line)
        if not isinstance(found, dict) or not isinstance(found.get("item_id"), str) or "made_of" not in found:
            raise ValueError("no blurb")
    except ValueError:
        raise DataError(f"{path}, line {number}, is no line of a blurb file", hint="name another file with --out") from None
    return found
