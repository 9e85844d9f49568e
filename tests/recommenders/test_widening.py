"""Recommenders that begin narrow: saved with their whole width, and what cannot begin so is refused before anything is read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leanrec.data.query import Query
from leanrec.data.split import Split, split_leave_one_out
from leanrec.data.truth import WorldConfig
from leanrec.data.world import World
from leanrec.errors import ConfigError
from leanrec.recommenders.building import build, opener
from leanrec.training.run import Run

TINY: dict[str, Any] = {
    "encoder": {"block": "frequency", "width": 16, "num_layers": 2, "max_length": 10, "dropout": 0.1},
    "training": {"max_epochs": 6, "tokens": 128, "validate_every": 2, "patience": None},
}
GROWTH = {"at": [0.3, 0.6], "width": [4, 8, 16], "num_layers": [1, 1, 2], "max_length": [3, 6, 10], "tokens": [64, 64, 128]}


@pytest.fixture(scope="module")
def split() -> Split:
    return split_leave_one_out(World.generate(WorldConfig(num_users=80, num_items=40), seed=1).dataset)


@pytest.mark.parametrize(
    "settings",
    [
        {"growth": GROWTH, "items": {"id_dropout": 0.1}, "loss": {"temperature": 0.1}},
        {"growth": {"at": [0.9], "width": [8, 16]}, "training": {**TINY["training"], "stop_epoch": 2}},  # stops before it has grown
        {"growth": GROWTH, "auxiliary": {"masked": 0.5, "contrastive": 0.1}},
    ],
)
def test_a_network_that_began_narrow_is_saved_whole_and_opens_without_torch(split: Split, tmp_path: Path, settings: dict[str, Any]) -> None:
    made: Any = build("sequential", {**TINY, **settings}).fit(split.train, valid=split.valid, run=Run())
    assert made._encoder.config == made.config.encoder and made._item_vectors.shape[1] == 16
    assert np.isfinite(made.training.best_quality)
    made.save(tmp_path / "model")
    query = Query(history=tuple(split.dataset.items.ids[:4]))
    (expected,) = made.recommend([query], k=5)
    for again in (opener("sequential").load(tmp_path / "model"), type(made).load(tmp_path / "model")):
        (answer,) = again.recommend([query], k=5)
        assert [item.item_id for item in answer.items] == [item.item_id for item in expected.items]


def test_a_student_that_begins_narrow_learns_its_teachers_vectors_too(split: Split, tmp_path: Path) -> None:
    teacher = {"name": "sequential", "config": {**TINY, "training": {**TINY["training"], "max_epochs": 2}}}
    growth = {"at": [0.5], "width": [8, 16]}
    settings = {**TINY, "encoder": {"block": "gru", "width": 16, "max_length": 10}, "teacher": teacher, "distillation": {"features": 0.5}}
    made: Any = build("distilled", {**settings, "growth": growth}).fit(split.train, valid=split.valid, run=Run(folder=tmp_path))
    assert made._encoder.config.width == 16 and np.isfinite(made.training.best_quality)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("sequential", {"growth": {"at": [0.5], "width": [8, 32]}}, r"growth\.width is 32, and the recipe has 16"),
        ("sequential", {"growth": {"at": [0.5], "width": [1, 16]}}, "2 heads cannot share the first width 1 evenly"),
        (
            "sequential",
            {"growth": {"at": [0.5], "width": [8, 16]}, "encoder": {"block": "hstu", "width": 16}},
            "a hstu block cannot be made wider(.|\n)*transformer, gated, frequency, gru, convolution",
        ),
        ("two-tower", {"growth": {"at": [0.5], "width": [8, 16]}}, r"growth\.width is heeded by 'sequential' and 'distilled'"),
    ],
)
def test_what_cannot_begin_narrow_is_refused(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(name, {**TINY, **settings})
