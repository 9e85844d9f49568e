"""Task and Batches: what the training loop trains, and on what."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from leanrec.training.training_config import Precision


class TrainingBatch(Protocol):
    """What the loop itself reads of a batch; the rest is between batches and task."""

    @property
    def epoch(self) -> int:
        """Counted from 0."""

    @property
    def position(self) -> int:
        """Batches of the epoch that are done with this one."""

    @property
    def num_tokens(self) -> int:
        """Tokens that the model reads."""


Taken = TypeVar("Taken", bound=TrainingBatch, contravariant=True)
Given = TypeVar("Given", bound=TrainingBatch, covariant=True)


class Task(Protocol[Taken]):
    """What is trained: a module, its loss on a batch, its quality.

    A task may say as `memory_bytes: int` what the buffers of one step take; it is read before anything begins. It may say as
    `rates(progress: float) -> Mapping[str, float]` which share of the learning rate a weight has when so much of the way is done, by its name in
    the module; others have all of it, and with 0 a weight rests and costs no gradient. It may say as `validation_seconds() -> float | None` about
    what a validation takes; it is asked before the first step of a training with a time limit. For a curriculum that follows the losses it
    says as `target_losses: Tensor | None` (T,) what each target of the newest batch lost. It may add weights that change nothing at first:
    `grow(progress) -> Mapping[str, str]`, asked when an epoch begins, names them and those that they copy. It may write weights anew for a wider
    model that says the same: `widen(progress) -> Mapping[str, Widening]`, asked next, says how. What the model is at the end, on the meta device,
    it says as `grown: nn.Module`, so that the memory for it is asked for before anything begins.
    """

    @property
    def module(self) -> nn.Module:
        """Whose weights are learned; the loop moves it to the device. Weights that ask for no gradient are neither kept nor saved."""

    def prepare(self, *, device: torch.device, precision: Precision) -> None:
        """Called once before the first step: where batches go, and how the large products of the loss are made."""

    def loss(self, batch: Taken) -> Tensor:
        """The scalar to make small."""

    def validate(self) -> float:
        """The figure to make large; called in evaluation mode, without gradients, on the averaged weights where there are any."""


class Batches(Protocol[Given]):
    """What is learned from, the same for the same epoch and start.

    Batches that change on the way, as `PacedBatches` do, say as `at(progress, begins=...) -> Batches` what an epoch is cut from.
    """

    @property
    def fingerprint(self) -> str:
        """Names the data."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What besides the data decides the batches."""

    def __len__(self) -> int:
        """Batches in an epoch."""

    def epoch(self, epoch: int, *, start: int = 0) -> Iterator[Given]:
        """The batches of an epoch, counted from 0, the first `start` left out."""
