"""schemathesis over the OpenAPI document: no 5xx, no undeclared answer; and none of what was sent appears in a log line."""

import io
from collections.abc import Callable
from pathlib import Path

import httpx
import hypothesis
import pytest
import requests
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from leanrec.serving.app import create_app
from leanrec.serving.live_state import LiveState
from leanrec.serving.logs import write_logs
from leanrec.serving.pipeline import PipelineConfig
from leanrec.serving.settings import ServerSettings
from leanrec.serving.sqlite_store import SQLiteStore

NUM_CASES = 2000
PER_OPERATION = 240
"""Operations without parameters run out of cases sooner."""
PLANTED = ("Ada Lovelace", "ada.lovelace@example.org", "patient-4711", "the diary of a stranger")

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def test_no_case_of_thousands_breaks_the_document(start: Callable[..., object], model_folder: Path) -> None:
    server = start(model_folder)
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    num_cases = 0
    for operation in operations:
        modes = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]

        @hypothesis.settings(
            max_examples=PER_OPERATION, derandomize=True, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
        )
        @hypothesis.given(case=operation.as_strategy(generation_mode=modes[0]) | operation.as_strategy(generation_mode=modes[1]))
        def check(case: schemathesis.Case) -> None:
            nonlocal num_cases
            num_cases += 1
            response = case.call(session=session)
            case.validate_response(response, checks=CHECKS)

        with requests.Session() as session:
            check()
    assert num_cases >= NUM_CASES


def test_planted_personal_data_appears_in_no_log_line(start: Callable[..., object], model_folder: Path) -> None:
    server = start(model_folder)
    name, mail, patient, text = PLANTED
    with httpx.Client(base_url=server.url, headers={"User-Agent": name, "X-Request-Id": mail}) as client:
        client.post("/v1/recommend", json={"user_id": name, "history": [patient], "context": {"text": text}, "filters": [f"brand={mail}"]})
        client.post("/v1/recommend", json={"user_id": name, "model": mail, "filters": [text]})
        client.post("/v1/recommend", content=f'{{"user_id": "{name}", ', headers={"Content-Type": "application/json"})
        client.post("/v1/events", json={"events": [{"event_id": mail, "user_id": name, "item_id": patient, "event": "click"}]})
        client.post("/v1/events", json={"events": [{"event_id": mail, "user_id": name, "item_id": patient, "event": text}]})
        client.put(f"/v1/items/{patient}", json={"title": text, "attributes": {"owner": mail}})
        for path in (f"/v1/users/{name}/history", f"/v1/items?search={text}", f"/v1/items/{patient}/similar", f"/{mail}", f"/static/{name}"):
            client.get(path)
        client.request("BREW", f"/v1/users/{mail}")
        client.delete(f"/v1/users/{name}")
        assert client.get("/health", headers={"Host": mail}).status_code == 421
    assert server.stop() in (0, -15)
    written = server.log.read_text(encoding="utf-8")
    lines = server.log_lines()
    assert len([line for line in lines if line["message"] == "request"]) >= 14
    assert any(line.get("user") for line in lines), "users are masked, not left out"
    for planted in (*PLANTED, "Lovelace", "4711", "diary"):
        assert planted not in written


@pytest.mark.parametrize(
    ("path", "request_body"),
    [
        ("/v1/recommend", {"user_id": PLANTED[0]}),
        ("/v1/events", {"events": [{"event_id": "1", "user_id": PLANTED[0], "item_id": "x", "event": "click"}]}),
    ],
)
@pytest.mark.asyncio
async def test_a_failure_inside_is_a_problem_and_logs_places_only(
    model_folder: Path, tmp_path: Path, path: str, request_body: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The net of last resort, with an error whose message holds personal data."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"cannot serve {PLANTED[0]}")

    live = LiveState([model_folder], store=SQLiteStore(tmp_path / "store.sqlite3"), pipeline=PipelineConfig(), watch_seconds=60)
    monkeypatch.setattr(live.answering, "recommend", fail)
    monkeypatch.setattr(live.store, "append", fail)
    stream = io.StringIO()
    write_logs(stream)
    transport = httpx.ASGITransport(create_app(live, ServerSettings(models=(model_folder,))))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        response = await client.post(path, json=request_body)
    live.store.close()
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert "Lovelace" not in response.text + stream.getvalue()
    assert '"error":"RuntimeError"' in stream.getvalue()
    assert "fail" in stream.getvalue()
