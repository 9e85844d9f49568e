"""Distilled: it takes on what the teacher knows, is served without torch or teacher, and no kill makes it begin anew."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leanrec.artifact import Artifact
from leanrec.data.query import Query
from leanrec.data.split import Split, split_leave_one_out
from leanrec.data.world import World, WorldConfig
from leanrec.errors import ConfigError, DataError
from leanrec.recommenders.building import build, opener
from leanrec.recommenders.bundled import Bundled
from leanrec.recommenders.distilled import Distilled
from leanrec.training.run import Run

SETTINGS: dict[str, Any] = {
    "encoder": {"width": 16, "max_length": 8, "dropout": 0.1},
    "training": {"max_epochs": 4, "tokens": 64, "learning_rate": 0.01, "device": "cpu"},
    "questions": {"shortened": 1, "mixed": 1},
    "distillation": {"length": 10},
    "teacher": {"name": "ease"},
}

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.recommenders.test_distilled import distilled, world_split
from leanrec.training.run import Run
import leanrec.features.teacher_lists as lists

folder, at = Path(sys.argv[1]), sys.argv[2]
lists.BLOCK_QUESTIONS = 100
write = lists._write

def killing(path, arrays):
    write(path, arrays)
    if at == "lists" and path.name.startswith("000003"):
        os.kill(os.getpid(), signal.SIGKILL)

lists._write = killing

class KillAt:
    def before_step(self, context): pass
    def after_backward(self, context): pass
    def after_step(self, context):
        if at == "training" and context.step == 20:
            os.kill(os.getpid(), signal.SIGKILL)

split = world_split()
fitted = distilled(training={"checkpoint_steps": 1}).fit(split.train, valid=split.valid, run=Run(folder=folder, hooks=(KillAt(),)))
fitted.save(folder / "saved")
"""


def world_split() -> Split:
    return split_leave_one_out(World.generate(WorldConfig(num_users=60, num_items=40, days=30), seed=3).dataset)


@pytest.fixture(scope="module")
def split() -> Split:
    return world_split()


def distilled(**changes: Any) -> Distilled:
    config = {**SETTINGS, **{name: {**SETTINGS.get(name, {}), **value} for name, value in changes.items()}}
    recommender = build("distilled", config)
    assert isinstance(recommender, Distilled)
    return recommender


@pytest.fixture(scope="module")
def fitted(split: Split) -> Distilled:
    return distilled().fit(split.train, valid=split.valid)


def queries(split: Split) -> list[Query]:
    return list(split.holdout("valid").queries)


def shared(one: Any, other: Any, split: Split) -> float:
    """The share of their three best items that two recommenders have in common."""
    answers = [recommender.recommend(queries(split), k=3) for recommender in (one, other)]
    return float(np.mean([len(set(first.item_ids) & set(second.item_ids)) / 3 for first, second in zip(*answers, strict=True)]))


def test_a_student_answers_more_like_its_teacher_than_one_without(split: Split) -> None:
    teacher = build("ease").fit(split.train, run=Run())
    training = {"max_epochs": 12, "validate_every": 0}
    taught = distilled(training=training, distillation={"share": 1.0, "perplexity": 4.0}).fit(split.train)
    alone = distilled(training=training, distillation={"share": 0.0}, questions={"shortened": 0, "mixed": 0}).fit(split.train)
    assert shared(taught, teacher, split) > shared(alone, teacher, split) + 0.05


def test_saved_it_is_the_student_alone_and_runs_without_torch(fitted: Distilled, split: Split, tmp_path: Path) -> None:
    fitted.save(tmp_path / "saved")
    bundled = opener("distilled").load(tmp_path / "saved")
    assert isinstance(bundled, Bundled)
    np.testing.assert_allclose(bundled.catalogue_scores(queries(split)), fitted.catalogue_scores(queries(split)), atol=1e-4)
    alone = build("sequential", {"encoder": fitted.config.encoder.model_dump(exclude_unset=True), "training": {"max_epochs": 1, "warmup_epochs": 0}})
    alone.fit(split.train, run=Run()).save(tmp_path / "alone")
    sizes = [{name: array.shape for name, array in Artifact.open(tmp_path / name).arrays.items()} for name in ("saved", "alone")]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("phase", ["lists", "training"])
