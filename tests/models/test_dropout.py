"""Dropout: the stated share falls away, the mean stays, and the global seed decides."""

import pytest
import torch

from leanrec.errors import ConfigError
from leanrec.models.dropout import Dropout

MANY = 100_003  # no multiple of eight: the last word is cut


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_kept_share_and_its_scale_are_right(p: float) -> None:
    torch.manual_seed(0)
    dropped = Dropout(p)(torch.ones(MANY))
    kept = dropped != 0
    assert kept.float().mean().item() == pytest.approx(1 - p, abs=0.01)
    assert dropped[kept].unique().numel() == 1
    assert dropped[kept][0].item() == pytest.approx(1 / (1 - p), rel=0.02)
    assert dropped.mean().item() == pytest.approx(1, abs=0.03)


def test_every_byte_of_a_word_is_drawn() -> None:
    torch.manual_seed(0)
    shares = (Dropout(0.5)(torch.ones(MANY // 8, 8)) != 0).float().mean(0)
    assert torch.allclose(shares, torch.full((8,), 0.5), atol=0.02)


def test_nothing_changes_outside_training_or_without_dropout() -> None:
    x = torch.randn(3, 5)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x
    assert Dropout(0.001)(x) is x  # below half a level of the byte


def test_the_global_seed_decides() -> None:
    dropout, x = Dropout(0.5), torch.ones(4, 7, 3)
    torch.manual_seed(1)
    first, second = dropout(x), dropout(x)
    torch.manual_seed(1)
    assert torch.equal(dropout(x), first)
    assert not torch.equal(first, second)


def test_gradients_pass_where_values_did() -> None:
    x = torch.ones(50, requires_grad=True)
    dropped = Dropout(0.5)(x)
    dropped.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, dropped.detach())


def test_the_dtype_stays() -> None:
    assert Dropout(0.3)(torch.ones(9, dtype=torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize("p", [-0.1, 1.0])
def test_a_share_out_of_range_is_refused(p: float) -> None:
    with pytest.raises(ConfigError, match="no share"):
        Dropout(p)
