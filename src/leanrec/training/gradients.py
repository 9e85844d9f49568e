"""Gradients: those of a step, from its batches, which are read in pieces once memory has run out."""

import logging
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from leanrec.training.allocator import give_back_memory
from leanrec.training.mixed_precision import MixedPrecision
from leanrec.training.optimizer import Optimizer
from leanrec.training.progress import Progress
from leanrec.training.sparse_gradients import settle
from leanrec.training.supply import Supply
from leanrec.training.task import Task, TrainingBatch

log = logging.getLogger(__name__)

OUT_OF_MEMORY = ("out of memory", "can't allocate memory")

Kind = TypeVar("Kind", bound=TrainingBatch)


class OutOfMemoryError(Exception):
    """Memory ran out, and the batch cannot be read in smaller pieces."""


class Gradients(Generic[Kind]):
    """The mean gradient over the batches of a step; where memory runs out, every batch is halved from then on, with the same mean."""

    def __init__(self, task: Task[Kind], supply: Supply[Kind], optimizer: Optimizer, mixed: MixedPrecision) -> None:
        self._task, self._supply, self._optimizer, self._mixed = task, supply, optimizer, mixed

    def make(self, batches: Sequence[Kind], state: Progress) -> float:
        """Leave the gradients in the module, give the mean loss; raises `OutOfMemoryError` where halving does not help."""
        while True:
            try:
                value = sum(self._of_batch(batch, pieces=state.pieces, share=1 / len(batches)) for batch in batches)
                settle(self._optimizer.parameters)
                self._mixed.unscale()
                return value
            except (MemoryError, RuntimeError) as error:
                if not (isinstance(error, MemoryError) or any(words in str(error) for words in OUT_OF_MEMORY)):
                    raise
                if not all(can_be_halved(batch, state.pieces) for batch in batches):
                    raise OutOfMemoryError from error
            self._optimizer.zero_grad()
            give_back_memory()
            state.pieces *= 2
            log.warning("memory ran out: batches are read in %d pieces from now on, with the same gradient; lower `tokens` next time", state.pieces)

    def _of_batch(self, batch: Kind, *, pieces: int, share: float) -> float:
        """The loss of a batch times its share of the step."""
        parts: Sequence[Any] = [batch] if pieces == 1 else batch.split(pieces)  # type: ignore[attr-defined]  # those that can be halved
        total = sum(part.num_tokens for part in parts)
        return sum(self._backward(part, share=share * part.num_tokens / total) for part in parts)

    def _backward(self, batch: Kind, *, share: float) -> float:
        with self._mixed.products():
            loss = self._task.loss(batch)
        self._mixed.scaled(loss * share if share < 1 else loss).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._supply.hear(batch, self._task)
        return loss.item() * share


def can_be_halved(batch: TrainingBatch, pieces: int) -> bool:
    """Whether a batch that is read in so many pieces can be read in twice as many."""
    split = getattr(batch, "split", None)
    return split is not None and len(split(2 * pieces)) > len(split(pieces))
