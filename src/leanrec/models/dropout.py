"""Dropout: values dropped at random during training, drawn one byte each where drawing is what costs."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from leanrec.errors import ConfigError

LEVELS = 256
"""Values of the random byte; the share that is kept is a multiple of 1 / 256 on the CPU."""


class Dropout(nn.Module):
    """Drops each value with probability `p` and scales the others so that the mean stays; rests outside training.

    On the CPU each value takes one byte of torch's global generator, eight of them per draw: measured six times cheaper than the
    bernoulli draws of `torch.nn.Dropout`. There `p` is rounded to the nearest 1 / 256, and the scale follows the rounded share.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ConfigError(f"dropout {p!r} is no share", hint="give a value from 0 (keep all) to below 1")
        self.p = p
        self._kept_levels = max(1, round((1 - p) * LEVELS))

    def forward(self, x: Tensor) -> Tensor:
        """`x` with some of its values zero; any shape."""
        if not self.training or self.p == 0:
            return x
        if x.device.type != "cpu":
            return functional.dropout(x, self.p)
        if self._kept_levels == LEVELS:
            return x
        count = x.numel()
        words = torch.empty((count + 7) // 8, dtype=torch.int64).random_(-(2**63), None)  # all 64 bits of each word are random
        kept = words.view(torch.uint8)[:count].view(x.shape) < self._kept_levels
        return x * kept.to(x.dtype).mul_(LEVELS / self._kept_levels)

    def extra_repr(self) -> str:
        """The settings, as torch prints them."""
        return f"p={self.p}"
