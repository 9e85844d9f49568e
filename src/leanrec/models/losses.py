"""What training drives down: the losses of next-item models, by name, and which one a catalogue and a budget ask for."""

from typing import Literal, Protocol, Self, TypedDict

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, ValidationInfo, field_validator
from torch import Tensor, nn

from leanrec.config import Config
from leanrec.errors import ConfigError
from leanrec.models.chunked_softmax import ChunkedSoftmax, Precision, chunk_rows, softmax_bytes
from leanrec.models.sampled_losses import BinaryCrossEntropy, PairwiseRanking, SampledSoftmax, cosine_sides

LossKind = Literal["full-softmax", "sampled-softmax", "bce", "gbce", "bpr"]

DEFAULT_NEGATIVES = {"sampled-softmax": 512, "bce": 1, "gbce": 256, "bpr": 1}
"""SASRec and BPR take one, gSASRec 256; 512 shared ones cost a tenth of the full softmax over 12101 items."""

MAX_FULL_ITEMS = 100_000
SECONDS_PER_SCORE = {"float32": 3.7e-9, "bfloat16": 1.9e-9}
"""Full softmax with its gradient on one core, for each token and item at width 64: 46 and 23 ms for 1024 tokens and 12101 items."""
ENOUGH_EPOCHS = 25
"""Epochs that a budget has to hold: on Amazon Beauty validation was best after 22 to 24, and `max_epochs` is only a bound."""
MAX_SHARE_OF_MINUTES = 0.5
MAX_SHARE_OF_MEMORY = 0.25

_HEEDED_BY = {
    "temperature": ("auto", "full-softmax", "sampled-softmax"),
    "num_negatives": ("auto", "sampled-softmax", "bce", "gbce", "bpr"),
    "popularity_power": ("auto", "sampled-softmax"),
    "calibration": ("gbce",),
}


class LossConfig(Config):
    """Which loss, and its settings."""

    kind: Literal["auto", "full-softmax", "sampled-softmax", "bce", "gbce", "bpr"] = "auto"
    """auto: the softmax over all items where it fits the budget, else over sampled ones; bce is SASRec's loss, gbce gSASRec's."""
    temperature: float | None = Field(default=None, gt=0)
    """Given, scores are cosines divided by it (try 0.05 to 0.2); left out, plain products. Softmaxes only."""
    num_negatives: int | None = Field(default=None, ge=1)
    """Items drawn against each target; left out, 512 for the sampled softmax, 256 for gbce, 1 for bce and bpr."""
    popularity_power: float = Field(default=0.5, ge=0, le=1)
    """The sampled softmax draws items in proportion to count^power: 0 is uniform, 1 by popularity."""
    calibration: float = Field(default=0.75, ge=0, le=1)
    """t of gbce: 0 is bce, 1 has the probabilities of a softmax; 0.75 is its authors' choice."""

    @field_validator(*_HEEDED_BY)
    @classmethod
    def _heeded(cls, value: float | None, info: ValidationInfo) -> float | None:
        name, kind = str(info.field_name), info.data.get("kind")
        if kind is not None and kind not in _HEEDED_BY[name] and value != cls.model_fields[name].default:
            raise ValueError(f"loss {kind!r} does not heed it; {', '.join(_HEEDED_BY[name])} would")
        return value


class FullSoftmax(nn.Module):
    """Cross-entropy over all items; with a temperature over cosines divided by it."""

    def __init__(self, *, temperature: float | None = None, precision: Precision = "float32", rows: int | None = None) -> None:
        super().__init__()
        self.temperature = temperature
        self.softmax = ChunkedSoftmax(precision=precision, rows=rows)

    def forward(self, hidden: Tensor, item_vectors: Tensor, targets: Tensor) -> Tensor:
        """(T, D), (N, D), (T,) -> the mean over the tokens."""
        if self.temperature is not None:
            hidden, item_vectors = cosine_sides(hidden, item_vectors, self.temperature)
        return self.softmax(hidden, item_vectors, targets)

    @property
    def losses(self) -> Tensor | None:
        """(T,) as `Loss`."""
        return self.softmax.losses


