"""Curriculum: what is learned first. Examples come in by an order, so many of them at each point of the way; free of torch."""

import hashlib
import math
from collections.abc import Iterator, Mapping
from typing import Any, Generic, Literal, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from leanrec.config import Config
from leanrec.errors import ConfigError, DataError

Rows = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]

Order = Literal["length", "popularity", "recency", "loss", "confidence", "random"]


class CurriculumConfig(Config):
    """In which order examples come in, and when the last of them does."""

    by: Order
    """`length`: short histories first; `popularity`: histories of popular items; `recency`: the newest; `loss`: what the model finds easy by
    now (self-paced, Kumar et al. 2010); `confidence`: what a teacher is sure of (`distilled` alone); `random`: any, the control."""
    reverse: bool = False
    """The other way round: the control named `anti` in the literature (Hacohen and Weinshall 2019)."""
    start: float = Field(default=0.3, gt=0, le=1)
    """Share of the examples that training begins with."""
    until: float = Field(default=0.5, gt=0, le=1)
    """Share of the way after which all are in."""
    pacing: Literal["linear", "root"] = "root"
    """How the share grows: `root` is competence-based (Platanios et al. 2019, eq. 7): new examples come in ever more slowly."""

    @model_validator(mode="after")
    def _takes_effect(self) -> Self:
        if self.start == 1.0:
            raise ValueError("start 1 begins with all examples: there is no order to keep; leave the curriculum out")
        if self.by == "random" and self.reverse:
            raise ValueError("random has no other way round")
        return self

    def share_at(self, progress: float) -> float:
        """Of the examples, when so much of the way is done.

        >>> curriculum = CurriculumConfig(by="length", start=0.2, until=0.5)
        >>> [round(curriculum.share_at(progress), 2) for progress in (0.0, 0.25, 0.5, 1.0)]
        [0.2, 0.72, 1.0, 1.0]
        """
        way = min(1.0, progress / self.until)
        if self.pacing == "linear":
            return self.start + (1.0 - self.start) * way
        return math.sqrt(way * (1.0 - self.start**2) + self.start**2)


class Examples(Protocol):
    """Batches that can be cut from a part of their examples."""

    @property
    def fingerprint(self) -> str:
        """Names the data."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What besides the data decides the batches."""

    @property
    def num_examples(self) -> int:
        """S, how many there are."""

    @property
    def num_places(self) -> int:
        """Events that a target may stand at."""

    def taking(self, examples: Rows) -> Self:
        """The same, of these examples alone; rising."""

    def example_losses(self, target_losses: FloatArray) -> FloatArray:
        """(S,) of each example the mean over its targets that were heard of, from the loss of every target; NaN where of none."""

    def __len__(self) -> int:
        """Batches in an epoch."""

    def epoch(self, epoch: int, *, start: int = 0) -> Iterator[Any]:
        """The batches of an epoch."""


Whole = TypeVar("Whole", bound=Examples)


class PacedBatches(Generic[Whole]):
    """Batches that grow along a curriculum: an epoch has those of the examples that are in when it begins.

    An epoch of a part is shorter, so that a training with a curriculum costs less than one without.
    """

    def __init__(self, whole: Whole, config: CurriculumConfig, *, difficulty: FloatArray | None = None, seed: int = 0) -> None:
        """`difficulty` (S,) of each example, small for what comes first; not given for `loss` and `random`. Equal ones come in by chance."""
        self.whole, self.config = whole, config
        if difficulty is not None and difficulty.shape != (whole.num_examples,):
            raise DataError(f"{difficulty.shape} difficulties were given of {whole.num_examples} examples", hint="give one of each")
        self._difficulty = difficulty
        self._tie_break = np.random.default_rng([seed, 2]).permutation(whole.num_examples)
        self._heard: FloatArray | None = None
        self._considered: FloatArray | None = None

    def __len__(self) -> int:
        """Batches in an epoch of all examples."""
        return len(self.whole)

    @property
    def fingerprint(self) -> str:
        """Of all examples."""
        return self.whole.fingerprint

    @property
    def settings(self) -> Mapping[str, Any]:
        """With the curriculum and the order it starts with."""
        order = hashlib.sha256(np.ascontiguousarray(self._order()).data).hexdigest()
        return {**self.whole.settings, "curriculum": self.config.model_dump(mode="json"), "order": order}

    def epoch(self, epoch: int, *, start: int = 0) -> Iterator[Any]:
        """The batches of an epoch of all examples."""
        return self.whole.epoch(epoch, start=start)

    def at(self, progress: float, *, begins: bool) -> Whole:
        """What an epoch is cut from that begins, or began, when so much of the way was done; losses heard meanwhile count from the next on."""
        if begins and self._heard is not None:
            self._considered = self._heard.copy()
        num_examples = self.whole.num_examples
        number = max(1, math.ceil(self.config.share_at(progress) * num_examples))
        return self.whole if number == num_examples else self.whole.taking(np.sort(self._order()[:number]))

    @property
    def listens(self) -> bool:
        """Whether the order follows the losses of the targets."""
        return self.config.by == "loss"

    def hear(self, batch: Any, losses: Any) -> None:  # Any: batches with `places` (T,), a tensor or an array
        """Take note of what the targets of a batch lost (T,); further ones are not of the batch. Raises `ConfigError` where nobody tells."""
        if losses is None:
            raise ConfigError("the curriculum follows the losses, and this training does not tell them", hint="order by length or popularity")
        if self._heard is None:
            self._heard = np.full(self.whole.num_places, np.nan, np.float32)
        told: Any = losses[: len(batch.places)]
        self._heard[batch.places] = np.asarray(told.float().cpu() if hasattr(told, "cpu") else told)

    def arrays(self) -> dict[str, FloatArray]:
        """What was heard, for a checkpoint."""
        named = {"heard": self._heard, "considered": self._considered}
        return {name: array for name, array in named.items() if array is not None}

    def load(self, arrays: Mapping[str, FloatArray]) -> None:
        """Take back what `arrays` gave."""
        self._heard, self._considered = (arrays[name].copy() if name in arrays else None for name in ("heard", "considered"))

    def _order(self) -> Rows:
        """(S,) examples, what comes first first. Examples that nothing is known of stand in the middle."""
        known = self._example_losses() if self.listens else self._difficulty
        if known is None:
            return self._tie_break
        filled = np.where(np.isnan(known), np.nanmedian(known) if not np.isnan(known).all() else 0.0, known)
        order: Rows = np.lexsort((self._tie_break, -filled if self.config.reverse else filled))
        return order

    def _example_losses(self) -> FloatArray | None:
        return None if self._considered is None else self.whole.example_losses(self._considered)
