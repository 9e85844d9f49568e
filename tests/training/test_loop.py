import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from leanrec.config import Budget
from leanrec.errors import ArtifactError, BudgetError, ConfigError, DataError, TrainingError
from leanrec.features.batches import Batch, TokenBatches
from leanrec.features.histories import Histories
from leanrec.training import checkpoint, device, pace
from leanrec.training.hooks import StepContext
from leanrec.training.loop import TrainingConfig, resolve_device, resolve_precision, train
from leanrec.training.run import Run

Toy = Callable[..., Any]  # Any: conftest's ToyTask, which no test can import
MakeBatches = Callable[..., TokenBatches]


def config(**settings: Any) -> TrainingConfig:
    return TrainingConfig(**{"max_epochs": 4, "learning_rate": 0.05, "journal_steps": 1, "device": "cpu", **settings})


class Recorder:
    """A hook that writes down when it is called, and fails when told to."""

    def __init__(self, name: str = "hook", *, fail_at: int = -1) -> None:
        self.name, self.fail_at = name, fail_at
        self.contexts: list[StepContext] = []
        self.had_gradients: list[bool] = []

    def before_step(self, context: StepContext) -> None:
        self._note("before_step", context)
        if context.step == self.fail_at:
            with torch.no_grad():
                next(context.module.parameters()).fill_(float("nan"))

    def after_backward(self, context: StepContext) -> None:
        self._note("after_backward", context)

    def after_step(self, context: StepContext) -> None:
        self._note("after_step", context)

    def _note(self, place: str, context: StepContext) -> None:
        CALLS.append((self.name, place, context.step))
        self.contexts.append(context)
        self.had_gradients.append(any(parameter.grad is not None for parameter in context.module.parameters()))


CALLS: list[tuple[str, str, int]] = []


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(("optimizer", "rate"), [("adamw", 0.05), ("adagrad", 0.3), ("sgd", 0.3)])
@pytest.mark.parametrize("schedule", ["cosine", "step", "decay", "constant"])
def test_every_optimizer_and_schedule_learns(toy: Toy, batches: MakeBatches, optimizer: str, rate: float, schedule: str) -> None:
    task = toy()
    result = train(task, batches(), config(max_epochs=8, optimizer=optimizer, schedule=schedule, learning_rate=rate, warmup_epochs=1), run=Run())
    assert task.accuracy() >= 0.9
    assert result.history[-1].loss < 0.5 * result.history[0].loss
    assert task.prepared["device"] == torch.device("cpu")
    assert not task.module.training


def test_the_same_seed_gives_the_same_weights_and_leaves_the_callers_generator_alone(toy: Toy, batches: MakeBatches) -> None:
    outcomes = []
    for seed in (3, 3, 4):
        task = toy()
        torch.manual_seed(random.randrange(10**6))  # noqa: S311
        before = torch.get_rng_state()
        train(task, batches(), config(), run=Run(seed=seed))
        assert torch.equal(torch.get_rng_state(), before)
        outcomes.append(task.weights()["0.weight"])
    assert torch.equal(outcomes[0], outcomes[1])
    assert not torch.equal(outcomes[0], outcomes[2])


def test_a_folder_changes_nothing_but_what_is_written(toy: Toy, batches: MakeBatches, tmp_path: Path) -> None:
    first, second = toy(), toy()
    train(first, batches(), config(), run=Run())
    train(second, batches(), config(checkpoint_steps=2), run=Run(folder=tmp_path))
    assert torch.equal(first.weights()["0.weight"], second.weights()["0.weight"])
    assert [path.name for path in tmp_path.iterdir()] == ["journal.jsonl"]


def test_early_stopping_restores_the_best_weights(toy: Toy, batches: MakeBatches) -> None:
    task = toy(qualities=[0.1, 0.3, 0.2, 0.3, 0.9])
    result = train(task, batches(), config(max_epochs=9, patience=2), run=Run())
    assert (result.stopped_because, result.best_epoch, result.best_quality, result.epochs) == ("patience", 2, 0.3, 4)
    assert [record.quality for record in result.history] == [0.1, 0.3, 0.2, 0.3]
    assert torch.equal(task.weights()["0.weight"], task.seen[1])


def test_without_validation_the_last_weights_are_kept(toy: Toy, batches: MakeBatches) -> None:
    task = toy()
    result = train(task, batches(), config(validate_every=0), run=Run())
    assert (task.seen, result.best_epoch, result.best_quality, result.stopped_because) == ([], 4, None, "epochs")
    assert result.history[-1].quality is None
    assert task.accuracy() >= 0.9


