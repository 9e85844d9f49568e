"""The client against a real server."""

import asyncio
from typing import Any

import pytest

from leanrec.client import AsyncClient, Client, Event
from leanrec.data.profile import Correction
from leanrec.errors import DataError, UnknownIdError
from leanrec.recommenders.model import Model


def test_a_shop_can_do_everything_through_the_client(shop: Any, model: Model) -> None:
    with Client(shop.url) as client:
        user = model.dataset.users.ids[50]
        answer = client.recommend(user, k=5, explain=True)
        assert len(answer.items) == 5
        chosen = answer.items[0]
        events = [Event(user_id=user, item_id=chosen.item_id, event="buy", request_id=answer.request_id)]
        assert client.send(events).accepted == 1
        assert client.send(events).duplicates == 1
        assert chosen.item_id not in client.recommend(user, k=5).item_ids
        assert client.history(user, limit=1)[0].event == "buy"
        assert client.item(chosen.item_id).title == chosen.title
        assert client.search(chosen.title)[0].title == chosen.title
        assert client.similar(chosen.item_id, k=3, model="graph")
        assert client.put_item("through/the client", title="New", attributes={"tags": ["x"]}).available
        client.delete_item("through/the client")
        client.forget(user)
        assert client.recommend(user).cold
        assert [found.name for found in client.models()] == ["shop", "graph"]
        said = client.recommend(user, text="music under 20 euro", attributes={"age": 30.0}, k=3).understood
        assert said is not None
        assert (said.filters, [wish.value for wish in said.wishes], said.left) == (("price<=20",), ["Music"], "")
        assert client.recommend(user, k=3).understood is None
        assert all((item.score or 0) > 0 for item in client.find("quiet music", limit=3))
        with pytest.raises(UnknownIdError):
            client.item("through/the client")
        with pytest.raises(DataError):
            client.recommend(user, k=0)


def test_a_person_reads_and_corrects_their_profile_through_the_client(shop: Any, model: Model) -> None:
    user, said = model.dataset.users.ids[51], Correction(attribute="category", value="Music", verdict="not-me")
    with Client(shop.url) as client:
        before = client.profile(user)
        assert before.num_events == len(model.history(user))
        assert client.correct(user, [said]).corrections == (said,)
        client.link("a visit through the client", user)
        assert client.profile("a visit through the client").corrections == (said,)
        with pytest.raises(DataError):
            client.correct(user, [Correction(attribute="no such column", value="x", verdict="like")])


@pytest.mark.asyncio
async def test_the_asynchronous_client_knows_profiles_too(shop: Any, model: Model) -> None:
    said = Correction(attribute="category", value="Toys", verdict="like")
    async with AsyncClient(shop.url) as client:
        user = model.dataset.users.ids[52]
        assert (await client.correct(user, [said])).corrections == (said,)
        await client.link("another visit", user)
        assert (await client.profile("another visit")).num_events == len(model.history(user))


@pytest.mark.asyncio
async def test_many_can_ask_at_once(shop: Any) -> None:
    async with AsyncClient(shop.url) as client:
        answers = await asyncio.gather(*(client.recommend(f"u{number:05d}", k=3) for number in range(50)))
    assert {len(answer.items) for answer in answers} == {3}
