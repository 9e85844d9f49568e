"""The errors of leanrec: each says what was found, what is allowed and what to do next.

Every error is a `LeanRecError` and also the builtin that it resembles, so both nets catch it.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class LeanRecError(Exception):
    """Any error that leanrec raises on purpose; `str()` gives message and hint."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class ConfigError(LeanRecError, ValueError):
    """A setting that is unknown, out of range, or cannot take effect."""


class DataError(LeanRecError, ValueError):
    """Data that cannot be read, or that would make an answer untrue."""


class UnknownIdError(DataError, KeyError):
    """An id that the data or the model has never seen."""


class EmptySplitError(DataError):
    """A split that leaves no events to train on or nobody to ask."""


class NotFittedError(LeanRecError, RuntimeError):
    """A recommender was asked before it was fitted."""


class ArtifactError(LeanRecError, OSError):
    """A saved folder that is missing, damaged, edited, or of a newer format."""


class BudgetError(LeanRecError, RuntimeError):
    """Work that cannot fit the stated budget; raised before it starts."""


class PrivacyBudgetError(BudgetError):
    """A privacy budget that is spent."""


class TrainingError(LeanRecError, RuntimeError):
    """A training that cannot go on: its loss is no number, or memory ran out; the last good weights are kept."""


class ServiceError(LeanRecError, ConnectionError):
    """A server that cannot be reached, or that failed to answer."""


class MissingExtraError(LeanRecError, ImportError):
    """An optional package that is not installed."""


class PlugInError(LeanRecError, TypeError):
    """A plug-in that does not keep the protocol it was registered for."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint naming the nearest known word, else the known words (at most twenty).

    >>> did_you_mean("popularty", ["popularity", "ease"])
    "did you mean 'popularity'? known: ease, popularity"
    """
    names = sorted(known)
    listed = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    near = get_close_matches(word, names, n=1)
    return f"did you mean {near[0]!r}? known: {listed}" if near else f"known: {listed}"
