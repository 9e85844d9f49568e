"""Mixed precision: a scale that falls and rises, steps that are skipped, and a training in float16 that goes on to the bit."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from leanrec.errors import ConfigError, TrainingError
from leanrec.features.batches import TokenBatches
from leanrec.training import loop
from leanrec.training.device import products_in, resolve_precision
from leanrec.training.hooks import StepContext
from leanrec.training.loop import train
from leanrec.training.mixed_precision import MixedPrecision
from leanrec.training.optimizer import Optimizer
from leanrec.training.run import Run
from leanrec.training.training_config import TrainingConfig

Toy = Callable[..., Any]  # Any: conftest's ToyTask, which no test can import
MakeBatches = Callable[..., TokenBatches]
CPU = torch.device("cpu")
FIRST_SCALE = 65536.0


def config(**settings: Any) -> TrainingConfig:
    return TrainingConfig(**{"max_epochs": 3, "learning_rate": 0.05, "journal_steps": 1, "device": "cpu", **settings})


def scaled(net: nn.Module, *, precision: str = "float16") -> MixedPrecision:
    return MixedPrecision(Optimizer(net, TrainingConfig(optimizer="sgd", momentum=0.0, learning_rate=1.0)), device=CPU, precision=precision)


def scale_of(mixed: MixedPrecision) -> float:
    return float(mixed.tensors()["scale"])


def backward(net: nn.Module, mixed: MixedPrecision, value: float) -> None:
    net.zero_grad()
    mixed.scaled(net(torch.full((1, 2), value)).sum()).backward()
    mixed.unscale()


@pytest.fixture
def float16(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The loop in float16 on a CPU, which it refuses to people."""
    monkeypatch.setattr(loop, "resolve_precision", lambda *_: "float16")
    yield


def test_float16_on_a_cpu_is_refused_and_says_what_is_allowed(toy: Toy, batches: MakeBatches) -> None:
    with pytest.raises(ConfigError, match="'float16' needs a CUDA device; on a CPU it may be auto, float32 or bfloat16"):
        train(toy(), batches(), config(precision="float16"), run=Run())
    assert resolve_precision(TrainingConfig(precision="float16"), torch.device("cuda")) == "float16"


def test_gradients_are_scaled_while_they_are_made_and_read_as_they_are() -> None:
    net = nn.Linear(2, 1, bias=False)
    mixed = scaled(net)
    loss = net(torch.ones(1, 2)).sum()
    assert mixed.scaled(loss).item() == pytest.approx(loss.item() * FIRST_SCALE)
    before = net.weight.detach().clone()
    backward(net, mixed, 0.5)
    torch.testing.assert_close(net.weight.grad, torch.full((1, 2), 0.5))
    assert mixed.step()
    torch.testing.assert_close(net.weight.detach(), before - 0.5)
    assert scale_of(mixed) == FIRST_SCALE


def test_a_step_with_an_infinite_gradient_is_skipped_and_halves_the_scale() -> None:
    net = nn.Linear(2, 1, bias=False)
    mixed = scaled(net)
    before = net.weight.detach().clone()
    backward(net, mixed, float("inf"))
    assert mixed.step(), "a smaller scale may do"
    assert torch.equal(net.weight, before)
    assert scale_of(mixed) == FIRST_SCALE / 2
    backward(net, mixed, 0.5)
    assert mixed.step()
    assert not torch.equal(net.weight, before)


def test_gradients_that_stay_infinite_are_found_out() -> None:
    net = nn.Linear(2, 1, bias=False)
    mixed = scaled(net)
    went_on = []
    for _ in range(17):  # 2^16 down to 1
        backward(net, mixed, float("inf"))
        went_on.append(mixed.step())
    assert went_on == [True] * 16 + [False]


def test_rows_of_a_sparse_gradient_are_unscaled_too() -> None:
    net = nn.Embedding(5, 2, sparse=True)
    mixed = scaled(net)
    mixed.scaled(net(torch.tensor([1, 3])).sum()).backward()
    mixed.unscale()
    torch.testing.assert_close(net.weight.grad.coalesce().values(), torch.ones(2, 2))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_elsewhere_there_is_no_scale(precision: str) -> None:
    net = nn.Linear(2, 1, bias=False)
    mixed = scaled(net, precision=precision)
    loss = net(torch.ones(1, 2)).sum()
    assert mixed.scaled(loss) is loss
    assert mixed.tensors() == {}
    with mixed.products():
        assert not torch.is_autocast_enabled("cpu"), "on a CPU the task decides"
    backward(net, mixed, 0.5)
    assert mixed.step()


def test_products_are_made_as_asked() -> None:
    for precision in ("float32", "bfloat16", "float16"):
        with products_in(precision, CPU):
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == getattr(torch, precision)


class _Trouble:
    """Makes a gradient infinite, or pulls the plug, after so many steps."""

    def __init__(self, task: Any, *, infinite: range = range(0), stop_at: int = -1) -> None:
        self.task, self.infinite, self.stop_at = task, infinite, stop_at
        self.num_still = 0

    def before_step(self, context: StepContext) -> None:
        self.before = self.task.weights()["3.weight"]
        weight = context.module[3].weight
        if context.step in self.infinite:
            handle = weight.register_hook(lambda gradient: handle.remove() or gradient / 0)

    def after_backward(self, context: StepContext) -> None:
        if context.step == self.stop_at:
            raise KeyboardInterrupt

    def after_step(self, context: StepContext) -> None:
        self.num_still += torch.equal(self.before, self.task.weights()["3.weight"])


def test_a_training_in_float16_learns_skips_and_goes_on_to_the_bit(float16: None, toy: Toy, batches: MakeBatches, tmp_path: Path) -> None:
    whole, cut = toy(), toy()
    hook = _Trouble(whole, infinite=range(3, 5))
    result = train(whole, batches(), config(max_epochs=8), run=Run(hooks=(hook,)))
    assert hook.num_still == 2, "the two steps alone"
    assert whole.accuracy() >= 0.9
    assert result.history[-1].loss < 0.5 * result.history[0].loss
    settings = config(max_epochs=8, checkpoint_steps=2)
    with pytest.raises(KeyboardInterrupt):
        train(cut, batches(), settings, run=Run(folder=tmp_path, hooks=(_Trouble(cut, infinite=range(3, 5), stop_at=7),)))
    again = toy(seed=5)
    train(again, batches(), settings, run=Run(folder=tmp_path))
    assert all(torch.equal(weight, again.weights()[name]) for name, weight in whole.weights().items())


def test_a_training_whose_gradients_stay_infinite_says_what_to_do(float16: None, toy: Toy, batches: MakeBatches) -> None:
    task = toy()
    with pytest.raises(TrainingError, match="gradients stay infinite in float16 in epoch") as caught:
        train(task, batches(), config(max_epochs=20), run=Run(hooks=(_Trouble(task, infinite=range(100)),)))
    assert "set precision to bfloat16 or float32" in str(caught.value.hint)


@pytest.mark.gpu
@pytest.mark.parametrize("loss", ["full-softmax", "sampled-softmax"])
def test_on_a_graphics_card_float16_learns_as_float32_does(loss: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    from tests.recommenders.test_sequential import sequential, world_split

    split = world_split()
    losses = []
    for precision in ("float32", "float16"):
        training = {"device": "cuda", "precision": precision, "max_epochs": 4}
        fitted = sequential(encoder={"dropout": 0.0}, training=training, loss={"kind": loss}).fit(split.train, valid=split.valid)
        losses.append([record.loss for record in fitted.training.history])
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    assert losses[1][-1] < losses[1][0]
