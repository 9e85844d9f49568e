"""Sparse gradients: those that hold the rows of a table which a step looked at, clipped and applied without the others."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def with_sparse_gradient(module: nn.Module) -> frozenset[int]:
    """The `id` of each weight whose module says, as `torch.nn.Embedding` does, that its gradients are sparse."""
    tables = [part for part in module.modules() if getattr(part, "sparse", False)]
    return frozenset(id(parameter) for table in tables for parameter in table.parameters(recurse=False))


@torch.no_grad()
def settle(parameters: Iterable[nn.Parameter]) -> None:
    """Sum what sparse gradients hold of the same row, once all batches of a step are in: each row stands once afterwards, rows rising."""
    for parameter in parameters:
        if parameter.grad is not None and parameter.grad.is_sparse:
            parameter.grad = parameter.grad.coalesce()


@torch.no_grad()
def clip(parameters: Iterable[nn.Parameter], longest: float | None) -> None:
    """Shorten the gradient, all parameters together, to `longest`, as torch does for dense ones; None leaves it."""
    if longest is None:
        return
    numbers = [_numbers(parameter.grad) for parameter in parameters if parameter.grad is not None]
    share = longest / (nn.utils.get_total_norm(numbers) + 1e-6)
    torch._foreach_mul_(numbers, share.clamp(max=1.0))


def move_rows(weight: Tensor, gradient: Tensor, sums: Tensor, *, weight_decay: float, rate: float, epsilon: float) -> None:
    """A step of row-wise Adagrad on the rows of a sparse gradient; the others, which have none, neither move nor decay."""
    gradient = gradient.coalesce()  # once settled, itself
    rows, numbers = gradient.indices()[0], gradient.values()  # (U,), (U, D)
    if weight_decay:
        numbers = numbers + weight_decay * weight[rows]
    totals = sums[rows] + numbers.square().mean(1, keepdim=True)  # (U, 1)
    sums.index_copy_(0, rows, totals)
    weight.index_add_(0, rows, numbers / totals.sqrt_().add_(epsilon), alpha=-rate)


def _numbers(gradient: Tensor) -> Tensor:
    """What a gradient holds, to be changed in place."""
    return gradient.values() if gradient.is_sparse else gradient
