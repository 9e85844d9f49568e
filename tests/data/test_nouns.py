"""The nouns keep their promises: ids, events, times, catalogue, filters, relations, data set, query."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanrec.data.catalogue import Catalogue
from leanrec.data.dataset import Dataset
from leanrec.data.events import EVENT_SCHEMA, EventLog, watch_weight
from leanrec.data.filters import Filter
from leanrec.data.ids import IdMap
from leanrec.data.query import Query, Recommendations, RecommendedItem
from leanrec.data.relations import RELATION_SCHEMA, Relations
from leanrec.data.timestamps import to_microseconds
from leanrec.errors import ArtifactError, ConfigError, DataError, UnknownIdError
from leanrec.features.histories import Histories, event_weights


def make_log(rows: list[tuple[str, str, str, int, float | None]], time_quality: str = "exact") -> EventLog:
    frame = pl.DataFrame(rows, schema=list(EVENT_SCHEMA), orient="row")
    return EventLog(frame=frame.select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items()), time_quality=time_quality)  # type: ignore[arg-type]  # also wrong ones


@pytest.fixture
def dataset() -> Dataset:
    log = make_log(
        [
            ("bo", "y", "buy", 20, None),
            ("al", "x", "view", 10, None),
            ("bo", "x", "view", 10, None),
            ("al", "y", "impression", 30, 1.0),
            ("bo", "z", "watch", 10, 180.0),
        ]
    )
    catalogue = Catalogue(frame=pl.DataFrame({"item_id": ["z", "x", "w"], "title": ["Zed", "Ex", "Double"], "year": [1999, 2001, None]}))
    return Dataset.build(log, catalogue=catalogue)


def test_ids_cross_to_rows_and_back(dataset: Dataset) -> None:
    assert dataset.items.ids == ("w", "x", "y", "z")
    assert dataset.users.ids == ("al", "bo")
    assert dataset.items.rows(["z", "nothing", "w"]).tolist() == [3, -1, 0]
    assert dataset.items.known_rows(["z", "nothing", "w"]).tolist() == [3, 0]


def test_an_unknown_id_names_the_nearest() -> None:
    with pytest.raises(UnknownIdError, match="item 'aple' is unknown\ndid you mean 'apple'"):
        IdMap(["apple", "pear"], kind="item").row("aple")


@given(st.lists(st.text(max_size=8), unique=True, max_size=20))
def test_id_maps_survive_the_way_through_arrays(ids: list[str]) -> None:
    id_map = IdMap(ids, kind="item")
    assert IdMap.from_arrays(id_map.to_arrays(), kind="item") == id_map


def test_events_are_sorted_by_user_and_time_and_ties_keep_file_order(dataset: Dataset) -> None:
    ids = [dataset.items.ids[row] for row in dataset.column("item_row")]
    assert ids == ["x", "y", "x", "z", "y"]
    assert dataset.column("user_row").tolist() == [0, 0, 1, 1, 1]


def test_without_time_the_file_order_is_the_order() -> None:
    dataset = Dataset.build(make_log([("u", "b", "view", 0, None), ("u", "a", "view", 0, None), ("u", "c", "view", 0, None)], "none"))
    assert [dataset.items.ids[row] for row in dataset.column("item_row")] == ["b", "a", "c"]


def test_the_catalogue_holds_a_row_for_every_item_in_the_order_of_rows(dataset: Dataset) -> None:
    assert dataset.catalogue.frame["item_id"].to_list() == list(dataset.items.ids)
    assert dataset.catalogue.title("z") == "Zed"
    assert dataset.catalogue.title("y") == "y"
    assert dataset.catalogue.title("unheard of") == "unheard of"


def test_subsets_share_ids_and_differ_in_fingerprint(dataset: Dataset) -> None:
    subset = dataset.subset(np.array([True, False, True, False, False]))
    assert len(subset) == 2
    assert subset.items is dataset.items
    assert subset.fingerprint != dataset.fingerprint
    with pytest.raises(DataError, match="mask has shape"):
        dataset.subset(np.ones(2, bool))


def test_a_data_set_comes_back_from_disk_as_it_was(dataset: Dataset, tmp_path: Path) -> None:
    dataset.save(tmp_path / "d")
    loaded = Dataset.load(tmp_path / "d")
    assert loaded.fingerprint == dataset.fingerprint
    assert loaded.catalogue.frame.equals(dataset.catalogue.frame)
    (tmp_path / "d" / "events.parquet").write_bytes(b"junk")
    with pytest.raises(ArtifactError, match="damaged"):
        Dataset.load(tmp_path / "d")


def test_an_empty_log_is_refused() -> None:
    with pytest.raises(DataError, match="empty"):
        Dataset.build(make_log([]))


def test_a_log_with_wrong_columns_or_quality_is_refused() -> None:
    with pytest.raises(DataError, match="misses columns"):
        EventLog(frame=pl.DataFrame({"user_id": ["a"]}), time_quality="exact")
    with pytest.raises(DataError, match="allowed: exact, order, none"):
        make_log([], "precise")


def test_event_weights_are_relative_to_the_weakest_kind_present(dataset: Dataset) -> None:
    assert event_weights(dataset).tolist() == [1.0, 0.0, 1.0, 2.0, 5.0]
    only_buys = Dataset.build(make_log([("u", "a", "buy", 1, None), ("u", "b", "buy", 2, None)]))
    assert event_weights(only_buys).tolist() == [1.0, 1.0]


def test_watch_weight_grows_with_minutes_within_bounds() -> None:
    assert watch_weight(np.array([0.0, 60.0, 180.0, 1e9, np.nan])).tolist() == pytest.approx([0.1, 1.0, 2.0, 5.0, 0.1])


def test_histories_leave_impressions_out_and_decay_by_age(dataset: Dataset) -> None:
    histories = Histories.of_dataset(dataset)
    assert [histories.of(row).tolist() for row in range(2)] == [[1], [1, 3, 2]]
    assert histories.ages().tolist() == [0, 2, 1, 0]
    assert histories.matrix(decay=0.5).toarray()[1].tolist() == [0.0, 0.25, 5.0, 1.0]
    assert histories.matrix(decay=0.5, last=1).toarray()[1].tolist() == [0.0, 0.0, 5.0, 0.0]


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([881250949, None]),
        pl.Series([881250949000, None]),
        pl.Series([881250949000000, None]),
        pl.Series([881250949.0, None]),
        pl.Series(["881250949", None]),
        pl.Series(["1997-12-04T15:55:49", "soon"]),
        pl.Series(["1997-12-04 15:55:49.000", "x"]),
        pl.Series(["1997-12-04T15:55:49Z", ""]),
        pl.Series(["1997-12-04T16:55:49+01:00", "?"]),
    ],
)
def test_times_in_any_usual_form_become_microseconds(column: pl.Series) -> None:
    assert to_microseconds(column, place="log.csv, column t").to_list() == [881250949000000, None]


def test_float32_times_are_refused_with_the_reason() -> None:
    with pytest.raises(DataError, match=r"log.csv, column t: timestamps are float32.*128 seconds"):
        to_microseconds(pl.Series([8.8e8], dtype=pl.Float32), place="log.csv, column t")


def test_a_column_that_is_no_time_is_refused() -> None:
    with pytest.raises(DataError, match="typical timestamp"):
        to_microseconds(pl.Series([1, 2, 3]), place="log.csv, column t")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("genre=Comedy", ["a", "c"]),
        ("genre!=Comedy", ["b"]),
        ("genre=Drama|Horror", ["b", "c"]),
        ("year>=2000", ["b"]),
        ("year<2000", ["a"]),
        ("year=1990", ["a"]),
        ("brand=Acme", ["a"]),
        ("price<5", ["a"]),
    ],
)
def test_filters_select_what_they_say_and_never_a_missing_value(text: str, found: list[str]) -> None:
    frame = pl.DataFrame(
        {
            "item_id": ["a", "b", "c"],
            "genre": [["Comedy"], ["Drama"], ["Comedy", "Horror"]],
            "year": [1990, 2005, None],
            "brand": ["Acme", None, "Other"],
            "price": ["3.5", "12", None],
        }
    )
    assert Catalogue(frame=frame).matching([text]) == found


def test_a_filter_that_says_nothing_is_refused() -> None:
    for text in ("genre", "=Comedy", "genre=", ""):
        with pytest.raises(ConfigError, match="cannot be read"):
            Filter.parse(text)
    catalogue = Catalogue(frame=pl.DataFrame({"item_id": ["a"], "genre": ["x"], "year": [1]}))
    with pytest.raises(DataError, match="no attribute 'gener'\ndid you mean 'genre'"):
        catalogue.matching(["gener=x"])
    with pytest.raises(ConfigError, match="no number"):
        catalogue.matching(["year>x"])


def test_a_catalogue_names_each_item_once() -> None:
    with pytest.raises(DataError, match="once"):
        Catalogue(frame=pl.DataFrame({"item_id": ["a", "a"]}))
    with pytest.raises(DataError, match="item_id of text"):
        Catalogue(frame=pl.DataFrame({"item_id": [1, 2]}))


def test_relations_refuse_a_wrong_shape() -> None:
    assert len(Relations(frame=pl.DataFrame(schema=dict(RELATION_SCHEMA)))) == 0
    with pytest.raises(DataError, match="needed: head_id"):
        Relations(frame=pl.DataFrame({"head_id": ["a"]}))


def test_recommendations_survive_json() -> None:
    answer = Recommendations(items=(RecommendedItem(item_id="a", score=1.5, source="ease", reason="é"),), user_id="u", cold=True)
    assert Recommendations.from_dict(answer.to_dict()) == answer
    assert "é" in answer.to_json()
    assert Query().candidates is None


def test_dates_that_could_be_read_both_ways_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    to_microseconds(pl.Series(["03/04/2024", "05/06/2024"]), place="log.csv, column t")
    assert "log.csv, column t: dates such as 03/04/2024 are taken as month/day/year" in caplog.text
    caplog.clear()
    assert to_microseconds(pl.Series(["03/04/2024", "25/06/2024"]), place="log.csv, column t")[0] == 1712102400000000
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("columns", "title", "category"),
    [
        ({"title": ["A"], "name": ["B"]}, "title", None),
        ({"Artikelbezeichnung": ["A"], "Kategorie": ["B"], "Preis": [1.0]}, "Artikelbezeichnung", "Kategorie"),
        ({"category_name": ["A"], "product_name": ["B"]}, "product_name", "category_name"),
        ({"movie_title": ["A"], "tags": [["x"]], "class": [["y"]]}, "movie_title", "class"),
        ({"商品名称": ["A"], "类目": ["B"]}, "商品名称", "类目"),
        ({"colour": ["red"]}, None, None),
    ],
)
def test_title_and_category_are_found_by_name(columns: dict[str, list[object]], title: str | None, category: str | None) -> None:
    catalogue = Catalogue(frame=pl.DataFrame({"item_id": ["a"], **columns}))
    assert (catalogue.title_column, catalogue.category_column) == (title, category)


def test_further_ids_stand_on_the_rows_after_the_known_ones() -> None:
    known = IdMap(["a", "b"], kind="item")
    grown = known.with_ids(["d", "c"])
    assert grown.ids == ("a", "b", "d", "c")
    assert grown.rows(["c", "a", "e"]).tolist() == [3, 0, -1]
    assert (len(known), "d" in known) == (2, False)
    for added in (["b"], ["e", "e"]):
        with pytest.raises(DataError, match="is there already"):
            known.with_ids(added)
