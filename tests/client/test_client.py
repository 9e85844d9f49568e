"""Clients: what is sent, when it is sent again, and which error stands for which problem."""

import json
from collections.abc import Callable

import httpx
import pytest

from leanrec.client import AsyncClient, Client, Event, RetryPolicy
from leanrec.errors import ConfigError, DataError, LeanRecError, ServiceError, UnknownIdError

QUICK = RetryPolicy(tries=3, first_seconds=0.001, most_seconds=0.002)
ANSWER = {
    "items": [{"item_id": "a", "title": "A", "score": 1.0, "source": "ease", "reason": "because", "attributes": {}, "added_later": 1}],
    "user_id": "u",
    "cold": False,
    "model": "shop",
    "model_version": "1",
    "request_id": "r",
    "timings_ms": {"total": 1.0},
    "stages": [],
}


def client(answer: Callable[[httpx.Request], httpx.Response], **options: object) -> Client:
    return Client(transport=httpx.MockTransport(answer), retries=QUICK, **options)  # type: ignore[arg-type]  # options of the client


def problem(status: int) -> httpx.Response:
    return httpx.Response(status, json={"detail": "what", "hint": "do this"}, headers={"Retry-After": "0"})


def test_a_request_carries_what_was_asked_and_the_key() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=ANSWER)

    with client(answer, key="lr_secret") as shop:
        found = shop.recommend("u", k=3, filters=["genre=Comedy"], model="shop")
    assert json.loads(seen[0].content) == {"user_id": "u", "k": 3, "history": [], "filters": ["genre=Comedy"], "exclude": [], "model": "shop"}
    assert seen[0].headers["authorization"] == "Bearer lr_secret"
    assert found.item_ids == ("a",)
    assert found.items[0].reason == "because"


def test_events_are_sent_again_with_the_same_ids_until_the_server_answers() -> None:
    sent: list[list[str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append([event["event_id"] for event in json.loads(request.content)["events"]])
        if len(sent) == 1:
            raise httpx.ReadTimeout("slow", request=request)
        return problem(503) if len(sent) == 2 else httpx.Response(200, json={"accepted": 1, "duplicates": 0})

    with client(answer) as shop:
        assert shop.send([Event(user_id="u", item_id="a", event="click")]).accepted == 1
    assert len(sent) == 3
    assert sent[0] == sent[1] == sent[2]


def test_every_event_has_an_id_of_its_own() -> None:
    assert len({Event(user_id="u", item_id="a", event="click").event_id for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("status", "error"), [(401, ConfigError), (404, UnknownIdError), (413, DataError), (422, DataError), (500, ServiceError), (503, ServiceError)]
)
def test_problems_become_errors_with_the_hint(status: int, error: type[LeanRecError]) -> None:
    calls: list[int] = []

    def answer(_: httpx.Request) -> httpx.Response:
        calls.append(status)
        return problem(status)

    with client(answer) as shop, pytest.raises(error, match="what\ndo this"):
        shop.item("a")
    assert len(calls) == (QUICK.tries if status == 503 else 1)


def test_a_server_that_is_not_there_is_said_to_be_so() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with client(refuse) as shop, pytest.raises(ServiceError, match=r"no answer from http://127\.0\.0\.1:8000"):
        shop.models()


def test_an_answer_that_is_no_problem_document_is_an_error_too() -> None:
    with client(lambda _: httpx.Response(502, text="<html>")) as shop, pytest.raises(ServiceError, match="502"):
        shop.models()


def test_waits_grow_and_heed_what_the_server_asks_for() -> None:
    policy = RetryPolicy(first_seconds=0.1, most_seconds=1.0)
    waits = [policy.wait_seconds(attempt, None) for attempt in range(8)]
    assert all(0.05 * 2**attempt <= wait for attempt, wait in enumerate(waits[:4]))
    assert max(waits) <= 1.0
    assert policy.wait_seconds(0, httpx.Response(503, headers={"Retry-After": "7"})) == 7.0


@pytest.mark.asyncio
async def test_the_asynchronous_client_says_the_same() -> None:
    tries: list[int] = []

    def answer(_: httpx.Request) -> httpx.Response:
        tries.append(1)
        return problem(503) if len(tries) == 1 else httpx.Response(200, json=ANSWER)

    async with AsyncClient(transport=httpx.MockTransport(answer), retries=QUICK) as shop:
        assert (await shop.recommend("u")).item_ids == ("a",)
    assert len(tries) == 2


def test_both_clients_have_the_same_methods() -> None:
    assert {name for name in dir(Client) if not name.startswith("_")} == {name for name in dir(AsyncClient) if not name.startswith("_")}
