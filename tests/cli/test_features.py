"""`leanrec features suggest` prints a table and a configuration, or JSON, and says what is missing."""

import json
import tomllib
from pathlib import Path

import polars as pl
import pytest

from leanrec.cli import main
from leanrec.data.world import World, WorldConfig
from leanrec.features.tabular import TabularConfig

pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'leanrec[train]'")
pytest.importorskip("lightgbm", reason="needs LightGBM: pip install 'leanrec[train]'")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    world = World.generate(WorldConfig(num_users=80, num_items=60), seed=5)
    frame = world.log.frame.select(
        user="user_id", item="item_id", event="event", time=pl.from_epoch("timestamp", time_unit="us"), value=pl.col("value").fill_null(0)
    )
    frame.write_csv(folder / "events.csv")
    world.catalogue.frame.rename({"item_id": "sku"}).write_ndjson(folder / "products.jsonl")
    return folder


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, arguments)])
    return int(stopped.value.code or 0)


def test_suggest_prints_json_whose_toml_is_a_configuration(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("features", "suggest", shop / "events.csv", "--catalogue", shop / "products.jsonl", "--moments", 1500, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["outcome"].startswith("an impression is followed by an act")
    assert {"price", "brand", "title length", "hour", "item acts"} <= {each["name"] for each in printed["tried"]}
    declared = TabularConfig.parse(tomllib.loads(printed["toml"]))
    assert declared == TabularConfig.parse(printed["config"])


def test_suggest_prints_a_table_and_toml(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = pl.read_csv(shop / "events.csv").filter(pl.col("event") == "click").drop("value")
    events.write_csv(tmp_path / "clicks.csv")
    assert run("features", "suggest", tmp_path / "clicks.csv", "--moments", 1500) == 0
    printed = capsys.readouterr().out
    assert "What each feature is worth" in printed
    assert "[[features]]" in printed


def test_an_outcome_that_cannot_be_told_names_those_that_can(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = pl.read_csv(shop / "events.csv").filter(pl.col("event") == "click").drop("value")
    events.write_csv(tmp_path / "clicks.csv")
    assert run("features", "suggest", tmp_path / "clicks.csv", "--outcome", "ratings") == 1
    assert "allowed here: acts, or auto" in capsys.readouterr().err