class Loss(Protocol):
    """Called with hidden (T, D), item vectors (N, D) and targets (T,), gives a scalar; negatives come from torch's global generator."""

    @property
    def losses(self) -> Tensor | None:
        """(T,) of each target of the newest call, without gradient; absent before the first."""
        ...

    def __call__(self, hidden: Tensor, item_vectors: Tensor, targets: Tensor) -> Tensor:
        """The mean over the tokens."""
        ...

    def to(self, device: torch.device) -> Self:
        """Moved to a device, where it holds tensors of its own."""
        ...


class Circumstances(TypedDict, total=False):
    """What a loss is chosen by, beside the number of items; what is not stated sets no bound."""

    num_tokens: int | None
    """Tokens of an epoch."""
    max_epochs: int | None
    minutes: float | None
    memory_bytes: int | None


def choose_kind(
    num_items: int,
    *,
    num_tokens: int | None = None,
    max_epochs: int | None = None,
    minutes: float | None = None,
    memory_bytes: int | None = None,
    precision: Precision = "float32",
) -> Literal["full-softmax", "sampled-softmax"]:
    """The full softmax where it fits, else the sampled one.

    It fits when there are at most 100 000 items, when tokens x items x epochs (25 or fewer) at 3.7 ns each (bfloat16: 1.9) take at
    most half of the minutes, and when its memory (about 2 kB an item) is at most a quarter of the budget's. What is not stated sets
    no bound; a graphics card is faster than the numbers say.

    >>> choose_kind(12_101, num_tokens=130_000, max_epochs=200, minutes=5)
    'full-softmax'
    >>> choose_kind(27_000, num_tokens=20_000_000, max_epochs=200, minutes=60)
    'sampled-softmax'
    """
    epochs = ENOUGH_EPOCHS if max_epochs is None else min(max_epochs, ENOUGH_EPOCHS)
    seconds = num_items * (num_tokens or 0) * epochs * SECONDS_PER_SCORE["bfloat16" if precision == "bfloat16" else "float32"]
    is_quick = minutes is None or seconds <= minutes * 60 * MAX_SHARE_OF_MINUTES
    needed = softmax_bytes(num_items, width=64, rows=chunk_rows(num_items, precision=precision), precision=precision)
    is_small = memory_bytes is None or needed <= memory_bytes * MAX_SHARE_OF_MEMORY
    return "full-softmax" if num_items <= MAX_FULL_ITEMS and is_quick and is_small else "sampled-softmax"


def build_loss(
    config: LossConfig,
    *,
    num_items: int,
    item_counts: npt.NDArray[np.integer],
    num_tokens: int | None = None,
    max_epochs: int | None = None,
    minutes: float | None = None,
    memory_bytes: int | None = None,
    precision: Precision = "float32",
) -> Loss:
    """The loss of a catalogue; "auto" is settled by `choose_kind`. `item_counts` (N,) are the acts on each item in training.

    Raises `ConfigError` for fewer than two items and for more negatives than there are other items.
    """
    if num_items < 2 or len(item_counts) != num_items:
        raise ConfigError(
            f"a loss needs at least two items and the count of each; found {num_items} items and {len(item_counts)} counts",
            hint="train on more items, or use popularity",
        )
    kind: LossKind = (
        choose_kind(num_items, num_tokens=num_tokens, max_epochs=max_epochs, minutes=minutes, memory_bytes=memory_bytes, precision=precision)
        if config.kind == "auto"
        else config.kind
    )
    if kind == "full-softmax":
        return FullSoftmax(temperature=config.temperature, precision=precision)
    num_negatives = _num_negatives(config, kind=kind, num_items=num_items)
    if kind == "sampled-softmax":
        counts = torch.from_numpy(np.asarray(item_counts, dtype=np.float64))
        return SampledSoftmax(counts, num_negatives=num_negatives, popularity_power=config.popularity_power, temperature=config.temperature)
    if kind == "bpr":
        return PairwiseRanking(num_negatives=num_negatives)
    calibration = config.calibration if kind == "gbce" else 0.0
    return BinaryCrossEntropy(num_items=num_items, num_negatives=num_negatives, calibration=calibration)


def _num_negatives(config: LossConfig, *, kind: str, num_items: int) -> int:
    if config.num_negatives is None:
        return min(DEFAULT_NEGATIVES[kind], num_items - 1)
    if config.num_negatives > num_items - 1:
        raise ConfigError(
            f"num_negatives = {config.num_negatives}, but only {num_items - 1} items are no target",
            hint='take fewer, or kind = "full-softmax", which looks at all of them',
        )
    return config.num_negatives
