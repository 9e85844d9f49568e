"""PacedBatches: batches that follow a curriculum and a growth, and remember what they heard; free of torch."""

import hashlib
import math
from collections.abc import Iterator, Mapping
from typing import Any, Generic, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from leanrec.errors import ConfigError, DataError
from leanrec.training.curriculum import CurriculumConfig
from leanrec.training.growth import GrowthConfig

Rows = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


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
        """Places that a target may stand at: events, tokens, or the examples themselves."""

    def taking(self, examples: Rows) -> Self:
        """The same, of these examples alone; rising."""

    def example_losses(self, target_losses: FloatArray) -> FloatArray:
        """(S,) of each example the mean over its targets that were heard of, from the loss of every target; NaN where of none."""

    def __len__(self) -> int:
        """Batches in an epoch."""

    def epoch(self, epoch: int, *, start: int = 0) -> Iterator[Any]:
        """The batches of an epoch."""


@runtime_checkable
class Resizable(Protocol):
    """Batches of a growth besides: those that can be cut shorter and larger."""

    def resized(self, *, max_length: int | None, tokens: int | None) -> Self:
        """The same examples, their newest events, in other batches; what is None stays."""


Whole = TypeVar("Whole", bound=Examples)


class PacedBatches(Generic[Whole]):
    """Batches that change from epoch to epoch: the examples that a curriculum lets in by then, as long and as many at once as a growth says.

    An epoch of a part is shorter, so that a training with a curriculum costs less than one without.
    """

    def __init__(
        self,
        whole: Whole,
        *,
        curriculum: CurriculumConfig | None = None,
        growth: GrowthConfig | None = None,
        difficulty: FloatArray | None = None,
        seed: int = 0,
    ) -> None:
        """`difficulty` (S,) of each example, small for what comes first; not given for `loss` and `random`. Equal ones come in by chance."""
        self.whole, self.curriculum, self.growth = whole, curriculum, growth
        if difficulty is not None and difficulty.shape != (whole.num_examples,):
            raise DataError(f"{difficulty.shape} difficulties were given of {whole.num_examples} examples", hint="give one of each")
        if growth is not None and not isinstance(whole, Resizable):
            raise ConfigError(f"growth is heeded by batches of histories, and these are {type(whole).__name__}", hint="leave it out")
        self._difficulty = difficulty
        self._tie_break = np.random.default_rng([seed, 2]).permutation(whole.num_examples)
        self._heard: FloatArray | None = None
        self._considered: FloatArray | None = None

    def __len__(self) -> int:
        """Batches in an epoch of everything."""
        return len(self.whole)

    @property
    def fingerprint(self) -> str:
        """Of all examples."""
        return self.whole.fingerprint

    @property
    def settings(self) -> Mapping[str, Any]:
        """With what changes, and the order that a curriculum starts with."""
        named = {"curriculum": self.curriculum, "growth": self.growth}
        found: dict[str, Any] = {name: config.model_dump(mode="json") for name, config in named.items() if config is not None}
        if self.curriculum is not None:
            found["order"] = hashlib.sha256(np.ascontiguousarray(self._order()).data).hexdigest()
        return {**self.whole.settings, **found}

    def epoch(self, epoch: int, *, start: int = 0) -> Iterator[Any]:
        """The batches of an epoch of all examples."""
        return self.whole.epoch(epoch, start=start)

    def at(self, progress: float, *, begins: bool) -> Whole:
        """What an epoch is cut from that begins, or began, when so much of the way was done; losses heard meanwhile count from the next on."""
        if begins and self._heard is not None:
            self._considered = self._heard.copy()
        part = self._part(progress)
        if self.growth is None or not isinstance(part, Resizable):
            return part
        return part.resized(max_length=self.growth.size_at("max_length", progress), tokens=self.growth.size_at("tokens", progress))

    def _part(self, progress: float) -> Whole:
        if self.curriculum is None:
            return self.whole
        num_examples = self.whole.num_examples
        number = max(1, math.ceil(self.curriculum.share_at(progress) * num_examples))
        return self.whole if number == num_examples else self.whole.taking(np.sort(self._order()[:number]))

    @property
    def listens(self) -> bool:
        """Whether the order follows the losses of the targets."""
        return self.curriculum is not None and self.curriculum.by == "loss"

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
        order: Rows = np.lexsort((self._tie_break, -filled if self.curriculum is not None and self.curriculum.reverse else filled))
        return order

    def _example_losses(self) -> FloatArray | None:
        return None if self._considered is None else self.whole.example_losses(self._considered)
