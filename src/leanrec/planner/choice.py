"""Choice: the largest network that a budget holds, what binds, and what more budget would buy."""

from collections.abc import Sequence
from dataclasses import dataclass

from leanrec.config import Budget
from leanrec.errors import BudgetError
from leanrec.planner.amounts import as_bytes, as_seconds
from leanrec.planner.candidates import Candidate


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What is taken of the candidates."""

    chosen: Candidate
    binding: str
    """What keeps the next larger one out, in words; nothing where the largest is taken."""
    next_larger: Candidate | None


def choose(known: Sequence[Candidate], budget: Budget) -> Choice:
    """The largest candidate whose memory and minutes, at the upper ends of their intervals, the budget holds.

    Raises `BudgetError` where it holds none, with what the smallest would need.
    """
    held = [one for one in known if not lacking(one, budget)]
    if not held:
        smallest = known[0]
        raise BudgetError(
            f"the budget holds no network: the smallest {' and '.join(lacking(smallest, budget))}",
            hint="raise the budget, or take a recommender that is not trained, such as cooccurrence",
        )
    chosen = held[-1]
    larger = known[known.index(chosen) + 1 :]
    nearest = min(larger, key=lambda one: max(_excesses(one, budget))) if larger else None
    return Choice(chosen=chosen, binding="" if nearest is None else " and ".join(lacking(nearest, budget)), next_larger=nearest)


def lacking(candidate: Candidate, budget: Budget) -> list[str]:
    """What the budget does not hold of it, in words."""
    reasons = []
    memory, minutes = candidate.memory_gb.high, candidate.minutes.high
    if budget.memory_gb is not None and memory > budget.memory_gb:
        reasons.append(f"may need {as_bytes(1e9 * memory)} of memory, {budget.memory_gb:g} GB are allowed")
    if budget.minutes is not None and minutes > budget.minutes:
        reasons.append(f"may need {as_seconds(60 * minutes)}, {budget.minutes:g} min are allowed")
    return reasons


def _excesses(candidate: Candidate, budget: Budget) -> tuple[float, float]:
    """Needed over allowed, of memory and of minutes; 0 where nothing bounds them."""
    memory = 0.0 if budget.memory_gb is None else candidate.memory_gb.high / budget.memory_gb
    return memory, 0.0 if budget.minutes is None else candidate.minutes.high / budget.minutes
