"""Tracker: what every place to show trainings can do: be told of one, again and again, and take in only what is new."""

from typing import Protocol

from leanrec.training.journal_reading import Point, TrainingRun


class Tracker(Protocol):
    """A place where trainings are shown."""

    def tell(self, run: TrainingRun, *, name: str) -> None:
        """Show what a training came to so far; what was shown before is not shown twice."""
        ...

    def close(self) -> None:
        """Finish what is under way; nothing can be told afterwards."""
        ...


class Told:
    """Which figures were told already, by name and step. A training that went on from its checkpoint does steps again, to the same figures."""

    def __init__(self, told: set[tuple[str, int]] | None = None) -> None:
        self._told = told or set()

    def new(self, run: TrainingRun) -> list[Point]:
        """The points with what is new, which from now on is told."""
        points = []
        for point in run.points:
            figures = {name: value for name, value in point.figures.items() if (name, point.step) not in self._told}
            self._told |= {(name, point.step) for name in figures}
            if figures:
                points.append(Point(step=point.step, time=point.time, figures=figures))
        return points
