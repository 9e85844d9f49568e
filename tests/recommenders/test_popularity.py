import polars as pl
import pytest
from tests.recommenders.data import DAY, dataset_of, log_of

from leanrec.data.catalogue import Catalogue
from leanrec.data.dataset import Dataset
from leanrec.data.query import Query
from leanrec.errors import DataError
from leanrec.recommenders.popularity import CategoryPopularity, CategoryPopularityConfig, Popularity, RecentPopularity, RecentPopularityConfig

SHELF_OF = {"a": "tea", "b": "tea", "c": "tea", "d": "pots", "e": "pots"}
SHELVES = Catalogue(frame=pl.DataFrame({"item_id": list(SHELF_OF), "category": [[shelf, "shop"] for shelf in SHELF_OF.values()]}))


def test_popularity_is_the_share_of_acts_and_impressions_are_none() -> None:
    log = log_of([("u", "a"), ("v", "a"), ("u", "b"), ("u", "c", "impression"), ("v", "c", "impression"), ("w", "c", "impression")])
    popularity = Popularity().fit(Dataset.build(log))
    assert popularity.score(Query(), ["a", "b", "c"]).tolist() == pytest.approx([2 / 3, 1 / 3, 0.0])


def test_recent_popularity_halves_with_every_half_life() -> None:
    log = log_of([("u", "a"), ("v", "b"), ("w", "b"), ("x", "c")], step=10 * DAY)
    recent = RecentPopularity(RecentPopularityConfig(half_life_days=10)).fit(Dataset.build(log))
    scores = recent.score(Query(), ["a", "b", "c"])
    assert (scores / scores[2]).tolist() == pytest.approx([1 / 8, 1 / 4 + 1 / 2, 1.0])


@pytest.mark.parametrize("time_quality", ["order", "none"])
def test_recent_popularity_refuses_a_log_without_clock_times(time_quality: str) -> None:
    with pytest.raises(DataError, match="clock times"):
        RecentPopularity().fit(dataset_of({"u": "ab"}, time_quality=time_quality))  # type: ignore[arg-type]


def test_category_popularity_answers_from_the_shelf_of_the_history() -> None:
    by_category = CategoryPopularity().fit(dataset_of({"u": "abd", "v": "be", "w": "be", "x": "be"}, catalogue=SHELVES))
    answer = by_category.recommend([Query(history=("a",))], k=3)[0]
    assert answer.item_ids[:2] == ("b", "c")
    assert not answer.cold


def test_category_popularity_answers_the_category_that_the_context_names() -> None:
    by_category = CategoryPopularity().fit(dataset_of({"u": "abd", "v": "be", "w": "be"}, catalogue=SHELVES))
    query = Query(context={"category": "pots"})
    answer = by_category.recommend([query], k=2)[0]
    assert answer.item_ids == ("e", "d")
    assert not answer.cold
    assert by_category.reason(query, "e") == "popular in pots"


def test_a_category_that_every_item_has_says_nothing() -> None:
    everything = Catalogue(frame=pl.DataFrame({"item_id": list("ab"), "category": [["shop"], ["shop"]]}))
    answer = CategoryPopularity().fit(dataset_of({"u": "ab"}, catalogue=everything)).recommend([Query(history=("a",))], k=1)[0]
    assert answer.items[0].source == "popularity"


def test_category_popularity_without_categories_says_what_to_do() -> None:
    with pytest.raises(DataError, match="none") as caught:
        CategoryPopularity().fit(dataset_of({"u": "ab"}))
    assert "popularity" in caught.value.hint


def test_an_unknown_category_column_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(DataError, match="categry") as caught:
        CategoryPopularity(CategoryPopularityConfig(column="categry")).fit(dataset_of({"u": "abcde"}, catalogue=SHELVES))
    assert "category" in caught.value.hint
