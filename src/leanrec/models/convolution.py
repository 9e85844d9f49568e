"""The convolution block: dilated causal convolutions over the history, after NextItNet (arXiv 1808.05163)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from leanrec.models.block import BlockConfig
from leanrec.models.dropout import Dropout
from leanrec.models.growing import silence
from leanrec.models.packing import Groups, over_groups
from leanrec.models.widening import Widenings, named, of_linear, of_norm

DILATIONS = (1, 4)
"""Steps of NextItNet's residual units; the second convolution of a unit steps twice as far."""


class CausalConvolution(nn.Module):
    """Each event from itself and the events `dilation`, 2 `dilation`, ... before it; before the first event stand zeros.

    The events that a kernel reads are laid side by side, run by run; then one product serves all tokens of the batch.
    """

    def __init__(self, *, width: int, kernel_size: int, dilation: int) -> None:
        super().__init__()
        self.reach = (kernel_size - 1) * dilation
        self.starts = range(0, self.reach + 1, dilation)
        self.taps = nn.Linear(kernel_size * width, width)  # oldest event first

    def forward(self, x: Tensor, groups: Groups) -> Tensor:
        """(T, D) -> (T, D)."""
        output: Tensor = self.taps(over_groups(self._side_by_side, x, groups))
        return output

    def widenings(self, factor: int) -> Widenings:
        """Each of the events that lie side by side grows within itself."""
        return named("taps", of_linear(self.taps, factor, inputs=len(self.starts)))

    def _side_by_side(self, events: Tensor) -> Tensor:
        batch, length, width = events.shape
        padded = torch.cat([events.new_zeros(batch, self.reach, width), events], 1)  # (B, reach + L, D)
        return torch.cat([padded[:, start : start + length] for start in self.starts], 2)  # (B, L, kernel D)


class ResidualConvolutions(nn.Module):
    """x + dropout(conv_2l(relu(norm(conv_l(norm(x)))))): the residual unit of NextItNet, norms first."""

    def __init__(self, config: BlockConfig, *, dilation: int) -> None:
        super().__init__()
        self.near_norm = nn.LayerNorm(config.width)
        self.near = CausalConvolution(width=config.width, kernel_size=config.kernel_size, dilation=dilation)
        self.far_norm = nn.LayerNorm(config.width)
        self.far = CausalConvolution(width=config.width, kernel_size=config.kernel_size, dilation=2 * dilation)
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor, groups: Groups) -> Tensor:
        """(T, D) -> (T, D)."""
        near = self.near(self.near_norm(x), groups)
        far: Tensor = self.dropout(self.far(functional.relu(self.far_norm(near)), groups))
        return x + far

    def widenings(self, factor: int) -> Widenings:
        """All of its parts can."""
        norms = named("near_norm", of_norm(factor)) | named("far_norm", of_norm(factor))
        return norms | named("near", self.near.widenings(factor)) | named("far", self.far.widenings(factor))


class ConvolutionBlock(nn.Module):
    """Two residual units with dilations 1, 2 and 4, 8: with kernels of 3, one block reads 31 events and two read 61."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.units = nn.ModuleList([ResidualConvolutions(config, dilation=dilation) for dilation in DILATIONS])

    def forward(self, x: Tensor, groups: Groups) -> Tensor:
        """(T, D) -> (T, D)."""
        for unit in self.units:
            x = unit(x, groups)
        return x

    def silence(self) -> None:
        """Let x through as it is."""
        silence(*(unit.far.taps for unit in self.units if isinstance(unit, ResidualConvolutions)))

    def widenings(self, factor: int) -> Widenings:
        """Both units can."""
        units = ((name, unit) for name, unit in self.units.named_children() if isinstance(unit, ResidualConvolutions))
        return {name: found for place, unit in units for name, found in named(f"units.{place}", unit.widenings(factor)).items()}
