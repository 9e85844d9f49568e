"""The frequency block: attention beside a low-pass filter over the history, after BSARec (arXiv 2312.10325), made causal."""

import math

import torch
from torch import Tensor, nn

from leanrec.models.attention import CausalAttention, FeedForward, age_of_events
from leanrec.models.block import BlockConfig
from leanrec.models.dropout import Dropout
from leanrec.models.growing import silence
from leanrec.models.packing import Groups, over_groups
from leanrec.models.widening import Widening, Widenings, named, of_norm


class LowPassFilter(nn.Module):
    """What changes slowly in a history, and a learned share of what changes fast: low + beta^2 (x - low), beta of shape (1, D).

    BSARec takes the discrete Fourier transform of the last W = `max_length` events (older places are zero), keeps the c lowest
    frequencies and transforms back. Read at the newest event that is a fixed sum over the events j steps ago, sum_j k[j] x[t - j] with

        k[j] = sum over the kept f of (1 if f = 0 or 2 f = W, else 2) cos(2 pi f j / W) / W        (a Dirichlet kernel)

    Using the kernel at every event gives each prefix what BSARec computes for its last event, so all positions are trained at once.
    One difference remains: inside BSARec's window an earlier event is filtered with events that came later, and deeper layers read
    such events; here nothing ever reads the future.
    """

    kernel: Tensor

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.randn(1, config.width))
        ages = age_of_events(config.max_length)
        taps = low_pass_taps(window=config.max_length, num_frequencies=config.num_frequencies)
        kernel = torch.where(ages >= 0, taps[ages.clamp_min(0)], 0.0)
        self.register_buffer("kernel", kernel, persistent=False)  # (L, L), row t holds k[t - j] for every event j up to t

    def forward(self, x: Tensor, groups: Groups) -> Tensor:
        """(T, D) -> (T, D)."""

        def mix(events: Tensor) -> Tensor:
            length = events.shape[1]
            return self.kernel[:length, :length] @ events  # (L, L) (B, L, D) -> (B, L, D)

        low = over_groups(mix, x, groups)
        return low + self.beta**2 * (x - low)


class FrequencyBlock(nn.Module):
    """alpha times the filter plus (1 - alpha) times attention, both on the same normalised events, then a feed-forward network."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.filter_share = config.filter_share
        self.mixing_norm = nn.LayerNorm(config.width)
        self.filter = LowPassFilter(config)
        self.attention = CausalAttention(config)
        self.feedforward_norm = nn.LayerNorm(config.width)
        self.feedforward = FeedForward(config)
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor, groups: Groups) -> Tensor:
        """(T, D) -> (T, D)."""
        events = self.mixing_norm(x)
        mixed = self.filter_share * self.filter(events, groups) + (1 - self.filter_share) * self.attention(events, groups)
        x = x + self.dropout(mixed)
        fed: Tensor = self.dropout(self.feedforward(self.feedforward_norm(x)))
        return x + fed

    def silence(self) -> None:
        """Let x through as it is: the filter has no last layer, so the norm before it is closed."""
        silence(self.mixing_norm, self.attention.output, self.feedforward.output)

    def widenings(self, factor: int) -> Widenings:
        """All of its parts can; the filter works on each number alone."""
        found = named("mixing_norm", of_norm(factor)) | named("feedforward_norm", of_norm(factor))
        found |= named("attention", self.attention.widenings(factor)) | named("feedforward", self.feedforward.widenings(factor))
        return found | {"filter.beta": Widening(factor=factor, parts=(0, 1))}


def low_pass_taps(*, window: int, num_frequencies: int) -> Tensor:
    """(W,) the weight of the event j steps ago, so that only the lowest frequencies of the last W events remain.

    >>> low_pass_taps(window=4, num_frequencies=1).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    frequencies = torch.arange(min(num_frequencies, window // 2 + 1), dtype=torch.float64)
    both_signs = torch.where((frequencies == 0) | (2 * frequencies == window), 1.0, 2.0)  # a real signal holds f and -f alike
    angles = 2 * math.pi / window * frequencies[:, None] * torch.arange(window)[None, :]  # (c, W)
    return ((both_signs[:, None] * angles.cos()).sum(0) / window).float()
