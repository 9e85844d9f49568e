"""Pieces: a large weight moved stretch by stretch, so that what a step makes on the way has never the size of an item table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from leanrec.training.optimizer_states import BLOCK, POWERS, SCALES

PIECE = 1024 * BLOCK
"""Numbers of a stretch, 1 MB of float32, which stays in the cache; whole blocks, so that codes and their scales are cut at the same places."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """Views of a stretch: what is written into them is written into the whole."""

    weight: Tensor
    gradient: Tensor
    states: Mapping[str, Tensor]


def pieces(weight: Tensor, gradient: Tensor, states: Mapping[str, Tensor]) -> Iterator[Piece]:
    """Stretches of `PIECE` numbers, flat, of a weight whose moments stand in eight bits; one whole where the weight is not contiguous."""
    if not weight.is_contiguous():
        yield Piece(weight=weight, gradient=gradient, states=states)
        return
    flat, slopes = weight.view(-1), gradient.reshape(-1)
    for start in range(0, len(flat), PIECE):
        part, blocks = slice(start, start + PIECE), slice(start // BLOCK, (start + PIECE) // BLOCK)
        codes = {name: states[name].view(-1)[part] for name in POWERS}
        scales = {f"{name}{SCALES}": states[f"{name}{SCALES}"][blocks] for name in POWERS}
        yield Piece(weight=flat[part], gradient=slopes[part], states=codes | scales)


def rows(weight: Tensor, gradient: Tensor, states: Mapping[str, Tensor]) -> Iterator[Piece]:
    """Stretches of whole rows, about `PIECE` numbers each, with as many rows of every state; a weight without rows is one."""
    if weight.ndim < 2:
        yield Piece(weight=weight, gradient=gradient, states=states)
        return
    length = max(1, PIECE * len(weight) // max(1, weight.numel()))
    for start in range(0, len(weight), length):
        part = slice(start, start + length)
        yield Piece(weight=weight[part], gradient=gradient[part], states={name: state[part] for name, state in states.items()})
