"""`leanrec recommend --text`: what was understood is printed, and met."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leanrec.cli.app import app
from leanrec.data.world import World
from leanrec.recommenders.building import build
from leanrec.recommenders.model import Model
from leanrec.workflow import asking

runner = CliRunner()


@pytest.fixture(scope="module")
def model() -> Model:
    dataset = World.generate(seed=0).dataset
    return Model(recommender=build("cooccurrence").fit(dataset), dataset=dataset, name="cooccurrence")


@pytest.fixture(scope="module")
def folder(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("words") / "shop"
    model.save(place)
    return place


def test_what_was_understood_is_printed_above_the_list(folder: Path) -> None:
    result = runner.invoke(app, ["recommend", str(folder), "--user", "u00003", "--text", "quiet music, under 20 euro, zzyzx"])
    assert result.exit_code == 0, result.output
    assert "understood: price<=20; category Music" in result.output
    assert "read by words: quiet" in result.output
    assert "you asked for Music" in result.output


def test_the_answer_in_json_has_what_was_understood(folder: Path) -> None:
    result = runner.invoke(app, ["recommend", str(folder), "--text", "no garden, under 20 euro", "--json"])
    answer = json.loads(result.output)[0]
    assert answer["understood"]["filters"] == ["category!=Garden", "price<=20"]
    assert len(answer["items"]) == 10


def test_conditions_wishes_and_filters_are_met_together(model: Model) -> None:
    answer = asking.recommend(model, "u00003", text="music under 20 euro", filters=("brand=Ember|Fjord",), k=20)
    cheap = set(model.dataset.catalogue.matching(["price<=20", "brand=Ember|Fjord"]))
    music = set(model.dataset.catalogue.matching(["category=Music"]))
    assert answer.item_ids and set(answer.item_ids) <= cheap - set(model.history("u00003"))
    wished = [item_id in music for item_id in answer.item_ids]
    assert wished == sorted(wished, reverse=True), "what was wished for stands first"
    assert all(item.reason for item in answer.items)


def test_a_text_that_says_nothing_changes_nothing(model: Model) -> None:
    said, unsaid = asking.recommend(model, "u00003", text="  \u200b"), asking.recommend(model, "u00003")
    assert said.item_ids == unsaid.item_ids
    assert said.understood is None


def test_words_that_nobody_read_are_named(folder: Path) -> None:
    result = runner.invoke(app, ["recommend", str(folder), "--text", "zzyzx"])
    assert "not read: zzyzx" in result.output