def test_the_last_epoch_is_validated_whatever_the_interval(toy: Toy, batches: MakeBatches) -> None:
    result = train(toy(), batches(), config(max_epochs=5, validate_every=2), run=Run())
    assert [record.quality is not None for record in result.history] == [False, True, False, True, True]


def test_averaged_weights_are_validated_and_kept(toy: Toy, batches: MakeBatches) -> None:
    plain, averaged = toy(), toy()
    train(plain, batches(), config(max_epochs=1), run=Run())
    train(averaged, batches(), config(max_epochs=1, average=0.99), run=Run())
    assert not torch.equal(plain.weights()["0.weight"], averaged.weights()["0.weight"])
    assert torch.equal(averaged.weights()["0.weight"], averaged.seen[0])


def test_hooks_are_called_in_order_around_every_step(toy: Toy, batches: MakeBatches) -> None:
    CALLS.clear()
    first, second = Recorder("first"), Recorder("second")
    result = train(toy(), batches(), config(max_epochs=1), run=Run(hooks=(first, second)))
    places = ("before_step", "after_backward", "after_step")
    assert [(name, place, step) for step in range(result.steps) for place in places for name in ("first", "second")] == CALLS
    assert first.had_gradients[:3] == [False, True, True]
    assert [context.loss is None for context in first.contexts[:3]] == [True, False, False]
    assert isinstance(first.contexts[0].batch, Batch)


def test_the_journal_tells_each_step_and_epoch_once(toy: Toy, batches: MakeBatches, tmp_path: Path) -> None:
    result = train(toy(), batches(), config(max_epochs=2, journal_steps=2), run=Run(folder=tmp_path))
    told = lines(tmp_path)
    assert told[0]["event"] == "begin"
    assert told[0]["settings"]["batches.max_length"] == 8
    assert told[-1] | {"seconds": 0, "cpu_seconds": 0} == {
        "event": "end", "step": result.steps, "stopped_because": "epochs", "best_epoch": result.best_epoch, "best_quality": result.best_quality,
        "seconds": 0, "cpu_seconds": 0,
    }  # fmt: skip
    assert [line["step"] for line in told if line["event"] == "step"] == list(range(2, result.steps + 1, 2))
    assert [line["quality"] for line in told if line["event"] == "epoch"] == [record.quality for record in result.history]


def test_the_budget_brings_the_learning_rate_down_and_ends_in_time(toy: Toy, batches: MakeBatches, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(10**9))
    monkeypatch.setattr(pace, "monotonic", lambda: next(ticks) * 0.1)  # every look at the clock takes a tenth of a second
    task, recorder = toy(), Recorder()
    result = train(task, batches(), config(max_epochs=1000, patience=None), run=Run(budget=Budget(minutes=0.5), hooks=(recorder,)))
    assert result.stopped_because == "budget"
    assert result.seconds < 31
    assert 1 < result.epochs < 100
    assert result.history[-1].learning_rate < 0.02 * 0.05
    assert result.history[-1].quality is not None
    assert result.best_quality == max(record.quality or 0.0 for record in result.history)


def test_a_budget_shorter_than_an_epoch_keeps_what_was_learned(toy: Toy, batches: MakeBatches, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(10**9))
    monkeypatch.setattr(pace, "monotonic", lambda: next(ticks) * 1.0)
    task = toy()
    before = task.weights()["0.weight"]
    result = train(task, batches(), config(), run=Run(budget=Budget(minutes=0.2)))
    assert (result.stopped_because, result.epochs, result.best_epoch, result.best_quality) == ("budget", 1, 1, None)
    assert not torch.equal(task.weights()["0.weight"], before)


def test_a_loss_that_is_no_number_leaves_the_best_weights_and_says_what_to_do(toy: Toy, batches: MakeBatches, tmp_path: Path) -> None:
    num_batches = len(batches())
    task, hook = toy(qualities=[0.5, 0.4, 0.6]), Recorder(fail_at=2 * num_batches + 1)
    with pytest.raises(TrainingError, match=rf"(?s)nan in epoch 3 at step {2 * num_batches + 2}, learning rate .* epoch 1 are kept.*float32"):
        train(task, batches(), config(), run=Run(folder=tmp_path, hooks=(hook,)))
    assert torch.equal(task.weights()["0.weight"], task.seen[0])
    assert lines(tmp_path)[-1]["event"] == "error"
    again = toy(qualities=[0.6, 0.7])
    result = train(again, batches(), config(), run=Run(folder=tmp_path))
    assert (result.best_epoch, result.epochs, len(again.seen)) == (4, 4, 2)


