"""Every transform on a small table worked out by hand; mistakes in declarations are named."""

import tomllib
from collections.abc import Sequence
from math import log1p
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leanrec.data.description import ItemDescription
from leanrec.errors import ArtifactError, ConfigError, DataError
from leanrec.features.event_rates import KINDS
from leanrec.features.tabular import TabularConfig, TabularFeatures
from leanrec.features.tabular_table import NO_TIME, Place, Situation, Table

HOUR = 3_600_000_000
DAY = 24 * HOUR
ITEMS = [
    ItemDescription(item_id="a", title="Ab", attributes={"price": 1.0, "genres": ["war", "drama"], "brand": "acme", "released": "1970-01-01"}),
    ItemDescription(item_id="b", title="Abcd", attributes={"price": 3.0, "genres": ["war"], "brand": "acme", "released": 86400.0}),
    ItemDescription(item_id="c", title=None, attributes={"price": 5.0, "genres": ["drama"], "brand": "zeta"}),
    ItemDescription(item_id="d", title="Abc", attributes={"brand": "rare", "genres": []}),
]
PLACES: tuple[Place, ...] = (
    ("item", "item_id"),
    ("item", "title"),
    ("item", "price"),
    ("item", "genres"),
    ("item", "brand"),
    ("item", "released"),
    ("user", "user_id"),
    ("user", "country"),
    ("context", "device"),
)


def table(*, time: int = 10 * DAY) -> Table:
    situations = [
        Situation(item=item, user_id=f"u{row % 2}", user={"country": "se"}, context={"device": "phone"}, time=time) for row, item in enumerate(ITEMS)
    ]
    return Table.of_situations(situations, PLACES)


def config(*features: dict[str, Any]) -> TabularConfig:
    named = [{"name": f"f{number}", **feature} for number, feature in enumerate(features)]
    return TabularConfig.parse({"features": named})


def fitted(*features: dict[str, Any], on: Table | None = None) -> TabularFeatures:
    return TabularFeatures.fit(config(*features), on or table())


def dense(*features: dict[str, Any], on: Table | None = None) -> list[list[float]]:
    return fitted(*features, on=on).transform(on or table()).dense.tolist()


def f32(values: Sequence[float]) -> list[float]:
    return np.array(values, np.float32).tolist()


def test_standardise_brings_figures_to_mean_0_and_deviation_1() -> None:
    found = dense({"kind": "standardise", "column": "price"})
    deviation = (8 / 3) ** 0.5
    assert [row[0] for row in found] == f32([-2 / deviation, 0, 2 / deviation, 0])


@pytest.mark.parametrize(
    ("missing", "expected"),
    [("mean", [0.0]), ("zero", [-2.25 / (59 / 16) ** 0.5]), ("flag", [0.0, 1.0])],
)
def test_a_missing_figure_is_filled_as_declared(missing: str, expected: list[float]) -> None:
    assert dense({"kind": "standardise", "column": "price", "missing": missing})[3] == pytest.approx(expected)


def test_a_missing_value_is_refused_where_declared() -> None:
    with pytest.raises(DataError, match="feature 'f0': row 3 has no value"):
        dense({"kind": "standardise", "column": "price", "missing": "error"})
    with pytest.raises(DataError, match="feature 'f0': row 1 has no value"):
        fitted({"kind": "category", "column": "brand", "missing": "error"}).transform(
            Table.of_items([ITEMS[0], ItemDescription(item_id="e")], PLACES)
        )


@pytest.mark.parametrize("kind", [{"kind": "category", "min_count": 1}, {"kind": "hash"}, {"kind": "multi-hot"}])
def test_a_missing_value_of_no_row_is_not_refused(kind: dict[str, Any]) -> None:
    column = "genres" if kind["kind"] == "multi-hot" else "brand"
    whole = Table.of_items([*ITEMS[:3], ItemDescription(item_id="e")], PLACES)
    made = fitted({**kind, "column": column, "missing": "error"}, on=whole)
    found = made.transform(whole.take(np.array([0, 1, 2, 0])))
    assert len(found.dense) == 4
    with pytest.raises(DataError, match="row 1 has no value"):
        made.transform(whole.take(np.array([0, 3])))


