"""Widening: a network's weights written for more units, so that at first it says what it said before."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

NOISE = 0.5
"""What is added to the copies of a weight, as a share of its root mean square; a guess, no value was measured."""

Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Widening:
    """How a weight is written for `factor` times as many units, each there `factor` times (Net2WiderNet, Chen et al. 2016).

    Every unit is repeated, and not some of them at random, because then means and variances over units stay: a LayerNorm makes of
    copies what it made of the originals. A sum over units is `factor` times as large, which `scale` takes back.
    """

    factor: int
    parts: tuple[int, ...]
    """For each dimension the number of equal parts that it is repeated in, each within itself; 0: the dimension stays."""
    scale: Tensor | float = 1.0
    """Of the copies."""
    noise: Tensor | None = None
    """Added to the copies; over the copies of an input it sums to zero. Copies that are alike have like gradients and would stay alike."""

    def of_weight(self, narrow: Tensor) -> Tensor:
        """The weight, or another of its shape such as its average, of a network that says the same."""
        wide: Tensor = self._repeated(narrow) * self._scale(narrow)
        return wide if self.noise is None else wide + self.noise.to(wide)

    def of_gradients(self, narrow: Tensor, *, shape: tuple[int, ...], power: int) -> Tensor:
        """What is remembered of gradients to a power, for a memory of `shape`: of n copies c w the mean gradient is that of w over c n.

        A dimension that the memory does not grow in, because it holds means over it, stays.
        """
        copies = self.factor ** sum(part > 0 for part in self.parts)
        remembered: Tensor = self._repeated(narrow, shape) / (copies * self._scale(narrow)) ** power
        return remembered

    def _repeated(self, narrow: Tensor, shape: tuple[int, ...] | None = None) -> Tensor:
        wide = narrow
        for dimension, parts in enumerate(self.parts):
            if parts and (shape is None or shape[dimension] != narrow.shape[dimension]):
                split = wide.reshape(*wide.shape[:dimension], parts, -1, *wide.shape[dimension + 1 :])
                wide = torch.cat([split] * self.factor, dimension + 1).flatten(dimension, dimension + 1)
        return wide

    def _scale(self, narrow: Tensor) -> Tensor | float:
        return self.scale.to(narrow.device) if isinstance(self.scale, Tensor) else self.scale


Widenings = dict[str, Widening]
"""By the names of the weights that change."""


@runtime_checkable
class CanWiden(Protocol):
    """A module that reads and makes vectors, and says the same with each of their numbers there several times."""

    def widenings(self, factor: int) -> Widenings:
        """Of its weights, by their names in it; those of any width are left out."""


def of_linear(layer: nn.Linear, factor: int, *, inputs: int = 1, outputs: int = 1, scale: Tensor | None = None) -> Widenings:
    """A layer between vectors that are repeated in so many parts; `scale` (outputs,), if given, of what it makes."""
    shares = 1.0 / factor if scale is None else scale[:, None] / factor
    noise = cancelling_noise(layer.weight, factor, parts=(outputs, inputs), reads=1)
    return {
        "weight": Widening(factor=factor, parts=(outputs, inputs), scale=shares, noise=noise * shares),
        "bias": Widening(factor=factor, parts=(outputs,), scale=1.0 if scale is None else scale),
    }


def of_norm(factor: int, *, scale: float = 1.0) -> Widenings:
    """A LayerNorm."""
    return {name: Widening(factor=factor, parts=(1,), scale=scale) for name in ("weight", "bias")}


def of_vectors(factor: int, *, parts: tuple[int, ...]) -> Widening:
    """Weights that make vectors of items, or what stands in their place: what two of them say of each other, their product, stays."""
    return Widening(factor=factor, parts=parts, scale=factor**-0.5)


def named(prefix: str, widenings: Mapping[str, Widening]) -> Widenings:
    """The same, with the names that the weights have in the module around theirs."""
    return {f"{prefix}.{name}": widening for name, widening in widenings.items()}


@torch.no_grad()
def cancelling_noise(weight: Tensor, factor: int, *, parts: tuple[int, ...], reads: int) -> Tensor:
    """Noise in proportion to a weight, of the shape that it widens to; it sums to zero over the copies along dimension `reads`."""
    shape = [size * factor if part else size for size, part in zip(weight.shape, parts, strict=True)]
    shape[reads : reads + 1] = parts[reads], factor, weight.shape[reads] // parts[reads]
    copies = torch.randn(shape, dtype=weight.dtype, device=weight.device)
    copies = copies - copies.mean(reads + 1, keepdim=True)
    noise: Tensor = copies.flatten(reads, reads + 2) * (NOISE * weight.square().mean().sqrt())
    return noise


@torch.no_grad()
def widen_weights(module: nn.Module, widenings: Mapping[str, Widening]) -> None:
    """Write the named weights of a module anew; where they are frozen they stay so."""
    for name, widening in widenings.items():
        place, _, leaf = name.rpartition(".")
        owner = module.get_submodule(place)
        narrow = getattr(owner, leaf)
        setattr(owner, leaf, nn.Parameter(widening.of_weight(narrow), requires_grad=narrow.requires_grad))
        if isinstance(owner, nn.Linear):
            owner.out_features, owner.in_features = owner.weight.shape


def outline(module: Module) -> Module:
    """A copy whose weights have sizes and no numbers, to see what becomes of it: it takes no memory."""
    shapes: dict[int, object] = {id(tensor): tensor.detach().to("meta") for tensor in module.buffers()}
    for parameter in module.parameters():
        shapes[id(parameter)] = nn.Parameter(parameter.detach().to("meta"), requires_grad=parameter.requires_grad)
    return deepcopy(module, shapes)
