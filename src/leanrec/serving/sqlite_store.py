"""SQLiteStore: live events in one SQLite file; an acknowledged event survives a kill at any moment."""

import hashlib
import hmac
import json
import logging
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from leanrec.data.ids import UserId
from leanrec.errors import BudgetError
from leanrec.serving.messages import FeedbackEvent
from leanrec.serving.sqlite_file import SQLiteFile
from leanrec.serving.store import NOT_HISTORY, Appended, ItemOverlay, Profile, StoreSize
from leanrec.serving.writing import GroupWriter

log = logging.getLogger(__name__)

MAX_EVENTS = 10_000_000
"""Events kept; the oldest go first, since the models have learned from them by then."""
MAX_HISTORY = 1000
"""Newest events of a user that an answer can use."""
MAX_HIDDEN = 10_000
MAX_ITEM_CHANGES = 100_000
MAX_CACHED_PROFILES = 20_000

_INSERT = "INSERT OR IGNORE INTO events (event_id, user_id, item_id, event, timestamp, value, request_id) VALUES (?, ?, ?, ?, ?, ?, ?)"
_NEWEST = "SELECT event_id, user_id, item_id, event, timestamp, value, request_id FROM events WHERE user_id = ? ORDER BY number DESC LIMIT ?"
_ACTS = "SELECT item_id FROM events WHERE user_id = ? AND event NOT IN ('hide', 'impression') ORDER BY number DESC LIMIT ?"
_HIDDEN = "SELECT DISTINCT item_id FROM events WHERE user_id = ? AND event = 'hide' LIMIT ?"
_USERS = """
    WITH RECURSIVE known(user_id) AS (
        SELECT min(user_id) FROM events
        UNION ALL SELECT (SELECT min(user_id) FROM events WHERE user_id > known.user_id) FROM known WHERE known.user_id IS NOT NULL
    )
    SELECT user_id, (SELECT count(*) FROM events WHERE events.user_id = known.user_id) FROM known
    WHERE user_id IS NOT NULL AND instr(user_id, ?) > 0 LIMIT ?
"""
"""Leaps from user to user in the index, instead of reading every event."""

assert frozenset({"hide", "impression"}) == NOT_HISTORY, "the query for acts names the same events"  # noqa: S101 - only our own bug could break it


