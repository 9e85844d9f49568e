"""Forecast: a sum of parts, each as large as the formulas count it and the coefficients weigh it, with the interval that past errors leave."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from leanrec.planner.coefficients import coefficients
from leanrec.planner.formulas import SheetName, Values, formulas


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """A sum of parts, and between which ends nine of ten measured ones lay."""

    parts: Mapping[str, float]
    """Part -> bytes, or seconds."""
    low: float
    high: float

    @property
    def value(self) -> float:
        """All parts together."""
        return sum(self.parts.values())


def foretell(sheet: SheetName, group: str, inputs: Values, *, kind: str, scale: float = 1.0) -> Forecast:
    """What a group of parts comes to for these inputs, times `scale` (a machine twice as fast has .5 for seconds)."""
    weights = coefficients(sheet).groups[group]
    shares = formulas(sheet).shares(group, formulas(sheet).values(inputs, kind=kind))
    parts = {name: scale * weights.weight_of[name] * share for name, share in shares.items()}
    total = sum(parts.values())
    return Forecast(parts=MappingProxyType(parts), low=weights.low * total, high=weights.high * total)
