"""Distil: a model folder in, a smaller model folder out, and nothing done twice after an interruption."""

import json
from pathlib import Path
from typing import Any

import pytest

from leanrec.artifact import Artifact
from leanrec.cli import main
from leanrec.data.query import Query
from leanrec.data.world import World, WorldConfig
from leanrec.errors import ConfigError
from leanrec.recommenders.building import build
from leanrec.recommenders.bundled import Bundled
from leanrec.recommenders.model import Model
from leanrec.training.run import Run
from leanrec.workflow.distilling import distil
from leanrec.workflow.settings import RunSettings

STUDENT: dict[str, Any] = {
    "encoder": {"width": 8, "max_length": 8},
    "training": {"max_epochs": 3, "tokens": 64, "device": "cpu"},
    "questions": {"shortened": 1},
    "distillation": {"length": 10},
}


def settings(**others: Any) -> RunSettings:
    return RunSettings.parse({"configs": {"distilled": {**STUDENT, **others}}})


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dataset = World.generate(WorldConfig(num_users=40, num_items=30, days=30), seed=3).dataset
    folder = tmp_path_factory.mktemp("models") / "large"
    Model(recommender=build("ease").fit(dataset, run=Run()), dataset=dataset, name="ease").save(folder)
    return folder


def test_the_student_answers_from_its_own_folder_without_torch_and_without_the_teacher(large: Path, tmp_path: Path) -> None:
    made = distil(large, to=tmp_path / "small", settings=settings())
    opened = Model.load(tmp_path / "small")
    assert (opened.name, made.teacher) == ("distilled", "ease")
    assert isinstance(opened.recommender, Bundled)
    user = opened.dataset.users.ids[0]
    answer = opened.recommender.recommend([opened.query(user)], k=5)[0]
    assert answer.item_ids == made.model.recommender.recommend([opened.query(user)], k=5)[0].item_ids
    assert made.student_bytes == Artifact.open(tmp_path / "small" / "recommender").num_bytes
    assert not (tmp_path / "small.training").exists()


def test_interrupted_in_training_it_asks_the_teacher_nothing_again(large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = distil(large, to=tmp_path / "whole", settings=settings()).model
    from leanrec.recommenders import sequential

    def interrupted(*args: Any, **others: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(sequential, "train_task", interrupted)
        distil(large, to=tmp_path / "small", settings=settings())
    lists = sorted((tmp_path / "small.training").rglob("*.block.safetensors"))
    assert lists
    from leanrec.recommenders.linear import EASE

    with monkeypatch.context() as patched:
        patched.setattr(EASE, "catalogue_scores", interrupted)
        again = distil(large, to=tmp_path / "small", settings=settings()).model
    query = Query(history=tuple(again.dataset.items.ids[:3]))
    assert again.recommender.recommend([query], k=9) == whole.recommender.recommend([query], k=9)


def test_a_second_teacher_is_refused(large: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"teacher is set(?s:.*)leanrec fit"):
        distil(large, to=tmp_path / "small", settings=settings(teacher={"name": "cooccurrence"}))


def test_the_verb_says_what_became_smaller(large: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = [f"configs.distilled.{name}={value}" for name, value in (("encoder.width", 8), ("training.max_epochs", 1), ("training.warmup_epochs", 0))]
    arguments = [part for one in sets for part in ("--set", one)]
    for options in ([], ["--json"]):
        with pytest.raises(SystemExit) as stopped:
            main(["distill", str(large), "--to", str(tmp_path / "small"), *arguments, *options])
        assert stopped.value.code == 0
        said = capsys.readouterr().out
        if options:
            assert json.loads(said)["teacher_bytes"] > 0
        else:
            assert "teacher (ease)" in said
            assert "student" in said
