"""RunSettings: one TOML file for a whole run, from columns to recommender."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from leanrec.config import Budget, Config, apply_overrides, read_toml
from leanrec.data.clean import CleaningConfig
from leanrec.data.identities import IdentitiesConfig
from leanrec.data.sources.columns import ColumnMapping
from leanrec.planner.plan import Foretold

SplitKind = Literal["auto", "time", "leave-one-out", "user", "cold-items"]


class SplitConfig(Config):
    """How events are parted into training, validation and test."""

    kind: SplitKind = "auto"
    """`time` where clock times are exact, else `leave-one-out`; or name one."""
    valid_fraction: float = Field(default=0.1, gt=0, lt=0.5)
    """Share of the events (time), users (user) or items (cold-items) held out to choose on."""
    test_fraction: float = Field(default=0.1, gt=0, lt=0.5)
    """Share held out to report on."""
    includes_repeats: bool = False
    """Declare that users come back for the same item: it then counts as a target, and the history is not masked."""


class RunSettings(Config):
    """Everything a run may be told; whatever is left out has a default that suits a stranger's file."""

    budget: Budget = Budget()
    """What may be spent."""
    columns: ColumnMapping | None = None
    """Which column is the user, the item and so on; guessed and shown when left out."""
    identities: IdentitiesConfig | None = None
    """Which ids are one person, across devices and platforms; `None` takes every id as a person."""
    cleaning: CleaningConfig = CleaningConfig()
    split: SplitConfig = SplitConfig()
    rungs: tuple[str, ...] = ("popularity", "popularity-recent", "cooccurrence", "item-knn", "ease", "als", "bpr", "sequential", "fusion")
    """Recommenders that compete, cheapest first; one whose package is not installed is skipped."""
    recommender: str | None = None
    """Take this one without a competition."""
    configs: dict[str, dict[str, Any]] = Field(default_factory=dict)  # Any: checked by the recommender that owns them
    """Settings of single recommenders by name: `[configs.ease]`."""
    k: int = Field(default=10, ge=1)
    """Length of the lists that are judged."""
    seed: int = 0
    plan: Foretold | None = None
    """What `leanrec plan` foretold of this recipe; a fit says where it left it."""
    max_users: int = Field(default=20_000, ge=10)
    """Users asked in the proof, drawn at random where there are more; the intervals say what that costs."""


def read_settings(path: Path | None = None, overrides: Sequence[str] = ()) -> RunSettings:
    """Settings from a TOML file and `a.b=value` overrides; raises `ConfigError` naming file and key."""
    tables = read_toml(path) if path is not None else {}
    return RunSettings.parse(apply_overrides(tables, overrides), where=str(path) if path is not None else "--set")
