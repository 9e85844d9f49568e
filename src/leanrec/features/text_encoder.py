"""TextEncoder: the door to whatever turns text into vectors; what answers requests needs no torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from leanrec.data.plain_text import MAX_CHARACTERS as MAX_CHARACTERS
from leanrec.data.tokens import FloatArray


@runtime_checkable
class TextEncoder(Protocol):
    """Any language model, seen from outside: texts in, vectors of one length out."""

    @property
    def width(self) -> int:
        """D, the length of a vector."""
        ...

    @property
    def fingerprint(self) -> str:
        """sha256 of weights and settings: two encoders with the same one give the same vectors."""
        ...

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """(B, D) float32 of length 1 each; zeros for a text that holds nothing to read."""
        ...

    def save(self, folder: Path) -> None:
        """Write what the running side needs as an artifact; complete or not at all."""
        ...
