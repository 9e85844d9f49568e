"""Sharing: what the budget holds of a competition, and how many minutes each training gets.

Minutes are for the whole command. What cannot be cut short is taken in order, cheapest first; what it leaves, the fit to everything
after the choice included, is divided evenly among the trainings, which slow down their learning to end in time.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from leanrec.config import Budget
from leanrec.errors import BudgetError
from leanrec.workflow.estimate import Estimate, Work

SHORTEST_MINUTES = 1e-3
"""What a training gets of minutes that are spent already: a few steps, so that there is an answer."""
_SMALLER = "raise the budget, or take a cheaper recommender, such as cooccurrence or popularity"


@dataclass(frozen=True, kw_only=True)
class Clock:
    """The budget of a command that is under way."""

    budget: Budget
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds_left(self) -> float | None:
        """Of the budget's minutes; `None` when they are not bounded."""
        return None if self.budget.minutes is None else self.budget.minutes * 60 - (time.monotonic() - self.began)

    def budget_of(self, work: Iterable[Work]) -> Budget:
        """What each training of this work may take: its even share of the minutes that are left, and the memory."""
        return self.budget.model_copy(update={"minutes": share_minutes(self.seconds_left, work)})


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a competition will do within its budget."""

    refused: dict[str, str]
    """Rungs that the budget does not hold, with the reason."""
    training_budget: Budget
    """What each single training may take."""


def plan(foreseen: Estimate, clock: Clock, *, fits_to_everything: bool) -> Plan:
    """Which rungs the budget holds; with `fits_to_everything` it must also hold fitting the chosen one again.

    Memory is held by one rung at a time; minutes are spent in order, and the first rung always gets its own.
    """
    reasons: dict[str, str] = {}
    kept: list[str] = []
    for name in foreseen.work_of:
        reason = _memory_reason(name, foreseen, clock) or (_minutes_reason(name, foreseen, clock, kept, fits_to_everything) if kept else "")
        if reason:
            reasons[name] = reason
        else:
            kept.append(name)
    for name in kept[1:]:
        given, least = clock.budget_of(_to_do(foreseen, kept, fits_to_everything)).minutes, foreseen.work_of[name].least_seconds
        if given is not None and least > given * 60:
            reasons[name] = f"of {_told(clock)} its training would get {given * 60:.1f} s, and needs at least {least:.1f} s"
            kept = [other for other in kept if other != name]
    return Plan(refused=reasons, training_budget=clock.budget_of(_to_do(foreseen, kept, fits_to_everything)))


def _memory_reason(name: str, foreseen: Estimate, clock: Clock) -> str:
    held, allowed = foreseen.work_of[name].num_bytes / 1e9, clock.budget.memory_gb
    return f"it would hold about {held:.2g} GB; the budget allows {allowed:g} GB" if allowed is not None and held > allowed else ""


def _minutes_reason(name: str, foreseen: Estimate, clock: Clock, kept: Sequence[str], fits_to_everything: bool) -> str:
    if clock.seconds_left is None:
        return ""
    work = foreseen.work_of[name]
    finals = [foreseen.final_of[other].shortest for other in (*kept, name)] if fits_to_everything else [0.0]
    free = clock.seconds_left - sum(foreseen.work_of[other].shortest for other in kept) - max(finals)
    if work.shortest <= free:
        return ""
    then = " (the final fit is set aside)" if fits_to_everything else ""
    return f"it would take {work.words}; {_told(clock)} allows {max(0.0, free):.1f} s more{then}"


def _to_do(foreseen: Estimate, kept: Sequence[str], fits_to_everything: bool) -> list[Work]:
    """The rungs, and the dearest of them once more."""
    finals = sorted((foreseen.final_of[name] for name in kept), key=lambda work: work.seconds)
    return [foreseen.work_of[name] for name in kept] + (finals[-1:] if fits_to_everything else [])


def _told(clock: Clock) -> str:
    return f"the budget of {clock.budget.minutes:g} minutes"


def share_minutes(seconds_left: float | None, work: Iterable[Work]) -> float | None:
    """Minutes for each training, of what the other work leaves; all that is left when there is no training."""
    if seconds_left is None:
        return None
    pieces = list(work)
    trainings = max(1, sum(piece.trainings for piece in pieces))
    return max(SHORTEST_MINUTES, (seconds_left - sum(piece.others for piece in pieces)) / trainings / 60)


def require_within(budget: Budget, foreseen: Estimate, *, name: str) -> None:
    """Raise `BudgetError` before a single recommender is fitted that would take more than the budget holds."""
    work = foreseen.final_of.get(name)
    if work is None:
        return
    if budget.memory_gb is not None and work.num_bytes > budget.memory_gb * 1e9:
        raise BudgetError(f"fitting {name} would hold about {work.num_bytes / 1e9:.2g} GB; the budget allows {budget.memory_gb:g} GB", hint=_SMALLER)
    if budget.minutes is not None and work.shortest > budget.minutes * 60:
        raise BudgetError(f"fitting {name} would take {work.words}; the budget allows {budget.minutes:g} minutes", hint=_SMALLER)
