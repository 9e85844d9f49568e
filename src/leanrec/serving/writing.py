"""GroupWriter: one thread that writes for all, so that writes that wait together share one commit."""

import logging
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from leanrec.data.ids import UserId
from leanrec.errors import ArtifactError, BudgetError

log = logging.getLogger(__name__)

Result = TypeVar("Result")

MAX_WAITING = 10_000
"""Writes that may wait; past that the caller is told to come back."""
MAX_GROUP = 500
"""Writes that share one commit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Write:
    """One change that waits for its commit."""

    change: Callable[[sqlite3.Connection], Any]  # Any: each change has a result of its own type, which its future carries
    users: frozenset[UserId]
    future: Future[Any]


class GroupWriter:
    """Runs changes in the order they came; the future of each is done after its commit, and after `changed` was told whom it touched.

    A group that cannot be written is undone as a whole, and `undone` is told.
    """

    def __init__(self, connection: sqlite3.Connection, *, changed: Callable[[frozenset[UserId]], None], undone: Callable[[], None]) -> None:
        self._connection = connection
        self._changed = changed
        self._undone = undone
        self._queue: SimpleQueue[Write | None] = SimpleQueue()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="leanrec-store", daemon=True)
        self._thread.start()

    def submit(self, change: Callable[[sqlite3.Connection], Result], *, users: frozenset[UserId] = frozenset()) -> Future[Result]:
        """Let a change wait for its turn; raises `BudgetError` when too many wait."""
        if self._is_closed or self._queue.qsize() >= MAX_WAITING:
            raise BudgetError("the store has too much to write", hint="send it again in a second")
        future: Future[Result] = Future()
        self._queue.put(Write(change=change, users=users, future=future))
        return future

    def close(self) -> None:
        """Write all that waits, then stop."""
        self._is_closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            group = self._next_group()
            writes = [write for write in group if write is not None]
            if writes:
                self._commit(writes)
            if len(writes) < len(group):
                return

    def _next_group(self) -> list[Write | None]:
        """What waits now, at least one."""
        group = [self._queue.get()]
        while len(group) < MAX_GROUP and group[-1] is not None:
            try:
                group.append(self._queue.get_nowait())
            except Empty:
                break
        return group

    def _commit(self, waiting: list[Write]) -> None:
        writes = [write for write in waiting if write.future.set_running_or_notify_cancel()]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            results = [write.change(self._connection) for write in writes]
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - the error goes to those who wait; a thread that ended here would let all others wait forever
            self._give_up(writes, error)
            return
        self._changed(frozenset().union(*(write.users for write in writes)))
        for write, result in zip(writes, results, strict=True):
            write.future.set_result(result)

    def _give_up(self, writes: list[Write], error: Exception) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._undone()
        log.error("the store cannot write", extra={"fields": {"error": getattr(error, "sqlite_errorname", type(error).__name__)}})
        failure = ArtifactError("the store cannot write; nothing of the request was kept", hint="see the server's log; is the disk full?")
        for write in writes:
            write.future.set_exception(failure)
