"""Growth: training begins with less, and has all of it later: histories, batches, layers, width, rivals, digits; free of torch."""

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from leanrec.config import Config

ALL: Literal["all"] = "all"
_SIZES = ("max_length", "tokens", "num_layers", "width", "dimensions", "num_negatives")
_OTHERS = ("popularity_power", "precision")
_DIGITS = ("bfloat16", "float32")


class GrowthConfig(Config):
    """Stages of a training: what each has, and when it begins. The last stage has what the recipe asks for."""

    at: tuple[float, ...] = Field(min_length=1)
    """Shares of the way after which the second stage begins, the third, and so on; a stage begins with an epoch."""
    max_length: tuple[int, ...] = ()
    """Events of a history that are read in each stage: the newest."""
    tokens: tuple[int, ...] = ()
    """Tokens in a batch in each stage (Smith et al. 2018: larger batches in place of smaller steps)."""
    num_layers: tuple[int, ...] = ()
    """Blocks of the encoder in each stage; what is added changes nothing at first, and the optimizer remembers what it knew."""
    width: tuple[int, ...] = ()
    """Numbers of the encoder's vectors and of the items' in each stage, each a multiple of the one before: every number is then there several
    times (Chen et al. 2016, Net2WiderNet), which changes nothing at first, and the optimizer remembers."""
    dimensions: tuple[int, ...] = ()
    """First numbers of the vectors that the loss compares in each stage (nested: Kusupati et al. 2022, Matryoshka); the encoder has all of them."""
    num_negatives: tuple[int | Literal["all"], ...] = ()
    """Items that each target is told from in each stage: so many drawn ones, and `"all"` is the softmax over the whole catalogue."""
    popularity_power: tuple[float, ...] = ()
    """How hard the drawn ones are in each stage: in proportion to count^power, so that popular items, which are the harder ones, come later."""
    precision: tuple[Literal["bfloat16", "float32"], ...] = ()
    """Of the large products of the loss in each stage."""

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if any(not 0 < share < 1 for share in self.at) or list(self.at) != sorted(set(self.at)):
            raise ValueError(f"at {self.at} does not rise between 0 and 1")
        growing = {name: getattr(self, name) for name in (*_SIZES, *_OTHERS) if getattr(self, name)}
        if not growing:
            raise ValueError(f"nothing grows: set one of {', '.join((*_SIZES, *_OTHERS))}")
        for name, values in growing.items():
            if len(values) != len(self.at) + 1:
                raise ValueError(f"{name} has {len(values)} stages, and at has {len(self.at)} moments: there is one stage more than moments")
            self._require_rising(name, values)
        if any(wide % narrow for narrow, wide in zip(self.width, self.width[1:], strict=False)):
            raise ValueError(f"width {self.width} is not a whole multiple of the one before in each stage")
        if self.width and self.dimensions:
            raise ValueError("dimensions are the first ones of vectors that have their whole width, and width grows: leave one of them out")
        if self.popularity_power and self.num_negatives[:-1] and ALL in self.num_negatives[:-1]:
            raise ValueError('popularity_power says how negatives are drawn; a stage before the last has "all"')
        return self

    def _require_rising(self, name: str, values: tuple[int | float | str, ...]) -> None:
        ranks = [math.inf if value == ALL else _DIGITS.index(value) if isinstance(value, str) else value for value in values]
        if ranks != sorted(ranks):
            raise ValueError(f"{name} {values} does not grow")
        if name in _SIZES and min(ranks) < 1:
            raise ValueError(f"{name} {values} does not grow from 1 up")
        if name == "popularity_power" and not 0 <= min(ranks) <= max(ranks) <= 1:
            raise ValueError(f"popularity_power {values} is not within [0, 1]")

    def require_ends(self, **ends: int) -> None:
        """Raise `ValueError` where a last stage is not what the recipe has: its sizes by name."""
        for name, end in ends.items():
            values = getattr(self, name)
            if values and values[-1] != end:
                raise ValueError(f"the last stage of growth.{name} is {values[-1]}, and the recipe has {end}: make them equal")

    def stage_at(self, progress: float) -> int:
        """The stage when so much of the way is done, counted from 0.

        >>> [GrowthConfig(at=(0.3, 0.6), tokens=(256, 512, 1024)).stage_at(progress) for progress in (0.0, 0.3, 0.9)]
        [0, 1, 2]
        """
        return sum(progress >= share for share in self.at)

    def size_at(self, name: str, progress: float) -> int | None:
        """What a stage has of `max_length`, `tokens`, `num_layers`, `width` or `dimensions`; nothing where it does not grow."""
        values: tuple[int, ...] = getattr(self, name)
        return values[self.stage_at(progress)] if values else None

    @property
    def changes_the_loss(self) -> bool:
        """Whether the stages differ in what the loss looks at."""
        return bool(self.num_negatives or self.popularity_power or self.precision)
