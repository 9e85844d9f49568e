"""API keys: made once, shown once, kept as salted hashes, compared in constant time."""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from leanrec.artifact import writing_file
from leanrec.errors import ConfigError

PREFIX = "lr_"


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredKey:
    """What is kept of a key. It holds 256 random bits, so one round of sha256 with a salt is out of reach of guessing."""

    name: str
    salt: str
    digest: str
    created: str

    @classmethod
    def of(cls, key: str, *, name: str, now: datetime) -> "StoredKey":
        """The hash of a key with a fresh salt."""
        salt = secrets.token_hex(16)
        return cls(name=name, salt=salt, digest=_digest(key, salt), created=now.isoformat(timespec="seconds"))

    def matches(self, key: str) -> bool:
        """Whether this is the key."""
        return hmac.compare_digest(_digest(key, self.salt), self.digest)


class KeyRing:
    """The keys that open a server."""

    def __init__(self, keys: Sequence[StoredKey]) -> None:
        self._keys = tuple(keys)

    def opens(self, key: str) -> bool:
        """Whether any key matches; every one is compared, so that the time tells nothing."""
        return sum(stored.matches(key) for stored in self._keys) > 0


def create_key(file: Path, *, name: str) -> str:
    """A new key, its hash added to the file; the key itself is nowhere but in what this returns."""
    known = read_keys(file) if file.exists() else []
    if any(stored.name == name for stored in known):
        raise ConfigError(f"{file} has a key named {name!r} already", hint="choose another --name, or revoke that one")
    key = PREFIX + secrets.token_urlsafe(32)
    _write(file, [*known, StoredKey.of(key, name=name, now=datetime.now(UTC))])
    return key


def revoke_key(file: Path, *, name: str) -> None:
    """Remove a key; servers that run learn of it when they start again."""
    known = read_keys(file)
    kept = [stored for stored in known if stored.name != name]
    if len(kept) == len(known):
        raise ConfigError(f"{file} has no key named {name!r}", hint=f"known: {', '.join(stored.name for stored in known)}")
    _write(file, kept)


def read_keys(file: Path) -> list[StoredKey]:
    """The stored keys; raises `ConfigError` when the file is missing or harmed."""
    try:
        return [StoredKey(**entry) for entry in json.loads(file.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        raise ConfigError(f"no key file at {file}", hint=f"leanrec keys create --file {file}") from None
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{file} is no key file: {error}", hint="make a new one with `leanrec keys create`") from None


def _write(file: Path, keys: Sequence[StoredKey]) -> None:
    with writing_file(file) as draft:
        descriptor = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(json.dumps([asdict(stored) for stored in keys], indent=2) + "\n")


def _digest(key: str, salt: str) -> str:
    return hashlib.sha256(salt.encode() + key.encode("utf-8", "surrogateescape")).hexdigest()