class SQLiteStore:
    """Events, forgotten users and item changes in one file in WAL mode; one process at a time.

    Writes of all callers that wait together share one transaction, and their futures are done after it is on the disk. Profiles of
    recent users are kept in memory and dropped before the future of a change is done, so the next reading sees the change.
    """

    def __init__(self, path: Path, *, max_events: int = MAX_EVENTS) -> None:
        self._file = SQLiteFile(path)
        self._max_events = max_events
        self._reading = threading.Lock()
        self._profiles: OrderedDict[UserId, Profile] = OrderedDict()
        self._generation = 0
        self._num_events = self._num_items = 0
        self._has_forgotten = self._file.reading.execute("SELECT 1 FROM forgotten LIMIT 1").fetchone() is not None
        self._count()
        self._writer = GroupWriter(self._file.writing, changed=self._drop_profiles, undone=self._count)

    def append(self, events: Sequence[FeedbackEvent], *, now: int) -> Future[Appended]:
        """Store the events that are new by their `event_id`; done once they are on the disk."""
        users = frozenset(event.user_id for event in events)
        return self._writer.submit(partial(self._append, events=events, now=now), users=users)

    def profile(self, user_id: UserId) -> Profile:
        """What live events say of a user, from memory when they were here lately."""
        with self._reading:
            found = self._profiles.get(user_id)
            if found is not None:
                self._profiles.move_to_end(user_id)
                return found
            generation = self._generation
            profile = self._read_profile(user_id)
            if generation == self._generation:
                self._profiles[user_id] = profile
                if len(self._profiles) > MAX_CACHED_PROFILES:
                    self._profiles.popitem(last=False)
            return profile

    def history(self, user_id: UserId, *, limit: int) -> list[FeedbackEvent]:
        """The user's newest events, newest first."""
        with self._reading:
            return [FeedbackEvent(*row) for row in self._file.reading.execute(_NEWEST, (user_id, limit))]

    def users(self, search: str, *, limit: int) -> dict[UserId, int]:
        """Users whose id contains `search`, with their number of events."""
        with self._reading:
            return dict(self._file.reading.execute(_USERS, (search, limit)).fetchall())

    def forget(self, user_id: UserId) -> Future[None]:
        """Erase a user's events; what stays is a keyed hash that says so."""

        def erase(connection: sqlite3.Connection) -> None:
            erased = connection.execute("DELETE FROM events WHERE user_id = ?", (user_id,)).rowcount
            connection.execute("INSERT OR IGNORE INTO forgotten VALUES (?)", (self._masked(user_id),))
            self._has_forgotten = True
            self._num_events -= erased

        return self._writer.submit(erase, users=frozenset({user_id}))

    def items(self) -> list[ItemOverlay]:
        """All item changes."""
        with self._reading:
            rows = self._file.reading.execute("SELECT item_id, title, attributes, is_available, is_deleted FROM items").fetchall()
        return [
            ItemOverlay(
                item_id=item_id,
                title=title,
                attributes=json.loads(attributes) if attributes is not None else None,
                is_available=bool(is_available),
                is_deleted=bool(is_deleted),
            )
            for item_id, title, attributes, is_available, is_deleted in rows
        ]

    def put_item(self, item: ItemOverlay) -> Future[None]:
        """Replace what is stored of an item; raises `BudgetError` when there are too many changes."""
        if self._num_items >= MAX_ITEM_CHANGES:
            raise BudgetError(f"the store holds {self._num_items} item changes, its most", hint="fit a new model on the new catalogue")
        attributes = json.dumps(dict(item.attributes), ensure_ascii=False) if item.attributes is not None else None

        def put(connection: sqlite3.Connection) -> None:
            known = connection.execute("SELECT 1 FROM items WHERE item_id = ?", (item.item_id,)).fetchone()
            values = (item.item_id, item.title, attributes, item.is_available, item.is_deleted)
            connection.execute("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?)", values)
            self._num_items += known is None

        return self._writer.submit(put)

    def secret(self) -> bytes:
        """A random key, made with the file."""
        return self._file.secret

    def size(self) -> StoreSize:
        """Events and item changes, counted as they come, and bytes on disk."""
        return StoreSize(num_events=self._num_events, num_items=self._num_items, num_bytes=self._file.num_bytes)

    def close(self) -> None:
        """Write what waits, fold the write-ahead log into the file, and let others open it."""
        self._writer.close()
        with self._reading:
            self._file.close()

    def _append(self, connection: sqlite3.Connection, *, events: Sequence[FeedbackEvent], now: int) -> Appended:
        accepted = 0
        for event in events:
            timestamp = event.timestamp if event.timestamp is not None else now
            row = (event.event_id, event.user_id, event.item_id, event.event, timestamp, event.value, event.request_id)
            accepted += connection.execute(_INSERT, row).rowcount
        self._num_events += accepted
        self._prune(connection)
        return Appended(accepted=accepted, duplicates=len(events) - accepted)

    def _prune(self, connection: sqlite3.Connection) -> None:
        """Keep within the bound, a hundredth at a time, so that it is rare."""
        excess = self._num_events - self._max_events
        if excess <= 0:
            return
        excess += self._max_events // 100
        removed = connection.execute("DELETE FROM events WHERE number IN (SELECT number FROM events ORDER BY number LIMIT ?)", (excess,)).rowcount
        self._num_events -= removed
        log.warning("the store is full: its oldest events were dropped", extra={"fields": {"dropped": removed, "kept": self._num_events}})
        with self._reading:
            self._profiles.clear()

    def _read_profile(self, user_id: UserId) -> Profile:
        read = self._file.reading.execute
        is_forgotten = self._has_forgotten and read("SELECT 1 FROM forgotten WHERE user_hash = ?", (self._masked(user_id),)).fetchone() is not None
        if read("SELECT 1 FROM events WHERE user_id = ? LIMIT 1", (user_id,)).fetchone() is None:
            return Profile(is_forgotten=is_forgotten)
        acts = [row[0] for row in read(_ACTS, (user_id, MAX_HISTORY))]
        return Profile(
            history=tuple(reversed(acts)),
            hidden=frozenset(row[0] for row in read(_HIDDEN, (user_id, MAX_HIDDEN))),
            is_forgotten=is_forgotten,
        )

    def _drop_profiles(self, users: frozenset[UserId]) -> None:
        with self._reading:
            self._generation += 1
            for user_id in users:
                self._profiles.pop(user_id, None)

    def _masked(self, user_id: UserId) -> bytes:
        return hmac.new(self._file.secret, user_id.encode(), hashlib.sha256).digest()

    def _count(self) -> None:
        with self._reading:
            self._num_events = int(self._file.reading.execute("SELECT count(*) FROM events").fetchone()[0])
            self._num_items = int(self._file.reading.execute("SELECT count(*) FROM items").fetchone()[0])
