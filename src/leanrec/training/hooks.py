"""StepHook: the door through which pruning, privacy and the like reach into each step of the training loop."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # a run names its hooks without loading torch
    from torch import Tensor, nn

    from leanrec.training.optimizer import Optimizer
    from leanrec.training.task import TrainingBatch


@dataclass(frozen=True, kw_only=True, slots=True)
class StepContext:
    """Where a step stands."""

    step: int
    """Steps done before this one."""
    epoch: int
    """Counted from 0, as in the batch."""
    module: "nn.Module"
    optimizer: "Optimizer"
    batch: "TrainingBatch"
    """The last one, where the gradients of several are added up."""
    loss: "Tensor | None" = None
    """The scalar loss; absent before the step."""


class StepHook(Protocol):
    """Called around every step, in the order in which the run lists its hooks.

    A hook may also say as `after_validation(epoch, quality)` what to do when an epoch, counted from 1, was validated.
    A checkpoint holds no state of hooks: for an exact resume a hook decides from the context and the weights alone.
    """

    def before_step(self, context: StepContext) -> None:
        """Before the loss is computed; the learning rate of the step is set."""

    def after_backward(self, context: StepContext) -> None:
        """Gradients are there, not yet clipped."""

    def after_step(self, context: StepContext) -> None:
        """Weights are changed, gradients still there; averaged weights follow."""
