"""FewItems: the items that a step looks at, when those are few, and where each stands among them."""

from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class FewItems:
    """Rows of a catalogue, and what was read, asked for and drawn as places among them: their vectors stand for those of all items.

    Places tell items apart as rows do, so that what compares rows may compare places.
    """

    rows: Tensor
    """(U,) rows of the catalogue, rising."""
    read: Tensor
    """(T,) places of what was read; -1 where an event is not shown."""
    targets: Tensor
    """(T,) places."""
    negatives: Tensor
    """(T, K) places, or (K,) that all targets share."""

    @classmethod
    def of(cls, item_rows: Tensor, *, targets: Tensor, negatives: Tensor) -> Self:
        """From rows of the catalogue; one below 0 stands for an event that is not shown.

        >>> few = FewItems.of(torch.tensor([7, -1]), targets=torch.tensor([2, 7]), negatives=torch.tensor([9]))
        >>> few.rows.tolist(), few.read.tolist(), few.targets.tolist(), few.negatives.tolist()
        ([2, 7, 9], [1, -1], [0, 1], [2])
        """
        parts = (item_rows.clamp_min(-1), targets, negatives.flatten())
        rows, places = torch.unique(torch.cat(parts), return_inverse=True)
        num_hidden = int(rows[0] < 0)  # -1 comes first, and stays -1
        read, asked, drawn = (places - num_hidden).split([len(part) for part in parts])
        return cls(rows=rows[num_hidden:], read=read, targets=asked, negatives=drawn.view(negatives.shape))


@runtime_checkable
class LooksAtFew(Protocol):
    """A loss that looks at the targets and at a few drawn items."""

    def negatives_for(self, targets: Tensor, *, num_items: int) -> Tensor:
        """Rows of items, (T, K) or shared (K,), by torch's global generator."""
        ...

    def of_few(self, few: FewItems, hidden: Tensor, vectors: Tensor) -> Tensor:
        """(T, D) and the vectors (U, D) of the few -> what it gives with those of all items."""
        ...
