"""Attention over a history: causal, with a learned bias for every distance, and the pre-norm transformer block made of it."""

import math

import torch
from torch import Tensor, nn

from leanrec.models.block import BlockConfig
from leanrec.models.dropout import Dropout
from leanrec.models.growing import silence
from leanrec.models.packing import Groups, longest, over_groups
from leanrec.models.widening import Widenings, named, of_linear, of_norm


class RelativeBias(nn.Module):
    """What the distance between two events adds to their score: one learned number per head and distance, zero at first.

    It replaces position embeddings: an event is weighed by how many events ago it was, wherever it stands (arXiv 1803.02155, in the
    scalar form of arXiv 1910.10683). Places in the future hold the constant `future`: -inf is what a softmax calls nothing.
    """

    places: Tensor
    future: Tensor

    def __init__(self, *, num_heads: int, max_length: int, future: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(num_heads, max_length))
        ages = age_of_events(max_length)
        self.register_buffer("places", ages.masked_fill(ages < 0, max_length), persistent=False)  # the future is the last column
        self.register_buffer("future", torch.full((num_heads, 1), future), persistent=False)

    def forward(self, length: int) -> Tensor:
        """(H, L, L): what each event i (rows) adds to its score of event j (columns)."""
        return torch.cat([self.weight, self.future], 1)[:, self.places[:length, :length]]


class CausalAttention(nn.Module):
    """Multi-head attention of each event over itself and what came before.

    softmax(Q K' / sqrt(D / H) + bias) V, with dropout on the probabilities. The plain form: at the lengths of histories (below about
    50) torch's fused attention took 1.1 to 1.7 times as long on a CPU, forward and backward.
    """

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.head_width = config.width // config.num_heads
        self.queries_keys_values = nn.Linear(config.width, 3 * config.width)
        self.bias = RelativeBias(num_heads=config.num_heads, max_length=config.max_length, future=-math.inf)
        self.dropout = Dropout(config.dropout)
        self.output = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor, groups: Groups) -> Tensor:
        """(T, D) -> (T, D)."""
        bias: Tensor = self.bias(longest(groups))  # one bias for all runs: each cuts out its corner

        def mix(projected: Tensor) -> Tensor:
            batch, length, _ = projected.shape
            query, key, value = split_heads(projected, num_heads=self.num_heads, head_width=self.head_width)  # each (B, H, L, D / H)
            scores = query @ key.transpose(2, 3) / math.sqrt(self.head_width) + bias[:, :length, :length]  # (B, H, L, L)
            mixed: Tensor = self.dropout(scores.softmax(-1)) @ value
            return mixed.transpose(1, 2).reshape(batch, length, -1)  # (B, L, D)

        output: Tensor = self.output(over_groups(mix, self.queries_keys_values(x), groups))
        return output

    def widenings(self, factor: int) -> Widenings:
        """Heads stay as many and grow, each within itself; queries take back what longer products add to scores."""
        width = self.output.in_features * factor
        scale = torch.ones(3 * width, device=self.output.weight.device)
        scale[:width] = factor**-0.5
        projections = of_linear(self.queries_keys_values, factor, outputs=3 * self.num_heads, scale=scale)
        return named("queries_keys_values", projections) | named("output", of_linear(self.output, factor, inputs=self.num_heads))


class FeedForward(nn.Sequential):
    """Two layers on each event alone, GELU between them: (T, D) -> (T, D)."""

    def __init__(self, config: BlockConfig) -> None:
        hidden = config.feedforward * config.width
        super().__init__(nn.Linear(config.width, hidden), nn.GELU(), Dropout(config.dropout), nn.Linear(hidden, config.width))

    def widenings(self, factor: int) -> Widenings:
        """The hidden layer grows as well."""
        layers = {name: layer for name, layer in self.named_children() if isinstance(layer, nn.Linear)}
        return {name: found for prefix, layer in layers.items() for name, found in named(prefix, of_linear(layer, factor)).items()}

    @property
    def output(self) -> nn.Linear:
        """The last layer."""
        last = self[-1]
        assert isinstance(last, nn.Linear)  # noqa: S101 - as it was made
        return last


class TransformerBlock(nn.Module):
    """Attention, then a feed-forward network, each on the normalised events and added to them (pre-norm, arXiv 2002.04745)."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width)
        self.attention = CausalAttention(config)
        self.feedforward_norm = nn.LayerNorm(config.width)
        self.feedforward = FeedForward(config)
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor, groups: Groups) -> Tensor:
        """(T, D) -> (T, D)."""
        x = x + self.dropout(self.attention(self.attention_norm(x), groups))
        fed: Tensor = self.dropout(self.feedforward(self.feedforward_norm(x)))
        return x + fed

    def silence(self) -> None:
        """Let x through as it is."""
        silence(self.attention.output, self.feedforward.output)

    def widenings(self, factor: int) -> Widenings:
        """All of its parts can."""
        norms = named("attention_norm", of_norm(factor)) | named("feedforward_norm", of_norm(factor))
        return norms | named("attention", self.attention.widenings(factor)) | named("feedforward", self.feedforward.widenings(factor))


def age_of_events(length: int) -> Tensor:
    """(L, L): how many events ago event j (columns) was at event i (rows); negative in the future.

    >>> age_of_events(2).tolist()
    [[0, -1], [1, 0]]
    """
    places = torch.arange(length)
    return places[:, None] - places[None, :]


def split_heads(projected: Tensor, *, num_heads: int, head_width: int) -> list[Tensor]:
    """The projections that stand side by side, each as heads: (B, L, n D) -> n times (B, H, L, D / H)."""
    batch, length, _ = projected.shape
    parts = torch.split(projected, num_heads * head_width, 2)
    return [part.view(batch, length, num_heads, head_width).transpose(1, 2) for part in parts]
