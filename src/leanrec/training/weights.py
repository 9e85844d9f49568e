"""Weights by name: copied, put back, averaged over the steps."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from leanrec.errors import ArtifactError
from leanrec.models.widening import Widening

Weights = dict[str, Tensor]


def frozen_names(module: nn.Module) -> frozenset[str]:
    """Parameters that ask for no gradient: what a training never changes."""
    return frozenset(name for name, parameter in module.named_parameters(remove_duplicate=False) if not parameter.requires_grad)


def weights_of(module: nn.Module, *, without: Collection[str] = ()) -> Weights:
    """Parameters and persistent buffers by name, detached and sharing memory; a tied tensor stands once."""
    named: Weights = {}
    seen: set[int] = set()
    for name, tensor in module.state_dict(keep_vars=True).items():
        if isinstance(tensor, Tensor) and id(tensor) not in seen and name not in without:
            seen.add(id(tensor))
            named[name] = tensor.detach()
    return named


def copy_of_weights(module: nn.Module, *, without: Collection[str] = ()) -> Weights:
    """A copy in main memory, untouched by later steps."""
    return {name: tensor.to("cpu", copy=True) for name, tensor in weights_of(module, without=without).items()}


def are_finite(module: nn.Module, *, without: Collection[str] = ()) -> bool:
    """Whether every weight is a number."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in weights_of(module, without=without).values() if tensor.is_floating_point())


@torch.no_grad()
def put_back(module: nn.Module, weights: Mapping[str, Tensor], *, without: Collection[str] = ()) -> None:
    """Set the module's weights; raises `ArtifactError` when names or shapes are not the module's."""
    current = weights_of(module, without=without)
    found, wanted = ({name: tuple(tensor.shape) for name, tensor in named.items()} for named in (weights, current))
    if found != wanted:
        differing = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
        raise ArtifactError(f"the saved weights are not this model's; they differ in {', '.join(differing[:5])}", hint="use the model they came from")
    for name, tensor in current.items():
        tensor.copy_(weights[name])


class AveragedWeights:
    """A running average of the trainable weights: a += (1 - decay) (w - a), the decay rising to its full value.

    After s steps the decay is min(decay, (1 + s) / (10 + s)), so that the random start is soon forgotten.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self._averages: Weights = {}
        self.follow(module, {})

    @torch.no_grad()
    def follow(self, module: nn.Module, widened: Mapping[str, Widening]) -> None:
        """Take in the weights that the module has now: averages of new ones begin with what they are, those of wider ones become as wide."""
        known = {name: widened[name].of_weight(average) if name in widened else average for name, average in self._averages.items()}
        self._live = {name: weight.detach() for name, weight in module.named_parameters() if weight.requires_grad or name in known}
        self._averages = {name: known[name] if name in known else weight.clone() for name, weight in self._live.items()}

    def update(self, step: int) -> None:
        """Take in the weights as they are after `step` steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self._averages.values()), list(self._live.values()), 1.0 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the module holds the averages."""
        live = list(self._live.values())
        held = [tensor.clone() for tensor in live]
        torch._foreach_copy_(live, list(self._averages.values()))
        try:
            yield
        finally:
            torch._foreach_copy_(live, held)

    def tensors(self) -> Weights:
        """The averages by number, for a checkpoint."""
        return {str(number): tensor for number, tensor in enumerate(self._averages.values())}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what `tensors` gave."""
        for number, average in enumerate(self._averages.values()):
            saved = tensors.get(str(number))
            if saved is None or saved.shape != average.shape:
                raise ArtifactError(f"averaged weight {number} is missing or has another shape", hint="the checkpoint belongs to another model")
            average.copy_(saved)
