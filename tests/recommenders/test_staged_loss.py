"""Losses that change on the way: each stage has its rivals, its digits and its part of the vectors; the last has what the recipe asks for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.recommenders.test_pacing import TINY
from tests.training.interruptions import CutAt

from leanrec.data.split import Split, split_leave_one_out
from leanrec.data.truth import WorldConfig
from leanrec.data.world import World
from leanrec.errors import ConfigError
from leanrec.models.losses import FullSoftmax, Loss, LossConfig, build_loss
from leanrec.models.sampled_losses import BinaryCrossEntropy, SampledSoftmax
from leanrec.recommenders.building import build
from leanrec.recommenders.staged_loss import StagedLoss
from leanrec.training.growth import GrowthConfig
from leanrec.training.run import Run
from leanrec.training.training_config import Precision

RIVALS = {"at": [0.4, 0.7], "num_negatives": [4, 8, "all"]}


@pytest.fixture(scope="module")
def split() -> Split:
    return split_leave_one_out(World.generate(WorldConfig(num_users=80, num_items=40), seed=1).dataset)


def staged(growth: dict[str, Any], config: LossConfig | None = None) -> StagedLoss:
    def loss_for(config: LossConfig, precision: Precision) -> Loss:
        return build_loss(config, num_items=40, item_counts=np.arange(1, 41), precision=precision)

    loss = StagedLoss(config or LossConfig(), loss_for, GrowthConfig(**growth))
    loss.prepare(device=torch.device("cpu"), precision="float32")
    return loss


def fitted(split: Split, name: str = "sequential", *, run: Run | None = None, **settings: Any) -> Any:
    return build(name, {**TINY, **settings}).fit(split.train, valid=split.valid, run=run or Run())


def test_each_stage_has_more_rivals_and_the_last_has_all() -> None:
    loss = staged(RIVALS)
    for progress, number in ((0.0, 4), (0.39, 4), (0.4, 8)):
        loss.begin(progress)
        assert isinstance(loss.now, SampledSoftmax) and loss.now.num_negatives == number
    loss.begin(0.7)
    assert isinstance(loss.now, FullSoftmax)


def test_a_stage_that_goes_on_keeps_its_loss() -> None:
    loss = staged(RIVALS)
    before = loss.now
    loss.begin(0.2)
    assert loss.now is before


def test_the_kind_of_a_sampled_loss_stays_while_its_rivals_grow() -> None:
    loss = staged({"at": [0.5], "num_negatives": [2, 16]}, LossConfig(kind="gbce", num_negatives=16))
    loss.begin(0.5)
    assert isinstance(loss.now, BinaryCrossEntropy) and loss.now.num_negatives == 16


def test_rivals_become_harder_as_popular_items_are_drawn_more() -> None:
    loss = staged({"at": [0.5], "popularity_power": [0.0, 1.0]}, LossConfig(kind="sampled-softmax", num_negatives=8, popularity_power=1.0))
    spread = []
    for progress in (0.0, 0.5):
        loss.begin(progress)
        expected = loss.now.get_buffer("log_expected")  # type: ignore[attr-defined]  # the sampled softmax has it
        spread.append(float(expected.max() - expected.min()))
    assert spread[0] == pytest.approx(0.0, abs=1e-6)
    assert spread[1] == pytest.approx(np.log(40), abs=1e-5)


def test_products_have_more_digits_in_the_end() -> None:
    loss, digits = staged({"at": [0.5], "precision": ["bfloat16", "float32"]}), []
    for progress in (0.0, 0.5):
        loss.begin(progress)
        assert isinstance(loss.now, FullSoftmax)
        digits.append(loss.now.softmax.precision)
    assert digits == ["bfloat16", "float32"]


def test_a_later_stage_that_the_data_cannot_have_is_refused_before_anything_begins(split: Split, tmp_path: Path) -> None:
    growth = {"at": [0.9], "num_negatives": [4, 500]}
    with pytest.raises(ConfigError, match="num_negatives = 500, but only"):
        fitted(split, run=Run(folder=tmp_path), growth=growth, loss={"kind": "sampled-softmax", "num_negatives": 500})
    assert not list(tmp_path.rglob("journal.jsonl"))


@pytest.mark.parametrize("name", ["sequential", "two-tower"])
def test_a_training_over_all_stages_learns_otherwise_than_one_without(split: Split, name: str) -> None:
    whole, grown = fitted(split, name), fitted(split, name, growth=RIVALS)
    assert grown.training.steps == whole.training.steps
    assert grown.training.history[0].loss < whole.training.history[0].loss  # four rivals are fewer than all
    assert np.isfinite(grown.training.best_quality)


def test_few_dimensions_at_first_leave_the_others_unmoved_by_the_loss(split: Split) -> None:
    nested = {"at": [0.99], "dimensions": [2, 8]}
    training = {**TINY["training"], "stop_epoch": 1, "weight_decay": 0.0}
    some, whole = (fitted(split, growth=growth, training=training, uses_attributes=False) for growth in (nested, None))
    assert not np.array_equal(some._item_vectors[:, :2], whole._item_vectors[:, :2])
    assert some.training.history[0].loss != whole.training.history[0].loss


def test_interrupted_in_any_stage_it_ends_with_the_same_vectors(split: Split, tmp_path: Path) -> None:
    growth = {**RIVALS, "dimensions": [4, 8, 8], "precision": ["float32"] * 3, "num_layers": [1, 2, 2]}
    training = {**TINY["training"], "checkpoint_steps": 1}
    expected = fitted(split, growth=growth, training=training)
    steps = expected.training.steps
    for number, step in enumerate((2, steps // 2 + 1, steps - 1)):
        run = Run(folder=tmp_path / str(number), hooks=(CutAt(step),))
        with pytest.raises(KeyboardInterrupt):
            fitted(split, run=run, growth=growth, training=training)
        again = fitted(split, run=Run(folder=run.folder), growth=growth, training=training)
        assert np.array_equal(again._item_vectors, expected._item_vectors)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("sequential", {"growth": {"at": [0.5], "num_negatives": [8, 4]}}, "num_negatives (8, 4) does not grow"),
        ("sequential", {"growth": {"at": [0.5], "num_negatives": ["all", 8]}}, "does not grow"),
        ("sequential", {"growth": {"at": [0.5], "num_negatives": [4, 8]}}, "set loss.kind to a sampled loss and loss.num_negatives to 8"),
        ("sequential", {"growth": {"at": [0.5], "num_negatives": [4, "all"]}, "loss": {"kind": "bce"}}, "is \"all\", and the loss is 'bce'"),
        ("sequential", {"growth": {"at": [0.5], "popularity_power": [0.1, 0.2]}}, "heeded by the sampled softmax alone"),
        (
            "sequential",
            {"growth": {"at": [0.5], "num_negatives": [4, 8], "popularity_power": [0.1, 0.2]}, "loss": {"kind": "gbce", "num_negatives": 8}},
            "heeded by the sampled softmax alone, and the loss is 'gbce'",
        ),
        (
            "sequential",
            {"growth": {"at": [0.5], "precision": ["bfloat16", "float32"]}, "loss": {"kind": "bce"}},
            "and the loss is 'bce': leave it out",
        ),
        ("sequential", {"growth": {"at": [0.5], "precision": ["float32", "bfloat16"]}}, "does not grow"),
        ("sequential", {"growth": {"at": [0.5], "dimensions": [4, 6]}}, "growth.dimensions is 6, and the recipe has 8"),
        ("two-tower", {"growth": {"at": [0.5], "dimensions": [4, 8]}}, "growth.dimensions is heeded by 'sequential' and 'distilled'"),
        ("distilled", {"growth": {"at": [0.5], "dimensions": [4, 8]}, "distillation": {"features": 0.5}}, "compares parts of vectors"),
    ],
)
def test_what_cannot_take_effect_is_said(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        build(name, {**TINY, **settings})
    assert message in str(error.value)
