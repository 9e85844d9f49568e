"""`language-ranker` from fit to answer: its retriever finds, its language model reads of what is left after filters, and the answer says how far."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tests.models.rankers import random_cross_encoder, saved

from leanrec.data.query import Query
from leanrec.data.world import World
from leanrec.features.item_text import ItemText
from leanrec.recommenders.model import Model
from leanrec.serving.pipeline import Pipeline, PipelineConfig
from leanrec.serving.reading import LanguageConfig, Read
from leanrec.serving.served_model import OpenedModel, ServedModel
from leanrec.serving.stage import Candidates, Question

from .conftest import ask, fitted, ids, serving
from .test_torch_free import BLOCKED

BY_SCORE = {"diversify": {"relevance": 1.0}, "explore": {"share": 0.0}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("reader")
    descriptions = World.generate(seed=0).dataset.catalogue.descriptions()
    scorer = saved(random_cross_encoder(ItemText.of_items(descriptions).texts(descriptions)), place / "scorer")
    fitted("language-ranker", config={"recommender": "cooccurrence", "scorer": scorer, "weight": 1.0, "candidates": 10}).save(place / "reader")
    return place / "reader"


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return Model.load(folder)


@pytest.fixture(scope="module")
def served(folder: Path) -> ServedModel:
    return ServedModel(OpenedModel.open(folder, name="reader"))


@pytest.fixture(scope="module")
def api(folder: Path, other_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    place = tmp_path_factory.mktemp("served")
    (place / "pipeline.toml").write_text("[diversify]\nrelevance = 1.0\n", encoding="utf-8")
    with (
        serving(folder, other_folder, "--pipeline", place / "pipeline.toml", "--store", place / "store.sqlite3", log=place / "log") as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        yield client


def note(answer: dict[str, Any]) -> str:
    (found,) = [stage["note"] for stage in answer["stages"] if stage["name"] == "language"]
    return found


def question(served: ServedModel, *, user: int = 3, k: int = 12) -> Question:
    rows = served.past_rows(served.snapshot.users.ids[user])
    blocked = np.zeros(len(served.catalogue), np.bool_)
    blocked[rows] = True
    query = Query(history=tuple(served.snapshot.items.ids[row] for row in rows))
    return Question(query=query, k=k, model=served, models={served.name: served}, history_rows=rows, blocked=blocked, num_blocked=int(blocked.sum()))


def test_the_server_answers_what_the_recommender_would_and_names_who_put_it_there(api: httpx.Client, model: Model) -> None:
    user = model.dataset.users.ids[3]
    (expected,) = model.recommender.recommend([model.query(user)], k=15)
    answer = ask(api, user_id=user, k=15)
    assert ids(answer) == list(expected.item_ids)
    assert [item["source"] for item in answer["items"]] == [item.source for item in expected.items]
    assert {item["source"] for item in answer["items"]} == {"language-ranker", "cooccurrence"}
    assert note(answer) == "read 10 of 10"
    assert all(item["reason"] for item in answer["items"])


def test_a_model_that_reads_nothing_has_no_such_stage(api: httpx.Client) -> None:
    assert "language" not in {stage["name"] for stage in ask(api, model="graph", user_id="u00003")["stages"]}


def test_filters_leave_as_much_to_read_as_there_is(api: httpx.Client) -> None:
    answer = ask(api, user_id="u00003", filters=["category=Garden"], k=5)
    assert note(answer).startswith("read ")
    assert {item["source"] for item in answer["items"]} == {"language-ranker"}
    assert all("Garden" in item["attributes"]["category"] for item in answer["items"])


def test_a_stranger_gets_what_is_popular_and_nothing_is_read(api: httpx.Client) -> None:
    answer = ask(api, k=5)
    assert answer["cold"]
    assert {item["source"] for item in answer["items"]} == {"popularity"}
    assert note(answer) == "nothing is known to read beside"


def test_what_is_asked_for_by_name_stands_above_what_is_not(api: httpx.Client) -> None:
    answer = ask(api, user_id="u00005", text="something by Fjord", k=12)
    assert [wish["value"] for wish in answer["understood"]["wishes"]] == ["Fjord"]
    assert {item["attributes"]["brand"] for item in answer["items"]} == {"Fjord"}
    assert note(answer) == "read 10 of 10"


def test_a_new_item_is_found_and_read_of(api: httpx.Client) -> None:
    old = ask(api, user_id="u00003", k=1)["items"][0]
    described = api.get(f"/v1/items/{old['item_id']}").json()
    assert api.put("/v1/items/new-here", json={"title": old["title"], "attributes": described["attributes"]}).status_code == 200
    answer = ask(api, user_id="u00003", candidates=["new-here", *ids(ask(api, user_id="u00003", k=3))], k=4)
    (found,) = [item for item in answer["items"] if item["item_id"] == "new-here"]
    assert found["source"] == "language-ranker"
    assert api.delete("/v1/items/new-here").status_code in (200, 204)


def test_without_time_the_order_is_the_retrievers_and_the_answer_says_so(served: ServedModel, model: Model) -> None:
    none = Pipeline(PipelineConfig.parse({**BY_SCORE, "language": {"budget_ms": 0}})).answer(question(served))
    (expected,) = model.recommender.retriever.recommend([question(served).query], k=12)  # type: ignore[attr-defined]  # a ranker has one
    assert [served.catalogue.item_id(row) for row in none.candidates.rows.tolist()] == list(expected.item_ids)
    assert {none.candidates.names[source] for source in none.candidates.sources.tolist()} == {"cooccurrence"}
    (report,) = [stage for stage in none.stages if stage.name == "language"]
    assert report.note == "read 0 of 10 within 0 ms; the others as cooccurrence has them"


def test_the_settings_of_the_server_reach_the_reader(served: ServedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that moves a second whenever it is asked: 10 candidates are one batch, begun at second 2 of 60."""
    reader = served.reader
    assert reader is not None
    seconds = iter(range(1000))
    monkeypatch.setattr(reader, "_clock", lambda: float(next(seconds)))
    found = Candidates(
        rows=np.arange(15), scores=np.arange(15, 0, -1).astype(np.float32), sources=np.zeros(15, np.int8), names=("cooccurrence",), weights=(1.0,)
    )
    monkeypatch.setattr("leanrec.features.onnx_pairs.MAX_BATCH_TOKENS", 1)
    answer = Read(LanguageConfig(budget_ms=5500))(question(served), found)
    assert answer.note == "read 2 of 10 within 5500 ms; the others as cooccurrence has them"
    assert answer.rows[2:].tolist() == list(range(2, 15))
    assert sorted(answer.rows[:2].tolist()) == [0, 1]
    assert answer.sources.tolist() == [1, 1, *[0] * 13]
    assert answer.names == ("cooccurrence", "language-ranker")
    np.testing.assert_allclose(answer.scores, found.scores, rtol=1e-5)
    np.testing.assert_array_equal(found.rows, np.arange(15))


def test_where_torch_cannot_be_imported_the_server_reads_all_the_same(folder: Path, model: Model, tmp_path: Path) -> None:
    item_ids = model.dataset.items.ids
    histories = [list(item_ids[3:5]), list(item_ids[5:20])]
    command = [sys.executable, "-c", BLOCKED, str(folder), str(tmp_path)]
    done = subprocess.run(command, input=json.dumps(histories), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for history, answer in zip(histories, json.loads(done.stdout), strict=True):
        (expected,) = model.recommender.recommend([Query(history=tuple(history))], k=5)
        assert ids(answer) == list(expected.item_ids)
        assert note(answer) == "read 10 of 10"
