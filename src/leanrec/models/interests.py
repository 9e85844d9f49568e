"""Interests: several vectors of one history, each attending to other places of it."""

import torch
from torch import Tensor, nn

from leanrec.models.packing import Groups, over_groups

LARGEST_LOGIT = 10.0
"""Logits of attention are kept within it, so that running sums of their exponentials stay exact in float32."""


class Interests(nn.Module):
    """K ways to pool a history by self-attention (ComiRec-SA, arXiv 2005.09347, eq. 7), at every place over what lies before it.

    The hidden vector of the newest event is added to each, so that what the encoder says last is never lost.
    """

    def __init__(self, *, width: int, number: int) -> None:
        super().__init__()
        self.number = number
        self.inner = nn.Linear(width, 2 * width, bias=False)
        self.outer = nn.Linear(2 * width, number, bias=False)

    def forward(self, hidden: Tensor, groups: Groups) -> Tensor:
        """Packed hidden vectors (T, D) -> (T, K, D)."""
        pooled = over_groups(self._running, hidden, groups)  # (T, K D)
        return pooled.view(len(hidden), self.number, -1)

    def newest(self, hidden: Tensor) -> Tensor:
        """(B, L, D) -> (B, K D): the interests after the last event of each history."""
        weights = torch.softmax(self._logits(hidden), dim=1)  # (B, L, K)
        interests = weights.transpose(1, 2) @ hidden + hidden[:, -1:]  # (B, K, D)
        return interests.flatten(1)

    def _logits(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self.outer(torch.tanh(self.inner(hidden)))
        return LARGEST_LOGIT * torch.tanh(logits / LARGEST_LOGIT)

    def _running(self, hidden: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, K D): softmax attention over each prefix, by running sums."""
        weights = torch.exp(self._logits(hidden))  # (B, L, K)
        sums = (weights[..., None] * hidden[:, :, None]).cumsum(1)  # (B, L, K, D)
        interests = sums / weights.cumsum(1)[..., None] + hidden[:, :, None]
        return interests.flatten(2)
