"""SQLiteStore: the contract, and what is its own: bounds, versions, locks, damage."""

import sqlite3
from concurrent.futures import wait
from pathlib import Path

import pytest

from leanrec.errors import ArtifactError
from leanrec.serving.messages import FeedbackEvent
from leanrec.serving.sqlite_people import MAX_LINKED
from leanrec.serving.sqlite_store import SQLiteStore
from leanrec.testing.store_contract import check_store

NOW = 1_700_000_000_000_000


def events(count: int, *, user_id: str = "ann", first: int = 0) -> list[FeedbackEvent]:
    return [
        FeedbackEvent(event_id=f"{user_id} {number}", user_id=user_id, item_id=str(number), event="click") for number in range(first, first + count)
    ]


def test_the_contract_holds(tmp_path: Path) -> None:
    check_store(lambda: SQLiteStore(tmp_path / "deep" / "store.sqlite3"))


def test_the_oldest_events_go_when_the_store_is_full(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "store.sqlite3", max_events=100)
    for first in range(0, 300, 50):
        store.append(events(50, first=first), now=NOW).result()
    history = store.profile("ann").history
    assert len(history) <= 100
    assert history[-1] == "299"
    assert store.size().num_events == len(history)
    store.close()


def test_a_second_process_cannot_open_the_same_file(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "store.sqlite3")
    with pytest.raises(ArtifactError, match="open in another process"):
        SQLiteStore(tmp_path / "store.sqlite3")
    store.close()
    SQLiteStore(tmp_path / "store.sqlite3").close()


def test_a_file_of_a_newer_leanrec_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    SQLiteStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ArtifactError, match="schema 99"):
        SQLiteStore(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    path.write_text("this is not a database, whatever its name says" * 50)
    with pytest.raises(ArtifactError, match="cannot be used as a store"):
        SQLiteStore(path)


def test_a_forgotten_user_is_nowhere_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    store = SQLiteStore(path)
    store.append(events(200, user_id="Ada Lovelace"), now=NOW).result()
    store.forget("Ada Lovelace").result()
    store.close()
    assert b"Ada Lovelace" not in path.read_bytes()


def test_a_caller_who_gives_up_does_not_stop_the_writer(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "store.sqlite3")
    futures = [store.append(events(1, first=number), now=NOW) for number in range(300)]
    for future in futures[::2]:
        future.cancel()
    wait(futures)
    assert store.append(events(1, first=1000), now=NOW).result(timeout=10).accepted == 1
    store.close()


def test_a_write_that_fails_is_undone_and_the_next_one_works(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "store.sqlite3")
    store.append(events(3), now=NOW).result()
    impossible = FeedbackEvent(event_id=None, user_id="ann", item_id="x", event="click")  # type: ignore[arg-type]  # refused by the schema
    unwritable = FeedbackEvent(event_id="big", user_id="ann", item_id="x", event="click", timestamp=2**70)
    with pytest.raises(ArtifactError, match="nothing of the request was kept"):
        store.append([*events(2, first=10), unwritable], now=NOW).result(timeout=10)
    assert store.append([impossible], now=NOW).result(timeout=10).accepted == 0
    assert store.size().num_events == 3
    assert store.append(events(2, first=10), now=NOW).result().accepted == 2
    store.close()


def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    store = SQLiteStore(path)
    store.append(events(2), now=NOW).result()
    store.close()
    connection = sqlite3.connect(path)
    connection.executescript("DROP TABLE corrections; DROP TABLE links; PRAGMA user_version = 1")
    connection.close()
    store = SQLiteStore(path)
    assert store.profile("ann").history == ("0", "1")
    assert store.link("phone", "ann").result() == "linked"
    assert store.profile("phone").history == ("0", "1")
    store.close()


def test_no_person_has_more_ids_than_a_person_can_have(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "store.sqlite3")
    found = [store.link(f"phone {number}", "ann").result() for number in range(MAX_LINKED)]
    assert set(found[:-1]) == {"linked"}
    assert found[-1] == "full"
    assert len(store.profile("ann").linked) == MAX_LINKED - 1
    store.close()
