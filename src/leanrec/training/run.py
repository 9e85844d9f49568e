"""Run: what one fit may use: its seed, its budget, its threads, its folder, its hooks."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from leanrec.config import Budget
from leanrec.training.hooks import StepHook


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """The circumstances of one fit; the same run on the same data gives the same recommender."""

    seed: int = 0
    budget: Budget = field(default_factory=Budget)
    num_threads: int = 1
    """Threads for numeric libraries. One by default: two busy OpenMP threads on two cores were twenty times slower than one."""
    folder: Path | None = None
    """Where checkpoint and journal of a training go; without it there are neither."""
    hooks: tuple[StepHook, ...] = ()
    """What is called around every training step."""

    def within(self, name: str) -> "Run":
        """The same run for a part of the work, with a folder of its own: no two trainings share a checkpoint."""
        return self if self.folder is None else replace(self, folder=self.folder / name)

    def rng(self) -> np.random.Generator:
        """A fresh generator from the seed."""
        return np.random.default_rng(self.seed)
