"""LanguageScorer: the door to whatever ranks candidates by reading of them; what answers requests may do without torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from leanrec.data.deadline import Deadline
from leanrec.data.tokens import FloatArray


@runtime_checkable
class LanguageScorer(Protocol):
    """A language model that reads what somebody chose and what they might choose next."""

    @property
    def name(self) -> str:
        """What kind of scorer it is, for people."""
        ...

    @property
    def fingerprint(self) -> str:
        """sha256 of weights and settings: two scorers with the same one give the same scores."""
        ...

    @property
    def num_tokens_read(self) -> int:
        """Places of tokens that the model computed for the last call of `scores`, padding included."""
        ...

    def scores(self, history: str, candidates: Sequence[str], *, deadline: Deadline | None = None) -> FloatArray:
        """(K,) float32, higher is better; NaN for a candidate that holds nothing to read, or that the deadline left unread.

        `history` tells of an item a line, the newest last; where it is too long its beginning is left out. Candidates are read in the
        order given when there is a deadline.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write what the running side needs as an artifact; complete or not at all."""
        ...
