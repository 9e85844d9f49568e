"""Profiles from histories: hand-worked figures, the same offline and online, and nothing of the future in them."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from leanrec.data.catalogue import Catalogue
from leanrec.data.dataset import Dataset
from leanrec.data.description import ItemDescription
from leanrec.data.events import EVENT_SCHEMA, EventLog
from leanrec.data.ids import Rows
from leanrec.data.profile import Correction, UserProfile
from leanrec.data.snapshot import Snapshot
from leanrec.data.world import World
from leanrec.errors import ArtifactError, DataError
from leanrec.features.described_items import DescribedItems
from leanrec.features.past import Past
from leanrec.features.profile_vector import profile_feature_names, profile_features
from leanrec.features.profiles import ProfileBuilder, ProfileConfig

DAY = 86_400_000_000
MONDAY = 4 * DAY  # 5 January 1970
CONFIG = ProfileConfig(prior_events=2.0, half_life_days=10.0, half_life_events=1.0, num_values=4)


def shop() -> Snapshot:
    """Two comedies and two dramas, each rated once: half of what people choose is comedy."""
    items = pl.DataFrame(
        {
            "item_id": ["a", "b", "c", "d"],
            "title": ["One", "Two", "Three", "Four"],
            "genre": [["Comedy"], ["Comedy"], ["Drama"], ["Drama"]],
            "brand": ["Arbor", "Arbor", "Brook", "Brook"],
            "price": [10.0, 20.0, 30.0, 40.0],
        }
    )
    events = [("u", item_id, "rate", MONDAY + day * DAY + 3_600_000_000, rating) for day, (item_id, rating) in enumerate([("a", 5.0), ("b", 4.0)])]
    events += [("v", "c", "rate", MONDAY + DAY, 1.0), ("v", "d", "rate", MONDAY + 2 * DAY, 3.0)]
    frame = pl.DataFrame(events, schema=list(EVENT_SCHEMA), orient="row").select(pl.col(name).cast(kind) for name, kind in EVENT_SCHEMA.items())
    return Snapshot.of(Dataset.build(EventLog(frame=frame, time_quality="exact"), catalogue=Catalogue(frame=items)))


def acts(*item_rows: int, times: Rows | None = None) -> Past:
    return Past(item_rows=np.array(item_rows, np.int64), weights=np.ones(len(item_rows), np.float32), times=times)


def test_two_comedies_out_of_two_are_a_taste_of_known_strength_and_confidence() -> None:
    """Prior Beta(1, 1), two acts of equal weight, both comedies: Beta(3, 1), whose distribution is x^3."""
    now = np.array([MONDAY, MONDAY])
    comedy = ProfileBuilder.of_snapshot(shop(), CONFIG).of_history(acts(0, 1, times=now)).taste("genre", "Comedy")
    assert comedy is not None
    assert (comedy.share, comedy.base_rate, comedy.support) == (1.0, 0.5, 2)
    assert comedy.strength == pytest.approx(np.log2(0.75 / 0.5))
    assert comedy.confidence == pytest.approx(1 - 0.5**3)
    assert (comedy.low, comedy.high) == pytest.approx((0.025 ** (1 / 3), 0.975 ** (1 / 3)))


def test_an_event_fades_by_its_age_where_times_are_known_and_by_its_place_where_not() -> None:
    builder = ProfileBuilder.of_snapshot(shop(), CONFIG)
    timed = builder.of_history(acts(0, 2, times=np.array([MONDAY, MONDAY + 20 * DAY])))
    placed = builder.of_history(acts(0, 3, 2))
    assert [one.share for one in (timed.taste("genre", "Comedy"), placed.taste("genre", "Comedy")) if one] == pytest.approx([1 / 5, 1 / 7])
    assert timed.recency is not None and placed.recency is None and placed.rhythm is None


def test_bands_rhythm_and_recency_of_a_hand_worked_week() -> None:
    times = np.array([MONDAY + 2 * 3_600_000_000, MONDAY + 2 * 3_600_000_000, MONDAY + 5 * DAY])
    profile = ProfileBuilder.of_snapshot(shop(), ProfileConfig(half_life_days=1e9)).of_history(acts(0, 1, 3, times=times), now=MONDAY + 7 * DAY)
    price = next(band for band in profile.bands if band.attribute == "price")
    assert (price.low, price.median, price.high, price.support) == (10.0, 20.0, 40.0, 3)
    assert price.position == pytest.approx(1 / 3, abs=0.01)
    assert profile.rhythm is not None and profile.recency is not None
    assert profile.rhythm.hours[2] == pytest.approx(2 / 3) and profile.rhythm.hours[0] == pytest.approx(1 / 3)
    assert profile.rhythm.weekdays == pytest.approx((2 / 3, 0, 0, 0, 0, 1 / 3, 0))
    gap = 5 - 2 / 24
    assert (profile.recency.days_since, profile.recency.days_known) == pytest.approx((2.0, gap))
    assert profile.recency.gap_days == pytest.approx((gap / 4, gap / 2, 3 * gap / 4))


def test_hours_are_not_told_where_only_days_are_known() -> None:
    rhythm = ProfileBuilder.of_snapshot(shop()).of_history(acts(0, 1, times=np.array([MONDAY, MONDAY + DAY]))).rhythm
    assert rhythm is not None
    assert rhythm.hours == () and rhythm.weekdays[:2] == (0.5, 0.5)


def test_ratings_speak_on_the_scale_of_the_data_and_reviews_go_before_them() -> None:
    snapshot = shop()
    builder = ProfileBuilder.of_snapshot(snapshot, CONFIG)
    past = Past.of_user(snapshot, snapshot.users.row("u"))
    rated = builder.of_history(past).taste("brand", "Arbor")
    left = 0.5 ** (1 / 10)
    assert rated is not None and rated.sentiment == pytest.approx((left * 1.0 + 0.5) / (left + 1.0 + 2.0))
    read = Past(item_rows=past.item_rows, weights=past.weights, times=past.times, ratings=past.ratings, sentiments=np.full(2, -1.0, np.float32))
    found = builder.of_history(read).taste("brand", "Arbor")
    assert found is not None and found.sentiment == pytest.approx(-(left + 1.0) / (left + 1.0 + 2.0))


def test_nothing_known_gives_an_empty_profile_and_a_vector_of_zeros() -> None:
    builder = ProfileBuilder.of_snapshot(shop())
    profile = builder.of_history(acts())
    assert profile == UserProfile(sources=("brand",))
    assert not profile_features(builder, profile).any()


def test_a_value_that_is_surely_avoided_is_listed_with_no_support() -> None:
    profile = ProfileBuilder.of_snapshot(shop(), ProfileConfig(half_life_events=1e9)).of_history(acts(*[0] * 30))
    drama = profile.taste("genre", "Drama")
    assert drama is not None and drama.support == 0 and drama.strength < -1 and drama.confidence < 0.01
    assert profile.tastes[-1].support == 0


def test_an_event_of_the_future_is_refused() -> None:
    builder = ProfileBuilder.of_snapshot(shop())
    with pytest.raises(DataError, match="after the moment of the question"):
        builder.of_history(acts(0, 1, times=np.array([MONDAY, MONDAY + DAY])), now=MONDAY)


def test_a_profile_before_an_event_does_not_know_of_it() -> None:
    """Cutting the history gives what was known then: what comes later changes nothing of it."""
    snapshot = Snapshot.of(World.generate(seed=1).dataset)
    builder = ProfileBuilder.of_snapshot(snapshot)
    past = Past.of_user(snapshot, 0)
    assert past.times is not None
    cut = int(past.times[len(past) // 2])
    before = past.take(np.flatnonzero(past.times <= cut))
    changed = past.take(np.concatenate([np.flatnonzero(past.times <= cut), np.flatnonzero(past.times > cut)[::-1]]))
    assert changed.times is not None
    assert builder.of_history(changed.take(np.flatnonzero(changed.times <= cut)), now=cut) == builder.of_history(before, now=cut)
    assert builder.of_history(past) != builder.of_history(before)


def test_profiles_and_vectors_are_identical_offline_and_after_saving(tmp_path: Path) -> None:
    dataset = World.generate(seed=2).dataset
    offline = Snapshot.of(dataset)
    offline.save(tmp_path / "snapshot")
    online = Snapshot.load(tmp_path / "snapshot")
    ours, theirs = ProfileBuilder.of_snapshot(offline), ProfileBuilder.of_snapshot(online)
    theirs.save(tmp_path / "profiles")
    kept = ProfileBuilder.load(tmp_path / "profiles")
    for user_row in range(dataset.num_users):
        profile = ours.of_history(Past.of_user(offline, user_row))
        for builder in (theirs, kept):
            found = builder.of_history(Past.of_user(online, user_row))
            assert found == profile
            assert profile_features(builder, found).tobytes() == profile_features(ours, profile).tobytes()


def test_every_feature_has_a_name_and_a_finite_value() -> None:
    snapshot = Snapshot.of(World.generate(seed=3).dataset)
    builder = ProfileBuilder.of_snapshot(snapshot)
    vectors = np.stack([profile_features(builder, builder.of_history(Past.of_user(snapshot, row))) for row in range(20)])
    names = profile_feature_names(builder)
    assert vectors.shape == (20, len(names)) and vectors.dtype == np.float32
    assert len(set(names)) == len(names) and np.isfinite(vectors).all()
    assert vectors.any(axis=0).mean() > 0.9, "a place that is always 0 tells nothing"


def test_a_correction_moves_the_vector() -> None:
    builder = ProfileBuilder.of_snapshot(shop(), CONFIG)
    place = profile_feature_names(builder).index("taste of genre=Comedy")
    vectors = {
        verdict: profile_features(
            builder, builder.of_history(acts(0, 1), corrections=[Correction(attribute="genre", value="Comedy", verdict=verdict)])
        )
        for verdict in ("like", "dislike", "not-me")
    }
    assert vectors["like"][place] > 0 > vectors["dislike"][place] and vectors["not-me"][place] == 0


def test_new_items_are_profiled_by_what_their_rows_say() -> None:
    builder = ProfileBuilder.of_snapshot(shop(), CONFIG)
    new = [ItemDescription(item_id="new", attributes={"genre": ["Comedy", "never seen"], "price": 20.0}), ItemDescription(item_id="mute")]
    larger = builder.with_items(new)
    assert larger.of_history(acts(4)).taste("genre", "Comedy") == builder.of_history(acts(1)).taste("genre", "Comedy")
    assert larger.of_history(acts(5)).tastes == ()
    with pytest.raises(DataError, match="none of 4 items"):
        builder.of_history(acts(4))


def test_ids_in_disguise_and_prose_are_no_tastes() -> None:
    items = [
        ItemDescription(item_id=str(row), attributes={"sku": f"x{row}", "genre": "Comedy", "story": "once upon a time " * 9}) for row in range(9)
    ]
    assert DescribedItems.of(items).values == (("genre", "Comedy"),)


def test_a_past_whose_columns_differ_in_length_is_refused() -> None:
    with pytest.raises(DataError, match="times has 1 entries for 2 events"):
        Past(item_rows=np.zeros(2, np.int64), weights=np.ones(2, np.float32), times=np.zeros(1, np.int64))


def test_pasts_join_in_order_of_time_and_ties_keep_their_order() -> None:
    earlier = Past(item_rows=np.array([0, 1]), weights=np.ones(2, np.float32), times=np.array([5, 9]), ratings=np.array([1.0, 2.0], np.float32))
    joined = earlier.followed_by(acts(2, 3, times=np.array([5, 7])))
    assert joined.item_rows.tolist() == [0, 2, 3, 1]
    assert joined.ratings is not None and np.isnan(joined.ratings[1:3]).all() and joined.ratings[3] == 2.0
    assert earlier.followed_by(acts(2)).times is None


def test_a_damaged_builder_is_refused(tmp_path: Path) -> None:
    ProfileBuilder.of_snapshot(shop()).save(tmp_path / "profiles")
    file = tmp_path / "profiles" / "arrays.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(ArtifactError):
        ProfileBuilder.load(tmp_path / "profiles")


def test_a_session_counts_as_acts_of_its_moment() -> None:
    session = Past.of_session(np.array([2, 3]), now=MONDAY)
    joined = acts(0, times=np.array([MONDAY - DAY])).followed_by(session)
    assert joined.newest == MONDAY and joined.item_rows.tolist() == [0, 2, 3]
    assert Past.of_session(np.array([2])).newest is None
