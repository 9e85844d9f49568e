"""Features that a recommender computes while it serves have the bits that they had offline."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from starlette.testclient import TestClient

from leanrec.artifact import Arrays
from leanrec.config import Config
from leanrec.data.dataset import Dataset
from leanrec.data.description import ItemDescription
from leanrec.data.query import Query
from leanrec.data.world import World, WorldConfig
from leanrec.features.tabular import TabularConfig, TabularFeatures
from leanrec.features.tabular_dataset import events_of, questions_of
from leanrec.features.tabular_table import Situation, Table
from leanrec.recommenders.catalogue_scorer import CatalogueScorer
from leanrec.recommenders.model import Model
from leanrec.recommenders.protocol import FloatArray
from leanrec.serving.app import create_app
from leanrec.serving.live_state import LiveState
from leanrec.serving.pipeline import PipelineConfig
from leanrec.serving.settings import ServerSettings
from leanrec.serving.sqlite_store import SQLiteStore
from leanrec.training.run import Run

DECLARED = TabularConfig.parse(
    {
        "features": [
            {"name": "price", "kind": "log", "column": "price"},
            {"name": "place", "kind": "position", "column": "price", "within": "category"},
            {"name": "brand", "kind": "category", "column": "brand"},
            {"name": "category", "kind": "multi-hot", "column": "category"},
            {"name": "title", "kind": "text-length", "column": "title"},
            {"name": "age", "kind": "standardise", "source": "user", "column": "age", "missing": "flag"},
            {"name": "country", "kind": "category", "source": "user", "column": "country", "min_count": 1},
            {"name": "likes", "kind": "multi-hot", "source": "user", "column": "likes"},
            {"name": "device", "kind": "category", "source": "context", "column": "device", "values": ["phone", "desk"]},
            {"name": "basket", "kind": "bucketise", "source": "context", "column": "basket", "edges": [10.0, 50.0], "form": "code"},
            {"name": "hour", "kind": "time-of-day"},
            {"name": "weekday", "kind": "time-of-week", "form": "code"},
            {"name": "brand and weekday", "kind": "cross", "of": ["brand", "weekday"]},
            {"name": "clicks", "kind": "count", "events": ["click"], "half_life_days": 200},
            {"name": "own clicks", "kind": "count", "events": ["click"], "by": ["user", "item.category"], "half_life_days": 300},
            {"name": "rate", "kind": "rate", "events": ["click"], "per": ["impression"], "half_life_days": 400},
            {"name": "last", "kind": "since", "by": ["user"]},
        ]
    }
)
ASKED_ITEM = 7
DESCRIBED: list[ItemDescription] = []
"""The item that is asked about, as the catalogue describes it."""


class FeatureEcho(CatalogueScorer[Config]):
    """Scores item f with feature f of one item, so that an answer holds what was computed."""

    name = "feature-echo"
    Config = Config
    is_collaborative = False
    asked: list[Query] = []  # noqa: RUF012 - what the server asked, for the test to read

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:
        self.described = train.catalogue.descriptions()[ASKED_ITEM]
        self.features = TabularFeatures.fit(DECLARED, offline_table(train))

    def _score_rows(self, histories: Sequence[Any], queries: Sequence[Query]) -> FloatArray:
        scores = np.zeros((len(queries), len(self.items)), np.float32)
        for row, query in enumerate(queries):
            FeatureEcho.asked.append(query)
            found = self.features.transform_row(situation(query, self.described))
            scores[row, : self.features.width] = found.dense[0]
            scores[row, self.features.width : self.features.width + found.codes.shape[1]] = found.codes[0]
        return scores

    def _to_arrays(self) -> Arrays:
        return self.features.to_arrays()

    def _from_arrays(self, arrays: Arrays) -> None:
        learned = {name: array for name, array in arrays.items() if name.split(".")[0].isdigit()}
        self.features = TabularFeatures.from_arrays(DECLARED, learned)
        self.described = DESCRIBED[0]


def situation(query: Query, item: ItemDescription) -> Situation:
    return Situation(item=item, user_id=query.user_id, user=query.attributes, context=query.context, time=query.time)


def offline_table(dataset: Dataset, *, times: np.ndarray | None = None) -> Table:
    """Every user beside the item that is asked about."""
    users = np.arange(dataset.num_users)
    newest = np.full(len(users), dataset.column("timestamp").max() + 1) if times is None else times
    return questions_of(dataset, user_rows=users, item_rows=np.full(len(users), ASKED_ITEM), times=newest, past=events_of(dataset))


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    world = World.generate(WorldConfig(num_users=12, num_items=80, visits_per_user=4), seed=8)
    users = pl.DataFrame(
        {
            "user_id": list(world.dataset.users.ids),
            "age": [None if row % 5 == 4 else 20.1 + row / 3 for row in range(12)],
            "country": ["se", "de", None] * 4,
            "likes": [["a", "b"], ["b"], None, []] * 3,
        }
    )
    return Dataset.build(world.log, catalogue=world.catalogue, user_attributes=users)


@pytest.fixture(scope="module")
def api(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("echo") / "model"
    DESCRIBED[:] = [dataset.catalogue.descriptions()[ASKED_ITEM]]
    Model(recommender=FeatureEcho().fit(dataset), dataset=dataset, name=FeatureEcho.name).save(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leanrec.serving.served_model.opener", lambda kind: FeatureEcho)
        live = LiveState(
            [folder],
            store=SQLiteStore(folder.parent / "store.sqlite3"),
            pipeline=PipelineConfig.parse({"diversify": {"relevance": 1.0}}),
            watch_seconds=60.0,
        )
        with TestClient(create_app(live, ServerSettings(models=(Path(folder),))), base_url="http://127.0.0.1") as client:
            yield client


def plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def test_the_server_computes_the_bits_of_the_offline_matrix(api: TestClient, dataset: Dataset) -> None:
    """One request a user; the times at which the server asked are put to the whole table at once."""
    assert dataset.user_attributes is not None
    people = dataset.user_attributes.to_dicts()
    contexts = [plain({"device": "phone" if row % 2 else None, "basket": str(row * 7.3) if row % 3 else None}) for row in range(len(people))]
    FeatureEcho.asked.clear()
    answers = []
    for person, context in zip(people, contexts, strict=True):
        attributes = plain({name: value for name, value in person.items() if name != "user_id"})
        body = {"user_id": person["user_id"], "attributes": attributes, "context": context, "k": 80, "include_seen": True, "explain": False}
        answered = api.post("/v1/recommend", json=body)
        assert answered.status_code == 200, answered.text
        answers.append({item["item_id"]: item["score"] for item in answered.json()["items"]})
    assert len(FeatureEcho.asked) == len(people)

    times = np.array([query.time for query in FeatureEcho.asked], dtype=np.int64)
    table = offline_table(dataset, times=times)
    said = Table.of_situations([Situation(context=context) for context in contexts], [("context", "device"), ("context", "basket")])
    whole = Table(times=times, columns={**table.columns, **said.columns}, past=table.past)
    offline = TabularFeatures.fit(DECLARED, offline_table(dataset)).transform(whole)
    expected = np.concatenate([offline.dense, offline.codes.astype(np.float32)], axis=1)
    assert len(np.unique(expected, axis=0)) == len(people)
    online = np.array([[answer[item_id] for item_id in dataset.items.ids[: expected.shape[1]]] for answer in answers], np.float32)
    assert online.tobytes() == expected.tobytes()
