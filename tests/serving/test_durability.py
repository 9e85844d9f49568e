"""A kill at any moment loses no acknowledged event, and what is sent again is counted once."""

import json
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

NUM_EVENTS = 10_000
BATCH = 4
SENDERS = 8


def storm(url: str, batches: list[list[dict[str, object]]], acknowledged: set[str], duplicates: list[int]) -> None:
    """Send batches until they are out or the server is gone; each acknowledged one is noted."""
    with httpx.Client(base_url=url, timeout=10) as client:
        while batches:
            batch = batches.pop()
            try:
                response = client.post("/v1/events", content=json.dumps({"events": batch}), headers={"Content-Type": "application/json"})
            except httpx.TransportError:
                batches.append(batch)
                return
            assert response.status_code == 200, response.text
            duplicates.append(response.json()["duplicates"])
            acknowledged.update(str(event["event_id"]) for event in batch)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_kill_loses_no_acknowledged_event(start: Callable[..., object], model_folder: Path, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - when to kill is no secret
    store = tmp_path / "store.sqlite3"
    events = [{"event_id": f"{seed}-{n}", "user_id": f"u{n % 97}", "item_id": f"i{n % 150:05d}", "event": "click"} for n in range(NUM_EVENTS)]
    batches = [events[first : first + BATCH] for first in range(0, NUM_EVENTS, BATCH)]
    acknowledged: set[str] = set()
    duplicates: list[int] = []
    server = start(model_folder, "--store", store, "--no-access-log")
    threads = [threading.Thread(target=storm, args=(server.url, batches, acknowledged, duplicates)) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    while not acknowledged and any(thread.is_alive() for thread in threads):
        time.sleep(0.001)
    time.sleep(rng.uniform(0.0, 0.5))
    server.kill()
    for thread in threads:
        thread.join()
    assert 0 < len(acknowledged) < NUM_EVENTS, "the kill came in the middle"
    before = set(acknowledged)

    restarted = start(model_folder, "--store", store, "--no-access-log")
    for user in (f"u{n}" for n in rng.sample(range(97), 5)):
        found = httpx.get(f"{restarted.url}/v1/users/{user}/history", params={"limit": 1000}).json()["events"]
        mine = sum(1 for event in events if event["user_id"] == user and event["event_id"] in before)
        assert len(found) >= mine
    storm(restarted.url, [events[first : first + 1000] for first in range(0, NUM_EVENTS, 1000)], acknowledged, duplicates)
    restarted.stop()
    connection = sqlite3.connect(store)
    stored = [row[0] for row in connection.execute("SELECT event_id FROM events")]
    connection.close()
    assert len(stored) == len(set(stored)) == NUM_EVENTS
    assert sum(duplicates[-10:]) >= len(before), "every event that was acknowledged before the kill was a duplicate afterwards"
