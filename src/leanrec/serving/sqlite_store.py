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
from leanrec.data.profile import Correction
from leanrec.errors import BudgetError
from leanrec.serving import sqlite_people as people
from leanrec.serving.messages import FeedbackEvent
from leanrec.serving.sqlite_file import SQLiteFile
from leanrec.serving.store import NOT_HISTORY, Appended, ItemOverlay, Linked, Profile, StoreSize
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
_NEWEST = "SELECT event_id, user_id, item_id, event, timestamp, value, request_id FROM events WHERE user_id IN ({}) ORDER BY number DESC LIMIT ?"
_ACTS = "SELECT item_id FROM events WHERE user_id IN ({}) AND event NOT IN ('hide', 'impression') ORDER BY number DESC LIMIT ?"
_HIDDEN = "SELECT DISTINCT item_id FROM events WHERE user_id IN ({}) AND event = 'hide' LIMIT ?"
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
        self._parted: set[UserId] = set()
        self._has_corrections = self._file.reading.execute("SELECT 1 FROM corrections LIMIT 1").fetchone() is not None
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
            group = people.group_of(self._file.reading, user_id)
            return [FeedbackEvent(*row) for row in self._file.reading.execute(_NEWEST.format(people.places(group)), (*group, limit))]

    def users(self, search: str, *, limit: int) -> dict[UserId, int]:
        """Users whose id contains `search`, with their number of events."""
        with self._reading:
            return dict(self._file.reading.execute(_USERS, (search, limit)).fetchall())

    def forget(self, user_id: UserId) -> Future[None]:
        """Erase the events, corrections and links of a person; what stays is a keyed hash of each id that says so."""

        def erase(connection: sqlite3.Connection) -> None:
            group = people.group_of(connection, user_id)
            for known in group:
                self._num_events -= connection.execute("DELETE FROM events WHERE user_id = ?", (known,)).rowcount
                connection.execute("INSERT OR IGNORE INTO forgotten VALUES (?)", (self._masked(known),))
            people.put_corrections(connection, group, ())
            people.erase_links(connection, group)
            self._parted.update(group)
            self._has_forgotten = True

        return self._writer.submit(erase, users=frozenset({user_id}))

    def put_corrections(self, user_id: UserId, corrections: Sequence[Correction]) -> Future[None]:
        """Replace what a user said of their tastes."""

        def put(connection: sqlite3.Connection) -> None:
            people.put_corrections(connection, people.group_of(connection, user_id), corrections)
            self._has_corrections = True

        return self._writer.submit(put, users=frozenset({user_id}))

    def delete_correction(self, user_id: UserId, attribute: str, value: str) -> Future[bool]:
        """Take back what they said of one value."""

        def delete(connection: sqlite3.Connection) -> bool:
            return people.delete_correction(connection, people.group_of(connection, user_id), attribute, value)

        return self._writer.submit(delete, users=frozenset({user_id}))

    def link(self, anonymous_id: UserId, user_id: UserId) -> Future[Linked]:
        """Make two ids one person, at most `MAX_LINKED` in all."""
        change = partial(people.put_link, anonymous_id=anonymous_id, user_id=user_id)
        return self._writer.submit(change, users=frozenset({anonymous_id, user_id}))

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
        read, group = self._file.reading.execute, people.group_of(self._file.reading, user_id)
        is_forgotten, marks = self._is_forgotten(user_id), people.places(group)
        corrections = people.read_corrections(self._file.reading, group) if self._has_corrections else ()
        linked = tuple(other for other in group if other != user_id and not self._is_forgotten(other))
        if read(f"SELECT 1 FROM events WHERE user_id IN ({marks}) LIMIT 1", group).fetchone() is None:  # noqa: S608 - question marks only
            return Profile(is_forgotten=is_forgotten, corrections=corrections, linked=linked)
        acts = [row[0] for row in read(_ACTS.format(marks), (*group, MAX_HISTORY))]
        return Profile(
            history=tuple(reversed(acts)),
            hidden=frozenset(row[0] for row in read(_HIDDEN.format(marks), (*group, MAX_HIDDEN))),
            is_forgotten=is_forgotten,
            corrections=corrections,
            linked=linked,
        )

    def _is_forgotten(self, user_id: UserId) -> bool:
        asked = "SELECT 1 FROM forgotten WHERE user_hash = ?"
        return self._has_forgotten and self._file.reading.execute(asked, (self._masked(user_id),)).fetchone() is not None

    def _drop_profiles(self, users: frozenset[UserId]) -> None:
        """Of all ids of the persons whom a change touched, those that a forgetting has parted included."""
        with self._reading:
            self._generation += 1
            touched = {known for user_id in users for known in people.group_of(self._file.reading, user_id)}
            while self._parted:
                touched.add(self._parted.pop())
            for user_id in touched | users:
                self._profiles.pop(user_id, None)

    def _masked(self, user_id: UserId) -> bytes:
        return hmac.new(self._file.secret, user_id.encode(), hashlib.sha256).digest()

    def _count(self) -> None:
        with self._reading:
            self._num_events = int(self._file.reading.execute("SELECT count(*) FROM events").fetchone()[0])
            self._num_items = int(self._file.reading.execute("SELECT count(*) FROM items").fetchone()[0])
