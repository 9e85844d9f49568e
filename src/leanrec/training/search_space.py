"""SearchSpace: which settings a search may choose, and from what; free of Optuna, so that any config can hold it."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from leanrec.config import Config, Settings

Choice = str | int | float | bool


class Range(Config):
    """Numbers between two ends, or a few values; whole numbers where both ends are written as such: 1, and not 1.0."""

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    """Whether factors count and not differences: for rates and penalties."""
    choices: tuple[Choice, ...] = ()

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if self.choices:
            if self.low is not None or self.high is not None or self.log:
                raise ValueError("choices stand alone, without low, high and log")
            if len(set(self.choices)) < 2:
                raise ValueError(f"choices {self.choices} leave nothing to choose")
            return self
        if self.low is None or self.high is None or self.low >= self.high:
            raise ValueError(f"low {self.low} and high {self.high} are no range: give two ends that rise, or choices")
        if self.log and self.low <= 0:
            raise ValueError(f"low {self.low:g} has no logarithm: begin above 0")
        return self

    def holds(self, value: Any) -> bool:  # Any: what a setting is now
        """Whether a search could choose the value."""
        if self.choices:
            return value in self.choices
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and self.low is not None and self.high is not None and self.low <= value <= self.high

    @property
    def is_whole(self) -> bool:
        """Whether whole numbers are asked for."""
        return isinstance(self.low, int) and isinstance(self.high, int)


class SearchSpace(Config):
    """Settings by their path, such as `training.learning_rate`, and what each may be."""

    settings: dict[str, Range] = Field(min_length=1)

    def within(self, config: Mapping[str, Any]) -> Settings:
        """What the settings are in a configuration, as far as a search could choose it: where a search begins."""
        found = {path: _at(config, path) for path in self.settings}
        return {path: value for path, value in found.items() if self.settings[path].holds(value)}


def nested(settings: Mapping[str, Any]) -> Settings:
    """Tables of tables from paths.

    >>> nested({"training.learning_rate": 0.1, "training.tokens": 512, "metric": "ndcg@10"})
    {'training': {'learning_rate': 0.1, 'tokens': 512}, 'metric': 'ndcg@10'}
    """
    found: Settings = {}
    for path, value in settings.items():
        *tables, name = path.split(".")
        table = found
        for key in tables:
            table = table.setdefault(key, {})
        table[name] = value
    return found


def merged(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Settings:
    """Tables laid over tables: what both name is taken from `theirs`.

    >>> merged({"training": {"tokens": 512, "clip": 5.0}}, {"training": {"tokens": 256}})
    {'training': {'tokens': 256, 'clip': 5.0}}
    """
    found = dict(ours)
    for name, value in theirs.items():
        both = isinstance(value, Mapping) and isinstance(found.get(name), Mapping)
        found[name] = merged(found[name], value) if both else value
    return found


def _at(config: Mapping[str, Any], path: str) -> Any:  # Any: the value of a setting
    value: Any = config
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
