"""Expecting: how contract suites say which promise was broken, without pytest."""

from collections.abc import Callable

from leanrec.errors import LeanRecError


def require(holds: bool, promise: str) -> None:
    """Raise `AssertionError` with the promise unless it holds."""
    if not holds:
        raise AssertionError(f"broken promise: {promise}")


def expect_error(kind: type[LeanRecError], work: Callable[[], object], what: str) -> None:
    """Raise `AssertionError` unless `work` raises an error of that kind which says what to do."""
    try:
        work()
    except kind as error:
        require(bool(error.message) and bool(error.hint), f"{what} raises {kind.__name__} with message and hint; found {error!r}")
    except Exception as error:
        raise AssertionError(f"broken promise: {what} raises {kind.__name__}; it raised {error!r}") from error
    else:
        raise AssertionError(f"broken promise: {what} raises {kind.__name__}; nothing was raised")
