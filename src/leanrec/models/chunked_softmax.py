"""Cross-entropy over the whole catalogue, a few rows at a time: no matrix of tokens times items is ever stored."""

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import FunctionCtx, once_differentiable

Precision = Literal["float32", "bfloat16", "float16"]
"""Of a step; under float16 the softmax over all items is made in float32, since probabilities of many items vanish in float16."""

CHUNK_BYTES = 256 * 12_101 * 2
"""Size of a chunk on a CPU, 6.2 MB: the fastest of 64 to 512 rows of 12101 items on one core; larger ones leave the cache."""
CHUNK_BYTES_DEVICE = 256 * 2**20
"""Size of a chunk on an accelerator, where few large products beat many small ones."""
MIN_ROWS = {"float32": 128, "bfloat16": 256}
"""A chunk has at least so many rows, however many items there are: each chunk also reads and writes a gradient of all items once."""


def chunk_rows(num_items: int, *, precision: Precision = "float32", on_cpu: bool = True) -> int:
    """Rows of a chunk: as many as fit `CHUNK_BYTES`, and never fewer than `MIN_ROWS`.

    >>> chunk_rows(12_101, precision="bfloat16"), chunk_rows(12_101, precision="float32"), chunk_rows(1_000_000)
    (256, 128, 128)
    """
    fitting = (CHUNK_BYTES if on_cpu else CHUNK_BYTES_DEVICE) // (num_items * (2 if precision == "bfloat16" else 4))
    return max(MIN_ROWS["bfloat16" if precision == "bfloat16" else "float32"], fitting)


def softmax_bytes(num_items: int, *, width: int, rows: int, precision: Precision = "float32") -> int:
    """Memory that the loss takes at most, the small sides (T, D) left out: what a budget has to hold.

    With b = 2 (bfloat16) or 4 bytes, C rows a chunk, N items and width D: C N b for the chunk, 3 N D b for two copies of the
    items and a chunk's gradient, 12 N D for the sum of the gradients, a part of it and its transpose.

    >>> softmax_bytes(12_101, width=64, rows=256, precision="bfloat16")
    20136064
    """
    item_bytes = 2 if precision == "bfloat16" else 4
    return num_items * (rows * item_bytes + 3 * width * item_bytes + 12 * width)


@dataclass(eq=False)
class ChunkedSoftmax:
    """-log softmax(h W')[target], meant over the tokens, with its gradient made on the way.

    For each chunk of C rows: logits into one buffer, softmax in place, then both products of the gradient; the chunk is
    forgotten. Cut cross-entropy (Wijmans et al. 2024, arXiv 2411.09009) and Liger (Hsu et al. 2024, arXiv 2410.10989) do the
    same on GPUs. Memory is at most `softmax_bytes`, whatever the number of tokens; the buffers live as long as this object, since
    fresh ones cost twice the time (page faults). Scales belong to the caller's (T, D) or to the mean, never to the (C, N) chunk.

    With `precision="bfloat16"` the products read and write bfloat16 and sums over chunks are float32: the loss is within 0.01 of
    the exact one for logits up to about 10, gradients within 2 % of their length. Otherwise the vectors' own precision counts.
    """

    precision: Precision = "float32"
    rows: int | None = None
    """Rows of a chunk; None takes `chunk_rows`."""
    losses: Tensor | None = field(default=None, repr=False)
    """(T,) of the newest call, without gradient."""
    _buffers: dict[str, Tensor] = field(default_factory=dict, repr=False)

    def __call__(self, hidden: Tensor, item_vectors: Tensor, targets: Tensor) -> Tensor:
        """(T, D), (N, D), (T,) -> a scalar."""
        loss: Tensor = _ChunkedSoftmax.apply(hidden, item_vectors, targets, self, torch.is_grad_enabled())  # type: ignore[no-untyped-call]  # torch
        return loss

    def buffer(self, name: str, shape: tuple[int, int], like: Tensor) -> Tensor:
        """A reused tensor of a shape, with the dtype and device of another; what it holds is arbitrary."""
        kept = self._buffers.get(name)
        if kept is None or kept.dtype != like.dtype or kept.device != like.device or kept.numel() < shape[0] * shape[1]:
            self._buffers.pop(name, None)
            kept = self._buffers[name] = like.new_empty(shape[0] * shape[1])
        return kept[: shape[0] * shape[1]].view(shape)


