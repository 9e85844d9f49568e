"""The endpoint generator against a real server: asked in the form of OpenAI, once more when it was busy, and never with the key shown."""

import json
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from leanrec.data.description import ItemDescription
from leanrec.errors import ConfigError, LeanRecError, ServiceError
from leanrec.explaining.endpoint_generator import EndpointGenerator, EndpointSettings
from leanrec.explaining.narrate import Narrator

KEY = "secret-key-of-the-test"


@dataclass
class Server:
    """Answers in turn from `answers`: a status with a text, or raw bytes; keeps what it was asked."""

    answers: list[tuple[int, Any]]
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    url: str = ""
    seconds: float = 0.0


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server(answers=[])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.asked.append((self.path, dict(self.headers), content))
            time.sleep(state.seconds)
            status, answer = state.answers[min(len(state.asked), len(state.answers)) - 1]
            body = answer if isinstance(answer, bytes) else json.dumps({"choices": [{"message": {"content": answer}}]}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


def generator(server: Server, **settings: Any) -> EndpointGenerator:
    return EndpointGenerator(EndpointSettings(url=server.url, **{"model": "tiny", "timeout_seconds": 5.0, **settings}))


def test_it_asks_as_openai_is_asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", KEY)
    server.answers = [(200, "It is red.")]
    assert generator(server, key_variable="SHOP_KEY").generate("Say it", max_tokens=9, seed=0) == "It is red."
    path, headers, content = server.asked[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert content == {"model": "tiny", "messages": [{"role": "user", "content": "Say it"}], "max_tokens": 9, "temperature": 0.0, "seed": 0}


def test_what_it_says_is_checked_like_anything_else(server: Server) -> None:
    server.answers = [(200, "The best lamp!"), (200, "Trail Lamp is by Kestrel.")]
    told = Narrator(generator(server)).blurb(ItemDescription(item_id="l", title="Trail Lamp", attributes={"brand": "Kestrel"}))
    assert (told.text, told.source, len(told.refused)) == ("Trail Lamp is by Kestrel.", "generated", 1)
    assert [content["temperature"] for _, _, content in server.asked] == [0.0, 0.7]


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_once_more(server: Server, status: int) -> None:
    server.answers = [(status, "busy"), (200, "It is red.")]
    assert generator(server).generate("x", max_tokens=9, seed=1) == "It is red."
    server.answers, server.asked[:] = [(status, "busy")], []
    with pytest.raises(ServiceError, match=f"answered {status}"):
        generator(server).generate("x", max_tokens=9, seed=1)
    assert len(server.asked) == 2


def test_a_silent_server_is_left_after_two_timeouts(server: Server) -> None:
    server.answers, server.seconds = [(200, "late")], 1.0
    with pytest.raises(ServiceError, match=r"127.0.0.1 cannot be reached: ReadTimeout"):
        generator(server, timeout_seconds=0.1).generate("x", max_tokens=9, seed=1)
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ((200, b"no json"), ServiceError, "in another form"),
        ((200, b'{"choices": []}'), ServiceError, "in another form"),
        ((200, b"[1]"), ServiceError, "in another form"),
        ((200, b"x" * 5000), ServiceError, "more than 2048 bytes"),
        ((404, "no such model"), ServiceError, "answered 404"),
        ((401, "who are you"), ConfigError, "refused the key"),
    ],
)
def test_what_is_no_answer_is_an_error_that_says_what_to_do(server: Server, answer: tuple[int, Any], error: type[LeanRecError], message: str) -> None:
    server.answers = [answer]
    with pytest.raises(error, match=message) as raised:
        generator(server, max_bytes=2048).generate("x", max_tokens=9, seed=1)
    assert raised.value.hint


def test_the_key_is_neither_logged_nor_told(server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("SHOP_KEY", KEY)
    server.answers = [(401, KEY)]
    asking = generator(server, key_variable="SHOP_KEY")
    with caplog.at_level(logging.DEBUG), pytest.raises(ConfigError) as raised:
        asking.generate("x", max_tokens=9, seed=1)
    assert KEY not in caplog.text + str(raised.value) + repr(asking) + repr(asking.settings) + asking.name
    monkeypatch.delenv("SHOP_KEY")
    with pytest.raises(ConfigError, match="SHOP_KEY is not set"):
        generator(server, key_variable="SHOP_KEY")


def test_an_address_that_holds_a_password_is_refused() -> None:
    with pytest.raises(ConfigError, match="url"):
        EndpointSettings(url="http://me:secret@shop.example/v1")


def test_nobody_there_is_an_error_that_names_the_host() -> None:
    with pytest.raises(ServiceError, match=r"the endpoint 127.0.0.1 cannot be reached"):
        EndpointGenerator(EndpointSettings(url="http://127.0.0.1:9/v1", timeout_seconds=1.0)).generate("x", max_tokens=2, seed=0)
