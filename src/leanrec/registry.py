"""Find what plugs in by name: recommenders, sources and metrics, ours and installed ones alike.

A package registers through an entry-point group (`leanrec.recommenders`, say); leanrec registers its own in the same way.
Nothing is imported before it is asked for.
"""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from leanrec.errors import ConfigError, MissingExtraError, PlugInError, did_you_mean

Group = Literal["leanrec.recommenders", "leanrec.runners", "leanrec.scorers", "leanrec.sources"]
"""`leanrec.runners`: under the name of a recommender, a class that only opens and answers, where fitting needs more than running.
`leanrec.scorers`: under the kind of a saved folder, the class of language scorer that opens it."""


def names(group: Group) -> list[str]:
    """The registered names of a group, sorted."""
    return sorted(_entries(group))


def find(group: Group, name: str) -> Any:  # Any: each group has a protocol of its own, checked by its contract suite
    """The class registered as `name`; raises `ConfigError` with the nearest name when unknown."""
    entry = _entries(group).get(name)
    kind = group.rsplit(".", 1)[-1].removesuffix("s")
    if entry is None:
        raise ConfigError(f"{kind} {name!r} is unknown", hint=did_you_mean(name, names(group)))
    try:
        return entry.load()
    except MissingExtraError:
        raise
    except (ImportError, AttributeError) as error:
        raise PlugInError(
            f"{kind} {name!r} is registered as {entry.value!r} but cannot be loaded: {error}",
            hint="reinstall the package that provides it",
        ) from error


@cache
def _entries(group: Group) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=group)}
