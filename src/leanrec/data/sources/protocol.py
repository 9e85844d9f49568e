"""The door of the room: what a source is asked and what it gives back."""

from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

import polars as pl

from leanrec.data.catalogue import Catalogue
from leanrec.data.events import EventLog
from leanrec.data.quarantine import Quarantine
from leanrec.data.relations import Relations


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Everything that a source found, before cleaning."""

    log: EventLog
    catalogue: Catalogue | None = None
    relations: Relations | None = None
    user_attributes: pl.DataFrame | None = None
    """user_id (String), then one column per attribute."""
    quarantine: Quarantine = field(default_factory=Quarantine)
    """Rows that could not be read, with file, line and reason."""


@runtime_checkable
class Source(Protocol):
    """Reads one kind of files, folders or URLs."""

    name: ClassVar[str]

    @classmethod
    def recognises(cls, url: str) -> bool:
        """Whether the file or folder looks like this source's kind, by names and first lines only."""
        ...

    def read(self, url: str) -> Reading:
        """Everything found there; raises `DataError` naming file, place, what is allowed and what to do."""
        ...
