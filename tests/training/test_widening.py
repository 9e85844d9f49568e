"""Training that begins narrow: states and kept weights follow, an interruption changes nothing, what cannot be is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.interruptions import CutAt
from torch import Tensor, nn

from leanrec.config import Budget
from leanrec.errors import BudgetError, ConfigError
from leanrec.features.batches import Batch, TokenBatches
from leanrec.models.item_embedding import ItemEmbedding, ItemEmbeddingConfig
from leanrec.models.next_item import NextItemNetwork
from leanrec.models.sequence_encoder import SequenceEncoder, SequenceEncoderConfig
from leanrec.models.widening import Widenings, outline
from leanrec.training.growth import GrowthConfig
from leanrec.training.loop import train
from leanrec.training.optimizer import Optimizer
from leanrec.training.optimizer_states import GRADIENT_POWERS, fresh_states, quantise, restored, widen_states
from leanrec.training.run import Run
from leanrec.training.training_config import TrainingConfig

MakeBatches = Callable[..., TokenBatches]
GROWTH = GrowthConfig(at=(0.3, 0.6), width=(8, 16, 32), num_layers=(1, 2, 2))
NUM_ITEMS, WIDTH = 12, 8


def config(**settings: Any) -> TrainingConfig:
    defaults = {"max_epochs": 8, "learning_rate": 0.02, "journal_steps": 1, "device": "cpu", "precision": "float32", "validate_every": 0}
    return TrainingConfig(**{**defaults, **settings})


def network(*, block: str = "transformer", width: int = WIDTH, dropout: float = 0.0) -> NextItemNetwork:
    torch.manual_seed(1)
    items = ItemEmbedding(ItemEmbeddingConfig(scale=0.3), width=width, num_items=NUM_ITEMS)
    settings = SequenceEncoderConfig.parse({"block": block, "width": width, "num_layers": 1, "max_length": 8, "dropout": dropout})
    return NextItemNetwork(items, SequenceEncoder(settings))


class Broadening:
    """Guesses the next item with a network that grows in width and depth; validation is best before the last growth."""

    def __init__(self, growth: GrowthConfig = GROWTH, *, dropout: float = 0.1) -> None:
        self.growth, self.module = growth, network(dropout=dropout)
        self.widths: list[int] = []
        self.losses: list[float] = []
        self.said: list[Tensor] = []

    def prepare(self, *, device: torch.device, precision: str) -> None: ...

    def grow(self, progress: float) -> dict[str, str]:
        inherited = self.module.encoder.grow(self.growth.size_at("num_layers", progress) or 1)
        return {f"encoder.{new}": f"encoder.{old}" for new, old in inherited.items()}

    def widen(self, progress: float) -> Widenings:
        return self.module.widen(self.growth.size_at("width", progress) or WIDTH)

    @property
    def grown(self) -> nn.Module:
        made = outline(self.module)
        made.widen(self.growth.width[-1])
        return made

    def loss(self, batch: Batch) -> Tensor:
        vectors = self.module.item_vectors()
        hidden = self.module(torch.from_numpy(batch.item_rows), vectors, batch.groups)
        found = nn.functional.cross_entropy(hidden @ vectors.T, torch.from_numpy(batch.targets))
        self.widths.append(vectors.shape[1])
        self.losses.append(found.item())
        return found

    def scores(self) -> Tensor:
        vectors = self.module.item_vectors()
        return (self.module(torch.arange(6), vectors, ((2, 3),)) @ vectors.T).detach()

    def validate(self) -> float:
        self.said.append(self.scores())
        return -float(len(self.said))

    def weights(self) -> dict[str, Tensor]:
        return {name: tensor.detach().clone() for name, tensor in self.module.state_dict().items()}


def test_training_goes_on_where_a_growth_finds_it(batches: MakeBatches) -> None:
    task = Broadening(GrowthConfig(at=(0.5,), width=(8, 16)), dropout=0.0)
    result = train(task, batches(), config(optimizer="sgd", learning_rate=0.2, momentum=0.5), run=Run())
    assert task.widths == sorted(task.widths) and set(task.widths) == {8, 16}
    before, after = (record.loss for record in result.history[3:5])
    assert after < before < task.losses[0]
    assert task.losses[-1] < 0.9 * task.losses[0]


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_the_best_weights_still_say_what_they_said_when_validated(batches: MakeBatches, average: float) -> None:
    task = Broadening()
    assert train(task, batches(), config(validate_every=1, average=average), run=Run()).best_epoch == 1
    assert task.module.encoder.config.width == 32 and len(task.module.encoder.blocks) == 2
    assert torch.allclose(task.scores(), task.said[0], atol=1e-5)
    assert not torch.allclose(task.said[-1], task.said[0], atol=1e-2)


@pytest.mark.parametrize("optimizer", ["adamw", "adamw-8bit", "adagrad-rows", "sgd"])
@pytest.mark.parametrize("cut_at", [1, 12, 30, 45])
def test_an_interrupted_growth_ends_with_the_same_bits(batches: MakeBatches, tmp_path: Path, cut_at: int, optimizer: str) -> None:
    settings = config(checkpoint_steps=1, validate_every=3, optimizer=optimizer, average=0.9 if optimizer == "adamw" else 0.0)
    whole, again, resumed = Broadening(), Broadening(), Broadening()
    assert train(whole, batches(), settings, run=Run()).steps > cut_at
    with pytest.raises(KeyboardInterrupt):
        train(again, batches(), settings, run=Run(folder=tmp_path, hooks=(CutAt(cut_at),)))
    train(resumed, batches(), settings, run=Run(folder=tmp_path))
    assert whole.weights().keys() == resumed.weights().keys()
    for name, weight in whole.weights().items():
        assert torch.equal(weight, resumed.weights()[name]), name


@pytest.mark.parametrize("optimizer", ["adamw", "adagrad", "adagrad-rows", "sgd"])
def test_the_optimizer_remembers_of_copies_what_they_would_have_taught_it(batches: MakeBatches, optimizer: str) -> None:
    """Without noise the copies of a wide network have the gradients that are foretold, so that a history of them ends in the same states."""
    narrow, wide = network(), network()
    settings = config(optimizer=optimizer, momentum=0.9, learning_rate=1e-12, weight_decay=0.0)
    widenings = wide.widen(2 * WIDTH)
    with torch.no_grad():
        for name, weight in wide.named_parameters():
            if name in widenings and widenings[name].noise is not None:
                weight.sub_(widenings[name].noise)
    optimizers = [Optimizer(made, settings) for made in (narrow, wide)]
    for batch in list(batches().epoch(0))[:3]:
        for made, its in zip((narrow, wide), optimizers, strict=True):
            vectors = made.item_vectors()
            hidden = made(torch.from_numpy(batch.item_rows), vectors, batch.groups)
            nn.functional.cross_entropy(hidden @ vectors.T, torch.from_numpy(batch.targets)).backward()
            its.step()
            its.zero_grad()
    widenings = narrow.widen(2 * WIDTH)
    optimizers[0].widen(narrow, widenings)
    for carried, lived in zip(*(its._slots for its in optimizers), strict=True):
        assert (carried.name, carried.steps) == (lived.name, lived.steps) and carried.steps == 3 * (optimizer == "adamw")
        assert carried.parameter is dict(narrow.named_parameters())[carried.name]
        for name, state in carried.states.items():
            assert state.shape == lived.states[name].shape
            assert torch.allclose(state, lived.states[name], rtol=1e-3, atol=1e-4 * float(lived.states[name].abs().max())), (carried.name, name)


@pytest.mark.parametrize(("width", "was_quantised"), [(40, False), (80, True)])
def test_moments_in_eight_bits_follow_and_become_so_where_a_weight_grows_large(width: int, was_quantised: bool) -> None:
    settings = config(optimizer="adamw-8bit")
    widening = network().widen(2 * WIDTH)["items.ids.weight"]
    narrow, wide = (fresh_states(torch.zeros(64, size), settings) for size in (width, 2 * width))
    assert (narrow["first_moment"].dtype == torch.int8) == was_quantised and wide["first_moment"].dtype == torch.int8
    torch.manual_seed(0)
    first = torch.randn(64, width)
    for name, moment in (("first_moment", first), ("second_moment", first.square())):
        if was_quantised:
            quantise(narrow, name, moment)
        else:
            narrow[name].copy_(moment)
        widen_states(narrow, wide, widening)
        expected = widening.of_gradients(moment, shape=(64, 2 * width), power=GRADIENT_POWERS[name])
        assert (restored(wide, name) - expected).abs().mean() < 0.05 * expected.abs().mean()


def test_memory_is_asked_for_the_width_that_training_ends_with(batches: MakeBatches) -> None:
    task = Broadening(GrowthConfig(at=(0.5,), width=(8, 8 * 1024)))
    with pytest.raises(BudgetError, match=r"8.* weights"):
        train(task, batches(), config(), run=Run(budget=Budget(memory_gb=0.5)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": (32, 48)}, "is not a whole multiple of the one before"),
        ({"width": (64, 32)}, "does not grow"),
        ({"width": (32, 64), "dimensions": (32, 64)}, "leave one of them out"),
    ],
)
def test_widths_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GrowthConfig(at=(0.5,), **settings)
