"""The synthetic world keeps the truth that it promises."""

import numpy as np
import polars as pl
import pytest

from leanrec.data.world import World, WorldConfig
from leanrec.errors import ConfigError


@pytest.fixture(scope="module")
def world() -> World:
    return World.generate(WorldConfig(num_users=400, position_bias=0.7), seed=3)


def test_the_same_seed_gives_the_same_world() -> None:
    config = WorldConfig(num_users=20)
    first, again, other = (World.generate(config, seed=seed).dataset.fingerprint for seed in (1, 1, 2))
    assert first == again != other


def test_clicks_fall_with_position_as_examination_says(world: World) -> None:
    frame = world.log.frame.with_columns(pl.col("user_id", "item_id").cast(pl.String))
    shown = frame.filter(pl.col("event") == "impression").select("user_id", "item_id", "timestamp", position="value")
    clicks = frame.filter(pl.col("event") == "click").select("user_id", "item_id", clicked="timestamp")
    joined = shown.join(clicks, on=["user_id", "item_id"], how="left").with_columns(
        hit=(pl.col("clicked") - pl.col("timestamp")).is_between(0, 1_000_000_000).fill_null(value=False)
    )
    rate = joined.group_by("position").agg(pl.col("hit").mean()).sort("position")["hit"].to_numpy()
    assert rate[3] / rate[0] < 0.7
    assert world.truth.examination(3) == pytest.approx(0.49)


def test_cold_items_are_in_the_catalogue_and_never_in_the_log(world: World) -> None:
    cold = [world.truth.items.ids[row] for row in np.flatnonzero(world.truth.launch_days == world.truth.config.days)]
    assert len(cold) >= 15
    assert not set(cold) & set(world.log.frame["item_id"].cast(pl.String))
    assert set(cold) <= set(world.dataset.items.ids)


def test_interests_drift_by_the_stated_share(world: World) -> None:
    truth = world.truth
    still = World.generate(WorldConfig(num_users=50, drift=0.0), seed=3).truth
    assert np.array_equal(still.early_interests, still.late_interests)
    assert np.abs(truth.early_interests - truth.late_interests).mean() > 0.02


def test_best_items_are_those_of_highest_preference(world: World) -> None:
    best = world.truth.best_items("u00007", day=59.0, k=5)
    liking = world.truth.preference("u00007", best, day=59.0)
    assert list(liking) == sorted(liking, reverse=True)
    others = [item for item in world.truth.items.ids if item not in best]
    launched = [item for item in others if world.truth.launch_days[world.truth.items.row(item)] <= 59]
    assert world.truth.preference("u00007", launched, day=59.0).max() <= liking[-1]


def test_friends_are_more_alike_than_strangers(world: World) -> None:
    interests, users = world.truth.early_interests, world.truth.users
    friends = world.relations.frame
    likeness = [interests[users.row(a)] @ interests[users.row(b)] for a, b in friends.select("head_id", "tail_id").iter_rows()]
    assert np.mean(likeness) > (interests @ interests.T).mean() + 0.1


def test_ratings_follow_the_expected_rating(world: World) -> None:
    rated = world.log.frame.filter(pl.col("event") == "rate").with_columns(pl.col("user_id", "item_id").cast(pl.String))
    days = (rated["timestamp"] - 1_704_067_200_000_000).to_numpy() / 86_400_000_000
    expected = [world.truth.expected_rating(u, i, day=d) for u, i, d in zip(rated["user_id"], rated["item_id"], days, strict=True)]
    assert np.corrcoef(expected, rated["value"].to_numpy())[0, 1] > 0.8


def test_an_impossible_world_is_refused() -> None:
    with pytest.raises(ConfigError, match="drift"):
        WorldConfig(drift=2.0)
