"""The recurrent block: a gated recurrent unit over the history, after GRU4Rec (arXiv 1511.06939)."""

from torch import Tensor, nn

from leanrec.models.block import BlockConfig
from leanrec.models.dropout import Dropout
from leanrec.models.packing import Groups, over_groups


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

    def _states(self, events: Tensor) -> Tensor:
        states: Tensor = self.unit(events)[0]  # (B, L, D) -> (B, L, D)
        return states