def test_weights_that_are_no_numbers_never_reach_a_checkpoint(toy: Toy, batches: MakeBatches, tmp_path: Path) -> None:
    class Poison(Recorder):
        def after_step(self, context: StepContext) -> None:
            if context.step == 2:
                with torch.no_grad():
                    next(context.module.parameters()).fill_(float("inf"))

    task = toy()
    before = task.weights()["0.weight"]
    with pytest.raises(TrainingError, match="a weight became infinite"):
        train(task, batches(), config(checkpoint_steps=3), run=Run(folder=tmp_path, hooks=(Poison(),)))
    assert torch.equal(task.weights()["0.weight"], before)
    assert not (tmp_path / "checkpoint").exists()


def test_a_full_disk_leaves_the_best_weights_and_the_checkpoint_before(
    toy: Toy, batches: MakeBatches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = toy(qualities=[0.5, 0.4, 0.3, 0.2])
    saves: list[int] = []
    save_into = checkpoint.save_into

    def full_at_third(*args: Any) -> None:
        saves.append(1)
        if len(saves) == 3:
            raise OSError(28, "No space left on device")
        save_into(*args)

    monkeypatch.setattr(checkpoint, "save_into", full_at_third)
    with pytest.raises(ArtifactError, match=r"(?s)checkpoint.*bytes free"):
        train(task, batches(), config(), run=Run(folder=tmp_path))
    assert torch.equal(task.weights()["0.weight"], task.seen[0])
    resumed = toy(qualities=[0.3, 0.2])
    assert train(resumed, batches(), config(), run=Run(folder=tmp_path)).best_epoch == 1
    assert len(resumed.seen) == 2
    assert torch.equal(resumed.weights()["0.weight"], task.seen[0])


def interrupt(toy: Toy, batches: MakeBatches, folder: Path) -> None:
    with pytest.raises(TrainingError):
        train(toy(), batches(), config(), run=Run(folder=folder, hooks=(Recorder(fail_at=2 * len(batches())),)))


def test_other_data_or_settings_do_not_resume(toy: Toy, batches: MakeBatches, tmp_path: Path) -> None:
    interrupt(toy, batches, tmp_path)
    with pytest.raises(DataError, match=f"(?s){batches().fingerprint}.*{batches(first=1).fingerprint}.*delete"):
        train(toy(), batches(first=1), config(), run=Run(folder=tmp_path))
    for changed, others in ((config(learning_rate=0.1), {}), (config(), {"settings": {"width": 8}})):
        with pytest.raises(ConfigError, match=r"other settings: (learning_rate was|task.width was None)"):
            train(toy(), batches(), changed, run=Run(folder=tmp_path), **others)
    with pytest.raises(ConfigError, match=r"run\.seed"):
        train(toy(), batches(), config(), run=Run(folder=tmp_path, seed=1))


def test_a_resumed_training_may_keep_books_differently(toy: Toy, batches: MakeBatches, tmp_path: Path) -> None:
    interrupt(toy, batches, tmp_path)
    result = train(toy(), batches(), config(journal_steps=3, checkpoint_minutes=1, precision=resolved()), run=Run(folder=tmp_path))
    assert len(result.history) == result.epochs == 4


def resolved() -> str:
    return resolve_precision(config(), torch.device("cpu"))


def test_without_resume_it_begins_anew(toy: Toy, batches: MakeBatches, tmp_path: Path) -> None:
    interrupt(toy, batches, tmp_path)
    task = toy()
    train(task, batches(first=1), config(), run=Run(folder=tmp_path), resume=False)
    assert len(task.seen) == 4


def test_memory_that_runs_out_in_a_step_is_a_clear_error(toy: Toy, batches: MakeBatches) -> None:
    task = toy()

    def no_memory(batch: Batch) -> torch.Tensor:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")

    task.loss = no_memory
    with pytest.raises(TrainingError, match=r"(?s)memory ran out with \d+ tokens.*lower `tokens`"):
        train(task, batches(), config(), run=Run())


def test_memory_that_runs_out_halves_the_batch_with_the_same_gradient(
    toy: Toy, batches: MakeBatches, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole, small = toy(), toy()
    for task in (whole, small):
        task.module[1].p = 0.0  # drawn anew in each piece
    loss = small.loss

    def little_memory(batch: Batch) -> torch.Tensor:
        if batch.num_tokens > 20:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return loss(batch)

    small.loss = little_memory
    settings = config(max_epochs=2, optimizer="sgd", validate_every=0, precision="float32")
    train(whole, batches(), settings, run=Run())
    result = train(small, batches(), settings, run=Run(folder=tmp_path))
    assert result.steps == 2 * len(batches())
    for name, weight in whole.weights().items():
        assert torch.allclose(weight, small.weights()[name], atol=1e-5), name
    pieces = [line["pieces"] for line in lines(tmp_path) if line["event"] == "halved"]
    assert pieces == sorted(pieces) and pieces[-1] >= 4
    assert f"batches are read in {pieces[-1]} pieces from now on" in caplog.text


def test_too_little_memory_is_refused_before_anything_begins(toy: Toy, batches: MakeBatches, tmp_path: Path) -> None:
    task = toy()
    task.memory_bytes = 3_000_000
    with pytest.raises(BudgetError, match="the budget allows"):
        train(task, batches(), config(), run=Run(folder=tmp_path, budget=Budget(memory_gb=0.003)))
    assert (task.prepared, list(tmp_path.iterdir())) == ({}, [])


def test_nothing_to_train_on_is_an_error(toy: Toy) -> None:
    empty = TokenBatches(Histories.of_rows([], num_items=3), max_length=2, tokens=8)
    with pytest.raises(DataError, match="nothing to train on"):
        train(toy(), empty, config(), run=Run())


def test_the_device_and_precision_are_decided_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device(config(device="auto")) == cpu
    with pytest.raises(ConfigError, match="'cuda' is not available"):
        resolve_device(config(device="cuda"))
    monkeypatch.setattr(device, "FAST_BFLOAT16_ON_CPU", ("no_such_check",))
    assert resolve_precision(config(), cpu) == "float32"
    assert resolve_precision(config(precision="bfloat16"), cpu) == "bfloat16"


class Linear:
    """A regression whose gradients can be worked out by hand: a frozen layer before a trained one."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.module = torch.nn.Sequential(torch.nn.Embedding(12, 4), torch.nn.Linear(4, 1))
        self.module[0].weight.requires_grad_(False)
        self.rested: list[bool] = []

    def prepare(self, **_: Any) -> None:
        pass

    def loss(self, batch: Batch) -> torch.Tensor:
        self.rested.append(not self.module[1].bias.requires_grad)
        return self.module(torch.from_numpy(batch.item_rows)).square().mean()

    def validate(self) -> float:
        return 1.0


class Resting(Linear):
    """The bias rests for the first half of the way."""

    def rates(self, progress: float) -> dict[str, float]:
        return {"1.bias": float(progress >= 0.5)}


def test_added_up_gradients_are_those_of_one_large_batch(batches: MakeBatches) -> None:
    whole, parts = Linear(), Linear()
    settings = {"optimizer": "sgd", "momentum": 0.0, "clip": None, "max_epochs": 1, "validate_every": 0}
    small = batches(tokens=64)
    given = list(small.epoch(0))

    class Even:
        """Batches of as many tokens each, so that the mean of their means is the mean of all."""

        fingerprint, settings = "even", {}

        def __init__(self, size: int) -> None:
            self.rows = torch.cat([torch.from_numpy(batch.item_rows) for batch in given])[:256].reshape(-1, size).numpy()

        def __len__(self) -> int:
            return len(self.rows)

        def epoch(self, epoch: int, *, start: int = 0) -> Any:
            for position, rows in enumerate(self.rows[start:], start=start + 1):
                yield Batch(item_rows=rows, targets=rows, places=rows, groups=((1, len(rows)),), user_rows=rows, epoch=epoch, position=position)

    train(whole, Even(128), config(**settings), run=Run())
    result = train(parts, Even(32), config(**settings, accumulate=4), run=Run())
    assert result.steps == 2
    torch.testing.assert_close(whole.module[1].weight, parts.module[1].weight)


def test_frozen_weights_are_neither_kept_nor_saved(batches: MakeBatches, tmp_path: Path) -> None:
    task = Linear()
    with pytest.raises(TrainingError):
        train(task, batches(), config(checkpoint_steps=1), run=Run(folder=tmp_path, hooks=(_Spoil(),)))
    saved = checkpoint.load_file(tmp_path / "checkpoint" / checkpoint.TENSORS_FILE)
    assert {name for name in saved if name.startswith(("module/", "kept/"))} == {
        f"{part}/1.{name}" for part in ("module", "kept") for name in ("weight", "bias")
    }


class _Spoil(Recorder):
    """After the third step a weight is no number."""

    def before_step(self, context: StepContext) -> None:
        if context.step == 3:
            with torch.no_grad():
                context.module[1].weight.fill_(float("nan"))


def test_weights_rest_until_their_time_comes(batches: MakeBatches) -> None:
    task = Resting()
    before = task.module[1].bias.detach().clone()
    train(task, batches(), config(max_epochs=2, validate_every=0), run=Run())
    half = len(task.rested) // 2
    assert all(task.rested[:half]) and not any(task.rested[half:])
    assert not torch.equal(task.module[1].bias, before)
