"""The whole serving path loads no torch, and answers without the data set."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path
import asyncio, httpx
from leanrec.serving.app import create_app
from leanrec.serving.live_state import LiveState
from leanrec.serving.pipeline import PipelineConfig
from leanrec.serving.settings import ServerSettings
from leanrec.serving.sqlite_store import SQLiteStore
import leanrec.cli.app, leanrec.serving.server

folder, place = Path(sys.argv[1]), Path(sys.argv[2])
live = LiveState([folder], store=SQLiteStore(place / "store.sqlite3"), pipeline=PipelineConfig(), watch_seconds=1)
transport = httpx.ASGITransport(create_app(live, ServerSettings(models=(folder,))))

async def use():
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.post("/v1/recommend", json={"user_id": "u00001"})).status_code == 200
        event = {"event_id": "1", "user_id": "u", "item_id": "i00001", "event": "buy"}
        assert (await client.post("/v1/events", json={"events": [event]})).status_code == 200
        for path in ("/v1/items?search=a", "/v1/items/i00001/similar", "/v1/users/u00001/history", "/metrics", "/openapi.json"):
            assert (await client.get(path)).status_code == 200

asyncio.run(use())
live.store.close()
heavy = {"torch", "transformers", "tensorflow", "jax", "pandas", "pyarrow", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""


def test_the_serving_path_loads_no_torch(model_folder: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(model_folder), str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
