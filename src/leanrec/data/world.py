"""A synthetic world whose truth is known: for tests and simulations, never for claims.

Users have interests that drift, items have topics, quality, a season and a launch day. On each visit a user is shown a list,
looks at position p with probability bias^(p - 1), clicks what pleases, buys some of it and rates some. Every quantity behind
the log can be asked for.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from leanrec.data.catalogue import Catalogue
from leanrec.data.dataset import Dataset
from leanrec.data.events import EVENT_SCHEMA, EventLog
from leanrec.data.relations import RELATION_SCHEMA, Relations
from leanrec.data.truth import Truth, WorldConfig

MICROSECONDS_PER_DAY = 86_400_000_000
USERS_PER_BLOCK = 512
"""Users whose likeness to everybody is held at once."""
OPENING = 1_704_067_200_000_000
"""The world opens on 1 January 2024, UTC."""

_TOPICS: dict[str, tuple[str, ...]] = {
    "Garden": ("Trowel", "Planter", "Lantern", "Bench", "Hose"),
    "Kitchen": ("Kettle", "Skillet", "Teapot", "Grater", "Ladle"),
    "Camping": ("Tent", "Headlamp", "Stove", "Hammock", "Canteen"),
    "Office": ("Notebook", "Desk Lamp", "Stapler", "Chair", "Whiteboard"),
    "Music": ("Guitar", "Tuner", "Metronome", "Ukulele", "Microphone"),
    "Toys": ("Puzzle", "Kite", "Robot", "Blocks", "Yo-yo"),
    "Sports": ("Racket", "Yoga Mat", "Dumbbell", "Jersey", "Helmet"),
    "Beauty": ("Soap", "Comb", "Perfume", "Mirror", "Brush"),
}
_MATERIALS = ("Oak", "Steel", "Bamboo", "Copper", "Linen", "Glass", "Cork", "Clay")
_MOODS = ("Quiet", "Bright", "Sturdy", "Little", "Classic", "Folding", "Midnight", "Sunny")
_BRANDS = ("Arbor", "Brook", "Cedar", "Dune", "Ember", "Fjord")


Event = tuple[str, str, str, int, float | None]


@dataclass(frozen=True, kw_only=True)
class World:
    """A generated world: what a shop would know of it, and the truth behind."""

    truth: Truth
    log: EventLog
    catalogue: Catalogue
    relations: Relations

    @classmethod
    def generate(cls, config: WorldConfig | None = None, *, seed: int = 0) -> "World":
        """A world from a seed: the same seed gives the same world."""
        rng = np.random.default_rng(seed)
        truth = Truth.draw(config or WorldConfig(), num_topics=len(_TOPICS), rng=rng)
        return cls(truth=truth, log=_log(truth, rng), catalogue=_catalogue(truth, rng), relations=_friends(truth, rng))

    @cached_property
    def dataset(self) -> Dataset:
        """Events, catalogue and friends, as a recommender gets them."""
        return Dataset.build(self.log, catalogue=self.catalogue, relations=self.relations)


def _log(truth: Truth, rng: np.random.Generator) -> EventLog:
    events = [event for user_row in range(len(truth.users)) for event in _life(truth, user_row, rng)]
    frame = pl.DataFrame(events, schema=list(EVENT_SCHEMA), orient="row")
    typed = frame.select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items())
    return EventLog(frame=typed.sort("timestamp", maintain_order=True), time_quality="exact")


def _life(truth: Truth, user_row: int, rng: np.random.Generator) -> list[Event]:
    """All events of one user, in order of time."""
    num_visits = max(1, int(rng.poisson(truth.config.visits_per_user)))
    days = np.sort(rng.uniform(0, truth.config.days - 0.05, size=num_visits))
    return [event for day in days for event in _visit(truth, user_row, float(day), rng)]


def _visit(truth: Truth, user_row: int, day: float, rng: np.random.Generator) -> list[Event]:
    """One list shown, and what the user did with it."""
    liking = truth.preferences(user_row, day=day)
    shown_score = liking + truth.config.exploration * rng.gumbel(size=len(liking))
    shown = np.argsort(-np.where(truth.launch_days <= day, shown_score, -np.inf))[: truth.config.list_length]
    user_id, clock = truth.users.ids[user_row], OPENING + int(day * MICROSECONDS_PER_DAY)
    events: list[Event] = []
    for position, row in enumerate(shown.tolist(), start=1):
        item_id, moment = truth.items.ids[row], clock + position * 20_000_000
        events.append((user_id, item_id, "impression", clock, float(position)))
        is_pleased = rng.random() < 1.0 / (1.0 + np.exp(-liking[row]))
        if rng.random() < truth.examination(position) and is_pleased:
            events += _click(user_id, item_id, moment, float(liking[row]), rng)
    return sorted(events, key=lambda event: event[3])


def _click(user_id: str, item_id: str, moment: int, liking: float, rng: np.random.Generator) -> list[Event]:
    events: list[Event] = [(user_id, item_id, "click", moment, None)]
    if rng.random() < 0.3:
        events.append((user_id, item_id, "buy", moment + 5_000_000, None))
    if rng.random() < 0.5:
        rating = float(np.clip(np.round(3.0 + liking + rng.normal(0, 0.5)), 1, 5))
        events.append((user_id, item_id, "rate", moment + 10_000_000, rating))
    return events


def _catalogue(truth: Truth, rng: np.random.Generator) -> Catalogue:
    names = list(_TOPICS)
    topics = [names[topic] for topic in truth.topics]
    titles = [f"{rng.choice(_MOODS)} {rng.choice(_MATERIALS)} {rng.choice(_TOPICS[topic])}" for topic in topics]
    columns = {
        "item_id": list(truth.items.ids),
        "title": titles,
        "category": [[topic] for topic in topics],
        "brand": rng.choice(_BRANDS, size=len(titles)).tolist(),
        "price": np.round(rng.lognormal(3.0, 0.6, size=len(titles)), 2),
        "launch_day": truth.launch_days,
    }
    return Catalogue(frame=pl.DataFrame(columns))


def _friends(truth: Truth, rng: np.random.Generator) -> Relations:
    """Friends are people of like interests, with some chance in it; each pair stands once."""
    pairs: set[tuple[int, int]] = set()
    for start in range(0, len(truth.users), USERS_PER_BLOCK):
        block = truth.early_interests[start : start + USERS_PER_BLOCK]
        likeness = block @ truth.early_interests.T + rng.gumbel(0, 0.05, size=(len(block), len(truth.users)))
        likeness[np.arange(len(block)), start + np.arange(len(block))] = -np.inf
        nearest = np.argsort(-likeness, axis=1)[:, : truth.config.friends_per_user].tolist()
        pairs |= {(min(a, b), max(a, b)) for a, row in enumerate(nearest, start=start) for b in row}
    ids = truth.users.ids
    rows = [(ids[a], "user", "friend", ids[b], "user") for a, b in sorted(pairs)]
    return Relations(frame=pl.DataFrame(rows, schema=dict(RELATION_SCHEMA), orient="row"))
