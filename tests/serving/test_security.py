"""Safe by default: who may ask, from where, with what key, and which headers go out."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from leanrec.cli.app import app
from leanrec.errors import ConfigError
from leanrec.serving.keys import KeyRing, create_key, read_keys, revoke_key
from leanrec.serving.settings import ServerSettings

Start = Callable[..., Any]


def test_binding_beyond_this_machine_asks_for_a_key(model_folder: Path) -> None:
    for host in ("0.0.0.0", "::", "192.168.1.5", "shop.example"):  # noqa: S104 - what must be refused
        with pytest.raises(ConfigError, match="no API key is asked for"):
            ServerSettings(models=(model_folder,), host=host).require_safe()
    for host in ("127.0.0.1", "127.0.0.2", "::1", "localhost"):
        ServerSettings(models=(model_folder,), host=host).require_safe()
    with pytest.raises(ConfigError, match="every page on the web"):
        ServerSettings(models=(model_folder,), cors=("*",)).require_safe()


def test_a_key_is_shown_once_and_stored_as_a_hash(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    runner = CliRunner()
    key = runner.invoke(app, ["keys", "create", "--file", str(file), "--name", "shop"]).stdout.strip()
    assert key.startswith("lr_") and len(key) > 40
    assert key not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert KeyRing(read_keys(file)).opens(key)
    assert not KeyRing(read_keys(file)).opens(key + "x")
    assert not KeyRing(read_keys(file)).opens("")
    with pytest.raises(ConfigError, match="already"):
        create_key(file, name="shop")
    other = create_key(file, name="other")
    assert "other" in runner.invoke(app, ["keys", "list", "--file", str(file)]).stdout
    revoke_key(file, name="shop")
    assert not KeyRing(read_keys(file)).opens(key)
    assert KeyRing(read_keys(file)).opens(other)


def test_a_server_that_others_can_reach_wants_a_key_for_all_but_page_and_health(start: Start, model_folder: Path, tmp_path: Path) -> None:
    key = create_key(tmp_path / "keys.json", name="shop")
    server = start(model_folder, "--host", "0.0.0.0", "--key-file", tmp_path / "keys.json")  # noqa: S104 - guarded by the key
    for path in ("/v1/models", "/v1/items", "/metrics", "/v1/unknown"):
        refused = httpx.get(server.url + path)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.json()["hint"]
    assert httpx.post(f"{server.url}/v1/recommend", json={}, headers={"Authorization": "Bearer lr_wrong"}).status_code == 401
    for headers in ({"Authorization": f"Bearer {key}"}, {"X-API-Key": key}):
        assert httpx.post(f"{server.url}/v1/recommend", json={}, headers=headers).status_code == 200
    assert httpx.get(f"{server.url}/metrics", headers={"X-API-Key": key}).status_code == 200
    for path in ("/", "/health", "/ready"):
        assert httpx.get(server.url + path).status_code == 200
    assert key not in server.log.read_text()


def test_a_page_of_another_site_cannot_reach_a_local_server(start: Start, model_folder: Path) -> None:
    """Neither by pointing its own name at this machine, nor by a form, nor by a script."""
    server = start(model_folder)
    rebound = httpx.get(f"{server.url}/v1/models", headers={"Host": "evil.example"})
    assert rebound.status_code == 421
    form = httpx.post(f"{server.url}/v1/events", content='{"events": []}', headers={"Content-Type": "text/plain"})
    assert form.status_code == 415
    script = httpx.get(f"{server.url}/v1/models", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in script.headers


def test_origins_that_are_named_may_ask(start: Start, model_folder: Path) -> None:
    server = start(model_folder, "--cors", "https://shop.example")
    preflight = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    assert httpx.options(f"{server.url}/v1/recommend", headers=preflight).headers["access-control-allow-origin"] == "https://shop.example"
    allowed = httpx.post(f"{server.url}/v1/recommend", json={}, headers={"Origin": "https://shop.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    other = httpx.post(f"{server.url}/v1/recommend", json={}, headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


def test_security_headers_stand_on_every_answer(shop: Any) -> None:
    for path in ("/", "/v1/models", "/nowhere", "/static/nothing.js", "/v1/recommend"):
        headers = httpx.get(shop.url + path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert len(headers["x-request-id"]) == 16
        assert "server" not in headers
    assert httpx.get(f"{shop.url}/v1/models").headers["cache-control"] == "no-store"
    assert httpx.get(f"{shop.url}/static/app.js").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd"])
def test_static_files_stay_in_their_folder(shop: Any, path: str) -> None:
    assert httpx.get(shop.url + path).status_code == 404


def test_a_stop_finishes_what_was_begun_and_leaves_one_file(start: Start, model_folder: Path, tmp_path: Path) -> None:
    server = start(model_folder)
    event = {"event_id": "1", "user_id": "u", "item_id": "i00001", "event": "click"}
    assert httpx.post(f"{server.url}/v1/events", json={"events": [event]}).status_code == 200
    server.stop()
    assert server.log_lines()[-1]["message"] == "stopped"
    wal = tmp_path / "store.sqlite3-wal"
    assert not wal.exists() or wal.stat().st_size == 0


def test_what_cannot_be_served_is_said_in_words(model_folder: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    for arguments, words in (
        ([str(tmp_path / "nothing")], "neither a model nor a folder of models"),
        ([str(model_folder), "--host", "0.0.0.0"], "no API key"),  # noqa: S104 - what must be refused
        ([str(model_folder), "--pipeline", str(tmp_path / "none.toml")], "no configuration file"),
        ([str(model_folder), str(model_folder)], "several models are named"),
    ):
        result = runner.invoke(app, ["serve", *arguments, "--store", str(tmp_path / "store.sqlite3")])
        assert result.exit_code == 1
        assert words in str(result.exception)
