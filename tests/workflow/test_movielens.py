"""The public set that the demonstration uses: read from inside its wheel, whole and true."""

import os
from pathlib import Path

import pytest

import leanrec
from leanrec.data.sources.public import obtain

WHEELS = os.environ.get("LEANREC_WHEELS", "")

pytestmark = pytest.mark.skipif(
    not list(Path(WHEELS or "nowhere").glob("recbole-*.whl")), reason="LEANREC_WHEELS names no folder with the recbole wheel"
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> leanrec.Dataset:
    folder = obtain("movielens-100k", to=tmp_path_factory.mktemp("ml") / "movielens-100k", wheels=Path(WHEELS))
    return leanrec.read(folder)


def test_every_event_user_item_and_relation_is_there(dataset: leanrec.Dataset) -> None:
    assert (dataset.num_users, dataset.num_items, len(dataset)) == (943, 1682, 100_000)
    assert dataset.time_quality == "exact"
    assert dataset.relations is not None
    assert len(dataset.relations) == 91_631


def test_the_graph_beats_popularity_for_the_next_item(dataset: leanrec.Dataset) -> None:
    settings = leanrec.RunSettings(rungs=("popularity", "cooccurrence"), split={"kind": "leave-one-out"})
    report = leanrec.prove(dataset, settings=settings)
    assert report.recommended == "cooccurrence"
    assert report.test_gain is not None
    assert (report.test_gain.low or 0) > 0.03


def test_reasons_name_films_of_the_history(dataset: leanrec.Dataset) -> None:
    model = leanrec.fit(dataset, recommender="cooccurrence")
    answer = leanrec.recommend(model, "42", k=5)
    titles = {dataset.catalogue.title(item) for item in model.history("42")}
    assert all(item.reason.removeprefix("because of ") in titles for item in answer.items)
