"""Schedules by name: what they mean, which of them `auto` takes for data of which shape, and that it says so."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.recommenders.test_pacing import TINY

from leanrec.artifact import Artifact
from leanrec.data.split import Split, split_leave_one_out
from leanrec.data.truth import WorldConfig
from leanrec.data.world import World
from leanrec.errors import ConfigError
from leanrec.recommenders import sequential
from leanrec.recommenders.building import build
from leanrec.recommenders.schedules import MANY_ITEMS, SCHEDULES, Shape, growth_of, schedule_for
from leanrec.training.run import Run


@pytest.fixture(scope="module")
def split() -> Split:
    return split_leave_one_out(World.generate(WorldConfig(num_users=80, num_items=40), seed=1).dataset)


def fitted(split: Split, name: str = "sequential", **settings: Any) -> Any:
    return build(name, {**TINY, **settings}).fit(split.train, valid=split.valid, run=Run())


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (Shape(num_items=MANY_ITEMS, has_full_softmax=True), "'rivals' is ahead of it half-way"),
        (Shape(num_items=MANY_ITEMS - 1, has_full_softmax=True), "nothing that changes on the way"),
        (Shape(num_items=MANY_ITEMS, has_full_softmax=False), "nothing that changes on the way"),
    ],
)
def test_auto_goes_by_the_shape_of_the_data_and_says_why(shape: Shape, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert schedule_for(shape) == "whole"
    assert "schedule 'whole': " in caplog.text and reason in caplog.text


def test_every_name_ends_with_the_whole_recipe() -> None:
    for name in SCHEDULES:
        build("sequential", {**TINY, "schedule": name})
        growth = growth_of(name, num_items=40, max_length=10)
        assert growth is not None
        assert growth.max_length[-1:] in ((), (10,))
        assert growth.num_negatives[-1:] in ((), ("all",))


def test_a_schedule_by_name_is_the_growth_that_it_stands_for(split: Split) -> None:
    growth = growth_of("rivals-length", num_items=40, max_length=10)
    assert growth is not None
    named, given = fitted(split, schedule="rivals-length"), fitted(split, growth=growth.model_dump(mode="json"))
    assert np.array_equal(named._item_vectors, given._item_vectors)
    assert not np.array_equal(named._item_vectors, fitted(split, schedule="whole")._item_vectors)


def test_auto_is_the_whole_from_the_beginning(split: Split) -> None:
    assert np.array_equal(fitted(split)._item_vectors, fitted(split, schedule="whole")._item_vectors)


def test_what_auto_came_to_is_saved_and_settled(split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequential, "schedule_for", lambda _: "rivals")
    made = fitted(split)
    made.save(tmp_path / "model")
    assert Artifact.open(tmp_path / "model").manifest.config["schedule"] == "rivals"
    assert made.settled().config.schedule == "rivals"
    assert type(made).load(tmp_path / "model").settled().config.schedule == "rivals"


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("sequential", {"schedule": "rivals", "growth": {"at": [0.5], "tokens": [64, 128]}}, "growth is given as well: leave one of them out"),
        ("sequential", {"schedule": "rivals", "loss": {"kind": "bce"}}, "is \"all\", and the loss is 'bce'"),
        ("sequential", {"schedule": "backwards"}, "schedule"),
        ("two-tower", {"schedule": "auto"}, "here name one: whole, rivals"),
    ],
)
def test_what_cannot_be_is_said(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        build(name, {**TINY, **settings})
    assert message in str(error.value)
