"""SequenceEncoder: what every block promises, whatever it mixes with."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.encoders import NAMES, WIDTH, small_encoder

from leanrec.errors import ConfigError
from leanrec.models.packing import Groups, over_groups
from leanrec.models.sequence_encoder import SequenceEncoder, SequenceEncoderConfig

MAX_LENGTH = 7
every_block = pytest.mark.parametrize("block", NAMES)
few = settings(max_examples=10, deadline=None)


@every_block
@few
@given(length=st.integers(1, MAX_LENGTH), data=st.data())
def test_what_comes_later_changes_nothing_before(block: str, length: int, data: st.DataObject) -> None:
    encoder = small_encoder(block)
    newest = data.draw(st.integers(0, length - 1), label="newest")
    x = torch.randn(length, WIDTH)
    changed = x.clone()
    changed[newest + 1 :] = torch.randn(length - newest - 1, WIDTH)
    before, after = encoder(x, ((1, length),)), encoder(changed, ((1, length),))
    assert torch.allclose(before[: newest + 1], after[: newest + 1], atol=1e-6)


@every_block
def test_what_came_before_is_read(block: str) -> None:
    encoder = small_encoder(block)
    x = torch.randn(MAX_LENGTH, WIDTH)
    changed = x.clone()
    changed[0] = torch.randn(WIDTH)
    assert (encoder(x, ((1, MAX_LENGTH),))[-1] - encoder(changed, ((1, MAX_LENGTH),))[-1]).abs().max() > 1e-4


@every_block
@few
@given(groups=st.lists(st.tuples(st.integers(1, 3), st.integers(1, MAX_LENGTH)), min_size=1, max_size=4).map(tuple))
def test_a_sequence_reads_the_same_alone_and_in_company(block: str, groups: Groups) -> None:
    encoder = small_encoder(block)
    lengths = [length for batch, length in groups for _ in range(batch)]
    x = torch.randn(sum(lengths), WIDTH)
    packed = encoder(x, groups)
    alone = [encoder(sequence, ((1, len(sequence)),)) for sequence in x.split(lengths)]
    assert packed.shape == x.shape
    assert torch.allclose(packed, torch.cat(alone), atol=1e-5)


@every_block
def test_every_parameter_learns(block: str) -> None:
    max_length = 20  # the widest reach of the convolutions fits
    encoder = small_encoder(block, max_length=max_length, dropout=0.1).train()
    hidden = encoder(torch.randn(2 * max_length + 3, WIDTH), ((2, max_length), (1, 3)))
    (hidden * torch.randn_like(hidden)).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


@every_block
def test_only_parameters_are_saved(block: str) -> None:
    encoder = small_encoder(block)
    assert set(encoder.state_dict()) == {name for name, _ in encoder.named_parameters()}


@every_block
def test_a_sequence_that_is_too_long_is_refused(block: str) -> None:
    with pytest.raises(ConfigError, match="longer than max_length = 7"):
        small_encoder(block)(torch.randn(MAX_LENGTH + 3, WIDTH), ((1, 2), (1, MAX_LENGTH + 1)))


@every_block
def test_the_same_seed_drops_the_same(block: str) -> None:
    encoder, x = small_encoder(block).train(), torch.randn(6, WIDTH)
    torch.manual_seed(3)
    first, second = encoder(x, ((2, 3),)), encoder(x, ((2, 3),))
    torch.manual_seed(3)
    assert torch.equal(encoder(x, ((2, 3),)), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("block", ["transformer", "hstu", "gated", "frequency"])
def test_heads_that_do_not_share_the_width_are_refused(block: str) -> None:
    with pytest.raises(ConfigError, match="share the width 8 evenly"):
        SequenceEncoderConfig.parse({"block": block, "width": 8, "num_heads": 3})


def test_the_default_heads_are_checked_too() -> None:
    with pytest.raises(ConfigError, match="share the width 9 evenly"):
        SequenceEncoderConfig(width=9)


def test_a_setting_that_the_block_does_not_heed_is_refused() -> None:
    with pytest.raises(ConfigError, match="a gru block has no use for it; blocks that do: convolution"):
        SequenceEncoderConfig(block="gru", kernel_size=5)


@every_block
def test_a_configuration_survives_its_table(block: str) -> None:
    config = small_encoder(block).config
    assert SequenceEncoderConfig.parse(config.model_dump()) == config


def test_linear_layers_start_small_and_without_bias() -> None:
    encoder = SequenceEncoder(SequenceEncoderConfig(width=64))
    linear = [module for module in encoder.modules() if isinstance(module, torch.nn.Linear)]
    assert linear
    for module in linear:
        assert module.weight.std().item() == pytest.approx(0.02, rel=0.05)
        assert not module.bias.any()


def test_a_single_run_is_never_copied() -> None:
    x = torch.randn(6, WIDTH)
    assert over_groups(lambda run: run, x, ((2, 3),)).data_ptr() == x.data_ptr()


@every_block
def test_blocks_that_are_computed_twice_give_the_same_gradients(block: str) -> None:
    gradients = []
    for recomputes in (False, True):
        torch.manual_seed(0)
        encoder = SequenceEncoder(SequenceEncoderConfig(block=block, width=WIDTH, max_length=MAX_LENGTH, dropout=0.3), recomputes=recomputes)
        x = torch.randn(3 * 4, WIDTH, requires_grad=True)
        torch.manual_seed(1)
        encoder.train()(x, ((3, 4),)).square().sum().backward()
        gradients.append([x.grad, *(parameter.grad for parameter in encoder.parameters())])
    for plain, twice in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, twice)
