"""What people ask for in their own words, over HTTP, of a model that reads no text; and texts that wish harm."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from leanrec.recommenders.model import Model

from .conftest import ask, ids


def find(api: httpx.Client, like: str, **parameters: object) -> dict[str, Any]:
    response = api.get("/v1/items", params={"like": like, **parameters})
    assert response.status_code == 200, response.text
    return response.json()


def test_conditions_in_words_are_met_and_shown(api: httpx.Client, model: Model) -> None:
    answer = ask(api, user_id=model.dataset.users.ids[3], text="no Garden, under 20 euro", k=20)
    assert answer["understood"]["filters"] == ["category!=Garden", "price<=20"]
    assert len(answer["items"]) == 20
    assert all(item["attributes"]["price"] <= 20 and "Garden" not in item["attributes"]["category"] for item in answer["items"])


def test_wishes_come_first_and_are_the_reason(api: httpx.Client, model: Model) -> None:
    user = model.dataset.users.ids[3]
    answer = ask(api, user_id=user, text="music, please", k=5)
    assert answer["understood"]["wishes"] == [{"attribute": "category", "value": "Music", "words": "music"}]
    assert all("Music" in item["attributes"]["category"] for item in answer["items"])
    assert {item["reason"] for item in answer["items"]} == {"you asked for Music"}
    assert ids(answer) != ids(ask(api, user_id=user, k=5))


def test_a_model_that_reads_no_text_says_who_read_the_rest(api: httpx.Client) -> None:
    by_words = ask(api, text="something quiet with bamboo")
    assert by_words["understood"]["source"] == "words"
    assert by_words["understood"]["left"] == "something quiet with bamboo"
    assert by_words["items"][0]["reason"] == "near your words"
    assert {"Quiet", "Bamboo"} & set(by_words["items"][0]["title"].split())
    unread = ask(api, text="zzyzx qwrty")
    assert (unread["understood"]["source"], unread["understood"]["left"]) == ("", "zzyzx qwrty")
    assert ids(unread) == ids(ask(api))


def test_filters_that_leave_nothing_are_relaxed_and_named(api: httpx.Client) -> None:
    answer = ask(api, text="music under 0.01 euro, no garden")
    assert answer["understood"]["relaxed"] == ["price<=0.01"]
    assert answer["understood"]["filters"] == ["category!=Garden"]
    assert answer["items"]


def test_filters_of_the_request_are_never_relaxed(api: httpx.Client) -> None:
    answer = ask(api, text="under 20 euro", filters=["price<0.01"])
    assert answer["items"] == []
    assert answer["understood"]["relaxed"] == []


def test_what_was_not_meant_is_taken_back(api: httpx.Client) -> None:
    answer = ask(api, text="music under 20 euro", not_meant=["price<=20", "category=Music"])
    assert (answer["understood"]["filters"], answer["understood"]["wishes"]) == ([], [])


@pytest.mark.parametrize("text", ["", "   ", "\u0000\u0007", "\u200b\u202e\u2066"])
def test_a_text_that_says_nothing_is_none(api: httpx.Client, text: str) -> None:
    answer = ask(api, text=text)
    assert answer["understood"] is None
    assert ids(answer) == ids(ask(api))
    assert find(api, text)["understood"] is None


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>", "'; DROP TABLE items;--", "quiet\r\nX: y", "price<=|=!=",
        "مساء هادئ \u202eevil\u202c", "🙂👩\u200d🚀 quiet", "\x1b[31mquiet\x00",
        "тихий вечер 音楽 και μουσική",
        "under " * 333, "between 20 and " * 133, "9" * 2000, "'" * 2000,
        "安静的音乐30元以下" * 180,
    ],
)  # fmt: skip
def test_any_text_is_answered(api: httpx.Client, text: str) -> None:
    answer = ask(api, text=text)
    assert answer["items"]
    assert not any(ord(character) < 32 or 0x202A <= ord(character) <= 0x202E for character in answer["understood"]["text"])
    assert find(api, text)["understood"]["text"] == answer["understood"]["text"]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (json.dumps({"text": "x" * 2001}), 422),
        ('{"text": "\\ud800"}', 400),
        (b'{"text": "\xff\xfe"}', 400),
        ('{"text": ["quiet"]}', 422),
        ('{"text": 5}', 422),
        (json.dumps({"text": "x" * 10_000_000}), 413),
        (json.dumps({"text": "quiet", "not_meant": [""] * 51}), 422),
        (json.dumps({"attributes": {"age": {"years": 5}}}), 422),
    ],
)
def test_a_text_that_cannot_be_one_is_refused(api: httpx.Client, content: str | bytes, status: int) -> None:
    response = api.post("/v1/recommend", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"


def test_items_are_found_by_the_words_of_title_and_attributes(api: httpx.Client) -> None:
    found = find(api, "quiet music", limit=100)
    assert found["total"] == len(found["items"])
    scores = [item["score"] for item in found["items"]]
    assert scores == sorted(scores, reverse=True)
    for item in found["items"]:
        assert "Quiet" in item["title"] or "Music" in item["attributes"]["category"]
    assert "Music" in found["items"][0]["attributes"]["category"]
    page = find(api, "quiet music", limit=3, offset=2)
    assert [item["item_id"] for item in page["items"]] == [item["item_id"] for item in found["items"]][2:5]


def test_a_search_by_conditions_alone_gives_what_meets_them_the_popular_first(api: httpx.Client) -> None:
    found = find(api, "under 10 euro", limit=100)
    assert found["items"] and all(item["attributes"]["price"] <= 10 for item in found["items"])
    popularity = [item["popularity"] for item in found["items"]]
    assert popularity == sorted(popularity, reverse=True)


def test_two_searches_at_once_are_refused(api: httpx.Client) -> None:
    response = api.get("/v1/items", params={"like": "quiet", "search": "kettle"})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert "send one" in response.json()["hint"]
    assert api.get("/v1/items", params={"like": "x" * 2001}).status_code == 422


def test_a_new_value_is_understood_as_soon_as_it_is_there(api: httpx.Client) -> None:
    assert find(api, "vinylpunk")["understood"]["wishes"] == []
    api.put("/v1/items/punk", json={"title": "Loud Record", "attributes": {"category": ["Vinylpunk"], "price": 3.5}})
    found = find(api, "vinylpunk")
    assert [item["item_id"] for item in found["items"]] == ["punk"]
    api.delete("/v1/items/punk")
    assert "punk" not in [item["item_id"] for item in find(api, "vinylpunk under 4 euro", limit=100)["items"]]


def test_the_words_of_people_stand_in_no_log_line(start: Callable[..., Any], model_folder: object) -> None:
    server = start(model_folder)
    with httpx.Client(base_url=server.url) as client:
        client.post("/v1/recommend", json={"text": "the diary of Ada Lovelace", "attributes": {"illness": "plague"}})
        client.get("/v1/items", params={"like": "the diary of Ada Lovelace"})
    server.stop()
    written = server.log.read_text(encoding="utf-8")
    assert "request" in written
    assert not any(word in written for word in ("Lovelace", "diary", "plague"))