def test_killed_and_fitted_again_it_has_the_same_bits(phase: str, fitted: Distilled, tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join((str(root), os.environ.get("PYTHONPATH", "")))}

    def run(folder: Path, at: str) -> int:
        command = [sys.executable, "-c", KILLED, str(folder), at]
        return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False).returncode

    folder = tmp_path / "run"
    assert run(folder, phase) == -signal.SIGKILL
    done = {path.name: path.stat().st_mtime_ns for path in (folder / "lists").glob("*.block.safetensors")}
    teacher = (folder / "teacher" / "fitted" / "manifest.json").stat().st_mtime_ns
    assert len(done) >= 4
    assert run(folder, "") == 0
    assert {name: (folder / "lists" / name).stat().st_mtime_ns for name in done} == done, "something was asked twice"
    assert (folder / "teacher" / "fitted" / "manifest.json").stat().st_mtime_ns == teacher, "the teacher was fitted twice"
    if phase == "training":
        assert '"resume"' in (folder / "journal.jsonl").read_text()
    assert run(tmp_path / "whole", "") == 0
    saved, whole = (Artifact.open(place / "saved").arrays for place in (folder, tmp_path / "whole"))
    assert {name: array.tobytes() for name, array in saved.items()} == {name: array.tobytes() for name, array in whole.items()}


def test_settled_it_needs_no_validation_data_and_answers_alike(split: Split) -> None:
    teacher = {"name": "sequential", "config": {"encoder": {"width": 8}, "training": {"max_epochs": 3, "validate_every": 1, "warmup_epochs": 0}}}
    first = distilled(teacher=teacher).fit(split.train, valid=split.valid)
    settled = first.settled()
    assert settled.config.teacher.config["training"]["stop_epoch"] >= 1
    again = settled.fit(split.train)
    np.testing.assert_allclose(again.catalogue_scores(queries(split)), first.catalogue_scores(queries(split)), atol=1e-5)


def test_loaded_it_can_still_be_settled(fitted: Distilled, tmp_path: Path) -> None:
    fitted.save(tmp_path / "saved")
    assert Distilled.load(tmp_path / "saved").settled().config == fitted.settled().config


def test_a_teacher_from_a_folder_is_asked_as_it_is(split: Split, tmp_path: Path) -> None:
    build("ease").fit(split.train, run=Run()).save(tmp_path / "ease")
    settings = {**SETTINGS, "teacher": {"folder": str(tmp_path / "ease")}}
    from_folder, by_name = build("distilled", settings).fit(split.train, run=Run()), distilled().fit(split.train)
    assert isinstance(from_folder, Distilled)
    np.testing.assert_allclose(from_folder.catalogue_scores(queries(split)), by_name.catalogue_scores(queries(split)), atol=1e-5)


def test_a_teacher_that_learned_from_other_events_is_refused(split: Split, tmp_path: Path) -> None:
    build("ease").fit(split.dataset, run=Run()).save(tmp_path / "ease")
    with pytest.raises(DataError, match=r"fitted on other events: (?s:.*)leak(?s:.*)leanrec distill"):
        build("distilled", {**SETTINGS, "teacher": {"folder": str(tmp_path / "ease")}}).fit(split.train, run=Run())
    with pytest.raises(ConfigError, match="leave config out"):
        build("distilled", {**SETTINGS, "teacher": {"folder": str(tmp_path / "ease"), "config": {"decay": 0.5}}})


def test_item_vectors_of_a_network_are_learned_from_and_others_have_none(split: Split) -> None:
    teacher = {"name": "sequential", "config": {"encoder": {"width": 8}, "training": {"max_epochs": 2, "warmup_epochs": 0}}}
    plain = distilled(teacher=teacher).fit(split.train)
    with_vectors = distilled(teacher=teacher, distillation={"features": 1.0}).fit(split.train)
    assert not np.allclose(plain.catalogue_scores(queries(split)), with_vectors.catalogue_scores(queries(split)))
    with pytest.raises(ConfigError, match="'ease' has no item vectors"):
        distilled(distillation={"features": 1.0}).fit(split.train)


@pytest.mark.parametrize(
    "changes",
    [
        {"distillation": {"kind": "ranking"}},
        {"distillation": {"kind": "regression"}},
        {"distillation": {"trust": "confident"}},
        {"distillation": {"trust": "agreeing", "position": 5.0}},
        {"loss": {"kind": "full-softmax", "temperature": 0.1}},
        {"loss": {"kind": "sampled-softmax", "num_negatives": 8}},
        {"items": {"id_dropout": 0.3}},
    ],
)
def test_every_way_of_learning_can_be_served(changes: dict[str, Any], split: Split, tmp_path: Path) -> None:
    recommender = distilled(**changes).fit(split.train)
    recommender.save(tmp_path / "saved")
    bundled = opener("distilled").load(tmp_path / "saved")
    expected = recommender.catalogue_scores(queries(split))
    np.testing.assert_allclose(bundled.catalogue_scores(queries(split)), expected, atol=1e-4 * np.abs(expected).max())


def test_a_loss_that_cannot_be_mixed_with_lists_is_refused(split: Split) -> None:
    with pytest.raises(ConfigError, match="'bpr' is no softmax"):
        distilled(loss={"kind": "bpr"}).fit(split.train)
