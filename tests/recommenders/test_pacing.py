"""Recommenders along a curriculum and a growth: they learn, are saved whole, are asked like any other, and say what cannot be."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leanrec.data.dataset import Dataset
from leanrec.data.query import Query
from leanrec.data.split import Split, split_leave_one_out
from leanrec.data.truth import WorldConfig
from leanrec.data.world import World
from leanrec.errors import ConfigError
from leanrec.recommenders.building import build, opener
from leanrec.training.run import Run

TINY: dict[str, Any] = {
    "encoder": {"block": "transformer", "width": 8, "num_layers": 2, "max_length": 10, "dropout": 0.1},
    "training": {"max_epochs": 6, "tokens": 128, "validate_every": 2, "patience": None},
}
GROWTH = {"at": [0.3, 0.6], "num_layers": [1, 1, 2], "max_length": [3, 6, 10], "tokens": [64, 64, 128]}


@pytest.fixture(scope="module")
def split() -> Split:
    return split_leave_one_out(World.generate(WorldConfig(num_users=80, num_items=40), seed=1).dataset)


def fitted(split: Split, name: str = "sequential", **settings: Any) -> Any:
    return build(name, {**TINY, **settings}).fit(split.train, valid=split.valid, run=Run())


@pytest.mark.parametrize("by", ["length", "popularity", "recency", "loss", "random"])
@pytest.mark.parametrize("name", ["sequential", "two-tower"])
def test_every_order_trains_in_fewer_steps(split: Split, name: str, by: str) -> None:
    whole, along = fitted(split, name), fitted(split, name, curriculum={"by": by, "start": 0.3, "until": 0.8})
    assert 0 < along.training.steps < whole.training.steps
    assert np.isfinite(along.training.best_quality)


def test_a_network_that_grew_is_saved_whole_and_opens_without_torch(split: Split, tmp_path: Path) -> None:
    made = fitted(split, growth=GROWTH, curriculum={"by": "length"})
    made.save(tmp_path / "model")
    query = Query(history=tuple(split.dataset.items.ids[:4]))
    expected = made.recommend([query], k=5)[0]
    answer = opener("sequential").load(tmp_path / "model").recommend([query], k=5)[0]
    assert [item.item_id for item in answer.items] == [item.item_id for item in expected.items]
    again = type(made).load(tmp_path / "model")
    assert len(again._encoder.blocks) == 2


def test_training_that_stops_before_it_has_grown_has_all_its_layers(split: Split, tmp_path: Path) -> None:
    training = {**TINY["training"], "stop_epoch": 2}
    made = fitted(split, growth={"at": [0.9], "num_layers": [1, 2]}, training=training)
    made.save(tmp_path / "model")
    assert len(type(made).load(tmp_path / "model")._encoder.blocks) == 2


def test_a_student_takes_first_what_its_teacher_is_sure_of(split: Split, tmp_path: Path) -> None:
    settings = {**TINY, "teacher": {"name": "cooccurrence"}, "curriculum": {"by": "confidence", "start": 0.3, "until": 0.9}, "growth": GROWTH}
    made = build("distilled", settings).fit(split.train, valid=split.valid, run=Run(folder=tmp_path))
    assert made.training.steps > 0  # type: ignore[attr-defined]  # a trained one


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("sequential", {"curriculum": {"by": "confidence"}}, "asks a teacher, and there is none"),
        ("sequential", {"growth": {"at": [0.5], "tokens": [64, 999]}}, r"last stage of growth\.tokens is 999, and the recipe has 128"),
        ("sequential", {"growth": {"at": [0.5], "num_layers": [1, 3]}}, r"growth\.num_layers is 3, and the recipe has 2"),
        ("two-tower", {"growth": {"at": [0.5], "num_layers": [1, 2]}}, r"growth\.num_layers is heeded by 'sequential' and 'distilled'"),
        ("sequential", {"curriculum": {"by": "weather"}}, "curriculum.by"),
    ],
)
def test_what_cannot_be_is_said(split: Split, name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fitted(split, name, **settings)


def test_recency_needs_clock_times() -> None:
    log = World.generate(WorldConfig(num_users=80, num_items=40), seed=1).log
    ordered = Dataset.build(replace(log, time_quality="order"))
    with pytest.raises(ConfigError, match="recency' needs clock times; the time of these data is 'order'"):
        build("sequential", {**TINY, "curriculum": {"by": "recency"}}).fit(ordered, run=Run())
