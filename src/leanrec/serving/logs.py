"""Logs: one JSON object a line, with nothing in it that could name a person."""

import hashlib
import hmac
import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO

import msgspec

_ENCODE = msgspec.json.Encoder().encode
OWN = "leanrec"


class Mask:
    """Turns an id into a word that is the same each time and says nothing without the store's secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def __call__(self, value: str) -> str:
        """Twelve hexadecimal digits."""
        return hmac.new(self._secret, value.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:12]


class MaskedFormatter(logging.Formatter):
    """Our own lines with their `fields`; of other libraries the place and the unfilled text; of errors the type and the places.

    Values that were put into a text are left out, since they may be ids, titles or words of a user.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _safe_text(record),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["places"] = places_of(record.exc_info[2])
        return _ENCODE(line).decode()


def places_of(trace: TracebackType | None) -> list[str]:
    """File, line and function of each frame, without values or source."""
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]


def write_logs(stream: IO[str] | None = None, *, level: int = logging.INFO) -> None:
    """Send all logs of this process as masked JSON lines to the stream, standard error by default."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(MaskedFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    own = logging.getLogger(OWN)
    own.handlers, own.propagate = [handler], False
    own.setLevel(level)
    logging.captureWarnings(capture=True)


def _safe_text(record: logging.LogRecord) -> str:
    if record.name == OWN or record.name.startswith(OWN + "."):
        return record.msg if isinstance(record.msg, str) else type(record.msg).__name__
    return f"{Path(record.pathname).name}:{record.lineno}"
