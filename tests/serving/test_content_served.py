"""`content` from fit to answer: it reads what people ask for, and a new item can be in the very next answer; `cold-start` likewise."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from leanrec.recommenders.model import Model

from .conftest import ask, fitted, ids, serving


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("reading")
    fitted("content").save(place / "content")
    return [place / "content"]


@pytest.fixture(scope="module")
def api(folders: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    place = tmp_path_factory.mktemp("served")
    with (
        serving(*folders, "--store", place / "store.sqlite3", log=place / "server.log") as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        yield client


def test_words_alone_are_read_by_the_model(api: httpx.Client) -> None:
    answer = ask(api, text="a quiet kettle of bamboo, under 60 euro")
    assert (answer["understood"]["source"], answer["understood"]["filters"]) == ("content", ["price<=60"])
    assert not answer["cold"], "who asks for something is no stranger"
    first = answer["items"][0]
    assert (first["source"], first["reason"]) == ("content", "near your words")
    assert {"Quiet", "Bamboo", "Kettle"} & set(first["title"].split())
    assert ask(api)["cold"]


def test_words_and_history_are_read_together(api: httpx.Client) -> None:
    garden = ids(ask(api, filters=["category=Garden"]))[:3]
    by_history, by_both = ids(ask(api, history=garden)), ids(ask(api, history=garden, text="quiet bamboo"))
    assert by_history != by_both


def test_a_search_by_meaning_is_by_the_model(api: httpx.Client) -> None:
    found = api.get("/v1/items", params={"like": "bamboo kettle", "limit": 5}).json()
    assert found["understood"]["source"] == "content"
    assert {"Bamboo", "Kettle"} & set(found["items"][0]["title"].split())
    scores = [item["score"] for item in found["items"]]
    assert scores == sorted(scores, reverse=True)


def test_a_new_item_is_in_the_very_next_answer_by_history_by_words_and_by_likeness(api: httpx.Client) -> None:
    old = ids(ask(api, text="bamboo kettle"))[0]
    description = api.get(f"/v1/items/{old}").json()
    new = {"title": "Quiet Bamboo Kettle", "attributes": {**description["attributes"], "price": 12.5}}
    assert api.put("/v1/items/kettle-of-today", json=new).status_code == 200
    by_words = ask(api, text="quiet bamboo kettle", k=5)
    assert by_words["items"][0]["item_id"] == "kettle-of-today"
    assert by_words["items"][0]["source"] == "content"
    assert "kettle-of-today" in ids(ask(api, history=[old], k=10))
    assert "kettle-of-today" in [item["item_id"] for item in api.get("/v1/items", params={"like": "quiet bamboo kettle"}).json()["items"]]
    assert "kettle-of-today" in [item["item_id"] for item in api.get(f"/v1/items/{old}/similar").json()["items"]]
    assert api.get("/v1/items/kettle-of-today/similar").json()["items"]
    event = {"event_id": "first of all", "user_id": "early bird", "item_id": "kettle-of-today", "event": "buy"}
    api.post("/v1/events", json={"events": [event]})
    after = ask(api, user_id="early bird")
    assert not after["cold"]
    assert "kettle-of-today" not in ids(after)
    assert any(item["reason"] == "because of Quiet Bamboo Kettle" for item in after["items"])
    api.delete("/v1/items/kettle-of-today")
    assert "kettle-of-today" not in ids(ask(api, text="quiet bamboo kettle", k=150))


def test_a_new_start_knows_what_came_before(folders: list[Path], tmp_path: Path) -> None:
    for time in range(2):
        with (
            serving(*folders, "--store", tmp_path / "store.sqlite3", log=tmp_path / "server.log") as server,
            httpx.Client(base_url=server.url) as client,
        ):
            if time == 0:
                for number in range(3):
                    client.put(f"/v1/items/new%2F{number}", json={"title": "Quiet Bamboo Kettle", "attributes": {"category": ["Kitchen"]}})
            answer = ask(client, text="quiet bamboo kettle", k=5)
        assert {"new/0", "new/1", "new/2"} <= set(ids(answer))
        assert {item["source"] for item in answer["items"]} == {"content"}


def test_cold_start_answers_words_and_new_items_beside_another_recommender(tmp_path: Path) -> None:
    fitted("cold-start", config={"recommender": "cooccurrence"}).save(tmp_path / "shop")
    with serving(tmp_path / "shop", log=tmp_path / "server.log") as server, httpx.Client(base_url=server.url, timeout=30) as client:
        client.put("/v1/items/kettle-of-today", json={"title": "Quiet Bamboo Kettle", "attributes": {"category": ["Kitchen"]}})
        by_words = ask(client, text="quiet bamboo kettle", k=5)
        assert (by_words["items"][0]["item_id"], by_words["items"][0]["source"]) == ("kettle-of-today", "cold-start")
        assert not ask(client, history=["kettle-of-today"])["cold"]


def test_the_command_line_reads_with_the_model_too(folders: list[Path]) -> None:
    from leanrec.workflow import asking

    answer = asking.recommend(Model.load(folders[0]), text="quiet bamboo kettle under 60 euro", k=3)
    assert answer.understood is not None
    assert (answer.understood["source"], answer.understood["filters"]) == ("content", ["price<=60"])
    assert answer.items[0].source == "content"
