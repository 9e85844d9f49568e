"""The time of a training: ended before it is up, a validation's time kept free, looks that cost a tenth at most."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.training.interruptions import CutAt

from leanrec.config import Budget
from leanrec.errors import BudgetError
from leanrec.features.batches import TokenBatches
from leanrec.training import pace
from leanrec.training.loop import train
from leanrec.training.run import Run
from leanrec.training.training_config import TrainingConfig

Toy = Callable[..., Any]  # Any: conftest's ToyTask, which no test can import
MakeBatches = Callable[..., TokenBatches]


def config(**settings: Any) -> TrainingConfig:
    return TrainingConfig(**{"max_epochs": 4, "learning_rate": 0.05, "journal_steps": 1, "device": "cpu", **settings})


class Clock:
    """A clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pace, "monotonic", made)
    return made


def timed(task: Any, clock: Clock, *, step: float, validation: float, foretold: float | None = None) -> Any:
    """The task, with every loss and every validation taking so long."""
    loss, validate = task.loss, task.validate

    def slow_loss(batch: Any) -> Any:
        clock.now += step
        return loss(batch)

    def slow_validate() -> float:
        clock.now += validation
        return validate()

    task.loss, task.validate, task.validation_seconds = slow_loss, slow_validate, lambda: foretold
    return task


@pytest.mark.parametrize("minutes", [0.2, 0.5, 1.0, 3.0])
def test_training_ends_before_the_time_is_up_and_validates_its_last_weights(toy: Toy, batches: MakeBatches, clock: Clock, minutes: float) -> None:
    task = timed(toy(), clock, step=0.25, validation=2.0, foretold=2.1)
    result = train(task, batches(), config(max_epochs=10_000, patience=None), run=Run(budget=Budget(minutes=minutes)))
    assert result.stopped_because == "budget"
    assert 60 * minutes - 1.0 <= result.seconds <= 60 * minutes
    assert result.history[-1].quality is not None


def test_looking_takes_a_tenth_of_the_time_at_most(toy: Toy, batches: MakeBatches, clock: Clock) -> None:
    task = timed(toy(), clock, step=0.01, validation=1.0)
    result = train(task, batches(), config(max_epochs=10_000, patience=None), run=Run(budget=Budget(minutes=1)))
    validated = [record for record in result.history if record.quality is not None]
    assert 4 <= len(validated) <= 7
    assert 0.85 * result.seconds <= 0.01 * result.steps


def test_without_a_limit_every_epoch_is_looked_at(toy: Toy, batches: MakeBatches, clock: Clock) -> None:
    task = timed(toy(), clock, step=0.01, validation=1.0)
    result = train(task, batches(), config(max_epochs=5, patience=None), run=Run())
    assert all(record.quality is not None for record in result.history)


def test_time_that_holds_no_validation_is_refused_before_anything_starts(toy: Toy, batches: MakeBatches, clock: Clock, tmp_path: Any) -> None:
    task = timed(toy(), clock, step=0.25, validation=9.0, foretold=9.0)
    before = task.weights()
    with pytest.raises(BudgetError, match=r"a validation takes about 9\.0 s, and the budget allows 6\.0 s"):
        train(task, batches(), config(), run=Run(folder=tmp_path, budget=Budget(minutes=0.1)))
    assert list(tmp_path.iterdir()) == []
    assert all((weight == before[name]).all() for name, weight in task.weights().items())


def test_an_interrupted_training_has_only_the_time_that_is_left(toy: Toy, batches: MakeBatches, clock: Clock, tmp_path: Any) -> None:
    settings = config(max_epochs=10_000, patience=None, checkpoint_steps=20)
    with pytest.raises(KeyboardInterrupt):
        train(
            timed(toy(), clock, step=0.25, validation=1.0),
            batches(),
            settings,
            run=Run(folder=tmp_path, budget=Budget(minutes=1), hooks=(CutAt(60),)),
        )
    result = train(timed(toy(), clock, step=0.25, validation=1.0), batches(), settings, run=Run(folder=tmp_path, budget=Budget(minutes=1)))
    assert 59 <= result.seconds <= 60
    assert result.steps > 100
