"""The full softmax in chunks: the same numbers as torch's cross-entropy, in a bounded memory."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import TensorWeakRef

from leanrec.models.chunked_softmax import ChunkedSoftmax, softmax_bytes

T, N, D = 50, 301, 16
Sides = tuple[Tensor, Tensor, Tensor]
LossFunction = Callable[[Tensor, Tensor, Tensor], Tensor]


def sides(dtype: torch.dtype = torch.float32, *, spread: float = 1.0, num_tokens: int = T, num_items: int = N) -> Sides:
    generator = torch.Generator().manual_seed(3)
    hidden = torch.randn(num_tokens, D, generator=generator, dtype=dtype) * spread
    items = torch.randn(num_items, D, generator=generator, dtype=dtype)
    return hidden.requires_grad_(), items.requires_grad_(), torch.randint(num_items, (num_tokens,), generator=generator)


def values(loss: LossFunction, given: Sides) -> list[Tensor]:
    hidden, items, targets = (part.detach().clone() for part in given)
    result = loss(hidden.requires_grad_(), items.requires_grad_(), targets)
    return [result.detach(), *torch.autograd.grad(3.0 * result, [hidden, items])]


def plain(hidden: Tensor, items: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(hidden @ items.T, targets)


def cosine(loss: LossFunction, temperature: float = 0.07) -> LossFunction:
    return lambda hidden, items, targets: loss(functional.normalize(hidden, dim=1) / temperature, functional.normalize(items, dim=1), targets)


@pytest.mark.parametrize("rows", [None, 1, 7, T])
@pytest.mark.parametrize("wrapped", [lambda loss: loss, cosine])
def test_loss_and_gradients_are_those_of_cross_entropy(rows: int | None, wrapped: Callable[[LossFunction], LossFunction]) -> None:
    found, expected = values(wrapped(ChunkedSoftmax(rows=rows)), sides()), values(wrapped(plain), sides())
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_gradient_agrees_with_differences() -> None:
    hidden, items, targets = sides(torch.float64, num_tokens=5, num_items=9)
    assert torch.autograd.gradcheck(lambda h, v: ChunkedSoftmax(rows=2)(h, v, targets), (hidden, items))


@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
def test_bfloat16_is_within_its_stated_tolerance(spread: float) -> None:
    found, expected = values(ChunkedSoftmax(precision="bfloat16", rows=16), sides(spread=spread)), values(plain, sides(spread=spread))
    assert abs(float(found[0] - expected[0])) < 0.01
    for ours, theirs in zip(found[1:], expected[1:], strict=True):
        assert float((ours - theirs).norm() / theirs.norm()) < 0.02


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_target_too_unlikely_to_read_is_still_counted(precision: Any) -> None:
    given = sides(spread=60.0)
    found, expected = values(ChunkedSoftmax(precision=precision), given), values(plain, given)
    assert float(expected[0]) > 100
    tolerance = 1e-5 if precision == "float32" else 0.01
    torch.testing.assert_close(found[0], expected[0], rtol=tolerance, atol=0.0)
    for ours, theirs in zip(found[1:], expected[1:], strict=True):
        assert float((ours - theirs).norm() / theirs.norm()) < 3 * tolerance


def test_buffers_of_an_earlier_batch_leave_no_trace() -> None:
    loss = ChunkedSoftmax(rows=16)
    values(loss, sides(num_items=400))
    assert all(bool((a == b).all()) for a, b in zip(values(loss, sides()), values(ChunkedSoftmax(rows=16), sides()), strict=True))


def test_without_gradients_the_value_is_the_same() -> None:
    with torch.no_grad():
        value = ChunkedSoftmax()(*sides())
    torch.testing.assert_close(value, values(plain, sides())[0])


class LiveBytes(TorchDispatchMode):
    """Peak of the bytes in tensors made under it and still alive."""

    peak = 0

    def __init__(self) -> None:
        super().__init__()
        self._made: list[TensorWeakRef] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        self._made += [TensorWeakRef(leaf) for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        alive = [(ref, tensor) for ref in self._made if (tensor := ref()) is not None]
        self._made = [ref for ref, _ in alive]
        storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for _, tensor in alive}
        self.peak = max(self.peak, sum(storages.values()))
        return result


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_memory_stays_below_the_stated_bound_for_any_number_of_tokens(precision: Any) -> None:
    rows, num_items, num_tokens = 8, 5000, 400
    hidden, items, targets = sides(num_tokens=num_tokens, num_items=num_items)
    with LiveBytes() as live:
        ChunkedSoftmax(precision=precision, rows=rows)(hidden, items, targets).backward()
    bound = softmax_bytes(num_items, width=D, rows=rows, precision=precision)
    assert bound / 2 < live.peak < bound + 8 * num_tokens * D * 4
    assert live.peak < num_tokens * num_items * 4 / 2  # far below the matrix of all logits
    with LiveBytes() as whole:
        plain(hidden, items, targets).backward()
    assert whole.peak > num_tokens * num_items * 4
