"""SequenceEncoder: what a history says at each of its events, read from the vectors of its items."""

import math
from collections.abc import Mapping
from types import MappingProxyType

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from leanrec.errors import ConfigError
from leanrec.models.attention import TransformerBlock
from leanrec.models.block import HEEDED_BY, BlockConfig
from leanrec.models.convolution import ConvolutionBlock
from leanrec.models.dropout import Dropout
from leanrec.models.frequency import FrequencyBlock
from leanrec.models.gated import GatedBlock, HSTUBlock
from leanrec.models.growing import grow_stack
from leanrec.models.packing import Groups, longest
from leanrec.models.recurrent import RecurrentBlock
from leanrec.models.widening import CanWiden, Widenings, named, of_norm

BLOCKS: Mapping[str, type[nn.Module]] = MappingProxyType(
    {
        "transformer": TransformerBlock,
        "hstu": HSTUBlock,
        "gated": GatedBlock,
        "frequency": FrequencyBlock,
        "gru": RecurrentBlock,
        "convolution": ConvolutionBlock,
    }
)
"""Name -> block. A block is built from a `BlockConfig`; `block(x, groups)` is residual, causal, (T, D) -> (T, D)."""

WIDENING_BLOCKS = tuple(name for name, block in BLOCKS.items() if issubclass(block, CanWiden))
"""Blocks that can be made wider without changing what they say."""

INITIAL_SCALE = 0.02
"""Standard deviation of the weights of every linear layer at first; biases start at zero."""


class SequenceEncoderConfig(BlockConfig):
    """A stack of equal blocks."""

    num_layers: int = Field(default=2, ge=1)
    """Blocks, one after the other."""


class SequenceEncoder(nn.Module):
    """Hidden vectors of events that have read their own past and nothing else: (T, D) -> (T, D).

    Item vectors are scaled by sqrt(D), as in arXiv 1706.03762, and dropped out; then come the blocks and a last LayerNorm. No
    position is told but through the blocks: attention knows distances.
    """

    def __init__(self, config: SequenceEncoderConfig, *, recomputes: bool = False) -> None:
        """With `recomputes` blocks are computed twice in training, and what they made is not kept (Chen et al. 2016)."""
        super().__init__()
        self.config = config
        self._recomputes = recomputes
        self.dropout = Dropout(config.dropout)
        self.blocks = nn.ModuleList([BLOCKS[config.block](config) for _ in range(config.num_layers)])
        self.norm = nn.LayerNorm(config.width)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=INITIAL_SCALE)
                nn.init.zeros_(module.bias)

    def grow(self, num_layers: int) -> dict[str, str]:
        """Add blocks that let through what they read until there are so many; see `grow_stack`, with names of this encoder's weights."""
        inherited = grow_stack(self.blocks, num_layers)
        self.config = self.config.model_copy(update={"num_layers": len(self.blocks)})
        return {f"blocks.{new}": f"blocks.{old}" for new, old in inherited.items()}

    @torch.no_grad()
    def widen(self, factor: int) -> Widenings:
        """Read vectors whose numbers all stand there `factor` times, one whole after the other, over sqrt(factor), and make such vectors.

        Gives how each weight was written anew, by its name. Raises `ConfigError` for a kind of block that cannot be wider.
        """
        require_widening(self.config, first=self.config.width)
        widenings = named("norm", of_norm(factor, scale=factor**-0.5))
        for name, block in self.blocks.named_children():
            assert isinstance(block, CanWiden)  # noqa: S101 - the blocks of this kind can
            widenings |= named(f"blocks.{name}", block.widenings(factor))
        config = self.config.model_copy(update={"width": self.config.width * factor})
        narrow = dict(self.named_parameters())
        wide = SequenceEncoder(config).to(self.norm.weight.device).train(self.training)
        for name, parameter in wide.named_parameters():
            parameter.copy_(widenings[name].of_weight(narrow[name]) if name in widenings else narrow[name])
            parameter.requires_grad_(narrow[name].requires_grad)
        self.config, self.blocks, self.norm = config, wide.blocks, wide.norm
        return widenings

    def forward(self, x: Tensor, groups: Groups) -> Tensor:
        """Hidden vectors (T, D) of packed events (T, D); `groups` says which of them are one sequence.

        Raises `ConfigError` for a sequence longer than `max_length`: who cuts a history decides what is lost.
        """
        if longest(groups) > self.config.max_length:
            raise ConfigError(
                f"a history of {longest(groups)} events is longer than max_length = {self.config.max_length}",
                hint="cut it to its newest events, or train with a larger max_length",
            )
        return self.read(x, groups)

    def read(self, x: Tensor, groups: Groups) -> Tensor:
        """What `forward` gives, lengths unchecked: while a graph is written they have no value yet."""
        x = self.dropout(x * math.sqrt(self.config.width))
        for block in self.blocks:
            x = checkpoint(block, x, groups, use_reentrant=False) if self._recomputes and self.training else block(x, groups)
        hidden: Tensor = self.norm(x)
        return hidden


def require_widening(config: SequenceEncoderConfig, *, first: int) -> None:
    """Raise `ConfigError` where an encoder cannot begin with the width `first` and be widened to what the configuration says."""
    if config.block not in WIDENING_BLOCKS:
        raise ConfigError(
            f"a {config.block} block cannot be made wider without changing what it says",
            hint=f"begin with the whole width, or take one of {', '.join(WIDENING_BLOCKS)}",
        )
    if config.block in HEEDED_BY["num_heads"] and first % config.num_heads:
        raise ConfigError(f"{config.num_heads} heads cannot share the first width {first} evenly", hint="begin wider, or take fewer heads")
