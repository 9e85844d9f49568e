"""The training loop: one for every model; it stops early, resumes exactly and leaves the best weights."""

import logging
import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from itertools import islice
from time import monotonic
from typing import Any, Generic, NoReturn, TypeVar

import torch
from torch import Tensor

from leanrec.console import ProgressBar
from leanrec.errors import ArtifactError, DataError, LeanRecError, TrainingError
from leanrec.training.allocator import give_back_memory, keep_freed_memory
from leanrec.training.checkpoint import CHECKPOINT_FOLDER, Checkpoint, Origin, open_checkpoint, remove_checkpoint, save_checkpoint
from leanrec.training.device import circumstances, resolve_device, resolve_precision
from leanrec.training.gradients import Gradients, OutOfMemoryError
from leanrec.training.grown_weights import grown_weights
from leanrec.training.hooks import StepContext
from leanrec.training.journal import JOURNAL_FILE, Journal
from leanrec.training.memory import require_training_memory
from leanrec.training.mixed_precision import MixedPrecision
from leanrec.training.optimizer import Optimizer
from leanrec.training.pace import Pace
from leanrec.training.progress import EpochRecord, Progress, Reason, TrainingResult
from leanrec.training.run import Run
from leanrec.training.schedule import learning_rate_at
from leanrec.training.sparse_gradients import clip
from leanrec.training.supply import Supply
from leanrec.training.task import Batches, Task, TrainingBatch
from leanrec.training.training_config import Precision, TrainingConfig
from leanrec.training.weights import AveragedWeights, are_finite, copy_of_weights, frozen_names, put_back, weights_of

__all__ = ["Batches", "Precision", "Task", "TrainingConfig", "TrainingResult", "resolve_device", "resolve_precision", "train"]

log = logging.getLogger(__name__)

NOT_DECISIVE = {"checkpoint_minutes", "checkpoint_steps", "journal_steps", "precision", "device"}
"""Settings that a resumed training may change; the resolved precision stands beside them."""

Kind = TypeVar("Kind", bound=TrainingBatch)


def train(
    task: Task[Kind], batches: Batches[Kind], config: TrainingConfig, *, run: Run, settings: Mapping[str, Any] | None = None, resume: bool = True
) -> TrainingResult:
    """Train the task's module and leave the best weights in it: by validation, else the last ones.

    With `run.folder`, a journal and checkpoints are kept there, and an interrupted training goes on from its checkpoint: on CPU
    with the same bits. `settings` are whatever else made the task; a checkpoint of other settings or data is refused. When training
    ends well the checkpoint is removed and the journal stays; without a checkpoint a training begins anew, its journal too.
    Errors of the loop leave the best weights so far in the module, and the last checkpoint on disk.
    """
    if len(batches) == 0:
        raise DataError("there is nothing to train on: no history has two events", hint="read more events, or filter fewer away")
    device = resolve_device(config)
    precision = resolve_precision(config, device)
    step_bytes, grown = getattr(task, "memory_bytes", 0), getattr(task, "grown", None)
    require_training_memory(task.module, config, run.budget, device=device, step_bytes=step_bytes, grown=grown)
    keep_freed_memory()
    decisive = {**config.model_dump(mode="json", exclude=NOT_DECISIVE), "precision": precision, "run.seed": run.seed}
    others = {f"{where}.{name}": value for where, named in (("batches", batches.settings), ("task", settings or {})) for name, value in named.items()}
    origin = Origin.of(batches.fingerprint, {**decisive, **others})
    with circumstances(run, device):
        task.module.to(device)
        task.prepare(device=device, precision=precision)
        training = _Training(task, batches, config, run=run, origin=origin, device=device)
        training.require_time()
        training.begin(resume=resume)
        try:
            return training.finish()
        finally:
            training.optimizer.set_rates({})
            give_back_memory()


