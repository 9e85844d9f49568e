"""Dialect: how a delimited file is written: its encoding, delimiter, quotes and header, found from its first lines."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from leanrec.data.sources.files import MAX_LINE_BYTES, DataFile, refuse_binary
from leanrec.errors import DataError

_DELIMITERS = (",", "\t", ";", "|", "::", " ")
_SNIFFED_LINES = 200
_NUMBER = re.compile(r"^[-+]?\d+([.,]\d+)?([eE][-+]?\d+)?$|^\d{4}-\d\d-\d\d")
STAND_IN = "\x1f"
"""Polars splits at one byte, so a longer delimiter is replaced by this one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """How a delimited file is written."""

    delimiter: str
    columns: tuple[str, ...]
    has_header: bool
    is_quoted: bool
    encoding: str


def dialect_of(file: DataFile, *, delimiter: str | None = None, has_header: bool | None = None) -> Dialect:
    """The dialect, from the first lines; what is stated is not guessed.

    Raises `DataError` when the lines are no table.
    """
    head = _first_lines(file)
    encoding = _encoding_of(head)
    text = head.decode(encoding, errors="replace").removeprefix("\ufeff").replace("\r\n", "\n")
    lines = [line for line in text.split("\n") if line.strip()][:_SNIFFED_LINES]
    if not lines:
        raise DataError(f"{file.name} is empty", hint="give a file with a header line and one event a line")
    delimiter = delimiter or _delimiter_of(lines, file.name)
    is_quoted = _is_quoted(lines, delimiter)
    first = _fields(lines[0], delimiter, is_quoted=is_quoted)
    following = [_fields(line, delimiter, is_quoted=is_quoted) for line in lines[1:]]
    stated = _is_header(first, following) if has_header is None else has_header
    columns = _unique(first) if stated else tuple(f"column_{number}" for number in range(1, len(first) + 1))
    if len(columns) < 2:
        raise DataError(
            f"{file.name}, line 1: only one column is found with delimiter {delimiter!r}: {lines[0][:80]!r}",
            hint="an event needs a user and an item; state the delimiter: --set columns.delimiter=';'",
        )
    return Dialect(delimiter=delimiter, columns=columns, has_header=stated, is_quoted=is_quoted, encoding=encoding)


def _first_lines(file: DataFile) -> bytes:
    with file.opened() as stream:
        head = stream.read(1 << 18)
        refuse_binary(head, name=file.name)
        is_whole = len(head) < 1 << 18
        while b"\n" not in head and not is_whole:
            piece = stream.read(1 << 20)
            head += piece
            is_whole = not piece
            if len(head) > MAX_LINE_BYTES:
                raise DataError(
                    f"{file.name}, line 1: the line is longer than {MAX_LINE_BYTES >> 20} MB",
                    hint="one event stands on one line; is the file damaged, or are its line ends missing?",
                )
    return head if is_whole or b"\n" not in head else head[: head.rfind(b"\n") + 1]


def _encoding_of(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return "utf-8" if error.start > len(head) - 4 or _bad_share(head) < 1e-4 else "cp1252"
    return "utf-8"


def _bad_share(head: bytes) -> float:
    return head.decode("utf-8", errors="replace").count("\ufffd") / max(1, len(head))


def _delimiter_of(lines: Sequence[str], name: str) -> str:
    """The delimiter that parts most lines into the same number of fields, more than one."""
    best, score = "", 0.0
    for delimiter in _DELIMITERS:
        counts = [len(_fields(line, delimiter, is_quoted=delimiter in ",;")) for line in lines]
        usual = max(set(counts), key=counts.count)
        share = counts.count(usual) / len(counts)
        weight = 0.5 if delimiter == " " else 1.0
        if usual > 1 and share * weight > score + 1e-9:
            best, score = delimiter, share * weight
    if not best:
        raise DataError(
            f"{name}, line 1: no delimiter parts the line into columns: {lines[0][:80]!r}",
            hint="leanrec knows comma, tab, semicolon, |, :: and space; state another: --set columns.delimiter='^'",
        )
    return best


def _is_quoted(lines: Sequence[str], delimiter: str) -> bool:
    """Whether quotes enclose fields; in tab and :: files they mostly stand for themselves."""
    if delimiter in (",", ";"):
        return True
    opens = sum(line.startswith('"') or f'{delimiter}"' in line for line in lines)
    closes = sum(line.endswith('"') or f'"{delimiter}' in line for line in lines)
    return opens > 0 and opens == closes and sum(line.count('"') for line in lines) % 2 == 0


def _fields(line: str, delimiter: str, *, is_quoted: bool) -> list[str]:
    if len(delimiter) > 1 or not is_quoted:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except (csv.Error, StopIteration):
        return line.split(delimiter)


def _is_header(first: Sequence[str], following: Sequence[Sequence[str]]) -> bool:
    """Names are no numbers, differ from one another, and are not values of the rows below."""
    if any(_NUMBER.match(value.strip()) for value in first) or len({value.strip() for value in first}) < len(first):
        return False
    if not following:
        return True
    repeated = sum(any(len(row) > place and row[place] == value for row in following) for place, value in enumerate(first) if value.strip())
    return repeated == 0


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """Header names as they stand, an empty or repeated one numbered."""
    result: list[str] = []
    for number, name in enumerate(names, start=1):
        wanted = name.strip().strip('"').strip() or f"column_{number}"
        result.append(wanted if wanted not in result else f"{wanted}_{number}")
    return tuple(result)
