"""Each column gets the transform that suits it, or a reason why there is none."""

import numpy as np

from leanrec.data.description import DescribedValue, ItemDescription
from leanrec.features.event_rates import KINDS
from leanrec.features.tabular_proposals import propose
from leanrec.features.tabular_table import Place, Situation, Table

NUM = 120
DAY = 86_400_000_000


def item(row: int) -> ItemDescription:
    attributes: dict[str, DescribedValue] = {
        "price": float(np.exp(row / 15)),
        "rating": 3.0 + (row % 40) / 20,
        "stars": float(row % 5),
        "year": 1950.0 + row % 60,
        "published": f"20{10 + row % 10}-0{1 + row % 9}-01",
        "brand": f"b{row % 4}",
        "maker": f"m{row % 50}",
        "sku": f"X{row}-{row * 7}",
        "about": f"a text of its own {row}",
        "genres": [f"g{row % 6}", f"g{(row + 1) % 6}"],
        "kind": "thing",
    }
    if row % 3 == 0:
        del attributes["rating"]
    return ItemDescription(item_id=f"i{row}", title=f"Title {row}", attributes=attributes)


PLACES: tuple[Place, ...] = (
    ("item", "item_id"),
    ("user", "user_id"),
    ("item", "title"),
    *[("item", name) for name in ("price", "rating", "stars", "year", "published", "brand", "maker", "sku", "about", "genres", "kind", "empty")],
    ("user", "country"),
)  # type: ignore[assignment]  # the star hides that these are literals


def table(*, quality: str = "exact") -> Table:
    situations = [Situation(item=item(row), user_id=f"u{row % 9}", user={"country": "se" if row % 2 else "de"}, time=row * DAY) for row in range(NUM)]
    made = Table.of_situations(situations, PLACES)
    kinds = np.array([KINDS.index(("impression", "click", "rate")[row % 3]) for row in range(NUM)])
    past = Table(times=made.times, columns=made.columns, kinds=kinds, values=np.arange(NUM) % 5 + 1.0, time_quality=quality)  # type: ignore[arg-type]
    return Table(times=made.times, columns=made.columns, past=past, time_quality=quality)  # type: ignore[arg-type]


def test_columns_get_what_suits_them() -> None:
    found = propose(table())
    declared = {feature.name: feature for feature in found.config.features}
    assert {name: declared[name].kind for name in ("price", "rating", "stars", "year", "published", "brand", "maker", "genres", "user country")} == {
        "price": "log",
        "rating": "standardise",
        "stars": "category",
        "year": "recency",
        "published": "recency",
        "brand": "category",
        "maker": "category",
        "genres": "multi-hot",
        "user country": "category",
    }
    assert declared["rating"].missing == "flag"  # type: ignore[union-attr]
    assert declared["maker"].form == "code"  # type: ignore[union-attr]
    assert declared["title length"].kind == declared["about length"].kind == "text-length"
    assert declared["price in genres"].kind == "position"
    assert found.skipped == {"item.kind": "one value throughout", "item.empty": "no value at all", "item.sku": "an id of its own almost everywhere"}


def test_events_give_counts_rates_and_affinities() -> None:
    declared = {feature.name: feature for feature in propose(table()).config.features}
    assert {"item acts", "user acts", "item acts lately", "since user act", "user acts by item.genres"} <= declared.keys()
    assert declared["click per impression by item"].kind == "rate"
    assert declared["rated 4 or more by item"].min_value == 4.0  # type: ignore[union-attr]


def test_without_clock_times_nothing_is_proposed_that_needs_them() -> None:
    kinds = {feature.kind for feature in propose(table(quality="order")).config.features}
    assert "count" in kinds
    assert not kinds & {"time-of-day", "time-of-week", "recency", "since"}
    assert not {"count", "rate"} & {feature.kind for feature in propose(table(quality="none")).config.features}