class _Training(Generic[Kind]):
    """A training under way."""

    def __init__(self, task: Task[Kind], batches: Batches[Kind], config: TrainingConfig, *, run: Run, origin: Origin, device: torch.device) -> None:
        self.task, self.config, self.run, self.origin, self.device = task, config, run, origin, device
        self.module = task.module
        self.frozen = frozen_names(self.module)
        self.rates = getattr(task, "rates", None)
        self.supply = Supply(batches)
        self.optimizer = Optimizer(self.module, config)
        self.mixed = MixedPrecision(self.optimizer, device=device, precision=origin.settings["precision"])
        self.gradients = Gradients(task, self.supply, self.optimizer, self.mixed)
        self.average = AveragedWeights(self.module, config.average) if config.average else None
        self.kept = copy_of_weights(self.module, without=self.frozen)
        self.state = Progress()
        self.folder = run.folder / CHECKPOINT_FOLDER if run.folder is not None else None
        self.journal = Journal(run.folder / JOURNAL_FILE if run.folder is not None else None)
        self.bar = ProgressBar("training", total=1.0)
        self.pace = Pace(config, run.budget, self.state)
        self.saved = monotonic()

    # -- beginning and end

    def require_time(self) -> None:
        """Raise `BudgetError` when the minutes hold no validation, as far as the task can foretell it."""
        foretell = getattr(self.task, "validation_seconds", None)
        if foretell is None or self.run.budget.minutes is None or not self.config.validate_every:
            return
        self.module.eval()
        with torch.no_grad():
            self.pace.require_validation(foretell())

    def begin(self, *, resume: bool) -> None:
        """From the folder's checkpoint, or from the module as it is."""
        checkpoint = open_checkpoint(self.folder, origin=self.origin) if resume and self.folder is not None else None
        if checkpoint is None:
            if self.folder is not None:
                remove_checkpoint(self.folder)
            self.journal.begin()
            self._note("begin", data=self.origin.fingerprint, settings=dict(self.origin.settings), device=str(self.device))
            return
        self._take_up(checkpoint)
        self.journal.cut(self.state.step)
        self._note("resume", epoch=self.state.epoch + 1)
        log.info("training goes on after step %d from %s", self.state.step, self.folder)

    def finish(self) -> TrainingResult:
        """Run until a reason to stop, then leave the best weights."""
        try:
            with self.bar:
                self._advance_bar()
                while (reason := self._reason_to_stop()) is None:
                    self._run_epoch()
        except LeanRecError as error:
            with suppress(ArtifactError):  # the disk may be what failed
                self._note("error", message=error.message)
            put_back(self.module, self.kept, without=self.frozen)
            raise
        put_back(self.module, self.kept, without=self.frozen)
        self.module.eval()
        result = TrainingResult.of(self.state, seconds=self.pace.seconds, cpu_seconds=self.pace.cpu_seconds, reason=reason)
        self._note("end", stopped_because=reason, best_epoch=result.best_epoch, best_quality=result.best_quality)
        if self.folder is not None:
            remove_checkpoint(self.folder)
        log.info("trained %d epochs in %.1f CPU-seconds; best epoch %d", result.epochs, result.cpu_seconds, result.best_epoch)
        return result

    def _reason_to_stop(self) -> Reason | None:
        if self.config.patience is not None and self.state.fruitless >= self.config.patience:
            return "patience"
        if self.state.epoch >= self.config.last_epoch:
            return "epochs"
        return "budget" if self.pace.is_time_up() else None

    # -- an epoch and a step

    def _run_epoch(self) -> None:
        self.module.train()
        self._begin_epoch()
        batches = self.supply.epoch(self.state.epoch, start=self.state.position)
        while added := tuple(islice(batches, self.config.accumulate)):
            with self.pace.stepping():
                self._run_step(added)
            if self.pace.is_time_up():
                break
            if self._is_checkpoint_due() and self.state.position < len(self.supply):
                self._save()
        self._close_epoch()

    def _begin_epoch(self) -> None:
        """What the epoch is cut from; one that a checkpoint cut in two goes on with the same."""
        begins = self.state.position == 0
        if begins:
            self.state.began_at = self.pace.share(0, 1)
            if num_weights := self._grow():
                self._note("grow", epoch=self.state.epoch + 1, weights=num_weights)
        self.supply.begin(self.state.began_at, begins=begins)

    def _grow(self) -> int:
        """Let the model grow where it is time to; what is kept grows with it and still says what it said."""
        num_weights = 0
        for grown in grown_weights(self.task, self.state.began_at):
            grown.follow(self.module.to(self.device), self.optimizer, self.average)
            self.kept = grown.kept(self.kept, now=copy_of_weights(self.module, without=self.frozen))
            num_weights += len(grown)
        return num_weights

    def _run_step(self, batches: Sequence[Kind]) -> None:
        state, batch = self.state, batches[-1]
        self.optimizer.learning_rate = learning_rate_at(self.pace.share(batch.position, len(self.supply)), self.config)
        if self.rates is not None:
            self.optimizer.set_rates(self.rates(self.pace.share(state.position, len(self.supply))))
        context = self._context(batch)
        for hook in self.run.hooks:
            hook.before_step(context)
        value = self._gradients(batches)
        if not math.isfinite(value):
            self._fail(f"the loss became {value}")
        context = self._context(batch, loss=torch.tensor(value))
        for hook in self.run.hooks:
            hook.after_backward(context)
        clip(self.module.parameters(), self.config.clip)
        if not self.mixed.step():
            self._fail("gradients stay infinite in float16", hint="set precision to bfloat16 or float32, or lower learning_rate")
        for hook in self.run.hooks:
            hook.after_step(context)
        self.optimizer.zero_grad()
        state.step += 1
        state.position = batch.position
        state.loss_sum += value * len(batches)
        if self.average is not None:
            self.average.update(state.step)
        if state.step % self.config.journal_steps == 0:
            self._note("step", epoch=state.epoch + 1, loss=value, learning_rate=self.optimizer.learning_rate)
        self._advance_bar(loss=value)

    def _gradients(self, batches: Sequence[Kind]) -> float:
        """Leave the gradients of a step in the module; the mean loss."""
        pieces = self.state.pieces
        try:
            value = self.gradients.make(batches, self.state)
        except OutOfMemoryError:
            num_tokens = max(batch.num_tokens for batch in batches)
            self._fail(f"memory ran out with {num_tokens} tokens in the batch", hint="lower `tokens`, or make the model narrower")
        if self.state.pieces > pieces:
            self._note("halved", epoch=self.state.epoch + 1, pieces=self.state.pieces)
        return value

    def _context(self, batch: Kind, *, loss: Tensor | None = None) -> StepContext:
        return StepContext(step=self.state.step, epoch=batch.epoch, module=self.module, optimizer=self.optimizer, batch=batch, loss=loss)

    def _close_epoch(self) -> None:
        """Validate when it is time to, keep the weights when they are the best, write a checkpoint."""
        state = self.state
        is_whole = state.position == len(self.supply)
        epoch, mean_loss = state.epoch + 1, state.loss_sum / state.position
        with self.average.in_place() if self.average is not None else nullcontext():
            self._require_numbers()
            quality = self._quality() if self._is_validation_due(epoch, is_whole=is_whole) else None
            self._judge(epoch, quality)
        if is_whole:
            state.epoch, state.position, state.loss_sum = epoch, 0, 0.0
        record = EpochRecord(
            epoch=epoch,
            step=state.step,
            loss=mean_loss,
            quality=quality,
            learning_rate=self.optimizer.learning_rate,
            seconds=self.pace.seconds,
            cpu_seconds=self.pace.cpu_seconds,
        )
        state.history += (record,)
        self._note("epoch", epoch=epoch, loss=record.loss, quality=quality, learning_rate=self.optimizer.learning_rate)
        log.debug("epoch %d: loss %.4f, validation %s", epoch, record.loss, quality)
        if quality is not None or self._is_checkpoint_due():
            self._save()
        for hook in self.run.hooks:
            if quality is not None and (hear := getattr(hook, "after_validation", None)) is not None:
                hear(epoch, quality)

    def _is_validation_due(self, epoch: int, *, is_whole: bool) -> bool:
        every = self.config.validate_every
        if every == 0:
            return False
        is_last = epoch == self.config.last_epoch
        is_regular = is_whole and (is_last or epoch % every == 0)
        if self.pace.is_time_up():
            return is_regular or self.state.validation_seconds is not None  # its time was kept free
        return is_regular and (is_last or self.pace.is_validation_worth())

    def _quality(self) -> float:
        self.module.eval()
        with torch.no_grad(), self.pace.validating():
            quality = float(self.task.validate())
        self.module.train()
        if not math.isfinite(quality):
            self._fail(f"validation gave {quality}")
        return quality

    def _judge(self, epoch: int, quality: float | None) -> None:
        """Keep the weights in place when they are the best; until one is validated, the newest are."""
        state = self.state
        if quality is not None and (state.best_quality is None or quality > state.best_quality):
            state.best_quality, state.fruitless = quality, 0
        elif quality is not None:
            state.fruitless += 1
            return
        elif state.best_quality is not None:
            return
        state.best_epoch = epoch
        self.kept = copy_of_weights(self.module, without=self.frozen)

    def _require_numbers(self) -> None:
        if not are_finite(self.module, without=self.frozen):
            self._fail("a weight became infinite or no number")

    def _fail(self, what: str, *, hint: str = "lower learning_rate, or set precision to float32") -> NoReturn:
        state = self.state
        kept = f"the weights of epoch {state.best_epoch}" if state.best_epoch else "the first weights"
        raise TrainingError(
            f"{what} in epoch {state.epoch + 1} at step {state.step + 1}, learning rate {self.optimizer.learning_rate:g}; {kept} are kept",
            hint=hint,
        )

    # -- what is written

    def _is_checkpoint_due(self) -> bool:
        if self.folder is None:
            return False
        by_steps = self.config.checkpoint_steps is not None and self.state.step % self.config.checkpoint_steps == 0
        return by_steps or monotonic() - self.saved >= 60.0 * self.config.checkpoint_minutes

    def _save(self) -> None:
        if self.folder is None:
            return
        self._require_numbers()
        self.pace.note()
        random = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(self.device)
        parts = {"module": weights_of(self.module, without=self.frozen), "kept": self.kept, "optimizer": self.optimizer.tensors(), "random": random}
        parts |= {"heard": self.supply.tensors(), "mixed": self.mixed.tensors(), "average": self.average.tensors() if self.average else {}}
        save_checkpoint(self.folder, Checkpoint(progress=self.state, parts=parts), origin=self.origin)
        self.saved = monotonic()

    def _take_up(self, checkpoint: Checkpoint) -> None:
        parts = checkpoint.parts
        self.state = checkpoint.progress
        self._grow()
        put_back(self.module, parts.get("module", {}), without=self.frozen)
        self.optimizer.load(parts.get("optimizer", {}))
        self.mixed.load(parts.get("mixed", {}))
        if self.average is not None:
            self.average.load(parts.get("average", {}))
        self.kept = {name: tensor.clone() for name, tensor in parts.get("kept", {}).items()}
        self.supply.load(parts.get("heard", {}))
        torch.set_rng_state(parts["random"]["cpu"])
        if self.device.type == "cuda" and "cuda" in parts["random"]:
            torch.cuda.set_rng_state(parts["random"]["cuda"], self.device)
        self.pace.go_on(self.state)
        self.saved = monotonic()

    def _note(self, event: str, **figures: Any) -> None:  # Any: what the journal takes
        self.journal.write(event, step=self.state.step, **figures, seconds=self.pace.seconds, cpu_seconds=self.pace.cpu_seconds)

    def _advance_bar(self, *, loss: float | None = None) -> None:
        shown = f"epoch {self.state.epoch + 1}" + (f"  loss {loss:.4f}" if loss is not None else "")
        if validated := [record.quality for record in self.state.history if record.quality is not None]:
            shown += f"  validation {validated[-1]:.4f}"
        self.bar.advance(self.pace.share(self.state.position, len(self.supply)) - self.bar.done, description=shown)
