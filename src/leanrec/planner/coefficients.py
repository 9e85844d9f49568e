"""Coefficients: what the parts of the formulas weigh, as `benchmarks/plan_calibration.py` measured it, and how wrong they were."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Self

from pydantic import NonNegativeFloat, PositiveFloat, model_validator

from leanrec.config import Config
from leanrec.planner.formulas import Group, formulas

COEFFICIENTS_FILE = "coefficients.json"


class GroupCoefficients(Config):
    """Of memory, or of the seconds of a step."""

    weight_of: Mapping[str, NonNegativeFloat]
    """Part -> what it is multiplied with."""
    low: PositiveFloat
    """What was measured over what was said, at the 5th percentile of the calibration runs, each left out in turn."""
    high: PositiveFloat
    """The same at the 95th."""
    mape: NonNegativeFloat
    """Mean absolute error over what was measured, each run left out in turn."""
    num_runs: int
    """Trainings that were measured."""


class Coefficients(Config):
    """Both groups, and where they were measured."""

    memory: GroupCoefficients
    seconds: GroupCoefficients
    machine: str
    """The processor, in words."""
    date: str
    """Day of the measuring."""
    most_items: int
    """Of any training that was measured; more are beyond what is known."""
    most_events: int
    """The same, of all histories."""

    @model_validator(mode="after")
    def _weigh_every_part(self) -> Self:
        for group, parts in formulas().parts.items():
            known = self.of(group).weight_of.keys()
            if known != parts.keys():
                raise ValueError(f"{group} weighs {sorted(known)}, and its parts are {sorted(parts)}")
        return self

    def of(self, group: Group) -> GroupCoefficients:
        """Of that group."""
        return self.memory if group == "memory" else self.seconds


@cache
def coefficients() -> Coefficients:
    """Of the file beside this one."""
    text = files("leanrec.planner").joinpath(COEFFICIENTS_FILE).read_text(encoding="utf-8")
    return Coefficients.parse(json.loads(text), where=COEFFICIENTS_FILE)
