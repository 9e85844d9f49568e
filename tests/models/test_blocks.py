"""The blocks against independent forms of what they compute."""

import pytest
import torch
from torch.nn import functional

from leanrec.models.attention import CausalAttention
from leanrec.models.block import BlockConfig
from leanrec.models.convolution import CausalConvolution
from leanrec.models.frequency import LowPassFilter
from leanrec.models.gated import GatedBlock, HSTUBlock

WIDTH, LENGTH = 8, 7


def test_attention_is_torchs_own_with_the_bias_of_distances() -> None:
    torch.manual_seed(0)
    attention = CausalAttention(BlockConfig(width=WIDTH, max_length=LENGTH + 2)).eval()
    torch.nn.init.normal_(attention.bias.weight)
    x = torch.randn(3 * LENGTH, WIDTH)
    query, key, value = attention.queries_keys_values(x).view(3, LENGTH, 3, 2, WIDTH // 2).permute(2, 0, 3, 1, 4)
    bias = torch.full((2, LENGTH, LENGTH), -torch.inf)
    for now in range(LENGTH):
        for then in range(now + 1):
            bias[:, now, then] = attention.bias.weight[:, now - then]
    expected = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    expected = attention.output(expected.transpose(1, 2).reshape(3 * LENGTH, WIDTH))
    assert torch.allclose(attention(x, ((3, LENGTH),)), expected, atol=1e-6)


def test_hstu_is_its_equations_event_by_event() -> None:
    torch.manual_seed(0)
    block = HSTUBlock(BlockConfig(block="hstu", width=WIDTH, max_length=LENGTH, num_heads=1)).eval()
    torch.nn.init.normal_(block.bias.weight)
    x = torch.randn(LENGTH, WIDTH)
    gate, query, key, value = functional.silu(block.projections(block.norm(x))).chunk(4, 1)
    mixed = torch.zeros(LENGTH, WIDTH)
    for now in range(LENGTH):
        for then in range(now + 1):
            mixed[now] += functional.silu(query[now] @ key[then] + block.bias.weight[0, now - then]) / (now + 1) * value[then]
    expected = x + block.output(block.mixed_norm(mixed) * gate)
    assert torch.allclose(block(x, ((1, LENGTH),)), expected, atol=1e-6)


def test_closed_gates_leave_the_events_alone() -> None:
    block = GatedBlock(BlockConfig(block="gated", width=WIDTH, max_length=LENGTH)).eval()
    for gate in (block.attention_gate, block.feedforward_gate):
        torch.nn.init.zeros_(gate.weight)
        torch.nn.init.constant_(gate.bias, -100)
    x = torch.randn(LENGTH, WIDTH)
    assert torch.allclose(block(x, ((1, LENGTH),)), x)


@pytest.mark.parametrize(("window", "num_frequencies"), [(7, 3), (8, 2), (8, 5), (8, 99), (1, 1)])
def test_the_filter_is_the_fourier_transform_of_each_prefix(window: int, num_frequencies: int) -> None:
    low_pass = LowPassFilter(BlockConfig(block="frequency", width=2, max_length=window, num_frequencies=num_frequencies))
    x = torch.randn(window, 2)
    for newest in range(window):
        padded = functional.pad(x[: newest + 1], (0, 0, window - newest - 1, 0))  # (W, D): the newest event last, zeros before the first
        spectrum = torch.fft.rfft(padded, dim=0)
        spectrum[num_frequencies:] = 0
        low = torch.fft.irfft(spectrum, n=window, dim=0)[-1]
        expected = low + low_pass.beta[0] ** 2 * (x[newest] - low)
        assert torch.allclose(low_pass(x[: newest + 1], ((1, newest + 1),))[-1], expected, atol=1e-5)


@pytest.mark.parametrize(("kernel_size", "dilation"), [(2, 1), (3, 2), (3, 8)])
def test_the_convolution_is_torchs_own(kernel_size: int, dilation: int) -> None:
    convolution = CausalConvolution(width=WIDTH, kernel_size=kernel_size, dilation=dilation)
    x = torch.randn(3, LENGTH, WIDTH)
    weight = convolution.taps.weight.view(WIDTH, kernel_size, WIDTH).transpose(1, 2)  # (D, D, kernel)
    padded = functional.pad(x.transpose(1, 2), ((kernel_size - 1) * dilation, 0))
    expected = functional.conv1d(padded, weight, convolution.taps.bias, dilation=dilation).transpose(1, 2).reshape(-1, WIDTH)
    assert torch.allclose(convolution(x.view(-1, WIDTH), ((3, LENGTH),)), expected, atol=1e-6)
