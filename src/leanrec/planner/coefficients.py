"""Coefficients: what the parts of the formulas weigh, as benchmarks measured it (`benchmarks/plan_*.py`), and how wrong they were."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from pydantic import NonNegativeFloat, PositiveFloat

from leanrec.config import Config
from leanrec.errors import ConfigError
from leanrec.planner.formulas import SHEETS, SheetName, formulas


class GroupCoefficients(Config):
    """Of one group of parts, such as memory."""

    weight_of: Mapping[str, NonNegativeFloat]
    """Part -> what it is multiplied with."""
    low: PositiveFloat
    """What was measured over what was said, at the 5th percentile of the calibration runs, each left out in turn."""
    high: PositiveFloat
    """The same at the 95th."""
    mape: NonNegativeFloat
    """Mean absolute error over what was measured, each run left out in turn."""
    num_runs: int
    """Runs that were measured."""


class Coefficients(Config):
    """Of a sheet, and where they were measured."""

    groups: Mapping[str, GroupCoefficients]
    """Group of parts (memory, seconds) -> what it weighs."""
    most: Mapping[str, float]
    """Input -> the most of it in any run that was measured; more is beyond what is known."""
    machine: str
    """The processor, in words."""
    date: str
    """Day of the measuring."""

    def require_parts(self, sheet: SheetName) -> None:
        """Raise `ConfigError` where other parts are weighed than the formulas of the sheet have."""
        for group, parts in formulas(sheet).parts.items():
            known = self.groups[group].weight_of if group in self.groups else {}
            if known.keys() != parts.keys():
                raise ConfigError(
                    f"{group} of {sheet} weighs {sorted(known)}, and its parts are {sorted(parts)}",
                    hint="measure again: python benchmarks/plan_calibration.py",
                )


@cache
def coefficients(sheet: SheetName) -> Coefficients:
    """Of the file beside the formulas of that name."""
    name = f"{sheet}.json"
    known = Coefficients.parse(json.loads(files(SHEETS).joinpath(name).read_text(encoding="utf-8")), where=name)
    known.require_parts(sheet)
    return known
