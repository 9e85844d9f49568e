"""The settings of a fusion: who takes part, and by what the weights are chosen."""

from typing import Literal

from pydantic import Field

from leanrec.config import Config, Settings
from leanrec.errors import ConfigError
from leanrec.recommenders.fusion_groups import Grouping


class Member(Config):
    """One recommender of the sum."""

    name: str
    """Its registered name."""
    config: Settings = Field(default_factory=dict)
    """Its settings."""
    weight: float | None = Field(default=None, ge=0)
    """Its weight; given for all members or for none, in which case validation data decides."""
    is_optional: bool = False
    """Left out, with a line in the log, where data, budget or installation cannot feed it; otherwise that is an error."""
    factors: tuple[tuple[float, ...], ...] = ()
    """By what its weight is multiplied in each group of histories and, inside, of items; fitted together with the weights."""


class FusionConfig(Config):
    """Who takes part, and by what the weights are chosen."""

    members: tuple[Member, ...] = (
        Member(name="sequential", is_optional=True),
        Member(name="cooccurrence"),
        Member(name="ease", is_optional=True),
        Member(name="item-knn"),
        Member(name="popularity-category", is_optional=True),
    )
    """At least one. Members with likes of their own (order, taste, category) gain most from one another."""
    metric: str = "ndcg@10"
    """What the weights maximise on validation."""
    max_queries: int = Field(default=5000, ge=1)
    """Validation users that are asked while weights are fitted; more are sampled by the run's seed."""
    weights_by: Grouping = "global"
    """One weight for each member; or others for short and long histories, for popular and rare items, or for both. Groups gained
    nothing on Beauty and Toys (docs/log.md)."""
    combiner: Literal["weights", "lightgbm"] = "weights"
    """What orders the best candidates of the members: their weighted sum, or trees that LightGBM learns on validation."""
    history_edges: tuple[int, ...] = ()
    """The longest histories of all groups of histories but the last; fitted together with `factors`."""

    @property
    def is_weighted(self) -> bool:
        """Whether the weights are given, so that no validation data is needed."""
        return all(member.weight is not None for member in self.members)

    def require_weighable(self, *, has_validation: bool, has_trees: bool) -> None:
        """Raise `ConfigError` when weights can neither be taken from here nor be fitted."""
        names, given = [member.name for member in self.members], [member.weight for member in self.members]
        if not names or len(set(names)) != len(names):
            raise ConfigError(f"a fusion needs members, each once; found {names}", hint="name recommenders: leanrec list")
        if not self.is_weighted and any(weight is not None for weight in given):
            raise ConfigError("a fusion has weights for some members only", hint="give all weights, or none and validation data")
        if not self.is_weighted and not has_validation:
            raise ConfigError(
                "a fusion fits its weights on validation data, and none was given", hint="pass valid=..., or give every member a weight"
            )
        if self.is_weighted and not any(given):
            raise ConfigError("every weight of the fusion is 0", hint="give at least one member a weight above 0")
        if self.is_weighted and self.weights_by != "global" and not all(member.factors for member in self.members):
            raise ConfigError(f"weights_by = {self.weights_by!r} is fitted on validation, but weights are given", hint="leave the weights out")
        if self.is_weighted and self.combiner == "lightgbm" and not has_trees:
            raise ConfigError("combiner = 'lightgbm' learns on validation, but weights are given", hint="leave the weights out")
