"""Build a recommender by its registered name: ours and plugged-in ones alike."""

from collections.abc import Mapping
from typing import Any

from leanrec import registry
from leanrec.config import Config
from leanrec.errors import ConfigError
from leanrec.recommenders.protocol import Recommender


def build(name: str, config: Mapping[str, Any] | None = None, *, where: str = "") -> Recommender:  # Any: the values of a TOML table
    """An unfitted recommender with its settings; raises `ConfigError` naming `where` and the key for an unknown name or setting."""
    kind = registry.find("leanrec.recommenders", name)
    settings: type[Config] | None = getattr(kind, "Config", None)
    if settings is None and config:
        raise ConfigError(f"{name} takes no settings; found {', '.join(config)}", hint=f"leave {where or 'them'} out")
    recommender: Recommender = kind() if settings is None else kind(settings.parse(config or {}, where=where or f"configs.{name}"))
    return recommender


def opener(name: str) -> type[Recommender]:
    """The class whose `load` opens what recommender `name` saved: its runner where one is registered (it needs no torch), else itself."""
    is_run = name in registry.names("leanrec.runners")
    kind: type[Recommender] = registry.find("leanrec.runners" if is_run else "leanrec.recommenders", name)
    return kind
