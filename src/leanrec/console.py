"""What people see on a terminal: progress with the time left, tables, log lines.

Everything goes to standard error except the result itself, so that `--json` output can be piped.
"""

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Self, TypeVar

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

Value = TypeVar("Value")

PATIENCE_SECONDS = 2.0
"""A bar appears once work has lasted this long."""


class ProgressBar:
    """A progress bar with the time left, shown on a terminal once work has lasted two seconds.

    >>> with ProgressBar("counting", total=3) as bar:
    ...     for _ in range(3):
    ...         bar.advance()
    """

    def __init__(self, description: str, *, total: float | None) -> None:
        self.description = description
        self.total = total
        self.done = 0.0
        self._began = time.monotonic()
        self._is_wanted = sys.stderr.isatty()
        self._display: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._display is not None:
            self._display.stop()

    def advance(self, amount: float = 1.0, *, description: str | None = None) -> None:
        """Say that `amount` more of the total is done, and optionally what comes now."""
        self.done += amount
        if description is not None:
            self.description = description
        if self._display is None and self._is_wanted and time.monotonic() - self._began > PATIENCE_SECONDS:
            self._start()
        if self._display is not None:
            self._display.update(self._display.task_ids[0], completed=self.done, description=self.description)

    def _start(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self._display = Progress(*columns, console=Console(stderr=True), transient=True)
        self._display.add_task(self.description, total=self.total)
        self._display.start()


def track(values: Iterable[Value], description: str, *, total: int | None = None) -> Iterator[Value]:
    """The values one by one, with a progress bar when it takes long."""
    count = total if total is not None else (len(values) if isinstance(values, Sequence) else None)
    with ProgressBar(description, total=count) as bar:
        for value in values:
            yield value
            bar.advance()


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table for people: words to the left, figures to the right, and the first column never cut."""
    body = [list(row) for row in rows]
    result = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        is_figure = number > 0 and all(_is_figure(row[number]) for row in body)
        result.add_column(column, justify="right" if is_figure else "left", no_wrap=number == 0, overflow="fold")
    for row in body:
        result.add_row(*row)
    return result


def output() -> Console:
    """Where results are printed: as wide as the terminal, or 140 characters where there is none."""
    return Console(width=None if sys.stdout.isatty() else 140, markup=False, highlight=False)


def _is_figure(text: str) -> bool:
    return text[:1] in "+-.0123456789" and not any(letter.isalpha() for letter in text.replace("e", ""))


def dress_logs(level: int = logging.INFO) -> None:
    """Show leanrec's log lines on standard error; the library itself never does."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("leanrec")
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False