def test_log_keeps_signs_and_order() -> None:
    unscaled = [log1p(price) for price in (1.0, 3.0, 5.0)]
    found = np.array(dense({"kind": "log", "column": "price"}))[:3, 0]
    assert found == pytest.approx((np.array(unscaled) - np.mean(unscaled)) / np.std(unscaled), rel=1e-6)


def test_text_length_reads_a_missing_text_as_none() -> None:
    lengths = np.array([log1p(length) for length in (2, 4, 0, 3)])
    assert np.array(dense({"kind": "text-length", "column": "title"}))[:, 0] == pytest.approx((lengths - lengths.mean()) / lengths.std(), rel=1e-6)


def test_buckets_are_quantiles_or_given() -> None:
    given = fitted({"kind": "bucketise", "column": "price", "edges": [2.0, 3.0]})
    assert given.dense_names == ("f0=..2", "f0=2..3", "f0=3..", "f0=missing")
    assert given.transform(table()).dense.argmax(axis=1).tolist() == [0, 2, 2, 3]
    quantiles = fitted({"kind": "bucketise", "column": "price", "buckets": 3, "form": "code"})
    assert quantiles.transform(table()).codes[:, 0].tolist() == [0, 1, 2, 3]
    assert quantiles.cardinalities == (4,)


def test_a_category_has_a_code_when_it_is_frequent_enough() -> None:
    made = fitted({"kind": "category", "column": "brand"})
    assert made.dense_names == ("f0=other", "f0=acme", "f0=missing")
    assert made.transform(table()).dense.argmax(axis=1).tolist() == [1, 1, 0, 0]


