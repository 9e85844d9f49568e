"""The command line: one verb per arrow of the story; each prints a table, or JSON with `--json`."""

import sys
from collections.abc import Sequence
from typing import NoReturn

from leanrec.console import dress_logs
from leanrec.errors import LeanRecError

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command: exit code 0 when it went well, 1 for an error with message and hint, 2 for a wrong call."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    is_debugging = "--debug" in words
    dress_logs()
    try:
        from leanrec.cli.app import app

        app([word for word in words if word != "--debug"], prog_name="leanrec")
    except LeanRecError as error:
        if is_debugging:
            raise
        _complain(f"error: {error.message}", error.hint)
        sys.exit(1)
    except KeyboardInterrupt:
        _stop()
    except SystemExit as stopped:
        if stopped.code == INTERRUPTED:  # Typer took the Ctrl-C
            _stop()
        raise
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def _stop() -> NoReturn:
    _complain("stopped; nothing was left half-written", "")
    sys.exit(INTERRUPTED)


def _complain(message: str, hint: str) -> None:
    sys.stderr.write(message + "\n" + (f"hint: {hint}\n" if hint else ""))
