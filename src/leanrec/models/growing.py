"""Growing: a stack of blocks made deeper, so that at first it says what it said before."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Protocol, runtime_checkable

from torch import nn

from leanrec.errors import ConfigError


@runtime_checkable
class CanBeSilent(Protocol):
    """A residual block, x + f(x), that can be made to let x through."""

    def silence(self) -> None:
        """Set f to zero; what feeds its last layers keeps its weights, and learns again as soon as those do."""


def silence(*layers: nn.Linear | nn.LayerNorm) -> None:
    """Make layers give zeros, whatever they read."""
    for layer in layers:
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)


def grow_stack(blocks: nn.ModuleList, number: int) -> dict[str, str]:
    """Add silent copies of the topmost block until there are `number`; gives each new weight's name and the name of what it copies.

    Progressive stacking (Gong et al. 2019) copies layers as they are, and the model must recover; silent copies change nothing
    (Chen et al. 2016). Raises `ConfigError` for a kind of block that cannot be silent.
    """
    inherited: dict[str, str] = {}
    top = len(blocks) - 1
    for place in range(len(blocks), number):
        block = deepcopy(blocks[top])
        if not isinstance(block, CanBeSilent):
            raise ConfigError(f"a {type(block).__name__} cannot be added without changing what the network says", hint="begin with all layers")
        block.silence()
        blocks.append(block)
        inherited |= dict(_renamed(block, old=str(top), new=str(place)))
    return inherited


def _renamed(block: nn.Module, *, old: str, new: str) -> Iterator[tuple[str, str]]:
    for name, _ in block.named_parameters():
        yield f"{new}.{name}", f"{old}.{name}"
