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
from leanrec.recommenders import schedules, sequential
from leanrec.recommenders.building import build
from leanrec.recommenders.schedules import MANY_ITEMS, SCHEDULES, ScheduleName, Shape, schedule_for, schedule_of
from leanrec.training.run import Run


@pytest.fixture(scope="module")
def split() -> Split:
    return split_leave_one_out(World.generate(WorldConfig(num_users=80, num_items=40), seed=1).dataset)


def fitted(split: Split, name: str = "sequential", **settings: Any) -> Any:
    return build(name, {**TINY, **settings}).fit(split.train, valid=split.valid, run=Run())


@pytest.mark.parametrize(
    ("shape", "found", "reason"),
    [
        (Shape(num_items=MANY_ITEMS, has_full_softmax=True), "self-paced", "as good as all from the beginning in about half of the time"),
        (Shape(num_items=MANY_ITEMS - 1, has_full_softmax=True), "whole", "nothing that changes on the way"),
        (Shape(num_items=MANY_ITEMS, has_full_softmax=False), "whole", "nothing that changes on the way"),
    ],
)
def test_auto_goes_by_the_shape_of_the_data_and_says_why(shape: Shape, found: ScheduleName, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert schedule_for(shape) == found
    assert f"schedule {found!r}: " in caplog.text and reason in caplog.text


def test_every_name_ends_with_the_whole_recipe() -> None:
    for name in SCHEDULES:
        build("sequential", {**TINY, "schedule": name})
        schedule = schedule_of(name, num_items=40, max_length=10)
        assert (schedule.curriculum is None) != (schedule.growth is None)
        if schedule.growth is not None:
            assert schedule.growth.max_length[-1:] in ((), (10,))
            assert schedule.growth.num_negatives[-1:] in ((), ("all",))


@pytest.mark.parametrize(("name", "kind"), [("rivals-length", "growth"), ("self-paced", "curriculum")])
def test_a_schedule_by_name_is_what_it_stands_for(split: Split, name: ScheduleName, kind: str) -> None:
    meant = getattr(schedule_of(name, num_items=40, max_length=10), kind)
    named, given = fitted(split, schedule=name), fitted(split, **{kind: meant.model_dump(mode="json")})
    assert np.array_equal(named._item_vectors, given._item_vectors)
    assert not np.array_equal(named._item_vectors, fitted(split, schedule="whole")._item_vectors)


def test_auto_is_the_schedule_that_suits_the_data(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    assert np.array_equal(fitted(split)._item_vectors, fitted(split, schedule="whole")._item_vectors)
    monkeypatch.setattr(schedules, "MANY_ITEMS", 10)
    assert np.array_equal(fitted(split)._item_vectors, fitted(split, schedule="self-paced")._item_vectors)


def test_auto_adds_nothing_to_what_is_given(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "MANY_ITEMS", 10)
    given = {"curriculum": {"by": "length"}}
    assert np.array_equal(fitted(split, **given)._item_vectors, fitted(split, schedule="whole", **given)._item_vectors)


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
        ("sequential", {"schedule": "self-paced", "curriculum": {"by": "length"}}, "is a curriculum, and curriculum is given as well"),
        ("sequential", {"schedule": "rivals", "loss": {"kind": "bce"}}, "is \"all\", and the loss is 'bce'"),
        ("sequential", {"schedule": "backwards"}, "schedule"),
        ("two-tower", {"schedule": "auto"}, "here name one: whole, self-paced, rivals"),
    ],
)
def test_what_cannot_be_is_said(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        build(name, {**TINY, **settings})
    assert message in str(error.value)
