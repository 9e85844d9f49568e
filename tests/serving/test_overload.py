"""Too much at once, or too slowly: a problem that says when to come back, never a hanging or dying server."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from leanrec.errors import BudgetError
from leanrec.serving import gate, writing
from leanrec.serving.app import create_app
from leanrec.serving.live_state import LiveState
from leanrec.serving.messages import FeedbackEvent
from leanrec.serving.pipeline import PipelineConfig
from leanrec.serving.settings import ServerSettings
from leanrec.serving.sqlite_store import SQLiteStore

EVENTS = {"events": [{"event_id": "1", "user_id": "u", "item_id": "i00001", "event": "click"}]}


@pytest.fixture
def live(model_folder: Path, tmp_path: Path) -> Iterator[LiveState]:
    state = LiveState([model_folder], store=SQLiteStore(tmp_path / "store.sqlite3"), pipeline=PipelineConfig(), watch_seconds=60)
    yield state
    state.store.close()


def client(live: LiveState, model_folder: Path) -> httpx.AsyncClient:
    app = create_app(live, ServerSettings(models=(model_folder,)))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


@pytest.mark.asyncio
async def test_too_many_requests_at_once_are_asked_to_come_back(live: LiveState, model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MAX_IN_FLIGHT", 0)
    async with client(live, model_folder) as shop:
        response = await shop.post("/v1/recommend", json={})
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert response.json()["hint"]


@pytest.mark.asyncio
async def test_a_store_that_cannot_keep_up_says_so(live: LiveState, model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MAX_WAITING", 0)
    async with client(live, model_folder) as shop:
        assert (await shop.post("/v1/events", json=EVENTS)).status_code == 503
    with pytest.raises(BudgetError, match="too much to write"):
        live.store.append([FeedbackEvent(event_id="1", user_id="u", item_id="i", event="click")], now=0)


@pytest.mark.asyncio
async def test_a_body_that_does_not_come_is_not_waited_for(live: LiveState, model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "BODY_SECONDS", 0.05)

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"user_id": '
        await asyncio.sleep(30)

    async with client(live, model_folder) as shop:
        response = await shop.post("/v1/recommend", content=slowly(), headers={"Content-Type": "application/json"})
    assert response.status_code == 408


@pytest.mark.asyncio
async def test_a_stopping_server_is_not_ready(live: LiveState, model_folder: Path) -> None:
    async with client(live, model_folder) as shop:
        assert (await shop.get("/ready")).status_code == 200
        live.is_draining = True
        assert (await shop.get("/ready")).status_code == 503
        assert (await shop.get("/health")).status_code == 200
