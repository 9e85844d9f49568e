"""Identities: ids of one person become one, chains and circles included; histories merge in order; bad tables are refused."""

from pathlib import Path

import polars as pl
import pytest

from leanrec.data.dataset import Dataset
from leanrec.data.events import EVENT_SCHEMA, EventLog, TimeQuality
from leanrec.data.identities import Identities, IdentitiesConfig
from leanrec.data.identity_file import read_identities
from leanrec.data.relations import RELATION_SCHEMA, Relations
from leanrec.data.sources.protocol import Reading
from leanrec.errors import ConfigError, DataError
from leanrec.workflow.reading import read, read_clean
from leanrec.workflow.settings import RunSettings


def persons(*pairs: tuple[str | None, str | None]) -> Identities:
    return Identities.of_frame(pl.DataFrame(pairs, schema=["id", "person"], orient="row"))


def aliases(*pairs: tuple[str, str], max_ids: int = 50) -> Identities:
    return Identities.of_frame(pl.DataFrame(pairs, schema=["id", "alias"], orient="row"), max_ids=max_ids)


def reading(*events: tuple[str, str, int], quality: TimeQuality = "exact") -> Reading:
    rows = [(user, item, "view", time, None) for user, item, time in events]
    frame = pl.DataFrame(rows, schema=list(EVENT_SCHEMA), orient="row").select(pl.col(name).cast(kind) for name, kind in EVENT_SCHEMA.items())
    return Reading(log=EventLog(frame=frame, time_quality=quality))


def history(found: Reading, user_id: str) -> list[str]:
    dataset = Dataset.build(found.log)
    rows = dataset.column("item_row")[dataset.column("user_row") == dataset.users.row(user_id)]
    return [dataset.items.ids[row] for row in rows]


def test_a_chain_of_ids_is_the_person_at_its_end() -> None:
    found = persons(("cookie", "phone"), ("phone", "tablet"), ("tablet", "ann"), ("web", "ann"))
    assert found.groups == (("ann", "cookie", "phone", "tablet", "web"),)
    assert found.standing_for(["cookie", "web"]) == {"cookie": "ann", "phone": "ann", "tablet": "ann", "web": "ann"}


def test_long_chains_join_whatever_the_order_of_rows() -> None:
    pairs = [(f"id{number}", f"id{number + 1}") for number in range(0, 40, 2)] + [(f"id{number}", f"id{number + 1}") for number in range(1, 39, 2)]
    assert len(aliases(*pairs).groups) == 1
    assert aliases(*pairs) == aliases(*reversed(pairs))


def test_aliases_stand_under_the_smallest_id_that_has_events() -> None:
    found = aliases(("b", "a"), ("c", "b"))
    assert found.standing_for(["c", "b"]) == {"a": "b", "c": "b"}
    assert found.standing_for([]) == {"b": "a", "c": "a"}


def test_a_circle_of_persons_stands_under_the_smallest_known() -> None:
    assert persons(("b", "c"), ("c", "b")).standing_for(["c", "b"]) == {"c": "b"}


def test_a_row_about_oneself_or_with_an_empty_cell_says_nothing() -> None:
    assert persons(("a", "p"), ("a", "a"), ("p", "p"), (None, "x"), ("y", " ")) == persons(("a", "p"))


def test_merged_histories_are_in_order_of_time_and_ties_keep_that_of_the_file() -> None:
    source = reading(("web", "first", 10), ("app", "tied in file before", 20), ("web", "tied", 20), ("app", "between", 15), ("bob", "other", 1))
    linked, report = persons(("app", "ann"), ("web", "ann")).applied(source)
    assert history(linked, "ann") == ["first", "between", "tied in file before", "tied"]
    assert (report.num_ids, report.num_persons, report.num_events, report.num_unknown) == (2, 1, 4, 0)
    assert history(linked, "bob") == ["other"]


def test_without_clock_times_rows_keep_the_order_of_the_file_and_the_report_says_so() -> None:
    source = reading(("web", "one", 0), ("app", "two", 0), ("web", "three", 0), quality="none")
    linked, report = aliases(("app", "web")).applied(source)
    assert history(linked, "app") == ["one", "two", "three"]
    assert "no clock orders" in report.describe()


