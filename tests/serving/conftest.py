"""A small model, and servers that run as processes of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from leanrec.data.world import World
from leanrec.recommenders.building import build
from leanrec.recommenders.model import Model

START_SECONDS = 60.0


def ask(api: httpx.Client, **request: object) -> dict[str, Any]:
    """What the server recommends."""
    response = api.post("/v1/recommend", json=request)
    assert response.status_code == 200, response.text
    return response.json()


def ids(answer: dict[str, Any]) -> list[str]:
    """The items of an answer, best first."""
    return [item["item_id"] for item in answer["items"]]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningServer:
    """A server on a free port, with its log in a file."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    def log_lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


def start_server(*arguments: object, log: Path, **environment: str) -> RunningServer:
    """`leanrec serve ARGUMENTS` on a free port; returns once it is ready."""
    command = [sys.executable, "-m", "leanrec", "serve", *map(str, arguments), "--port", "0"]
    with log.open("a", encoding="utf-8") as stream:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stream, text=True, env={**os.environ, **environment})
    assert process.stdout is not None
    line = process.stdout.readline()
    process.stdout.close()
    assert line.startswith("Serving at "), log.read_text(encoding="utf-8")
    url = line.split()[2].replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - the address that a test bound on purpose
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if httpx.get(f"{url}/ready").status_code == 200:
            return RunningServer(url=url, process=process, log=log)
        time.sleep(0.02)
    raise AssertionError("the server did not become ready")


@contextmanager
def serving(*arguments: object, log: Path, **environment: str) -> Iterator[RunningServer]:
    server = start_server(*arguments, log=log, **environment)
    try:
        yield server
    finally:
        server.stop()


def fitted(name: str, *, seed: int = 0, config: dict[str, object] | None = None) -> Model:
    dataset = World.generate(seed=seed).dataset
    return Model(recommender=build(name, config).fit(dataset), dataset=dataset, name=name)


FUSION = {"members": [{"name": "cooccurrence", "weight": 1.0}, {"name": "ease", "weight": 0.5}]}


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "shop"
    fitted("fusion", config=FUSION).save(folder)
    return folder


@pytest.fixture(scope="session")
def other_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("others") / "graph"
    fitted("cooccurrence").save(folder)
    return folder


@pytest.fixture(scope="session")
def model(model_folder: Path) -> Model:
    return Model.load(model_folder)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningServer]]:
    """Start servers that are stopped when the test ends; their store and log lie in `tmp_path`."""
    running: list[RunningServer] = []

    def start_one(*arguments: object, **environment: str) -> RunningServer:
        options = () if "--store" in arguments else ("--store", tmp_path / "store.sqlite3")
        running.append(start_server(*arguments, *options, log=tmp_path / "server.log", **environment))
        return running[-1]

    yield start_one
    for server in running:
        server.stop()


@pytest.fixture(scope="module")
def shop(model_folder: Path, other_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server with two models that the tests of a file share; each test uses users and items of its own."""
    place = tmp_path_factory.mktemp("shop")
    with serving(model_folder, other_folder, "--store", place / "store.sqlite3", log=place / "server.log") as server:
        yield server


@pytest.fixture(scope="module")
def api(shop: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shop.url, timeout=30) as client:
        yield client
