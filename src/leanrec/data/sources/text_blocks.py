"""Text blocks: a stream cut into pieces of whole records, each knowing at which line it starts; memory stays bounded."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from leanrec.data.sources.files import MAX_LINE_BYTES
from leanrec.errors import DataError

BLOCK_BYTES = 4 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class TextBlock:
    """Whole records as UTF-8 bytes; `first_line` is 1 for the first line of the file."""

    data: bytes
    first_line: int
    is_balanced: bool = True
    """False when a quote stays open, so that records can only be told apart line by line."""

    def record_starts(self, *, quoted: bool) -> npt.NDArray[np.int64]:
        """(R,) offsets of the records' first bytes; a newline inside quotes ends no record."""
        ends = _newlines(self.data, quoted=quoted and self.is_balanced)
        starts = np.concatenate([np.zeros(1, np.int64), ends + 1])
        return starts[starts < len(self.data)]

    def lines_of(self, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The line of the file on which each offset stands."""
        newlines = np.flatnonzero(np.frombuffer(self.data, np.uint8) == 10)
        return self.first_line + np.searchsorted(newlines, starts)


def text_blocks(stream: BinaryIO, *, name: str, encoding: str = "utf-8", quoted: bool = False, block_bytes: int = BLOCK_BYTES) -> Iterator[TextBlock]:
    """Blocks of whole records; raises `DataError` with file and line at a line longer than 16 MB."""
    decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)(errors="replace")
    rest, line, is_first = b"", 1, True
    while True:
        piece = stream.read(block_bytes)
        is_last = not piece
        if decoder is not None:
            piece = decoder.decode(piece, final=is_last).encode()
        if is_first:
            piece, is_first = piece.removeprefix(b"\xef\xbb\xbf"), False
        data = rest + piece
        if b"\r" in data:
            held = b"\r" if data.endswith(b"\r") and not is_last else b""
            data = data[: len(data) - len(held)].replace(b"\r\n", b"\n") + held
        cut = len(data) if is_last else _last_record_end(data, quoted=quoted)
        is_balanced = not quoted or data.count(b'"', 0, cut) % 2 == 0
        if cut == 0 and len(data) > MAX_LINE_BYTES:
            cut, is_balanced = data.rfind(b"\n") + 1, False
            _refuse_long_line(data, line, name)
        if cut:
            block = TextBlock(data=data[:cut], first_line=line, is_balanced=is_balanced)
            yield block
            line += block.data.count(b"\n")
        if is_last:
            return
        rest = data[cut:]


def _refuse_long_line(data: bytes, line: int, name: str) -> None:
    position = 0
    while position < len(data):
        end = data.find(b"\n", position)
        if (end if end >= 0 else len(data)) - position > MAX_LINE_BYTES:
            raise DataError(
                f"{name}, line {line}: the line is longer than {MAX_LINE_BYTES >> 20} MB",
                hint="one event stands on one line; is the file damaged, or are its line ends missing?",
            )
        if end < 0:
            return
        position, line = end + 1, line + 1


def _last_record_end(data: bytes, *, quoted: bool) -> int:
    if not quoted or data.count(b'"') == 0:
        return data.rfind(b"\n") + 1
    ends = _newlines(data, quoted=True)
    return int(ends[-1]) + 1 if len(ends) else 0


def _newlines(data: bytes, *, quoted: bool) -> npt.NDArray[np.int64]:
    codes = np.frombuffer(data, np.uint8)
    newlines = np.flatnonzero(codes == 10)
    if not quoted:
        return newlines
    quotes = np.flatnonzero(codes == 34)
    return newlines[np.searchsorted(quotes, newlines) % 2 == 0] if len(quotes) else newlines
