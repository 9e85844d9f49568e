"""The recurrent block: a gated recurrent unit over the history, after GRU4Rec (arXiv 1511.06939)."""

import torch
from torch import Tensor, nn

from leanrec.models.block import BlockConfig
from leanrec.models.dropout import Dropout
from leanrec.models.packing import Groups, over_groups
from leanrec.models.widening import Widening, Widenings, cancelling_noise, named, of_norm


class RecurrentBlock(nn.Module):
    """x + dropout(GRU(norm(x))): one state per sequence, zero at its first event and carried to its last.

    GRU4Rec stacks bare units; norm and residual path are those of our other blocks, so that depth is one setting for all of them.
    The unit keeps torch's initialisation.
    """

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.unit = nn.GRU(config.width, config.width, batch_first=True)
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor, groups: Groups) -> Tensor:
        """(T, D) -> (T, D)."""
        states: Tensor = self.dropout(over_groups(self._states, self.norm(x), groups))
        return x + states

    def silence(self) -> None:
        """Let x through as it is: a unit whose new content is zero stays at its first state, zero."""
        content = slice(2 * self.unit.hidden_size, None)  # the last of three gates, in torch's order
        weights = dict(self.unit.named_parameters())
        with torch.no_grad():
            for name in ("weight_ih_l0", "bias_ih_l0", "bias_hh_l0"):
                weights[name][content] = 0.0

    def widenings(self, factor: int) -> Widenings:
        """Each of the three gates grows within itself."""
        found = named("norm", of_norm(factor))
        for name, weight in self.unit.named_parameters():
            parts = (3, 1)[: weight.ndim]
            noise = cancelling_noise(weight, factor, parts=parts, reads=1) / factor if weight.ndim == 2 else None
            found[f"unit.{name}"] = Widening(factor=factor, parts=parts, scale=1.0 if noise is None else 1.0 / factor, noise=noise)
        return found

    def _states(self, events: Tensor) -> Tensor:
        states: Tensor = self.unit(events)[0]  # (B, L, D) -> (B, L, D)
        return states
