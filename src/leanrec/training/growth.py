"""Growth: training begins with less, and has all of it later: shorter histories, smaller batches, fewer layers; free of torch."""

from typing import Self

from pydantic import Field, model_validator

from leanrec.config import Config

_SIZES = ("max_length", "tokens", "num_layers")


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

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if any(not 0 < share < 1 for share in self.at) or list(self.at) != sorted(set(self.at)):
            raise ValueError(f"at {self.at} does not rise between 0 and 1")
        sizes = {name: getattr(self, name) for name in _SIZES if getattr(self, name)}
        if not sizes:
            raise ValueError(f"nothing grows: set one of {', '.join(_SIZES)}")
        for name, values in sizes.items():
            if len(values) != len(self.at) + 1:
                raise ValueError(f"{name} has {len(values)} stages, and at has {len(self.at)} moments: there is one stage more than moments")
            if min(values) < 1 or list(values) != sorted(values):
                raise ValueError(f"{name} {values} does not grow from 1 up")
        return self

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
        """What a stage has of `max_length`, `tokens` or `num_layers`; nothing where it does not grow."""
        values: tuple[int, ...] = getattr(self, name)
        return values[self.stage_at(progress)] if values else None
