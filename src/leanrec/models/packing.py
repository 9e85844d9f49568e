"""Packing: sequences of any lengths as one flat run of real tokens, never padded and never masked.

A batch holds the tokens of all its sequences one after the other, (T, D). Sequences of equal length stand together, so each run of them is
a view (B, L, D) without a copy. Layers that work position by position take the flat tokens in one product; what mixes over time works on
each run. Nothing is computed for padding, and the same modules run in a served graph, where one run (B, L) is the whole batch.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Groups = tuple[tuple[int, int], ...]
"""Runs of (number of sequences B, their length L), in the order of the tokens; B * L adds up to T."""


def over_groups(mix: Callable[[Tensor], Tensor], x: Tensor, groups: Groups) -> Tensor:
    """What `mix`, (B, L, W) -> (B, L, W'), makes of each run of equal lengths: (T, W) -> (T, W').

    >>> over_groups(lambda run: run.cumsum(1), torch.ones(5, 1), ((1, 2), (1, 3))).ravel().tolist()
    [1.0, 2.0, 1.0, 2.0, 3.0]
    """
    if len(groups) == 1:
        return _mix_run(mix, x, groups[0])
    runs = torch.split(x, [batch * length for batch, length in groups])
    return torch.cat([_mix_run(mix, run, group) for run, group in zip(runs, groups, strict=True)])


def longest(groups: Groups) -> int:
    """The length of the longest sequence."""
    return max(length for _, length in groups)


def _mix_run(mix: Callable[[Tensor], Tensor], x: Tensor, group: tuple[int, int]) -> Tensor:
    batch, length = group
    return mix(x.view(batch, length, -1)).reshape(batch * length, -1)  # (B L, W) -> (B, L, W) -> (B L, W')
