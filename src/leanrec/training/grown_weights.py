"""GrownWeights: what a training model has more than before, and how everything that is remembered of its weights follows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from leanrec.models.widening import Widening
from leanrec.training.optimizer import Optimizer
from leanrec.training.weights import AveragedWeights, Weights


@dataclass(frozen=True, kw_only=True, slots=True)
class GrownWeights:
    """Weights that were added, or that are wider than before; either way the model says what it said."""

    inherited: Mapping[str, str] = field(default_factory=dict)
    """New weights by name, and which they copy."""
    widened: Mapping[str, Widening] = field(default_factory=dict)
    """How weights were written anew, by name."""

    def __len__(self) -> int:
        return len(self.inherited) + len(self.widened)

    def follow(self, module: nn.Module, optimizer: Optimizer, average: AveragedWeights | None) -> None:
        """Have optimizer and average go on with the module as it is now."""
        if self.inherited:
            optimizer.extend(module, self.inherited)
        if self.widened:
            optimizer.widen(module, self.widened)
        if average is not None:
            average.follow(module, self.widened)

    def kept(self, weights: Weights, *, now: Weights) -> Weights:
        """Weights of before as this growth makes them, which say what they said; what they lack is as it is `now`."""
        return now | {name: self.widened[name].of_weight(tensor) if name in self.widened else tensor for name, tensor in weights.items()}


def grown_weights(task: Any, progress: float) -> Iterator[GrownWeights]:  # Any: whether a task grows is asked here
    """Let the model of a task grow where so much of the way is done; each growth is to be followed before the next one is asked for.

    Layers come first: what they copy is remembered in its present width.
    """
    if (grow := getattr(task, "grow", None)) is not None and (inherited := grow(progress)):
        yield GrownWeights(inherited=inherited)
    if (widen := getattr(task, "widen", None)) is not None and (widened := widen(progress)):
        yield GrownWeights(widened=widened)