class _ChunkedSoftmax(Function):
    """The arithmetic: forward makes the gradients, backward hands them out."""

    @staticmethod
    def forward(ctx: FunctionCtx, hidden: Tensor, item_vectors: Tensor, targets: Tensor, softmax: ChunkedSoftmax, with_gradient: bool) -> Tensor:
        exact = torch.promote_types(torch.promote_types(hidden.dtype, item_vectors.dtype), torch.float32)
        low = torch.bfloat16 if softmax.precision == "bfloat16" else exact
        num_tokens, width = hidden.shape
        num_items = len(item_vectors)
        queries, items = hidden.to(low), item_vectors.to(low).contiguous()
        columns = softmax.buffer("columns", (width, num_items), items).copy_(items.T)  # (D, N): its product is twice as fast as items.T's
        losses = torch.empty(num_tokens, dtype=exact, device=hidden.device)
        hidden_gradient = torch.empty_like(hidden, dtype=exact)
        columns_gradient = softmax.buffer("columns_gradient", (width, num_items), losses).zero_()
        rows = softmax.rows or chunk_rows(num_items, precision=softmax.precision, on_cpu=hidden.device.type == "cpu")
        for start in range(0, num_tokens, rows):
            part = slice(start, start + rows)
            query = queries[part]
            chunk = softmax.buffer("chunk", (len(query), num_items), items)
            target_logits = (hidden[part].to(exact) * item_vectors[targets[part]].to(exact)).sum(1)
            losses[part] = _to_probabilities(chunk, query, columns, targets[part], target_logits)
            if with_gradient:
                hidden_gradient[part] = torch.mm(chunk, items, out=softmax.buffer("hidden", (len(query), width), items))
                part_gradient = softmax.buffer("gradient", (width, num_items), items)
                torch.mm((query / num_tokens).T.contiguous(), chunk, out=part_gradient)
                if low != exact:  # adding unlike types makes a tensor of its own, each time
                    part_gradient = softmax.buffer("widened", (width, num_items), columns_gradient).copy_(part_gradient)
                columns_gradient += part_gradient
        if with_gradient:
            # The target's own -1 is added on the small sides, in full precision.
            hidden_gradient -= item_vectors[targets].to(exact)
            item_gradient = columns_gradient.T.contiguous().index_add_(0, targets, hidden.to(exact), alpha=-1 / num_tokens)
            ctx.save_for_backward(hidden_gradient / num_tokens, item_gradient)
            ctx.dtypes = (hidden.dtype, item_vectors.dtype)  # type: ignore[attr-defined]  # torch keeps what is set
        softmax.losses = losses
        return losses.mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        # Scaled before they are rounded: in float16 they would vanish.
        hidden, items = (saved * gradient for saved in ctx.saved_tensors)  # type: ignore[attr-defined]  # torch adds it
        hidden_dtype, items_dtype = ctx.dtypes  # type: ignore[attr-defined]  # as above
        return hidden.to(hidden_dtype), items.to(items_dtype), None, None, None


def _to_probabilities(chunk: Tensor, query: Tensor, columns: Tensor, targets: Tensor, target_logits: Tensor) -> Tensor:
    """(C,) losses; `chunk` (C, N) then holds the softmax of the logits query @ columns.

    The log-sum-exp is read from one entry, the target's: log p = logit - logsumexp. In bfloat16 that entry is 2^-9 of itself off
    and its logit as well; the exact logit replaces it, in the log-sum-exp in proportion to its probability.
    """
    torch.mm(query, columns, out=chunk)
    rounded = chunk.gather(1, targets[:, None]).squeeze(1).to(target_logits.dtype)
    torch.softmax(chunk, 1, out=chunk)
    probabilities = chunk.gather(1, targets[:, None]).squeeze(1).to(target_logits.dtype)
    log_sums = rounded - probabilities.log()
    if bool((probabilities < torch.finfo(torch.float32).tiny).any()):  # too unlikely to read: the sum itself, which takes three passes more
        torch.mm(query, columns, out=chunk)
        highest = chunk.amax(1, keepdim=True)
        sums = chunk.sub_(highest).exp_().sum(1, keepdim=True, dtype=target_logits.dtype)
        chunk.div_(sums)
        log_sums = (highest + sums.log()).squeeze(1)
        probabilities = (rounded - log_sums).exp()
    log_sums = log_sums + torch.log1p(probabilities * torch.expm1(target_logits - rounded))
    return log_sums - target_logits
