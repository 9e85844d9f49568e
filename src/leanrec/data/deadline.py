"""Deadline: until when an answer may be worked on, and batches of texts that heed it."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from leanrec.data.tokens import TokenBatch, token_batches

Clock = Callable[[], float]
"""Seconds, from any start."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deadline:
    """A moment on a clock."""

    at: float
    """In seconds of the clock."""
    clock: Clock = time.perf_counter

    @classmethod
    def after(cls, milliseconds: float, *, clock: Clock = time.perf_counter) -> Self:
        """So many milliseconds from now."""
        return cls(at=clock() + milliseconds / 1000, clock=clock)

    @property
    def seconds_left(self) -> float:
        """Zero or less when it has passed."""
        return self.at - self.clock()


def timely_batches(tokens: Sequence[Sequence[int]], *, max_batch_tokens: int, pad_id: int, deadline: Deadline | None = None) -> Iterator[TokenBatch]:
    """The texts that have tokens, in batches that are read as they are given out.

    Without a deadline the longest come first, so that little is padded. With one they come in the order given, and the batches end when
    less time is left than the last one took.
    """
    if deadline is None:
        yield from token_batches(tokens, max_batch_tokens=max_batch_tokens, pad_id=pad_id)
        return
    took = 0.0
    for rows in _in_order(tokens, max_batch_tokens=max_batch_tokens):
        left = deadline.seconds_left
        if left <= 0 or left < took:
            return
        yield TokenBatch.of_texts(tokens, rows, pad_id=pad_id)
        took = left - deadline.seconds_left


def _in_order(tokens: Sequence[Sequence[int]], *, max_batch_tokens: int) -> Iterator[list[int]]:
    """Rows of texts with tokens, as many at once as fit when padded; at least one."""
    rows: list[int] = []
    longest = 0
    for row in range(len(tokens)):
        if not tokens[row]:
            continue
        longest = max(longest, len(tokens[row]))
        if rows and longest * (len(rows) + 1) > max_batch_tokens:
            yield rows
            rows, longest = [], len(tokens[row])
        rows.append(row)
    if rows:
        yield rows
