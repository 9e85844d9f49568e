"""The Pareto plot of a ladder: quality against the cost of fitting and of asking."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from leanrec.errors import MissingExtraError
from leanrec.metrics.report import Measure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMALLEST_COST = 1e-3
"""Costs below a thousandth (second or millisecond) are drawn there: the axis is logarithmic."""
_TAKEN, _OTHER = "#c1121f", "#33658a"


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One rung in the plot."""

    name: str
    quality: Measure
    cpu_seconds: float
    p95_ms: float
    is_recommended: bool


def plot_pareto(points: Sequence[Point], *, metric: str, paths: Sequence[Path]) -> None:
    """Draw quality with its interval against CPU-seconds of fitting (left) and p95 of a query (right), in the format of each suffix.

    The recommended rung is red; the line joins those that no cheaper one equals. Raises `MissingExtraError` without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("the Pareto plot needs matplotlib", hint="pip install 'leanrec[data]'") from None
    figure = Figure(figsize=(10.0, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _draw(left, points, costs=[point.cpu_seconds for point in points], label="CPU-seconds of fitting")
    _draw(right, points, costs=[point.p95_ms for point in points], label="p95 of one query, ms, one thread")
    left.set_ylabel(f"{metric}, validation, 95 % interval")
    for path in paths:
        figure.savefig(path, dpi=120, metadata={"Date": None} if path.suffix == ".svg" else None)


def pareto_front(costs: Sequence[float], qualities: Sequence[float]) -> list[int]:
    """Places of the points that nothing cheaper or equally dear equals in quality, cheapest first.

    >>> pareto_front([1.0, 2.0, 3.0], [0.1, 0.05, 0.2])
    [0, 2]
    """
    order = sorted(range(len(costs)), key=lambda place: (costs[place], -qualities[place]))
    front: list[int] = []
    for place in order:
        if not front or qualities[place] > qualities[front[-1]]:
            front.append(place)
    return front


def _draw(axes: "Axes", points: Sequence[Point], *, costs: Sequence[float], label: str) -> None:
    drawn = [max(cost, SMALLEST_COST) for cost in costs]
    for cost, point in zip(drawn, points, strict=True):
        quality, color = point.quality, _TAKEN if point.is_recommended else _OTHER
        low, high = (quality.value if bound is None else bound for bound in (quality.low, quality.high))
        axes.errorbar([cost], [quality.value], yerr=[[max(0.0, quality.value - low)], [max(0.0, high - quality.value)]], fmt="o", color=color)
        axes.annotate(point.name, (cost, quality.value), xytext=(6, 4), textcoords="offset points", fontsize=8, color=color)
    front = pareto_front(drawn, [point.quality.value for point in points])
    axes.plot([drawn[place] for place in front], [points[place].quality.value for place in front], color="#999999", linewidth=1, zorder=0)
    axes.set_xscale("log")
    axes.margins(x=0.25)
    axes.set_xlabel(label)
    axes.grid(visible=True, alpha=0.3)
