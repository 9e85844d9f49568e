"""Truth: what people of the synthetic world really like, and when; it can be asked, recommenders never see it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import Field

from leanrec.config import Config
from leanrec.data.ids import IdMap, ItemId, UserId

Floats = npt.NDArray[np.float64]


class WorldConfig(Config):
    """How large the world is and how its people behave."""

    num_users: int = Field(default=200, ge=2)
    num_items: int = Field(default=150, ge=20)
    days: int = Field(default=60, ge=2)
    """Length of the log; the clock starts on 1 January 2024."""
    visits_per_user: float = Field(default=8.0, gt=0)
    """Mean number of visits; each shows one list."""
    list_length: int = Field(default=8, ge=1)
    """Items shown a visit."""
    position_bias: float = Field(default=0.85, gt=0, le=1)
    """Probability of looking one position further down; 1 means no bias."""
    exploration: float = Field(default=1.0, ge=0)
    """Noise of the shop's own ranking: 0 shows the truly best items, large values random ones."""
    drift: float = Field(default=0.5, ge=0, le=1)
    """Share of a user's interests that is exchanged between the first and the last day."""
    season_strength: float = Field(default=0.8, ge=0)
    """How much a topic gains at the height of its season."""
    cold_fraction: float = Field(default=0.1, ge=0, lt=1)
    """Share of the items that nobody was ever shown."""
    friends_per_user: int = Field(default=3, ge=0)


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The quantities behind a world's log: U users and N items over P topics."""

    config: WorldConfig
    users: IdMap
    items: IdMap
    early_interests: Floats
    """(U, P) interests on the first day; rows sum to 1."""
    late_interests: Floats
    """(U, P) interests on the last day."""
    topics: npt.NDArray[np.int64]
    """(N,) topic of each item."""
    quality: Floats
    """(N,) what everybody likes about an item."""
    launch_days: npt.NDArray[np.int64]
    """(N,) first day on which an item can be shown; `config.days` for items nobody was ever shown."""

    @classmethod
    def draw(cls, config: WorldConfig, *, num_topics: int, rng: np.random.Generator) -> "Truth":
        """Random interests, topics, qualities and launch days."""
        early = rng.dirichlet(np.full(num_topics, 0.4), size=config.num_users)
        other = rng.dirichlet(np.full(num_topics, 0.4), size=config.num_users)
        return cls(
            config=config,
            users=IdMap([f"u{number:05d}" for number in range(config.num_users)], kind="user"),
            items=IdMap([f"i{number:05d}" for number in range(config.num_items)], kind="item"),
            early_interests=early,
            late_interests=(1 - config.drift) * early + config.drift * other,
            topics=rng.integers(0, num_topics, size=config.num_items),
            quality=rng.normal(0.0, 0.6, size=config.num_items),
            launch_days=_launch_days(config, rng),
        )

    def preferences(self, user_row: int, *, day: float) -> Floats:
        """(N,) true liking of every item on a day: interest x 4 - 1 + quality + season; 0 is indifference."""
        share = min(1.0, day / max(1, self.config.days - 1))
        interests = (1 - share) * self.early_interests[user_row] + share * self.late_interests[user_row]
        liking: Floats = 4.0 * interests[self.topics] - 1.0 + self.quality + self.season(day)[self.topics]
        return liking

    def preference(self, user_id: UserId, item_ids: list[ItemId], *, day: float) -> Floats:
        """(len(item_ids),) true liking of some items on a day."""
        liking: Floats = self.preferences(self.users.row(user_id), day=day)[self.items.rows(item_ids)]
        return liking

    def best_items(self, user_id: UserId, *, day: float, k: int = 10) -> list[ItemId]:
        """The k items that the user would truly like best on a day, among those launched."""
        liking = np.where(self.launch_days <= day, self.preferences(self.users.row(user_id), day=day), -np.inf)
        return [self.items.ids[row] for row in np.argsort(-liking, kind="stable")[:k] if np.isfinite(liking[row])]

    def examination(self, position: int) -> float:
        """Probability that a user looks at a position, 1 being the top."""
        return float(self.config.position_bias ** (position - 1))

    def expected_rating(self, user_id: UserId, item_id: ItemId, *, day: float) -> float:
        """The rating, 1 to 5, that the user gives on average."""
        return float(np.clip(3.0 + self.preference(user_id, [item_id], day=day)[0], 1.0, 5.0))

    def season(self, day: float) -> Floats:
        """(P,) what each topic gains on a day; each has its height at its own time of the year."""
        num_topics = self.early_interests.shape[1]
        phase = 2 * np.pi * (day / 365.0 - np.arange(num_topics) / num_topics)
        gain: Floats = self.config.season_strength * np.cos(phase)
        return gain


def _launch_days(config: WorldConfig, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Most items are there from the start, a fifth arrives over time, and the cold ones after the log ends."""
    days = np.where(rng.random(config.num_items) < 0.2, rng.integers(0, config.days, config.num_items), 0)
    num_cold = round(config.cold_fraction * config.num_items)
    days[rng.permutation(config.num_items)[:num_cold]] = config.days
    return days.astype(np.int64)
