"""Losses that need no target: two views of a history say the same, and what is hidden from a history is told from the rest."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from leanrec.models.widening import Widening, Widenings, cancelling_noise

MAX_RIVALS = 1024
"""Histories that are told from each other at once: the table of their likenesses holds four times the square of that."""


class HiddenItemHead(nn.Module):
    """What a history says of an item that was hidden from it an event ago: a matrix of its own, which begins as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(width))

    def forward(self, hidden: Tensor) -> Tensor:
        """(M, D) -> (M, D), to be held against the vectors of all items."""
        return hidden @ self.weight

    def widenings(self, factor: int) -> Widenings:
        """It reads and makes vectors of one kind."""
        noise = cancelling_noise(self.weight, factor, parts=(1, 1), reads=0) / factor
        return {"weight": Widening(factor=factor, parts=(1, 1), scale=1.0 / factor, noise=noise)}


def contrastive_loss(first: Tensor, second: Tensor, *, temperature: float, owners: Tensor | None = None) -> Tensor:
    """InfoNCE of two views (B, D) of the same histories, both ways (NT-Xent, Chen et al. 2020, eq. 1); a scalar.

    Each view is told from both views of the other histories by its cosine to the other view of its own. Histories with the same of the
    (B,) `owners` are no rivals. More than `MAX_RIVALS` histories are compared part by part.
    """
    owners = torch.arange(len(first), device=first.device) if owners is None else owners
    parts = [torch.split(part, MAX_RIVALS) for part in (functional.normalize(first, dim=1), functional.normalize(second, dim=1), owners)]
    total = sum(_summed(*part, temperature=temperature) for part in zip(*parts, strict=True))
    assert isinstance(total, Tensor)  # noqa: S101 - the caller has two histories at least
    return total / (2 * len(first))


def _summed(first: Tensor, second: Tensor, owners: Tensor, *, temperature: float) -> Tensor:
    """The sum over both views of unit vectors."""
    size = len(first)
    sides, owners = torch.cat([first, second]), torch.cat([owners, owners])
    targets = torch.arange(2 * size, device=first.device).roll(size)
    is_left_out = owners[:, None] == owners
    is_left_out[torch.arange(2 * size, device=first.device), targets] = False
    logits = (sides @ sides.T / temperature).masked_fill(is_left_out, float("-inf"))
    return functional.cross_entropy(logits, targets, reduction="sum")
