"""BlockConfig: the settings of one block of a sequence encoder, and which kind of block heeds which."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from leanrec.config import Config

BlockName = Literal["transformer", "hstu", "gated", "frequency", "gru", "convolution"]

HEEDED_BY: Mapping[str, tuple[BlockName, ...]] = MappingProxyType(
    {
        "num_heads": ("transformer", "hstu", "gated", "frequency"),
        "feedforward": ("transformer", "gated", "frequency"),
        "num_frequencies": ("frequency",),
        "filter_share": ("frequency",),
        "kernel_size": ("convolution",),
    }
)
"""Setting -> the blocks that it changes; every block heeds the settings that are not listed."""


class BlockConfig(Config):
    """One block: its kind, its width, and what its kind needs. A setting that the kind does not heed is refused."""

    block: BlockName = "transformer"
    """How events are mixed over time: attention (transformer, hstu, gated), attention and a low-pass filter (frequency), gru, convolution."""
    width: int = Field(default=64, ge=1)
    """D, the numbers that describe one event: the item vectors have this width too."""
    num_heads: int = Field(default=2, ge=1, validate_default=True)
    """Attention heads; they share the width evenly."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of values dropped in training: of the input, of attention probabilities, inside and after each layer."""
    max_length: int = Field(default=50, ge=1)
    """Longest history that is read, in events."""
    feedforward: int = Field(default=4, ge=1)
    """Width of the hidden layer of the feed-forward network, as a multiple of `width`."""
    num_frequencies: int = Field(default=5, ge=1)
    """Lowest frequencies that the low-pass filter keeps; there are `max_length // 2 + 1`, and keeping all of them is no filter."""
    filter_share: float = Field(default=0.7, ge=0, le=1)
    """Weight of the filter beside attention: alpha of arXiv 2312.10325."""
    kernel_size: int = Field(default=3, ge=2)
    """Events that one convolution reads."""

    @field_validator("num_heads")
    @classmethod
    def _heads_share_the_width(cls, num_heads: int, info: ValidationInfo) -> int:
        width = info.data.get("width", num_heads)
        if info.data.get("block") in HEEDED_BY["num_heads"] and width % num_heads:
            raise ValueError(f"the heads must share the width {width} evenly")
        return num_heads

    @field_validator(*HEEDED_BY)
    @classmethod
    def _is_heeded(cls, value: Any, info: ValidationInfo) -> Any:  # Any: settings of every type
        name, block = str(info.field_name), info.data.get("block")
        if block is not None and block not in HEEDED_BY[name] and value != cls.model_fields[name].default:
            raise ValueError(f"a {block} block has no use for it; blocks that do: {', '.join(HEEDED_BY[name])}")
        return value