def test_events_that_two_devices_both_told_are_counted_and_cleaned_away(tmp_path: Path) -> None:
    orders = "user,item,time\n" + "".join(
        f"{user},{item},2024-01-0{day}\n" for user, item, day in [("app", "x", 1), ("web", "x", 1), ("web", "y", 2), ("bob", "x", 3), ("bob", "y", 3)]
    )
    (tmp_path / "orders.csv").write_text(orders)
    (tmp_path / "ids.csv").write_text("id,person\napp,ann\nweb,ann\nghost,ann\n")
    cleaned = read_clean(tmp_path / "orders.csv", settings=RunSettings(identities={"file": str(tmp_path / "ids.csv")}))
    assert cleaned.steps[0].name == "identities" and cleaned.steps[0].changed == 3
    assert "1 events are told twice" in cleaned.steps[0].note and "1 ids have no event" in cleaned.steps[0].note
    assert next(step for step in cleaned.steps if step.name == "duplicates").removed == 1
    assert sorted(cleaned.log.frame["user_id"].cast(pl.String).unique()) == ["ann", "bob"]


def test_nothing_to_link_changes_nothing() -> None:
    source = reading(("a", "x", 1), ("b", "y", 2))
    linked, report = persons(("nobody", "else")).applied(source)
    assert linked.log.frame.equals(source.log.frame)
    assert report.num_ids == report.num_events == report.num_repeated == 0


def test_attributes_and_friends_move_with_their_person() -> None:
    friends = [("app", "user", "friend", "bob", "user"), ("web", "user", "friend", "app", "user"), ("ann", "user", "friend", "bob", "user")]
    source = reading(("app", "x", 1), ("ann", "y", 2))
    source = Reading(
        log=source.log,
        user_attributes=pl.DataFrame({"user_id": ["app", "ann", "bob"], "age": [30, None, 50], "town": ["Ulm", "Bonn", None]}),
        relations=Relations(frame=pl.DataFrame(friends, schema=dict(RELATION_SCHEMA), orient="row")),
    )
    linked, _ = persons(("app", "ann"), ("web", "ann")).applied(source)
    assert linked.user_attributes is not None and linked.relations is not None
    assert sorted(linked.user_attributes.rows()) == [("ann", 30, "Bonn"), ("bob", 50, None)]
    assert linked.relations.frame.select("head_id", "tail_id").rows() == [("ann", "bob")]


def test_an_id_of_two_persons_is_refused_by_name_or_left_alone() -> None:
    frame = pl.DataFrame({"id": ["shared", "shared", "web"], "person": ["ann", "bob", "ann"]})
    with pytest.raises(DataError, match="'shared' is 'ann' and 'bob'"):
        Identities.of_frame(frame)
    found = Identities.of_frame(frame, conflicts="leave")
    assert found.conflicts == ("shared",) and found.groups == (("ann", "web"),)


def test_a_device_that_many_share_joins_nobody() -> None:
    found = aliases(*((f"person {number}", "kiosk") for number in range(5)), ("x", "y"), max_ids=4)
    assert found.groups == (("x", "y"),) and len(found.shared) == 1
    _, report = found.applied(reading(("kiosk", "a", 1)))
    assert "shared devices?" in report.describe() and report.num_ids == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("user,person\na,b\n", "columns user, person"),
        ("id,person,alias\na,b,c\n", "id and person, or id and alias"),
        ("id,person\n,\n", "no pair"),
        ("id\na\n", "no delimiter parts the line"),
        ("", "empty"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "ids.csv").write_text(content)
    with pytest.raises(DataError, match=words):
        read_identities(IdentitiesConfig(file=str(tmp_path / "ids.csv")))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        read_identities(IdentitiesConfig(file=str(tmp_path / "nowhere.csv")))


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_numbers_and_formats_read_alike(tmp_path: Path, suffix: str) -> None:
    frame, file = pl.DataFrame({"id": [7, 8], "person": [1, 1]}), tmp_path / f"ids.{suffix}"
    {"csv": frame.write_csv, "parquet": frame.write_parquet, "jsonl": frame.write_ndjson}[suffix](file)
    assert read_identities(IdentitiesConfig(file=str(file))).groups == (("1", "7", "8"),)


def test_identities_of_a_data_set_that_is_built_are_refused() -> None:
    dataset = Dataset.build(reading(("a", "x", 1), ("b", "y", 2)).log)
    with pytest.raises(ConfigError, match="built already"):
        read(dataset, settings=RunSettings(identities={"file": "ids.csv"}))
