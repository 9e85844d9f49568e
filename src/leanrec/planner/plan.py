"""Plan: the network that a demand and a budget lead to, as settings that `leanrec fit` runs as they are, with what is foretold of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from leanrec.config import Budget, Config, Settings, toml_of
from leanrec.planner.amounts import as_count
from leanrec.planner.candidates import Candidate, Interval, candidates
from leanrec.planner.choice import Choice, choose
from leanrec.planner.coefficients import coefficients
from leanrec.planner.demand import Demand
from leanrec.planner.machine import Machine
from leanrec.planner.training import speed_of

RECOMMENDER = "sequential"


class Foretold(Config):
    """What a plan says of a fit, on one thread of the machine that it was made for."""

    memory_gb: Interval
    """Of the whole process, at its peak."""
    minutes: Interval
    """Of both trainings; at the lower end they stop as early as they can."""

    @classmethod
    def of(cls, candidate: Candidate) -> "Foretold":
        """Of a candidate."""
        return cls(memory_gb=candidate.memory_gb, minutes=candidate.minutes)

    def compare(self, *, memory_gb: float, minutes: float) -> list[str]:
        """Where a fit left the plan, in words; nothing where it kept to it."""
        found = []
        for name, measured, unit in (("memory_gb", memory_gb, "GB"), ("minutes", minutes, "min")):
            told: Interval = getattr(self, name)
            if not told.low <= measured <= told.high:
                off = measured / told.value - 1
                found.append(f"{measured:.3g} {unit}, {abs(off):.0%} {'more' if off > 0 else 'less'} than the {told} that was foretold")
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A demand, a budget, and what came of them."""

    demand: Demand
    budget: Budget
    choice: Choice
    known: Sequence[Candidate]
    """Every candidate, small ones first."""
    speed: float
    """Of the machine, over the reference."""
    is_measured: bool
    """Whether the machine's speed was measured, or taken as the reference's."""

    @property
    def beyond(self) -> str:
        """Why figures are drawn out past what was measured, in words; nothing where they are not."""
        most, demand = coefficients("training").most, self.demand
        ends = ((demand.items, most["items"], "items"), (demand.events, most["events"], "events"))
        return " and ".join(f"{as_count(asked)} {what}, measured up to {as_count(known)}" for asked, known, what in ends if asked > known)

    @property
    def settings(self) -> Settings:
        """The recipe: tables that `leanrec fit --config` reads."""
        return {
            "recommender": RECOMMENDER,
            "budget": self.budget.model_dump(exclude_none=True),
            "configs": {RECOMMENDER: self.choice.chosen.settings},
            "plan": Foretold.of(self.choice.chosen).model_dump(),
        }

    def toml(self, given: Settings | None = None) -> str:
        """The same as text, with what it rests on, beside other `given` tables of a run."""
        known = coefficients("training")
        memory, seconds = known.groups["memory"], known.groups["seconds"]
        speed = (
            f"{self.speed:.2f} times as fast, measured by `leanrec doctor --calibrate`"
            if self.is_measured
            else "taken to be as fast, nothing was measured"
        )
        head = [
            f"# {self.demand.users} users, {self.demand.items} items, {self.demand.history:.3g} events a user.",
            f"# Foretold from {memory.num_runs} trainings on {known.machine} ({known.date}); this machine is {speed}.",
            f"# Errors there, each training left out in turn: memory {memory.mape:.0%}, time of a step {seconds.mape:.0%}.",
        ]
        if self.beyond:
            head.append(f"# Drawn out past what was measured: {self.beyond}.")
        if self.choice.binding:
            head.append(f"# The next larger network {self.choice.binding}.")
        return "\n".join(head) + "\n\n" + toml_of({**(given or {}), **self.settings})


def plan(demand: Demand, budget: Budget, *, machine: Machine | None = None) -> Plan:
    """The largest network over histories that the budget holds; raises `BudgetError` where it holds none."""
    speed = 1.0 if machine is None else speed_of(machine)
    known = candidates(demand, speed=speed)
    is_measured = machine is not None and bool(machine.step_seconds)
    return Plan(demand=demand, budget=budget, choice=choose(known, budget), known=known, speed=speed, is_measured=is_measured)
