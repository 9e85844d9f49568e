"""Distil: from a fitted model to a small one that answers almost alike, learned from its answers and from the same events."""

import logging
from dataclasses import dataclass
from pathlib import Path

from leanrec.artifact import Artifact
from leanrec.errors import ConfigError
from leanrec.recommenders.building import build
from leanrec.recommenders.model import RECOMMENDER_FOLDER, Model
from leanrec.training.run import Run
from leanrec.workflow.keeping import keeping_trainings
from leanrec.workflow.settings import RunSettings

log = logging.getLogger(__name__)

STUDENT = "distilled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Distillation:
    """The student, and what it saves."""

    model: Model
    teacher: str
    """The registered name of the model that was distilled."""
    teacher_bytes: int
    """Of the recommender alone, on disk."""
    student_bytes: int
    """The same of the student."""


def distil(model: Path | str, *, to: Path | str, settings: RunSettings | None = None) -> Distillation:
    """A model whose recommender learned from the answers of another's, on the events that came with it; saved to `to`.

    The settings of the student stand under `configs.distilled`; it trains as many epochs as they say, since every event is learned from.
    What the teacher said is kept in `<to>.training` until all is done: interrupted, the same call goes on from there.
    Raises `ConfigError` when the settings name a teacher of their own.
    """
    settings = settings or RunSettings()
    teacher = Model.load(model)
    table = settings.configs.get(STUDENT, {})
    if "teacher" in table:
        raise ConfigError(
            f"configs.{STUDENT}.teacher is set, and {model} is to teach", hint=f"leave it out, or use leanrec fit --recommender {STUDENT}"
        )
    folder = Path(model) / RECOMMENDER_FOLDER
    student = build(STUDENT, {**table, "teacher": {"name": teacher.name, "folder": str(folder)}}, where=f"configs.{STUDENT}")
    with keeping_trainings(to, teacher.dataset, settings) as kept:
        run = Run(seed=settings.seed, budget=settings.budget, folder=kept)
        made = Model(
            recommender=student.fit(teacher.dataset, run=run), dataset=teacher.dataset, name=STUDENT, includes_repeats=teacher.includes_repeats
        )
        made.save(to)
    sizes = [Artifact.open(place).num_bytes for place in (folder, Path(to) / RECOMMENDER_FOLDER)]
    log.info("%s was distilled into %s: %.1f MB instead of %.1f", teacher.name, to, sizes[1] / 1e6, sizes[0] / 1e6)
    return Distillation(model=made, teacher=teacher.name, teacher_bytes=sizes[0], student_bytes=sizes[1])
