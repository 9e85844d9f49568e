"""What is learned first: examples come in by their order, all of them are in at the end, and an interruption changes nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.interruptions import CutAt

from leanrec.errors import ConfigError, DataError
from leanrec.features.batches import Batch, TokenBatches
from leanrec.features.difficulty import by_length, by_popularity, by_recency
from leanrec.features.histories import Histories
from leanrec.training.curriculum import CurriculumConfig
from leanrec.training.loop import train
from leanrec.training.paced_batches import PacedBatches
from leanrec.training.run import Run
from leanrec.training.training_config import TrainingConfig

Toy = Callable[..., Any]  # Any: conftest's ToyTask, which no test can import
MakeBatches = Callable[..., TokenBatches]


def config(**settings: Any) -> TrainingConfig:
    return TrainingConfig(**{"max_epochs": 6, "learning_rate": 0.05, "journal_steps": 1, "device": "cpu", "patience": None, **settings})


def of_lengths(*lengths: int) -> TokenBatches:
    return TokenBatches(Histories.of_rows([np.arange(length) % 12 for length in lengths], num_items=12), max_length=50, tokens=8)


def taken(batches: TokenBatches) -> list[int]:
    """Users that an epoch reads."""
    return sorted(row for batch in batches.epoch(0) for row in batch.user_rows.tolist())


def test_short_histories_come_first_and_all_are_in_at_the_end() -> None:
    batches = of_lengths(9, 2, 5, 3)
    paced = PacedBatches(batches, curriculum=CurriculumConfig(by="length", start=0.25, until=0.5, pacing="linear"), difficulty=by_length(batches))
    assert [taken(paced.at(progress, begins=True)) for progress in (0.0, 0.1, 0.3, 0.5, 1.0)] == [[1], [1, 3], [1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]]


def test_reversed_the_long_ones_come_first() -> None:
    batches = of_lengths(9, 2, 5, 3)
    paced = PacedBatches(batches, curriculum=CurriculumConfig(by="length", reverse=True, start=0.25), difficulty=by_length(batches))
    assert taken(paced.at(0.0, begins=True)) == [0]


def test_histories_of_popular_items_come_first() -> None:
    histories = Histories.of_rows([np.array([0, 5]), np.array([0, 1]), np.array([2, 1]), np.array([3, 1])], num_items=6)
    batches = TokenBatches(histories, max_length=5, tokens=4)
    difficulty = by_popularity(batches, np.bincount(histories.item_rows, minlength=6))
    assert difficulty[0] > difficulty[1] == difficulty[2] == difficulty[3]


def test_the_newest_come_first_when_asked_by_recency() -> None:
    batches = of_lengths(2, 3, 2)
    ages = by_recency(batches, np.array([1, 2, 4, 5, 90, 7, 60]))
    assert np.argsort(ages).tolist() == [1, 2, 0]


def test_the_random_control_grows_and_keeps_what_it_has() -> None:
    batches = of_lengths(*range(2, 42))
    paced = PacedBatches(batches, curriculum=CurriculumConfig(by="random", start=0.2), seed=3)
    early, late = taken(paced.at(0.0, begins=True)), taken(paced.at(0.2, begins=True))
    assert len(early) == 8 and set(early) < set(late)
    assert early != list(range(8)) and early != list(range(32, 40))
    assert taken(PacedBatches(batches, curriculum=CurriculumConfig(by="random", start=0.2), seed=3).at(0.0, begins=True)) == early


def test_a_part_is_cut_into_whole_batches_of_its_own() -> None:
    batches = of_lengths(9, 2, 5, 3, 4, 8)
    part = batches.taking(np.array([1, 3, 4]))
    read = list(part.epoch(0))
    assert sum(batch.num_tokens for batch in read) == part.num_tokens == 1 + 2 + 3
    assert [batch.position for batch in read] == list(range(1, len(part) + 1))
    assert batches.num_tokens == 8 + 1 + 4 + 2 + 3 + 7


def test_examples_that_are_lost_on_come_last_and_unheard_ones_in_the_middle() -> None:
    batches = of_lengths(3, 3, 3, 3)
    paced = PacedBatches(batches, curriculum=CurriculumConfig(by="loss", start=0.25, until=1.0, pacing="linear"))
    for user, loss in ((0, 5.0), (2, 0.1), (3, 1.0)):
        places = batches.target_places().reshape(4, 2)[user]
        paced.hear(_Heard(places), np.full(2, loss, np.float32))
    assert taken(paced.at(0.0, begins=True)) == [2]
    assert taken(paced.at(0.99, begins=True)) == [0, 1, 2, 3]
    assert 0 not in taken(paced.at(0.6, begins=True))


class _Heard:
    def __init__(self, places: Any) -> None:
        self.places = places


def test_what_is_heard_counts_from_the_next_epoch_on() -> None:
    batches = of_lengths(3, 3, 3, 3)
    paced = PacedBatches(batches, curriculum=CurriculumConfig(by="loss", start=0.25))
    first = taken(paced.at(0.0, begins=True))
    paced.hear(_Heard(batches.target_places()), np.repeat(np.array([9, 8, 7, 1], np.float32), 2))
    assert taken(paced.at(0.0, begins=False)) == first
    assert taken(paced.at(0.0, begins=True)) == [3]


class Hearing:
    """A toy that tells what every target lost."""

    def __init__(self, toy: Any) -> None:
        self.toy, self.module = toy, toy.module
        self.prepare, self.validate = toy.prepare, toy.validate
        self.target_losses: Any = None

    def loss(self, batch: Batch) -> torch.Tensor:
        losses = torch.nn.functional.cross_entropy(self.module(torch.from_numpy(batch.item_rows)), torch.from_numpy(batch.targets), reduction="none")
        self.target_losses = losses.detach()
        return losses.mean()


def paced(batches: TokenBatches, by: Any) -> PacedBatches[TokenBatches]:
    wanted = CurriculumConfig(by=by, start=0.3, until=0.7)
    return PacedBatches(batches, curriculum=wanted, difficulty=by_length(batches) if by == "length" else None)


@pytest.mark.parametrize("by", ["length", "random", "loss"])
def test_a_training_along_a_curriculum_reads_less_and_learns(toy: Toy, batches: MakeBatches, by: str) -> None:
    task = Hearing(toy())
    result = train(task, paced(batches(), by), config(max_epochs=12), run=Run())
    assert result.steps < 12 * len(batches())
    assert task.toy.accuracy() > 0.8


@pytest.mark.parametrize("by", ["length", "loss"])
@pytest.mark.parametrize("cut_at", [2, 5, 9])
def test_an_interrupted_curriculum_ends_with_the_same_bits(toy: Toy, batches: MakeBatches, tmp_path: Path, by: str, cut_at: int) -> None:
    whole, again = Hearing(toy()), Hearing(toy())
    train(whole, paced(batches(), by), config(), run=Run())
    with pytest.raises(KeyboardInterrupt):
        train(again, paced(batches(), by), config(checkpoint_steps=1), run=Run(folder=tmp_path, hooks=(CutAt(cut_at),)))
    resumed = Hearing(toy())
    train(resumed, paced(batches(), by), config(checkpoint_steps=1), run=Run(folder=tmp_path))
    for name, weight in whole.toy.weights().items():
        assert torch.equal(weight, resumed.toy.weights()[name]), name


def test_another_curriculum_does_not_resume(toy: Toy, batches: MakeBatches, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(Hearing(toy()), paced(batches(), "length"), config(checkpoint_steps=1), run=Run(folder=tmp_path, hooks=(CutAt(3),)))
    with pytest.raises(ConfigError, match=r"batches\.curriculum was"):
        train(Hearing(toy()), paced(batches(), "random"), config(checkpoint_steps=1), run=Run(folder=tmp_path))


def test_what_takes_no_effect_or_cannot_be_is_refused(toy: Toy, batches: MakeBatches) -> None:
    with pytest.raises(ConfigError, match="start 1 begins with all examples"):
        CurriculumConfig(by="length", start=1.0)
    with pytest.raises(ConfigError, match="random has no other way round"):
        CurriculumConfig(by="random", reverse=True)
    with pytest.raises(DataError, match=r"difficulties were given of 80 examples"):
        PacedBatches(batches(), curriculum=CurriculumConfig(by="length"), difficulty=np.zeros(3, np.float32))
    with pytest.raises(ConfigError, match="this training does not tell them"):
        train(toy(), paced(batches(), "loss"), config(), run=Run())
