"""New versions are swapped in under load without a failed request; broken ones are refused."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from typer.testing import CliRunner

from leanrec.cli.app import app
from leanrec.serving.library import promote, publish, rollback, versions

Start = Callable[..., Any]

NUM_SWAPS = 500
"""benchmarks/serving.py makes a thousand."""
USERS = 4


def ask_until(stop: threading.Event, url: str, answers: list[tuple[int, str]]) -> None:
    with httpx.Client(base_url=url, timeout=30) as client:
        number = 0
        while not stop.is_set():
            number += 1
            response = client.post("/v1/recommend", json={"user_id": f"u{number % 200:05d}", "k": 5})
            answers.append((response.status_code, response.json().get("model_version", "")))


def test_swaps_under_load_fail_no_request(start: Start, model_folder: Path, other_folder: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    one, two = publish(model_folder, library, name="shop").version, publish(other_folder, library, name="shop").version
    server = start(library, "--watch-seconds", "0.001", "--no-access-log")
    stop, answers = threading.Event(), []
    threads = [threading.Thread(target=ask_until, args=(stop, server.url, answers)) for _ in range(USERS)]
    for thread in threads:
        thread.start()
    client = httpx.Client(base_url=server.url, timeout=30)
    for number in range(NUM_SWAPS):
        wanted = one if number % 2 == 0 else two
        promote(library, name="shop", version=wanted)
        while client.get("/ready").json()["models"]["shop"] != wanted:
            time.sleep(0.001)
    stop.set()
    for thread in threads:
        thread.join()
    figures = client.get("/metrics").text
    client.close()
    assert {status for status, _ in answers} == {200}
    assert {version for _, version in answers} == {one, two}
    assert f'leanrec_model_swaps_total{{outcome="accepted"}} {NUM_SWAPS}.0' in figures


def test_a_broken_version_is_refused_and_the_old_one_goes_on(start: Start, model_folder: Path, other_folder: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    good, bad = publish(model_folder, library, name="shop"), publish(other_folder, library, name="shop")
    rollback(library, name="shop")
    server = start(library, "--watch-seconds", "0.01")
    (library / "shop" / bad.version / "recommender" / "arrays.safetensors").write_bytes(b"broken")
    (library / "shop" / "current").write_text(json.dumps({"version": bad.version, "previous": []}))
    deadline = time.monotonic() + 20
    while not any(line["message"].startswith("a new version was refused") for line in server.log_lines()) and time.monotonic() < deadline:
        time.sleep(0.02)
    refused = [line for line in server.log_lines() if line["message"].startswith("a new version was refused")]
    assert [line["error"] for line in refused] == ["ArtifactError"]
    assert httpx.get(f"{server.url}/ready").json()["models"] == {"shop": good.version}
    (library / "shop" / "current").write_text("not a pointer")
    time.sleep(0.1)
    assert httpx.post(f"{server.url}/v1/recommend", json={}).status_code == 200


def test_a_model_folder_that_is_written_again_is_swapped_in(start: Start, model_folder: Path, other_folder: Path, tmp_path: Path) -> None:
    from leanrec.recommenders.model import Model

    folder = tmp_path / "shop"
    Model.load(model_folder).save(folder)
    server = start(folder, "--watch-seconds", "0.01")
    before = httpx.get(f"{server.url}/ready").json()["models"]["shop"]
    Model.load(other_folder).save(folder)
    deadline = time.monotonic() + 20
    while httpx.get(f"{server.url}/ready").json()["models"]["shop"] == before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert httpx.get(f"{server.url}/v1/models").json()["models"][0]["kind"] == "cooccurrence"


def test_what_was_changed_of_items_stays_after_a_swap_and_a_restart(start: Start, model_folder: Path, other_folder: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    publish(model_folder, library, name="shop")
    server = start(library, "--watch-seconds", "0.01")
    httpx.put(f"{server.url}/v1/items/i00001", json={"title": "Renamed"})
    httpx.delete(f"{server.url}/v1/items/i00002")
    wanted = publish(other_folder, library, name="shop").version
    while httpx.get(f"{server.url}/ready").json()["models"]["shop"] != wanted:
        time.sleep(0.01)
    server.stop()
    for running in (start(library),):
        assert httpx.get(f"{running.url}/v1/items/i00001").json()["title"] == "Renamed"
        assert httpx.get(f"{running.url}/v1/items/i00002").status_code == 404


def test_the_command_line_lists_promotes_and_rolls_back(model_folder: Path, other_folder: Path, tmp_path: Path) -> None:
    library, runner = str(tmp_path / "library"), CliRunner()
    for folder in (model_folder, other_folder):
        assert runner.invoke(app, ["models", "publish", str(folder), "--to", library, "--name", "shop"]).exit_code == 0
    first, second = sorted(versions(Path(library)), key=lambda version: version.is_current)
    assert (first.recommender, second.recommender) == ("fusion", "cooccurrence")
    assert "answers" in runner.invoke(app, ["models", "list", library]).stdout
    assert first.version in runner.invoke(app, ["models", "rollback", library, "shop"]).stdout
    assert {version.version for version in versions(Path(library)) if version.is_current} == {first.version}
    assert second.version in runner.invoke(app, ["models", "promote", library, "shop", second.version]).stdout
    assert runner.invoke(app, ["models", "promote", library, "shop", "nothing"]).exit_code == 1
    assert runner.invoke(app, ["models", "rollback", library, "unknown"]).exit_code == 1
    promoted = runner.invoke(app, ["models", "promote", library, "shop", first.version, "--json"]).stdout
    assert json.loads(promoted)["version"] == first.version
