"""Gated blocks: HSTU, whose attention counts instead of averaging, and LiGR, whose residual paths open and close."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from leanrec.models.attention import CausalAttention, FeedForward, RelativeBias, age_of_events, split_heads
from leanrec.models.block import BlockConfig
from leanrec.models.dropout import Dropout
from leanrec.models.growing import silence
from leanrec.models.packing import Groups, longest, over_groups
from leanrec.models.widening import Widenings, named, of_linear, of_norm


class HSTUBlock(nn.Module):
    """The hierarchical sequential transduction unit (arXiv 2402.17152, equations 1 to 3), residual.

        U, Q, K, V = silu(W norm(x));    A_ij = silu(q_i . k_j + bias_(i-j)) / i;    y = W'(norm(A V) * U)

    No softmax: how many events speak for something stays visible. The division by the number of events read so far keeps the scale
    (the authors' code divides by the padded length, which depends on what else is in the batch). There is no feed-forward network.
    """

    share: Tensor

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.width, self.num_heads = config.width, config.num_heads
        self.norm = nn.LayerNorm(config.width)
        self.projections = nn.Linear(config.width, 4 * config.width)
        self.bias = RelativeBias(num_heads=config.num_heads, max_length=config.max_length, future=0)
        self.mixed_norm = nn.LayerNorm(config.width)
        self.dropout = Dropout(config.dropout)
        self.output = nn.Linear(config.width, config.width)
        past = (age_of_events(config.max_length) >= 0).float()
        self.register_buffer("share", past / past.sum(1, keepdim=True), persistent=False)  # (L, L): 1 / i in row i, 0 in the future

    def forward(self, x: Tensor, groups: Groups) -> Tensor:
        """(T, D) -> (T, D)."""
        bias: Tensor = self.bias(longest(groups))

        def mix(projected: Tensor) -> Tensor:
            batch, length, _ = projected.shape
            query, key, value = split_heads(projected, num_heads=self.num_heads, head_width=self.width // self.num_heads)
            scores = functional.silu(query @ key.transpose(2, 3) + bias[:, :length, :length])  # (B, H, L, L)
            return (scores * self.share[:length, :length] @ value).transpose(1, 2).reshape(batch, length, -1)  # (B, L, D)

        gate, projected = torch.split(functional.silu(self.projections(self.norm(x))), [self.width, 3 * self.width], 1)
        mixed: Tensor = self.mixed_norm(over_groups(mix, projected, groups))
        output: Tensor = self.output(self.dropout(mixed * gate))
        return x + output

    def silence(self) -> None:
        """Let x through as it is."""
        silence(self.output)


class GatedBlock(nn.Module):
    """A transformer block whose residual paths are gated by what they are added to: LiGR (arXiv 2502.03417).

    x + dropout(F(norm(x))) * sigmoid(W x), with F the attention and then the feed-forward network.
    """

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width)
        self.attention = CausalAttention(config)
        self.attention_gate = nn.Linear(config.width, config.width)
        self.feedforward_norm = nn.LayerNorm(config.width)
        self.feedforward = FeedForward(config)
        self.feedforward_gate = nn.Linear(config.width, config.width)
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor, groups: Groups) -> Tensor:
        """(T, D) -> (T, D)."""
        attended: Tensor = self.dropout(self.attention(self.attention_norm(x), groups))
        x = x + attended * torch.sigmoid(self.attention_gate(x))
        fed: Tensor = self.dropout(self.feedforward(self.feedforward_norm(x)))
        return x + fed * torch.sigmoid(self.feedforward_gate(x))

    def silence(self) -> None:
        """Let x through as it is."""
        silence(self.attention.output, self.feedforward.output)

    def widenings(self, factor: int) -> Widenings:
        """All of its parts can."""
        found = named("attention", self.attention.widenings(factor)) | named("feedforward", self.feedforward.widenings(factor))
        for part, gate in (("attention", self.attention_gate), ("feedforward", self.feedforward_gate)):
            found |= named(f"{part}_norm", of_norm(factor)) | named(f"{part}_gate", of_linear(gate, factor))
        return found
