"""Pace: the time of a training: what is spent, how much of the way that is, and what must be kept free to end on time."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, process_time

from leanrec.config import Budget
from leanrec.errors import BudgetError
from leanrec.training.progress import Progress
from leanrec.training.training_config import TrainingConfig

TRAINED_FOR_VALIDATED = 9.0
"""Under a budget so much time is trained for what a validation takes: a tenth at most goes into looking."""


class Pace:
    """The clock of one training. Interruptions are left out; the counters are those of `Progress`, which a checkpoint holds."""

    def __init__(self, config: TrainingConfig, budget: Budget, state: Progress) -> None:
        self._config, self._state = config, state
        self._allowed = None if budget.minutes is None else 60.0 * budget.minutes
        self._step_seconds = 0.0
        self._began, self._began_cpu = monotonic(), process_time()

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of training, interruptions left out."""
        return self._state.seconds + monotonic() - self._began

    @property
    def cpu_seconds(self) -> float:
        """Of this process and the ones before the interruptions."""
        return self._state.cpu_seconds + process_time() - self._began_cpu

    def note(self) -> None:
        """Write what was spent into the counters."""
        self._state.seconds, self._state.cpu_seconds = self.seconds, self.cpu_seconds
        self._began, self._began_cpu = monotonic(), process_time()

    def go_on(self, state: Progress) -> None:
        """From the counters of a checkpoint."""
        self._state = state
        self._began, self._began_cpu = monotonic(), process_time()

    def require_validation(self, seconds: float | None) -> None:
        """Raise `BudgetError` when the time holds no validation, which takes about so many seconds; where it does, keep them free."""
        if seconds is None:
            return
        if self._allowed is not None and seconds >= self._allowed:
            raise BudgetError(
                f"a validation takes about {seconds:.1f} s, and the budget allows {self._allowed:.1f} s for the whole training",
                hint=f"allow at least {math.ceil(2 * seconds) / 60:.2f} minutes, or validate on fewer users",
            )
        self._state.validation_seconds = seconds

    @contextmanager
    def stepping(self) -> Iterator[None]:
        """Around a step: the slowest of the newest ones is what must still fit."""
        began = monotonic()
        yield
        self._step_seconds = max(0.9 * self._step_seconds, monotonic() - began)

    @contextmanager
    def validating(self) -> Iterator[None]:
        """Around a validation."""
        began = monotonic()
        yield
        self._state.validation_seconds = monotonic() - began
        self._state.validated_at = self.seconds

    def share(self, position: int, num_batches: int) -> float:
        """How much of the way is done after `position` batches of the present epoch: of the epochs or of the time, whichever ends first."""
        share = (self._state.epoch + position / num_batches) / self._config.max_epochs
        if self._allowed is None:
            return share
        return min(1.0, max(share, self.seconds / max(1e-9, self._allowed - self._reserved())))

    def is_time_up(self) -> bool:
        """Whether another step, and the last validation after it, could end too late."""
        return self._allowed is not None and self.seconds + self._step_seconds + self._reserved() >= self._allowed

    def is_validation_worth(self) -> bool:
        """Whether enough was trained since the last look; without a budget always."""
        taken = self._state.validation_seconds
        if self._allowed is None or taken is None:
            return True
        return self.seconds - self._state.validated_at >= TRAINED_FOR_VALIDATED * taken

    def _reserved(self) -> float:
        """Seconds that the last validation takes."""
        return 0.0 if self._config.validate_every == 0 else self._state.validation_seconds or 0.0
