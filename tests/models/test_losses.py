"""Each loss against a hand-worked example, and the choice between them."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from leanrec.errors import ConfigError
from leanrec.models import losses
from leanrec.models.losses import FullSoftmax, Loss, LossConfig, build_loss, choose_kind
from leanrec.models.sampled_losses import MAX_OWN_NEGATIVES, BinaryCrossEntropy, PairwiseRanking, SampledSoftmax, draw_others
from leanrec.workflow import estimate

HIDDEN = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
ITEMS = torch.tensor([[math.log(2.0), 0.0], [0.0, math.log(3.0) / 2], [math.log(4.0), math.log(5.0) / 2]])
TARGETS = torch.tensor([0, 2])
# Logits: log of [[2, 1, 4], [1, 3, 5]].


def sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def built(kind: str, *, num_items: int = 50, **settings: float) -> Loss:
    return build_loss(LossConfig(kind=kind, **settings), num_items=num_items, item_counts=np.arange(num_items))  # type: ignore[arg-type]  # any kind


def test_full_softmax_by_hand() -> None:
    assert FullSoftmax()(HIDDEN, ITEMS, TARGETS).item() == pytest.approx(-(math.log(2 / 7) + math.log(5 / 9)) / 2)


def test_full_softmax_over_cosines_by_hand() -> None:
    items = torch.tensor([[5.0, 0.0], [0.0, 0.1], [-2.0, 0.0]])
    loss = FullSoftmax(temperature=0.5)(torch.tensor([[3.0, 0.0]]), items, torch.tensor([0]))  # cosines 1, 0, -1 over 0.5
    assert loss.item() == pytest.approx(-math.log(math.exp(2) / (math.exp(2) + 1 + math.exp(-2))))


def test_sampled_softmax_by_hand() -> None:
    # Counts 1, 0 (drawn as if 1), 4 at power 0.5: q = 1/4, 1/4, 1/2; two draws, so K q = 1/2, 1/2, 1.
    loss = SampledSoftmax(torch.tensor([1, 0, 4]), num_negatives=2, popularity_power=0.5)
    value = loss.against(torch.tensor([1, 2]), HIDDEN, ITEMS, TARGETS)
    first = (2 / 0.5) / (2 / 0.5 + 1 / 0.5 + 4 / 1)
    second = (5 / 1) / (5 / 1 + 3 / 0.5)  # item 2 is this target: absent
    assert value.item() == pytest.approx(-(math.log(first) + math.log(second)) / 2)


def test_negatives_come_as_often_as_their_power_says() -> None:
    torch.manual_seed(0)
    loss = SampledSoftmax(torch.tensor([1, 4, 16, 0]), num_negatives=80_000, popularity_power=0.5)
    shares = torch.bincount(loss.draw(), minlength=4) / 80_000
    assert shares.tolist() == pytest.approx([1 / 8, 2 / 8, 4 / 8, 1 / 8], abs=0.01)


def test_the_truth_is_an_optimum_of_the_sampled_softmax_whatever_is_drawn() -> None:
    # Targets come with probabilities p, one negative with q: at logits log p the expected gradient is zero.
    truth = torch.tensor([0.5, 0.3, 0.15, 0.05])
    loss = SampledSoftmax(torch.tensor([100, 1, 25, 4]), num_negatives=1)
    chances = torch.tensor([10.0, 1.0, 5.0, 2.0]) / 18
    items = truth.log()[:, None].requires_grad_()
    expected = sum(
        truth[target] * chances[negative] * loss.against(torch.tensor([negative]), torch.ones(1, 1), items, torch.tensor([target]))
        for target in range(4)
        for negative in range(4)
    )
    (gradient,) = torch.autograd.grad(torch.as_tensor(expected), items)
    assert gradient.abs().max() < 1e-6


def test_binary_cross_entropy_by_hand() -> None:
    value = BinaryCrossEntropy(num_items=3, num_negatives=1).against(torch.tensor([[1], [0]]), HIDDEN, ITEMS, TARGETS)
    logs = [math.log(2 / 3), math.log(1 - 1 / 2), math.log(5 / 6), math.log(1 - 1 / 2)]  # s(log x) = x / (1 + x)
    assert value.item() == pytest.approx(-sum(logs) / 2 / 2)


def test_generalised_binary_cross_entropy_by_hand() -> None:
    # a = 2 / 4, t = 0.75: beta = 0.5 (0.75 (1 - 2) + 2) = 0.625.
    loss = BinaryCrossEntropy(num_items=5, num_negatives=2, calibration=0.75)
    assert loss.beta == pytest.approx(0.625)
    value = loss.against(torch.tensor([[1, 2], [0, 1]]), HIDDEN, ITEMS, TARGETS)
    first = 0.625 * math.log(2 / 3) + math.log(1 / 2) + math.log(1 / 5)
    second = 0.625 * math.log(5 / 6) + math.log(1 / 2) + math.log(1 / 4)
    assert value.item() == pytest.approx(-(first + second) / 3 / 2)


@pytest.mark.parametrize(("calibration", "beta"), [(0.0, 1.0), (1.0, 0.25)])
def test_calibration_goes_from_binary_cross_entropy_to_the_share_drawn(calibration: float, beta: float) -> None:
    assert BinaryCrossEntropy(num_items=5, num_negatives=1, calibration=calibration).beta == pytest.approx(beta)


def test_pairwise_ranking_by_hand() -> None:
    value = PairwiseRanking(num_negatives=2).against(torch.tensor([[1, 2], [0, 1]]), HIDDEN, ITEMS, TARGETS)
    logits = [math.log(2), math.log(2 / 4), math.log(5), math.log(5 / 3)]
    assert value.item() == pytest.approx(-sum(math.log(sigmoid(logit)) for logit in logits) / 4)


@pytest.mark.parametrize("make", [lambda: BinaryCrossEntropy(num_items=3, num_negatives=2), lambda: PairwiseRanking(num_negatives=2)])
def test_shared_negatives_are_those_of_each_target_without_itself(make: Callable[[], BinaryCrossEntropy | PairwiseRanking]) -> None:
    shared = make().against(torch.tensor([0, 1]), HIDDEN[1:], ITEMS, TARGETS[1:])
    assert shared.item() == pytest.approx(make().against(torch.tensor([[0, 1]]), HIDDEN[1:], ITEMS, TARGETS[1:]).item())
    items = ITEMS.clone().requires_grad_()
    make().against(torch.tensor([0, 0]), HIDDEN[:1] * 0 + 1, items, TARGETS[:1]).backward()
    assert items.grad is not None
    assert bool((items.grad[0] <= 0).all())  # only pulled towards the history, never pushed away as its own negative


def test_own_negatives_are_every_other_item_and_never_the_target() -> None:
    torch.manual_seed(0)
    targets = torch.arange(4).repeat(500)
    drawn = draw_others(targets, 4, 3)
    assert drawn.shape == (2000, 3)
    assert not bool((drawn == targets[:, None]).any())
    counts = torch.bincount(targets[:, None].expand_as(drawn).reshape(-1) * 4 + drawn.reshape(-1), minlength=16).view(4, 4)
    assert counts.fill_diagonal_(500).min() > 400
    assert draw_others(targets, 100, MAX_OWN_NEGATIVES + 1).shape == (MAX_OWN_NEGATIVES + 1,)


@pytest.mark.parametrize("kind", ["auto", "full-softmax", "sampled-softmax", "bce", "gbce", "bpr"])
def test_every_loss_falls_when_its_gradient_is_followed(kind: str) -> None:
    torch.manual_seed(0)
    loss = built(kind)
    hidden, items = (torch.randn(size, 8).requires_grad_() for size in (30, 50))
    targets = torch.arange(30)
    values: list[float] = []
    for _ in range(20):
        value: Tensor = loss(hidden, items, targets)
        for side, gradient in zip((hidden, items), torch.autograd.grad(value, (hidden, items)), strict=True):
            side.data -= gradient
        values.append(value.item())
    assert sum(values[-5:]) < sum(values[:5])


@pytest.mark.parametrize("kind", ["sampled-softmax", "bce", "gbce", "bpr"])
def test_the_same_seed_draws_the_same_negatives(kind: str) -> None:
    hidden, items, targets = torch.randn(5, 8), torch.randn(50, 8), torch.arange(5)
    values = []
    for _ in range(2):
        torch.manual_seed(7)
        values.append(built(kind)(hidden, items, targets).item())
    assert values[0] == values[1]


def test_a_small_catalogue_takes_the_full_softmax_and_a_large_one_samples() -> None:
    assert choose_kind(100_000) == "full-softmax"
    assert choose_kind(100_001) == "sampled-softmax"


def test_a_budget_that_cannot_hold_the_full_softmax_samples() -> None:
    # 130 000 tokens x 12 000 items x 25 epochs x 3.7 ns = 144 s.
    assert choose_kind(12_000, num_tokens=130_000, max_epochs=200, minutes=5) == "full-softmax"
    assert choose_kind(12_000, num_tokens=130_000, max_epochs=200, minutes=4) == "sampled-softmax"
    assert choose_kind(12_000, num_tokens=130_000, max_epochs=200, minutes=4, precision="bfloat16") == "full-softmax"
    assert choose_kind(12_000, num_tokens=130_000, max_epochs=5, minutes=1) == "full-softmax"
    assert choose_kind(100_000, memory_bytes=100_000_000) == "sampled-softmax"


def test_auto_builds_what_is_chosen() -> None:
    assert isinstance(built("auto"), FullSoftmax)
    chosen = build_loss(LossConfig(temperature=0.1), num_items=50, item_counts=np.ones(50), num_tokens=10**9, minutes=1)  # type: ignore[arg-type]  # float counts
    assert isinstance(chosen, SampledSoftmax)
    assert (chosen.temperature, chosen.num_negatives) == (0.1, 49)


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "bce", "temperature": 0.1},
        {"kind": "full-softmax", "num_negatives": 5},
        {"kind": "gbce", "popularity_power": 1.0},
        {"kind": "bce", "calibration": 0.5},
        {"kind": "full-softmax", "temperature": 0.0},
        {"kind": "softmax"},
    ],
)
def test_an_option_without_effect_is_an_error(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="|".join(settings)):
        LossConfig.parse(settings)


@pytest.mark.parametrize("kind", ["auto", "full-softmax", "sampled-softmax", "bce", "gbce", "bpr"])
def test_a_written_config_can_be_read_again(kind: str) -> None:
    config = LossConfig.parse({"kind": kind})
    assert LossConfig.parse(config.model_dump()) == config


def test_more_negatives_than_other_items_and_a_lone_item_are_refused() -> None:
    with pytest.raises(ConfigError, match="only 49 items"):
        built("gbce", num_negatives=50)
    with pytest.raises(ConfigError, match="at least two items"):
        built("full-softmax", num_items=1)


def test_the_estimate_counts_with_the_same_figures() -> None:
    """The workflow cannot import this room, which loads torch, so it repeats two of its numbers."""
    assert estimate.MAX_FULL_ITEMS == losses.MAX_FULL_ITEMS
    assert estimate.SECONDS_PER_SCORE == losses.SECONDS_PER_SCORE
