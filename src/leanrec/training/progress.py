"""Progress: how far a training has come, in numbers that a checkpoint holds as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

Reason = Literal["epochs", "patience", "budget"]


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochRecord:
    """What an epoch came to."""

    epoch: int
    """Counted from 1; an epoch that the budget cut short counts as begun."""
    step: int
    loss: float
    """Mean over the steps of the epoch."""
    quality: float | None
    """The validation figure, higher is better; absent when the epoch was not validated."""
    learning_rate: float
    seconds: float
    """Wall-clock seconds since training began, interruptions left out."""
    cpu_seconds: float


@dataclass(kw_only=True, slots=True)
class Progress:
    """The counters of a training under way."""

    epoch: int = 0
    """Epochs done."""
    position: int = 0
    """Batches of the present epoch done."""
    began_at: float = 0.0
    """How much of the way was done when the present epoch began."""
    step: int = 0
    pieces: int = 1
    """In how many parts a batch is read; more than one once memory has run out."""
    loss_sum: float = 0.0
    """Of the present epoch."""
    best_epoch: int = 0
    best_quality: float | None = None
    fruitless: int = 0
    """Validations since the best one."""
    validation_seconds: float | None = None
    """What the last validation took, or was foretold to take."""
    validated_at: float = 0.0
    """Seconds of training when the last validation ended."""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    history: tuple[EpochRecord, ...] = ()

    def to_json(self) -> dict[str, Any]:  # Any: numbers and a list of tables
        """Plain values; floats survive JSON to the last bit."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Progress":
        """What `to_json` gave; raises `TypeError` or `KeyError` when it is not that."""
        return cls(**{**values, "history": tuple(EpochRecord(**record) for record in values["history"])})


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingResult:
    """What a training came to; the module holds the best weights."""

    best_epoch: int
    """The epoch whose weights are kept, counted from 1; the last one without validation."""
    best_quality: float | None
    """Absent without validation."""
    epochs: int
    """Epochs begun."""
    steps: int
    seconds: float
    cpu_seconds: float
    stopped_because: Reason
    """All epochs done, no better figure for `patience` validations, or the minutes of the budget spent."""
    history: tuple[EpochRecord, ...]

    @classmethod
    def of(cls, state: Progress, *, seconds: float, cpu_seconds: float, reason: Reason) -> Self:
        """Of a training that ends."""
        return cls(
            best_epoch=state.best_epoch,
            best_quality=state.best_quality,
            epochs=state.epoch + bool(state.position),
            steps=state.step,
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            stopped_because=reason,
            history=state.history,
        )
