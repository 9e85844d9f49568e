"""Candidates: networks over histories from small to large, and what each would need for a demand."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from leanrec.config import Config, Settings
from leanrec.planner.demand import Demand
from leanrec.planner.forecast import Forecast
from leanrec.planner.training import Training, forecast

WIDTHS, LENGTHS, LAYERS = (32, 64, 128, 256), (20, 50, 100, 200), (1, 2, 4)
EPOCHS = 14
"""As the recommender has by default; a budget that holds fewer does not hold the network."""
TOKENS = 1024
BLOCK = "frequency"
"""The encoder that the recommender has by default; a plan names it all the same."""
MOST_FULL_ITEMS = 100_000
"""As the loss chooses: above, items are drawn."""
LOOKS = 0.1
"""Share of the time that validation takes, at most."""
FITS = 2
"""`leanrec fit` trains once to find the best epoch, and once more on everything."""
FEWEST = 10
"""Epochs of both fits together where the first stops as early as it can: after the second epoch nothing became better in three looks."""


class Interval(Config):
    """A figure, and between which ends it is expected."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


PROCESS = Interval(value=0.6e9, low=0.42e9, high=0.85e9)
"""Bytes of what formulas leave out: Python with torch and the data of a shop (0.42 GB), and titles, attributes and validation users, which are not
counted yet: fitting Amazon Beauty, with ten thousand of them, took a fifth of a gigabyte more than its arrays."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One network, and what it needs."""

    training: Training
    memory: Forecast
    """Bytes above the process."""
    step: Forecast
    """Seconds of a step."""
    steps: float
    """Of both trainings, with all their epochs."""

    @property
    def minutes(self) -> Interval:
        """Of all epochs of both trainings with their looks; at the lower end they stop as early as they can."""
        every = self.steps / (1.0 - LOOKS) / 60.0
        return Interval(value=every * self.step.value, low=every * self.step.low * FEWEST / (FITS * EPOCHS), high=every * self.step.high)

    @property
    def memory_gb(self) -> Interval:
        """Of the whole process, in gigabytes (1e9 bytes)."""
        figures = {name: (getattr(PROCESS, name) + getattr(self.memory, name)) / 1e9 for name in ("value", "low", "high")}
        return Interval(**figures)

    @property
    def size(self) -> float:
        """Products that an event takes: what networks are ordered by."""
        training = self.training
        return training.num_layers * (12.0 * training.width**2 + training.width * training.length)

    @property
    def settings(self) -> Settings:
        """As `[configs.sequential]` has them."""
        training = self.training
        encoder = {"block": training.block, "width": training.width, "num_layers": training.num_layers, "max_length": training.max_length}
        return {"encoder": encoder, "loss": {"kind": training.loss}, "training": {"tokens": training.tokens, "max_epochs": EPOCHS}}


def candidates(demand: Demand, *, speed: float = 1.0) -> list[Candidate]:
    """Every network that these histories fill, small ones first; `speed` is that of the machine over the reference."""
    return sorted((candidate_of(training, demand, speed=speed) for training in _trainings(demand)), key=lambda one: one.size)


def candidate_of(training: Training, demand: Demand, *, speed: float) -> Candidate:
    """What a training needs, foretold."""
    targets = demand.users * demand.read(training.max_length)
    return Candidate(
        training=training,
        memory=forecast("memory", training),
        step=forecast("seconds", training, speed=speed),
        steps=FITS * EPOCHS * max(1.0, targets / training.tokens),
    )


def _trainings(demand: Demand) -> Iterator[Training]:
    for width, max_length, num_layers in product(WIDTHS, LENGTHS, LAYERS):
        if max_length > LENGTHS[0] and demand.read(max_length) < 1.05 * demand.read(_shorter(max_length)):
            continue  # hardly anybody has so long a history
        yield Training(
            items=demand.items,
            events=max(1, round(demand.events)),
            length=demand.read(max_length),
            block=BLOCK,
            width=width,
            num_layers=num_layers,
            max_length=max_length,
            tokens=TOKENS,
            loss="full-softmax" if demand.items <= MOST_FULL_ITEMS else "sampled-softmax",
        )


def _shorter(max_length: int) -> int:
    return LENGTHS[LENGTHS.index(max_length) - 1]
