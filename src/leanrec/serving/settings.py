"""ServerSettings: where a server listens, what it trusts, where it keeps what it is told."""

import ipaddress
from pathlib import Path

from pydantic import Field

from leanrec.config import Config
from leanrec.errors import ConfigError

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


class ServerSettings(Config):
    """How to serve; the defaults are safe on a shared machine."""

    models: tuple[Path, ...]
    """Model folders, or folders of models; the first model is the default."""
    host: str = "127.0.0.1"
    """Address to bind. Anything but this machine alone asks for API keys."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port to bind; 0 takes a free one."""
    store: Path | None = None
    """SQLite file for live events; beside the first model when left out."""
    pipeline: Path | None = None
    """TOML file with the stages; the built-in ones when left out."""
    key_file: Path | None = None
    """File of hashed API keys, made by `leanrec keys create`; given, every request needs a key."""
    cors: tuple[str, ...] = ()
    """Origins whose pages may ask this server (`https://shop.example`)."""
    allow_hosts: tuple[str, ...] = ()
    """Further names in the Host header that the server answers to while it needs no key."""
    watch_seconds: float = Field(default=1.0, gt=0)
    """How often to look for new model versions."""
    access_log: bool = True
    """One line for each request, users masked."""

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def store_file(self) -> Path:
        """Where live events are kept."""
        first = self.models[0]
        return self.store if self.store is not None else first.with_name(f"{first.resolve().name}.store.sqlite3")

    @property
    def known_hosts(self) -> tuple[str, ...] | None:
        """Host names to answer to, against pages that point their own name at this machine; `None` once keys guard the door."""
        return None if self.key_file is not None else (*LOCAL_NAMES, self.host, *self.allow_hosts)

    def require_safe(self) -> None:
        """Raise `ConfigError` when strangers could connect and no key is asked for."""
        if not self.models:
            raise ConfigError("there is no model to serve", hint="leanrec serve MODEL")
        if not self.is_local and self.key_file is None:
            raise ConfigError(
                f"host {self.host!r} can be reached by others, and no API key is asked for",
                hint="run `leanrec keys create --file keys.json`, then add --key-file keys.json",
            )
        if "*" in self.cors and self.key_file is None:
            raise ConfigError("--cors '*' lets every page on the web ask this server", hint="name the origins, or add --key-file")
