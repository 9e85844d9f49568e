"""Task and Batches: what the training loop trains, and on what."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from leanrec.features.batches import Batch
from leanrec.training.training_config import Precision


class Task(Protocol):
    """What is trained: a module, its loss on a batch, its quality.

    A task may say as `memory_bytes: int` what the buffers of one step take; it is read before anything begins.
    """

    @property
    def module(self) -> nn.Module:
        """Whose weights are learned; the loop moves it to the device."""

    def prepare(self, *, device: torch.device, precision: Precision) -> None:
        """Called once before the first step: where batches go, and how the large products of the loss are made."""

    def loss(self, batch: Batch) -> Tensor:
        """The scalar to make small."""

    def validate(self) -> float:
        """The figure to make large; called in evaluation mode, without gradients, on the averaged weights where there are any."""


class Batches(Protocol):
    """What is learned from, the same for the same epoch and start."""

    @property
    def fingerprint(self) -> str:
        """Names the data."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What besides the data decides the batches."""

    def __len__(self) -> int:
        """Batches in an epoch."""

    def epoch(self, epoch: int, *, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, counted from 0, the first `start` left out."""
