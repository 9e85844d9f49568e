from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn, optim

from leanrec.errors import ArtifactError, ConfigError
from leanrec.evaluation.memory import MemoryWatch
from leanrec.training import optimizer_pieces
from leanrec.training.memory import training_memory_bytes
from leanrec.training.optimizer import Optimizer
from leanrec.training.optimizer_states import BLOCK, LEAST_QUANTISED, fresh_states, quantise, restored, state_bytes
from leanrec.training.training_config import TrainingConfig

THEIRS: dict[str, Callable[[Any], optim.Optimizer]] = {
    "adamw": lambda groups: optim.AdamW(groups, lr=0.01, betas=(0.9, 0.98), eps=1e-8),
    "adagrad": lambda groups: optim.Adagrad(groups, lr=0.01, eps=1e-8),
    "sgd": lambda groups: optim.SGD(groups, lr=0.01, momentum=0.9),
}


def module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))


def wide() -> nn.Module:
    """Its first matrix is large enough for eight bits."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2000), nn.LayerNorm(2000), nn.Linear(2000, 2))


def backward(net: nn.Module, value: float) -> None:
    net(torch.linspace(-value, 1.0, 6).reshape(2, 3)).square().sum().backward()


def step(net: nn.Module, optimizer: Optimizer, value: float) -> None:
    backward(net, value)
    optimizer.step()
    optimizer.zero_grad()


@pytest.mark.parametrize("name", ["adamw", "adagrad", "sgd"])
def test_the_steps_are_those_of_torch_and_only_matrices_decay(name: str) -> None:
    ours, reference = module(), module()
    optimizer = Optimizer(ours, TrainingConfig(optimizer=name, weight_decay=0.3, learning_rate=0.01))
    matrices, others = ([p for p in reference.parameters() if (p.ndim >= 2) is is_matrix] for is_matrix in (True, False))
    theirs = THEIRS[name]([{"params": matrices, "weight_decay": 0.3}, {"params": others, "weight_decay": 0.0}])
    for value in (0.5, -0.2, 1.5, 0.1):
        step(ours, optimizer, value)
        backward(reference, value)
        theirs.step()
        theirs.zero_grad()
    for mine, wanted in zip(ours.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["adamw", "adamw-8bit", "adagrad", "adagrad-rows", "sgd"])
def test_the_state_goes_out_and_in_again_to_the_bit(name: str) -> None:
    config = TrainingConfig(optimizer=name, weight_decay=0.01)
    net = wide()
    optimizer = Optimizer(net, config)
    step(net, optimizer, 0.5)
    other = wide()
    other.load_state_dict(net.state_dict())
    restored = Optimizer(other, config)
    restored.load({key: tensor.clone() for key, tensor in optimizer.tensors().items()})
    for value in (0.1, -0.7):
        for one, its in ((net, optimizer), (other, restored)):
            torch.manual_seed(3)  # as a checkpoint brings it back
            step(one, its, value)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters(), strict=True))


def test_a_weight_without_gradient_stays(name: str = "adamw") -> None:
    net = module()
    frozen = net[2].weight.detach().clone()
    optimizer = Optimizer(net, TrainingConfig(optimizer=name, weight_decay=0.5))
    backward(net, 0.5)
    net[2].weight.grad = None
    optimizer.step()
    assert torch.equal(net[2].weight, frozen)


def test_plain_sgd_remembers_no_gradients() -> None:
    net = module()
    before = net[0].weight.detach().clone()
    optimizer = Optimizer(net, TrainingConfig(optimizer="sgd", momentum=0.0, learning_rate=0.5))
    backward(net, 0.5)
    optimizer.step()
    assert torch.equal(net[0].weight, before - 0.5 * net[0].weight.grad)
    assert {key.partition("/")[2] for key in optimizer.tensors()} == {"steps"}


def test_the_state_of_another_model_is_refused() -> None:
    with pytest.raises(ArtifactError, match="other weights"):
        Optimizer(nn.Linear(2, 2), TrainingConfig()).load(Optimizer(module(), TrainingConfig()).tensors())


def test_weights_have_their_share_of_the_learning_rate_and_rest_at_nought() -> None:
    ours, reference = module(), module()
    optimizer = Optimizer(ours, TrainingConfig(learning_rate=0.01))
    optimizer.set_rates({"0.weight": 0.5, "0.bias": 0.0})
    step(ours, optimizer, 0.5)
    groups = [{"params": [reference[0].weight], "lr": 0.005}, {"params": [*reference[1].parameters(), *reference[2].parameters()]}]
    theirs = optim.AdamW(groups, lr=0.01, betas=(0.9, 0.98), eps=1e-8, weight_decay=0.0)
    backward(reference, 0.5)
    theirs.step()
    for (name, mine), other in zip(ours.named_parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(mine, other, msg=name)
    assert not ours[0].bias.requires_grad
    optimizer.set_rates({})
    assert ours[0].bias.requires_grad


def test_a_rate_for_a_weight_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no trained weight is called 'head.weight'"):
        Optimizer(module(), TrainingConfig()).set_rates({"head.weight": 0.5})


def test_moments_in_eight_bits_take_the_way_of_those_in_thirty_two() -> None:
    target = torch.randn(64, 128, generator=torch.Generator().manual_seed(1))
    ways = {}
    for name in ("adamw", "adamw-8bit"):
        torch.manual_seed(0)
        net = nn.Linear(128, 64)
        optimizer = Optimizer(net, TrainingConfig(optimizer=name, learning_rate=0.02))
        inputs = torch.randn(256, 128, generator=torch.Generator().manual_seed(2))
        losses = []
        for start in range(300):
            batch = inputs[start % 16 :: 16]
            loss = (net(batch) - batch @ target.T).square().mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        ways[name] = torch.tensor(losses)
    exact, small = ways["adamw"], ways["adamw-8bit"]
    assert exact[-1] < 0.05 * exact[0]
    assert (small - exact).abs().max() < 0.03 * exact[0]
    assert small[-16:].mean() < 1.5 * exact[-16:].mean() + 1e-3 * exact[0]


def test_eight_bits_hold_small_and_large_moments_beside_each_other() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(100, 100, generator=generator) * 10 ** (-4 * torch.rand(100, 100, generator=generator))
    states = fresh_states(values, TrainingConfig(optimizer="adamw-8bit"))
    quantise(states, "first_moment", values)
    quantise(states, "second_moment", values.square())
    first, second = restored(states, "first_moment"), restored(states, "second_moment")
    is_large = values.abs() > 0.01 * values.abs().max()
    assert ((first - values).abs() / values.abs())[is_large].max() < 0.12
    assert (second[values != 0] > 0).all(), "a step is never divided by nothing"
    assert ((second - values.square()).abs() / values.square())[is_large].max() < 0.2


def test_small_weights_keep_their_moments_whole_and_memory_is_told_before() -> None:
    config = TrainingConfig(optimizer="adamw-8bit")
    small, large = torch.zeros(LEAST_QUANTISED - 1), torch.zeros(1000, 256)
    assert fresh_states(small, config)["first_moment"].dtype == torch.float32
    for tensor in (small, large):
        assert sum(state.nbytes for state in fresh_states(tensor, config).values()) == state_bytes(tensor, config)
    assert state_bytes(large, config) < 0.27 * state_bytes(large, TrainingConfig())
    assert state_bytes(large, TrainingConfig(optimizer="adagrad-rows")) == 1000 * 4
    net = nn.Linear(1000, 256)
    assert training_memory_bytes(net, config) < training_memory_bytes(net, TrainingConfig())


def test_a_row_has_one_sum() -> None:
    net = nn.Linear(2, 2, bias=False)
    before = net.weight.detach().clone()
    optimizer = Optimizer(net, TrainingConfig(optimizer="adagrad-rows", learning_rate=0.1))
    net.weight.grad = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    optimizer.step()
    moved = before - net.weight.detach()
    torch.testing.assert_close(moved, torch.tensor([[3.0, 4.0], [0.0, 0.0]]) * 0.1 / (12.5**0.5))
    assert optimizer.tensors()["0/sum_of_squares"].shape == (2, 1)


@pytest.mark.parametrize("name", ["adamw-8bit", "adagrad", "adagrad-rows", "sgd"])
def test_a_weight_moved_in_pieces_goes_the_way_of_a_whole_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrainingConfig(optimizer=name, learning_rate=0.05, weight_decay=0.01)
    whole, cut = wide(), wide()
    cut.load_state_dict(whole.state_dict())
    for net, size in ((whole, 1 << 30), (cut, 2 * BLOCK)):
        monkeypatch.setattr(optimizer_pieces, "PIECE", size)
        optimizer = Optimizer(net, config)
        for value in (0.5, -0.2, 0.9):
            torch.manual_seed(1)
            step(net, optimizer, value)
    tolerance = 0.02 if name == "adamw-8bit" else 0.0  # whose moments are rounded by other draws
    for one, other in zip(whole.parameters(), cut.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0.0, atol=tolerance)


@pytest.mark.parametrize("name", ["adamw-8bit", "adagrad", "adagrad-rows", "sgd"])
def test_a_step_holds_little_beside_a_large_weight(name: str) -> None:
    net = nn.Embedding(200_000, 64)
    optimizer = Optimizer(net, TrainingConfig(optimizer=name, weight_decay=0.01))
    net.weight.grad = torch.ones_like(net.weight)
    optimizer.step()
    with MemoryWatch() as watch:
        optimizer.step()
    if watch.peak.method != "high-water mark":
        pytest.skip("the system does not say what was held at most")
    assert watch.peak.added_bytes < net.weight.nbytes
