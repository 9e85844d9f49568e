"""Planning: from data, or from numbers, to a recipe within a budget; and how far a fit that followed it left it."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leanrec.artifact import writing_file
from leanrec.errors import ConfigError
from leanrec.evaluation.memory import MemoryWatch
from leanrec.planner.demand import Demand
from leanrec.planner.machine import machine_file, read_machine
from leanrec.planner.plan import RECOMMENDER, Foretold, Plan, plan
from leanrec.workflow.reading import Data, read
from leanrec.workflow.settings import RunSettings

log = logging.getLogger(__name__)


def demand_of(data: Data, *, settings: RunSettings | None = None) -> Demand:
    """What data ask for; raises `ConfigError` where nobody has two events."""
    return Demand.of_dataset(read(data, settings=settings))


def plan_within(demand: Demand, settings: RunSettings, *, to: Path | None = None) -> Plan:
    """The plan for this machine, as far as it was measured; written to `to`, beside what else the settings say, for `fit` to run.

    Raises `ConfigError` where the settings choose what a plan is to choose, and `BudgetError` where their budget holds no network.
    """
    if settings.configs or settings.recommender not in (None, RECOMMENDER):
        chosen = "configs" if settings.configs else f"recommender = {settings.recommender!r}"
        raise ConfigError(f"{chosen} is given, and a plan chooses it ({RECOMMENDER})", hint="leave it out, or fit with it as it is, without a plan")
    if to is not None and to.suffix != ".toml":
        raise ConfigError(f"{to} is no TOML file", hint="write --to plan.toml")
    machine = read_machine(machine_file())
    if machine is None:
        log.warning("this machine was not measured: it is taken to be as fast as the reference; to measure it: leanrec doctor --calibrate")
    elif not machine.is_quiet:
        log.warning(
            "this machine was busy when it was measured, and will be taken for slower than it is; to measure again: leanrec doctor --calibrate"
        )
    made = plan(demand, settings.budget, machine=machine)
    if to is not None:
        with writing_file(to) as draft:
            draft.write_text(made.toml(settings.model_dump(mode="json", exclude_unset=True, exclude_none=True)), encoding="utf-8")
    return made


@contextmanager
def comparing(foretold: Foretold | None) -> Iterator[None]:
    """Around a fit that follows a plan: where it left it, and by how much, is said at the end."""
    if foretold is None:
        yield
        return
    began = time.monotonic()
    with MemoryWatch() as watch:
        yield
    memory_gb, minutes = watch.peak.num_bytes / 1e9, (time.monotonic() - began) / 60
    left = foretold.compare(memory_gb=memory_gb, minutes=minutes)
    for reason in left:
        log.warning("the fit left its plan: %s", reason)
    if not left:
        log.info("the fit kept to its plan: %.3g GB of %s foretold, %.3g min of %s", memory_gb, foretold.memory_gb, minutes, foretold.minutes)
