"""Supply: the batches of the present epoch, which may be cut otherwise than those of the one before."""

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from leanrec.training.task import Batches, TrainingBatch

Kind = TypeVar("Kind", bound=TrainingBatch)


class Supply(Generic[Kind]):
    """Batches as the loop takes them; those that follow a curriculum or a growth are asked anew at the beginning of each epoch."""

    def __init__(self, batches: Batches[Kind]) -> None:
        self._batches: Any = batches  # Any: which of them change and listen is asked here
        self._present: Batches[Kind] = batches
        self._listens = bool(getattr(batches, "listens", False))

    def __len__(self) -> int:
        """Batches in the present epoch."""
        return len(self._present)

    def begin(self, progress: float, *, begins: bool) -> None:
        """An epoch that begins, or began, when so much of the way was done."""
        if hasattr(self._batches, "at"):
            self._present = self._batches.at(progress, begins=begins)

    def epoch(self, epoch: int, *, start: int) -> Iterator[Kind]:
        """Its batches, the first `start` left out."""
        return self._present.epoch(epoch, start=start)

    def hear(self, batch: Kind, task: Any) -> None:  # Any: whether a task tells is asked here
        """What the targets of a batch lost, where the batches follow it."""
        if self._listens:
            self._batches.hear(batch, getattr(task, "target_losses", None))

    def tensors(self) -> dict[str, Tensor]:
        """What was heard, for a checkpoint."""
        return {name: torch.from_numpy(array) for name, array in self._batches.arrays().items()} if self._listens else {}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what `tensors` gave."""
        if self._listens:
            self._batches.load({name: tensor.numpy() for name, tensor in tensors.items()})
