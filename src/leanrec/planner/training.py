"""Training: one of `sequential`, by what its cost depends on, and the memory and time of its steps that follow."""

from statistics import geometric_mean
from typing import Literal

from pydantic import Field

from leanrec.config import Config
from leanrec.planner.forecast import Forecast, foretell
from leanrec.planner.formulas import Values
from leanrec.planner.machine import Machine, StepTime

DEFAULT_NEGATIVES = 512
"""Items that a sampled softmax draws when nobody says (`models.losses`)."""


class Training(Config):
    """A training of `sequential`, by what its cost depends on."""

    items: int = Field(ge=2)
    """Items that are trained on."""
    events: int = Field(ge=1)
    """Of all histories."""
    length: float = Field(gt=0)
    """Events of a history that are read, the mean: at most `max_length`."""
    block: str = "transformer"
    """How events are mixed over time."""
    width: int = Field(default=64, ge=1)
    """Numbers of a vector."""
    num_layers: int = Field(default=2, ge=1)
    """Blocks, one after the other."""
    num_heads: int = Field(default=2, ge=1)
    """Attention heads, where there are any."""
    max_length: int = Field(default=50, ge=1)
    """Longest history that is read."""
    tokens: int = Field(default=1024, ge=1)
    """Events of a batch."""
    loss: Literal["full-softmax", "sampled-softmax"] = "full-softmax"
    """Against all items, or against drawn ones."""
    num_negatives: int = Field(default=DEFAULT_NEGATIVES, ge=1)
    """Drawn ones."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the products of the full softmax."""
    optimizer: Literal["adamw", "adamw-8bit", "adagrad-rows"] = "adamw"
    """What moves the weights."""
    asked: int = Field(default=10_000, ge=0)
    """Validation users."""
    is_averaged: bool = True
    """Whether the weights' average is kept."""

    @property
    def inputs(self) -> Values:
        """The names that formulas know, with their numbers."""
        return {
            "items": float(self.items),
            "events": float(self.events),
            "asked": float(self.asked),
            "length": min(self.length, float(self.max_length)),
            "width": float(self.width),
            "num_layers": float(self.num_layers),
            "num_heads": float(self.num_heads),
            "max_length": float(self.max_length),
            "tokens": float(self.tokens),
            "num_negatives": float(min(self.num_negatives, self.items - 1)),
            "is_full": float(self.loss == "full-softmax"),
            "is_half": float(self.precision == "bfloat16"),
            "is_averaged": float(self.is_averaged),
            "is_adamw": float(self.optimizer == "adamw"),
            "is_eight_bit": float(self.optimizer == "adamw-8bit"),
            "is_rows": float(self.optimizer == "adagrad-rows"),
        }


def forecast(group: str, training: Training, *, speed: float = 1.0) -> Forecast:
    """Bytes above the process (`memory`), or seconds of a step (`seconds`) on one thread of a machine `speed` times as fast as the reference."""
    return foretell("training", group, training.inputs, kind=training.block, scale=1.0 / speed if group == "seconds" else 1.0)


def speed_of(machine: Machine) -> float:
    """How many times as fast as the reference a measured machine steps, by its tiny models; 1 where none was timed."""
    if not machine.step_seconds:
        return 1.0
    return geometric_mean(forecast("seconds", _training_of(step)).value / step.seconds for step in machine.step_seconds)


def _training_of(step: StepTime) -> Training:
    return Training(
        items=step.num_items,
        events=round(step.tokens),
        length=float(step.max_length),
        block=step.block,
        width=step.width,
        num_layers=step.num_layers,
        max_length=step.max_length,
        tokens=round(step.tokens),
        is_averaged=False,
    )
