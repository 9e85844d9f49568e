"""Training that begins with less: what is added changes nothing at first, states are carried over, an interruption changes nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from tests.training.interruptions import CutAt
from torch import Tensor, nn

from leanrec.errors import ConfigError
from leanrec.features.batches import Batch, TokenBatches
from leanrec.features.difficulty import by_length
from leanrec.features.histories import Histories
from leanrec.models.block import BlockName
from leanrec.models.growing import grow_stack
from leanrec.models.sequence_encoder import SequenceEncoder, SequenceEncoderConfig
from leanrec.training.curriculum import CurriculumConfig
from leanrec.training.growth import GrowthConfig
from leanrec.training.loop import train
from leanrec.training.optimizer import Optimizer
from leanrec.training.paced_batches import PacedBatches
from leanrec.training.run import Run
from leanrec.training.training_config import TrainingConfig

MakeBatches = Callable[..., TokenBatches]
GROUPS = ((3, 4), (2, 7))


def config(**settings: Any) -> TrainingConfig:
    defaults = {"max_epochs": 8, "learning_rate": 0.02, "journal_steps": 1, "device": "cpu", "precision": "float32", "validate_every": 0}
    return TrainingConfig(**{**defaults, **settings})


def encoder(block: str, *, num_layers: int = 1) -> SequenceEncoder:
    torch.manual_seed(0)
    made = SequenceEncoder(SequenceEncoderConfig(block=block, width=8, num_layers=num_layers, max_length=12, dropout=0.0))
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.3)
    return made


@pytest.mark.parametrize("block", get_args(BlockName))
def test_a_deeper_encoder_says_what_it_said_before_and_its_new_layers_learn(block: str) -> None:
    network, events = encoder(block), torch.randn(26, 8)
    before = network(events, GROUPS)
    inherited = network.grow(3)
    assert torch.allclose(network(events, GROUPS), before, atol=1e-5)
    assert (network.config.num_layers, len(network.blocks)) == (3, 3)
    assert set(inherited) == {name for name, _ in network.named_parameters() if name.startswith(("blocks.1.", "blocks.2."))}
    optimizer = Optimizer(network, config(learning_rate=0.1))
    for _ in range(3):
        (network(events, GROUPS) - torch.roll(events, 1, 0)).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    named = dict(network.named_parameters())
    own = [name for name in inherited if "2." in name and not torch.equal(named[name], named[inherited[name]])]
    assert own and not torch.allclose(network(events, GROUPS), before, atol=1e-2)


def test_a_block_that_cannot_be_silent_is_refused() -> None:
    with pytest.raises(ConfigError, match="a Linear cannot be added"):
        grow_stack(nn.ModuleList([nn.Linear(2, 2)]), 2)


class Deepening:
    """Guesses the next item with a stack that grows from one to two layers."""

    def __init__(self, growth: GrowthConfig) -> None:
        torch.manual_seed(1)
        self.growth = growth
        first = growth.size_at("num_layers", 0.0) or 2
        self.module = nn.ModuleDict(
            {
                "table": nn.Embedding(12, 8),
                "encoder": SequenceEncoder(SequenceEncoderConfig(width=8, num_layers=first, max_length=8, dropout=0.1)),
            }
        )
        self.depths: list[int] = []
        self.lengths: list[int] = []

    def prepare(self, *, device: torch.device, precision: str) -> None: ...

    def grow(self, progress: float) -> dict[str, str]:
        wanted = self.growth.size_at("num_layers", progress) or 2
        inherited = self.encoder.grow(wanted)
        return {f"encoder.{new}": f"encoder.{old}" for new, old in inherited.items()}

    @property
    def encoder(self) -> Any:
        return self.module["encoder"]

    def loss(self, batch: Batch) -> Tensor:
        self.depths.append(len(self.encoder.blocks))
        self.lengths.append(max(length for _, length in batch.groups))
        table = self.module["table"].weight
        hidden = self.encoder(table[torch.from_numpy(batch.item_rows)], batch.groups)
        return nn.functional.cross_entropy(hidden @ table.T, torch.from_numpy(batch.targets))

    def validate(self) -> float:
        return 0.0

    def weights(self) -> dict[str, Tensor]:
        return {name: tensor.detach().clone() for name, tensor in self.module.state_dict().items()}


GROWTH = GrowthConfig(at=(0.3, 0.6), num_layers=(1, 1, 2), max_length=(2, 5, 8), tokens=(32, 32, 64))


def growing(batches: TokenBatches) -> PacedBatches[TokenBatches]:
    wanted = CurriculumConfig(by="length", start=0.5)
    return PacedBatches(batches, curriculum=wanted, growth=GROWTH, difficulty=by_length(batches))


def test_stages_come_one_after_the_other_and_go_with_a_curriculum(batches: MakeBatches) -> None:
    task = Deepening(GROWTH)
    result = train(task, growing(batches()), config(), run=Run())
    assert task.depths == sorted(task.depths) and set(task.depths) == {1, 2}
    assert (max(task.lengths[:3]), max(task.lengths)) == (2, 8)
    assert task.encoder.config.num_layers == 2
    first, last = result.history[0].loss, result.history[-1].loss
    assert last < 0.7 * first


@pytest.mark.parametrize("average", [0.0, 0.9])
@pytest.mark.parametrize("cut_at", [1, 12, 30, 45])
def test_an_interrupted_growth_ends_with_the_same_bits(batches: MakeBatches, tmp_path: Path, cut_at: int, average: float) -> None:
    settings = config(checkpoint_steps=1, average=average)
    whole, again, resumed = Deepening(GROWTH), Deepening(GROWTH), Deepening(GROWTH)
    steps = train(whole, growing(batches()), settings, run=Run()).steps
    assert steps > cut_at
    with pytest.raises(KeyboardInterrupt):
        train(again, growing(batches()), settings, run=Run(folder=tmp_path, hooks=(CutAt(cut_at),)))
    train(resumed, growing(batches()), settings, run=Run(folder=tmp_path))
    assert whole.weights().keys() == resumed.weights().keys()
    for name, weight in whole.weights().items():
        assert torch.equal(weight, resumed.weights()[name]), name


def test_the_optimizer_goes_on_with_what_it_knew_of_a_copied_weight(batches: MakeBatches) -> None:
    task = Deepening(GROWTH)
    optimizer = Optimizer(task.module, config())
    for batch in list(batches().epoch(0))[:2]:
        task.loss(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
    optimizer.extend(task.module, task.grow(0.9))
    states = {slot.name: slot for slot in optimizer._slots}
    copied, source = states["encoder.blocks.1.attention.queries_keys_values.weight"], states["encoder.blocks.0.attention.queries_keys_values.weight"]
    assert (
        torch.equal(copied.states["first_moment"], source.states["first_moment"])
        and copied.states["first_moment"].abs().sum() > 0
        and copied.steps == 2
    )
    silent = states["encoder.blocks.1.attention.output.weight"]
    assert silent.states["first_moment"].abs().sum() == 0 and silent.steps == 0


def test_shorter_histories_keep_their_newest_events() -> None:
    batches = TokenBatches(Histories.of_rows([np.arange(9), np.arange(3)], num_items=12), max_length=8, tokens=8)
    (batch, *_) = batches.resized(max_length=2, tokens=100).epoch(0)
    assert sorted(batch.targets.tolist()) == [1, 2, 7, 8]
    assert batch.groups == ((2, 2),)
    assert len(batches.resized(max_length=None, tokens=2)) > len(batches.resized(max_length=None, tokens=None))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"at": (0.5,)}, "nothing grows: set one of max_length, tokens, num_layers"),
        ({"at": (0.5, 0.5), "tokens": (1, 2, 3)}, "does not rise between 0 and 1"),
        ({"at": (1.0,), "tokens": (1, 2)}, "does not rise between 0 and 1"),
        ({"at": (0.5,), "tokens": (1, 2, 3)}, "tokens has 3 stages, and at has 1 moments"),
        ({"at": (0.5,), "num_layers": (2, 1)}, "does not grow"),
    ],
)
def test_growth_that_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GrowthConfig(**settings)
