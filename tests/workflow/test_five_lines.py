"""Five lines of Python do what the command line does, from any frame; and importing loads nothing heavy."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pytest

import leanrec
from leanrec.data.world import World, WorldConfig
from leanrec.errors import ConfigError, UnknownIdError

PLAIN_FUSION = {"members": [{"name": "cooccurrence"}, {"name": "item-knn"}]}
SETTINGS = leanrec.RunSettings(rungs=("popularity", "cooccurrence"))


@pytest.fixture(scope="module")
def orders() -> pl.DataFrame:
    world = World.generate(WorldConfig(num_users=60, num_items=40), seed=2)
    return world.log.frame.filter(pl.col("event") == "click").select(
        user=pl.col("user_id").cast(pl.String), item=pl.col("item_id").cast(pl.String), time=pl.from_epoch("timestamp", time_unit="us")
    )


def test_five_lines(orders: pl.DataFrame, tmp_path: Path) -> None:
    model = leanrec.fit(orders, settings=SETTINGS)
    answer = leanrec.recommend(model, "u00001", k=5)
    model.save(tmp_path / "model")
    again = leanrec.recommend(leanrec.load(tmp_path / "model"), "u00001", k=5)
    assert answer == again
    assert len(answer.items) == 5
    assert all(item.reason for item in answer.items)


def test_every_kind_of_frame_gives_the_same_data(orders: pl.DataFrame) -> None:
    expected = leanrec.read(orders).fingerprint
    frame = pd.DataFrame(orders.to_dict(as_series=False))
    assert leanrec.read(frame).fingerprint == expected
    assert leanrec.read(orders.to_arrow()).fingerprint == expected
    assert leanrec.read(duckdb.sql("SELECT * FROM frame")).fingerprint == expected


def test_a_named_recommender_is_taken_without_competition(orders: pl.DataFrame) -> None:
    model = leanrec.fit(orders, recommender="item-knn")
    assert (model.name, model.proof) == ("item-knn", {})
    assert leanrec.similar(model, "i00001", k=3).items
    assert leanrec.explain(model, "i00001", user_id="u00001").item_id == "i00001"


def test_a_fusion_keeps_its_fitted_weights_when_fitted_to_everything(orders: pl.DataFrame) -> None:
    model = leanrec.fit(orders, recommender="fusion", settings=leanrec.RunSettings(configs={"fusion": PLAIN_FUSION}))
    assert all(member.weight is not None for member in model.recommender.config.members)  # type: ignore[attr-defined]  # a fusion's own


def test_a_stranger_is_cold_even_with_a_session(orders: pl.DataFrame) -> None:
    model = leanrec.fit(orders, recommender="cooccurrence")
    assert leanrec.recommend(model, "nobody").cold
    assert leanrec.recommend(model, "nobody", history=("i00001",)).cold
    assert not leanrec.recommend(model, history=("i00001",)).cold
    with pytest.raises(UnknownIdError, match="no history to explain"):
        leanrec.explain(model, "i00001", user_id="nobody")


def test_a_misspelt_wish_is_refused(orders: pl.DataFrame) -> None:
    model = leanrec.fit(orders, recommender="popularity")
    with pytest.raises(ConfigError, match="did you mean 'filters'"):
        leanrec.recommend(model, "u00001", filter=("a=b",))


def test_the_same_seed_gives_the_same_proof(orders: pl.DataFrame) -> None:
    first, again = (leanrec.prove(orders, settings=SETTINGS) for _ in range(2))
    assert [result.valid and result.valid.metrics for result in first.results] == [result.valid and result.valid.metrics for result in again.results]


def test_importing_leanrec_loads_nothing_heavy() -> None:
    code = "import sys, leanrec; print(sorted({'torch', 'transformers', 'polars', 'numpy', 'scipy', 'pydantic', 'implicit'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_fitting_what_needs_no_torch_and_asking_load_neither_torch_nor_transformers() -> None:
    code = (
        "import sys, leanrec\nfrom leanrec.data.world import World, WorldConfig\n"
        "dataset = World.generate(WorldConfig(num_users=30, num_items=20)).dataset\n"
        "model = leanrec.fit(dataset, recommender='ease')\nleanrec.recommend(model, 'u00001')\n"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        _ = leanrec.fitt


def test_declared_repeats_are_recommended_again_and_undeclared_ones_are_pointed_at(caplog: pytest.LogCaptureFixture) -> None:
    days = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 2, 9), "1d", eager=True)
    visits = [(user, day) for user in range(20) for day in range(40)]
    rotating = [(f"u{user}", f"i{(user + day // 3) % 40}", days[day]) for user, day in visits]
    model = leanrec.fit(pl.DataFrame(rotating, schema=["user", "item", "time"], orient="row"), settings=SETTINGS)
    assert "% of the acts repeat an item" in caplog.text
    assert not set(model.history("u1")) & set(leanrec.recommend(model, "u1").item_ids)
    daily = [(f"u{user}", f"i{(user * 3 + day % 4) % 12}", days[day]) for user, day in visits]
    groceries = pl.DataFrame(daily, schema=["user", "item", "time"], orient="row")
    habits = leanrec.fit(groceries, settings=leanrec.RunSettings(rungs=("cooccurrence",), split={"includes_repeats": True}))
    assert set(habits.history("u1")) & set(leanrec.recommend(habits, "u1").item_ids)
    assert not set(habits.history("u1")) & set(leanrec.recommend(habits, "u1", exclude_seen=True).item_ids)


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # importing it raises
import leanrec
from leanrec.data.world import World, WorldConfig
dataset = World.generate(WorldConfig(num_users=40, num_items=25)).dataset
settings = leanrec.RunSettings(rungs=("popularity", "sequential", "fusion"), configs={"sequential": {"training": {"max_epochs": 1}}})
report = leanrec.prove(dataset, settings=settings)
print([(result.name, result.skipped) for result in report.results])
"""


def test_without_torch_the_network_is_skipped_with_what_to_install_and_the_fusion_goes_without() -> None:
    printed = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=True).stdout
    assert "('popularity', '')" in printed
    assert "('sequential', \"sequential needs torch, which is not installed; pip install 'leanrec[train]'\")" in printed
    assert "('fusion', '')" in printed
