"""The whole serving path loads no torch, answers without the data set, and says what the torch recommender says."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from leanrec.data.query import Query
from leanrec.data.split import split_leave_one_out
from leanrec.data.world import World, WorldConfig
from leanrec.recommenders.building import build
from leanrec.recommenders.model import Model

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


BLOCKED = """
import sys
sys.modules["torch"] = None  # importing it raises
import asyncio, json, httpx
from pathlib import Path
from leanrec.serving.app import create_app
from leanrec.serving.live_state import LiveState
from leanrec.serving.pipeline import PipelineConfig
from leanrec.serving.settings import ServerSettings
from leanrec.serving.sqlite_store import SQLiteStore

folder, place = Path(sys.argv[1]), Path(sys.argv[2])
by_score = PipelineConfig.parse({"diversify": {"relevance": 1.0}})
live = LiveState([folder], store=SQLiteStore(place / "store.sqlite3"), pipeline=by_score, watch_seconds=1)
transport = httpx.ASGITransport(create_app(live, ServerSettings(models=(folder,))))

async def use():
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answers = [await client.post("/v1/recommend", json={"history": history, "k": 5}) for history in json.load(sys.stdin)]
        print(json.dumps([answer.json() for answer in answers]))

asyncio.run(use())
live.store.close()
"""

SEQUENTIAL: dict[str, Any] = {
    "encoder": {"width": 8, "max_length": 6, "num_layers": 1},
    "training": {"max_epochs": 2, "warmup_epochs": 0, "tokens": 128, "learning_rate": 0.02, "device": "cpu"},
}
CONFIGS: dict[str, dict[str, Any]] = {
    "sequential": SEQUENTIAL,
    "fusion": {"members": [{"name": "cooccurrence", "weight": 1.0}, {"name": "sequential", "weight": 0.7, "config": SEQUENTIAL}]},
}


@pytest.mark.parametrize("name", CONFIGS)
def test_where_torch_cannot_be_imported_the_server_answers_what_torch_would(name: str, tmp_path: Path) -> None:
    dataset = split_leave_one_out(World.generate(WorldConfig(num_users=50, num_items=30), seed=1).dataset).train
    recommender = build(name, CONFIGS[name]).fit(dataset)
    Model(recommender=recommender, dataset=dataset, name=name).save(tmp_path / "shop")
    ids = dataset.items.ids
    histories = [list(ids[3:5]), [ids[7], ids[2], ids[7]], list(ids[5:20])]
    command = [sys.executable, "-c", BLOCKED, str(tmp_path / "shop"), str(tmp_path)]
    done = subprocess.run(command, input=json.dumps(histories), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for history, answer in zip(histories, json.loads(done.stdout), strict=True):
        (expected,) = recommender.recommend([Query(history=tuple(history))], k=5)
        scale = max(abs(item.score) for item in expected.items)
        assert [item["score"] for item in answer["items"]] == pytest.approx([item.score for item in expected.items], abs=1e-4 * scale)
        assert [item["item_id"] for item in answer["items"]] == list(expected.item_ids)
        assert all(item["reason"].startswith(("because of ", "no single item")) for item in answer["items"])
        assert any(item["reason"].startswith("because of ") for item in answer["items"])
