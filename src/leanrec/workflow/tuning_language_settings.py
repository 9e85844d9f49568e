"""LanguageTuningSettings: everything that a tuning of a language model may be told, from columns to learning rates."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from leanrec.config import Budget, Config, Settings, apply_overrides, read_toml
from leanrec.data.clean import CleaningConfig
from leanrec.data.identities import IdentitiesConfig
from leanrec.data.sources.columns import ColumnMapping
from leanrec.features.choice_examples import ExamplesConfig
from leanrec.features.rating_examples import RatingWordsConfig
from leanrec.workflow.settings import RunSettings

Purpose = Literal["encoder", "ranker", "ratings", "decoder"]
"""Vectors of texts; reading pairs to tell choices, or stars; telling how likely a text comes next."""
TUNED_FILE = "tuned.json"
"""What a tuned model is for, how it is asked, what it was made of, and what the held-out users say of it."""
WEIGHTS_FOLDER, ADAPTER_FOLDER = "weights", "adapter"
"""Beside what the running side opens: what training goes on from, and what was learned alone."""
AdapterName = Literal["lora", "dora", "bottleneck", "none"]


class ModelConfig(Config):
    """How the language model is asked; what is left out is decided by the model's kind, or by whoever tuned it before."""

    max_tokens: int | None = Field(default=None, ge=3)
    """Tokens read at once: 128 by an encoder, 192 by a ranker, 512 by a decoder."""
    pooling: Literal["mean", "last", "cls"] | None = None
    """How tokens become one vector, left out: mean; not of a decoder, which makes none."""
    prompt: str | None = None
    """Words with a place for {history}; of a decoder alone."""


class LanguageTuningSettings(Config):
    """What is learned from, what is held out, and the recipe."""

    budget: Budget = Budget()
    """What may be spent."""
    columns: ColumnMapping | None = None
    """Which column is the user, the item and so on; guessed and shown when left out."""
    identities: IdentitiesConfig | None = None
    """Which ids are one person."""
    cleaning: CleaningConfig = CleaningConfig()
    model: ModelConfig = ModelConfig()
    """How the model is asked."""
    examples: ExamplesConfig = ExamplesConfig()
    """Which moments are learned from, and what is read of them."""
    words: RatingWordsConfig = RatingWordsConfig()
    """What is read of ratings besides the items; of `ratings` alone."""
    retriever: str = ""
    """The recommender whose candidates stand beside what was chosen, such as item-knn or sequential; left out: items by popularity."""
    retriever_config: Settings = Field(default_factory=dict)
    """Its settings."""
    recipe: Settings = Field(default_factory=dict)
    """Settings of the recipe: `recipe.training.learning_rate`, `recipe.tuning.layer_decay`, `recipe.select.share`."""
    few: int | None = Field(default=None, ge=1)
    """Learn from so few labelled examples: pairs of a ranker, choices of a decoder, users of an encoder."""
    held_out_share: float = Field(default=0.1, gt=0, lt=1)
    """Users from whom nothing is learned, and on whom the report is made."""
    max_held_out: int = Field(default=300, ge=2)
    """Such users at most."""
    seed: int = 0

    @property
    def reading(self) -> RunSettings:
        """What concerns the events alone."""
        return RunSettings(columns=self.columns, identities=self.identities, cleaning=self.cleaning, budget=self.budget, seed=self.seed)


def read_tuning_settings(
    path: Path | None = None,
    overrides: Sequence[str] = (),
    *,
    adapter: AdapterName | None = None,
    examples: int | None = None,
    select: float | None = None,
    minutes: float | None = None,
) -> LanguageTuningSettings:
    """Settings from a TOML file, `a.b=value` overrides and flags, in that order; raises `ConfigError` naming file and key."""
    tables = apply_overrides(read_toml(path) if path is not None else {}, overrides)
    flags: Settings = {}
    if adapter is not None:
        flags["recipe"] = {"tuning": {"adapter": None if adapter == "none" else {"kind": adapter}}}
    if select is not None:
        flags = merged(flags, {"recipe": {"select": {"share": select}}})
    if examples is not None:
        flags["few"] = examples
    if minutes is not None:
        flags["budget"] = {"minutes": minutes}
    return LanguageTuningSettings.parse(merged(tables, flags), where=str(path) if path is not None else "--set")


def merged(settings: Settings, changes: Settings) -> Settings:
    """The settings with changes laid over them, table by table."""
    result: dict[str, Any] = dict(settings)  # Any: a TOML table holds values of every type
    for name, value in changes.items():
        below = result.get(name)
        result[name] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