def test_multi_hot_marks_every_value() -> None:
    made = fitted({"kind": "multi-hot", "column": "genres", "min_count": 2})
    assert made.dense_names == ("f0=other", "f0=drama", "f0=war", "f0=missing")
    assert made.transform(table()).dense.tolist() == [[0, 1, 1, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    new = ItemDescription(item_id="n", attributes={"genres": ["noir", "war"]})
    assert made.transform_row(Situation(item=new)).dense.tolist() == [[1, 0, 1, 0]]


def test_a_hash_is_the_same_in_every_process() -> None:
    made = fitted({"kind": "hash", "column": "brand", "buckets": 100})
    assert made.transform(table()).codes[:, 0].tolist() == [0, 0, 17, 40]


def test_a_cross_tells_pairs_apart_and_only_pairs() -> None:
    features = ({"kind": "category", "column": "brand", "form": "code", "min_count": 1}, {"kind": "bucketise", "column": "price", "edges": [2.0]})
    made = fitted(*features, {"kind": "cross", "of": ["f0", "f1"], "buckets": 100_000})
    codes = made.transform(Table.of_items([*ITEMS[:3], ITEMS[0]], PLACES)).codes[:, 1]
    assert codes[0] == codes[3]
    assert len(set(codes.tolist())) == 3


def test_a_price_has_a_place_among_its_category() -> None:
    made = fitted({"kind": "position", "column": "price", "within": "genres"})
    places = np.array([(0.25 + 0.25) / 2, 0.75, 0.75, np.nan])  # of war 1 and 3, of drama 1 and 5
    known = places[:3]
    expected = np.where(np.isnan(places), 0.0, (places - known.mean()) / known.std())
    assert made.transform(table()).dense[:, 0] == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_time_of_day_and_week_go_round() -> None:
    monday_six = 4 * DAY + 6 * HOUR
    found = dense({"kind": "time-of-day"}, {"kind": "time-of-week"}, on=table(time=monday_six))[0]
    assert found == pytest.approx([1, 0, 0, np.sin(np.pi / 14), np.cos(np.pi / 14), 0], abs=1e-6)
    buckets = fitted({"kind": "time-of-day", "form": "code", "utc_offset_hours": 2}, {"kind": "time-of-week", "form": "code"}, on=table())
    assert buckets.transform(table(time=monday_six)).codes[0].tolist() == [8, 0]
    assert buckets.transform(table(time=NO_TIME)).codes[0].tolist() == [24, 7]


def test_recency_reads_dates_and_figures() -> None:
    ages = np.array([log1p(10), log1p(9)])
    found = np.array(dense({"kind": "recency", "column": "released"}))[:, 0]
    assert found == pytest.approx([(ages[0] - ages.mean()) / ages.std(), (ages[1] - ages.mean()) / ages.std(), 0, 0], rel=1e-6)


def events_table(events: list[tuple[str, str, str, int]]) -> Table:
    """(user, item, kind, time)."""
    items = {item.item_id: item for item in ITEMS}
    situations = [Situation(item=items[item], user_id=user, time=time) for user, item, _, time in events]
    made = Table.of_situations(situations, PLACES)
    return Table(times=made.times, columns=made.columns, kinds=np.array([KINDS.index(kind) for _, _, kind, _ in events]))


EVENTS = [
    ("u0", "a", "impression", 1 * DAY),
    ("u0", "a", "click", 2 * DAY),
    ("u1", "a", "impression", 3 * DAY),
    ("u1", "b", "click", 3 * DAY),
    ("u1", "a", "click", 9 * DAY),
]


def with_past(*, time: int) -> Table:
    asked = table(time=time)
    return Table(times=asked.times, columns=asked.columns, past=events_table(EVENTS))


def unscaled(feature: dict[str, Any], *, time: int) -> list[float]:
    """The figures before they are brought to scale."""
    made = fitted(feature, on=with_past(time=time)).fitted[0]
    return made.figures(with_past(time=time)).tolist()  # type: ignore[attr-defined, no-any-return]


def test_counts_fade_and_see_only_what_is_earlier() -> None:
    clicks = {"kind": "count", "events": ["click"], "by": ["item"]}
    assert unscaled(clicks, time=9 * DAY) == pytest.approx([log1p(1), log1p(1), 0, 0])
    assert unscaled(clicks, time=9 * DAY + 1) == pytest.approx([log1p(2), log1p(1), 0, 0])
    assert unscaled({**clicks, "half_life_days": 7}, time=9 * DAY) == pytest.approx([log1p(0.5), log1p(2 ** (-6 / 7)), 0, 0])


def test_counts_by_a_list_are_means_over_its_values() -> None:
    by_genre = {"kind": "count", "events": ["click"], "by": ["user", "item.genres"], "missing": "zero"}
    found = unscaled(by_genre, time=5 * DAY)  # rows: u0 a, u1 b, u0 c, u1 d
    assert found[:3] == pytest.approx([log1p(1), log1p(1), log1p(1)])
    assert np.isnan(found[3])


def test_rates_are_smoothed_towards_the_mean_rate() -> None:
    rate = {"kind": "rate", "events": ["click"], "per": ["impression"], "smoothing": 2.0}
    prior = 3 / 2
    assert unscaled(rate, time=10 * DAY) == pytest.approx([(2 + 2 * prior) / 4, (1 + 2 * prior) / 2, prior, prior])


def test_since_says_how_long_ago() -> None:
    found = unscaled({"kind": "since", "events": ["click"], "by": ["user"]}, time=9 * DAY)
    assert found == pytest.approx([log1p(7), log1p(6), log1p(7), log1p(6)])


def test_saved_features_are_the_same(tmp_path: Path) -> None:
    every = fitted(
        {"kind": "standardise", "column": "price"},
        {"kind": "category", "column": "brand"},
        {"kind": "bucketise", "column": "price", "buckets": 2},
        {"kind": "cross", "of": ["f1", "f2"]},
        {"kind": "multi-hot", "column": "genres"},
        {"kind": "position", "column": "price", "within": "genres"},
        {"kind": "count", "half_life_days": 3},
        {"kind": "rate", "events": ["click"], "per": ["impression"]},
        {"kind": "since"},
        on=with_past(time=4 * DAY),
    )
    every.save(tmp_path / "features")
    again = TabularFeatures.load(tmp_path / "features")
    for asked in (table(), with_past(time=9 * DAY)):
        assert np.array_equal(every.transform(asked).dense, again.transform(asked).dense)
        assert np.array_equal(every.transform(asked).codes, again.transform(asked).codes)
    assert again.dense_names == every.dense_names
    arrays = every.to_arrays()
    del arrays["0.scale"]
    with pytest.raises(ArtifactError, match="the feature 'f0' lacks a part"):
        TabularFeatures.from_arrays(every.config, arrays)


def test_the_documented_configuration_is_one() -> None:
    text = (Path(__file__).parents[2] / "docs" / "features.md").read_text(encoding="utf-8")
    declared = TabularConfig.parse(tomllib.loads(text.split("```toml\n")[1].split("```")[0]))
    assert len(declared.features) == 8


def test_features_of_one_side_can_be_had_alone() -> None:
    made = fitted(
        {"kind": "standardise", "column": "price"},
        {"kind": "category", "column": "country", "source": "user"},
        {"kind": "time-of-day", "form": "code"},
        {"kind": "category", "column": "brand"},
        {"kind": "cross", "of": ["f1", "f3"]},
    )
    assert [feature.name for feature in made.only(["item"]).config.features] == ["f0", "f3"]
    assert [feature.name for feature in made.only(["user", "item"]).config.features] == ["f0", "f1", "f3", "f4"]
    assert made.only(["context"]).code_names == ("f2",)


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ([{"kind": "standardise", "column": "prize"}], "no item column 'prize'\ndid you mean 'price'"),
        ([{"kind": "standardise", "column": "price", "source": "user"}], "no user column 'price'"),
        ([{"kind": "standardise", "column": "brand"}], "standardise needs figures; item column 'brand' holds 'acme'"),
        ([{"kind": "log", "column": "genres"}], r"log needs figures; item column 'genres' holds \['war', 'drama'\]"),
        ([{"kind": "category", "column": "genres"}], "category needs one value a row"),
        ([{"kind": "recency", "column": "brand"}], "recency needs times; item column 'brand' holds 'acme'"),
        ([{"kind": "count"}], "count needs events to count; none were given"),
        ([{"kind": "count", "events": ["clik"]}], "no kind of event 'clik'\ndid you mean 'click'"),
        ([{"kind": "count", "by": ["device"]}], "by = 'device' is not allowed"),
        ([{"kind": "cross", "of": ["f1", "f2"]}], "names the feature 'f1', which is not declared before it"),
        ([{"kind": "standardise", "column": "price"}, {"kind": "cross", "of": ["f0", "f0"]}], "of kind 'standardise', which gives no code"),
        ([{"kind": "log", "column": "price", "name": "x"}, {"kind": "log", "column": "price", "name": "x"}], "'x' is declared twice"),
        ([{"kind": "hash", "column": "brand", "buckets": 2_000_000, "form": "one-hot"}], "one-hot would take 2000001 columns"),
        ([{"kind": "hash", "column": "brand", "buckets": 2**40}], "buckets"),
        ([{"kind": "bucketise", "column": "price", "edges": [2.0, 1.0]}], "do not rise"),
        ([{"kind": "standardize", "column": "price"}], "standardise"),
        ([{"kind": "log", "column": "price", "missing": "own"}], "'mean', 'zero', 'flag' or 'error'"),
        ([{"kind": "log", "column": "price", "colum": "price"}], "unknown key"),
    ],
)
def test_mistakes_are_named(features: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        fitted(*features)


@pytest.mark.parametrize(
    ("feature", "quality", "is_refused"),
    [
        ({"kind": "time-of-day"}, "order", True),
        ({"kind": "recency", "column": "released"}, "none", True),
        ({"kind": "count"}, "none", True),
        ({"kind": "count"}, "order", False),
        ({"kind": "count", "half_life_days": 3}, "order", True),
        ({"kind": "since"}, "order", True),
    ],
)
def test_without_clock_times_only_what_has_a_meaning_is_computed(feature: dict[str, Any], quality: Any, is_refused: bool) -> None:
    asked = with_past(time=4 * DAY)
    asked = Table(times=asked.times, columns=asked.columns, past=asked.past, time_quality=quality)
    if not is_refused:
        assert fitted(feature, on=asked).width == 1
        return
    with pytest.raises(ConfigError, match=f"'{quality}'"):
        fitted(feature, on=asked)
