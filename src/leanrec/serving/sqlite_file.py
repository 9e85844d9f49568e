"""SQLiteFile: one database file with its schema, its version and its lock."""

import fcntl
import os
import secrets
import sqlite3
from pathlib import Path

from leanrec.errors import ArtifactError

SCHEMA_VERSION = 2
CACHE_KILOBYTES = 4096

_SCHEMA = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID",
    """CREATE TABLE events (number INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL, item_id TEXT NOT NULL,
       event TEXT NOT NULL, timestamp INTEGER NOT NULL, value REAL, request_id TEXT)""",
    "CREATE INDEX events_of_user ON events (user_id, number)",
    "CREATE TABLE forgotten (user_hash BLOB PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE items (item_id TEXT PRIMARY KEY, title TEXT, attributes TEXT, is_available INTEGER NOT NULL, is_deleted INTEGER NOT NULL)",
)
_SINCE_VERSION_2 = (
    """CREATE TABLE corrections (number INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL, attribute TEXT NOT NULL, value TEXT NOT NULL,
       verdict TEXT NOT NULL, UNIQUE (user_id, attribute, value))""",
    "CREATE TABLE links (anonymous_id TEXT PRIMARY KEY, user_id TEXT NOT NULL)",
    "CREATE INDEX links_of_user ON links (user_id)",
)


class SQLiteFile:
    """A connection for writing and one for reading, in WAL mode; every commit is on the disk before it returns.

    Raises `ArtifactError` when the file is no store, of a newer leanrec, or open in another process.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(self.path)
        try:
            self.writing = _connect(self.path)
            self._prepare()
            self.reading = _connect(self.path)
            self.reading.execute("PRAGMA query_only = ON")
            self.secret: bytes = self.writing.execute("SELECT value FROM meta WHERE name = 'secret'").fetchone()[0]
        except sqlite3.DatabaseError as error:
            os.close(self._lock)
            raise ArtifactError(f"{self.path} cannot be used as a store: {error}", hint="name another file with --store") from None

    @property
    def num_bytes(self) -> int:
        """Bytes on disk, the write-ahead log included."""
        paths = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(path.stat().st_size for path in paths if path.exists())

    def close(self) -> None:
        """Fold the write-ahead log into the file and unlock it."""
        self.reading.close()
        self.writing.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.writing.close()
        os.close(self._lock)

    def _prepare(self) -> None:
        version = self.writing.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise ArtifactError(
                f"{self.path} has schema {version}; this leanrec reads up to {SCHEMA_VERSION}", hint="install a newer leanrec, or name another file"
            )
        if version == SCHEMA_VERSION:
            return
        self.writing.execute("BEGIN IMMEDIATE")
        if version == 0:
            for statement in _SCHEMA:
                self.writing.execute(statement)
            self.writing.execute("INSERT INTO meta VALUES ('secret', ?)", (secrets.token_bytes(32),))
        for statement in _SINCE_VERSION_2:
            self.writing.execute(statement)
        self.writing.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self.writing.execute("COMMIT")


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KILOBYTES}")
    return connection


def _locked(path: Path) -> int:
    """A lock that dies with the process, so that two servers never share a file whose profiles they cache."""
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise ArtifactError(f"the store {path} is open in another process", hint="stop that server, or name another file with --store") from None
    return descriptor
