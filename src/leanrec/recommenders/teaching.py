"""Teaching: a teacher fitted or opened, asked, and its lists written; each part done once, whatever interrupts it."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from leanrec.artifact import MANIFEST_FILE, Artifact
from leanrec.config import Config, Settings
from leanrec.data.dataset import Dataset
from leanrec.data.query import Query
from leanrec.errors import ConfigError, DataError
from leanrec.features.histories import FloatArray, Rows
from leanrec.features.teacher_lists import ListsOrigin, TeacherLists, write_lists
from leanrec.features.teacher_questions import TeacherQuestions
from leanrec.recommenders.building import opener
from leanrec.recommenders.kept_fit import fit_once, scoring_all
from leanrec.recommenders.protocol import CatalogueRecommender
from leanrec.recommenders.vector_scorer import VectorScorer
from leanrec.training.run import Run

TEACHER_FOLDER, LISTS_FOLDER = "teacher", "lists"
"""Below the folder of a run: the fitted teacher, and what it said."""


class TeacherConfig(Config):
    """Who teaches: a recommender that is fitted first, or one that was fitted before."""

    name: str = "fusion"
    """The registered name of a recommender that scores its whole catalogue."""
    config: Settings = Field(default_factory=dict)
    """Its settings."""
    folder: str | None = None
    """A folder that holds a fitted recommender, or a model; it must have learned from the same events. Given, nothing is fitted."""

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Self:
        if self.folder is not None and self.config:
            raise ValueError("a teacher from a folder brings its settings along; leave config out")
        return self


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """A fitted teacher, opened as it will be whenever it is asked."""

    recommender: CatalogueRecommender
    fingerprint: str
    settled: TeacherConfig
    """With what validation taught it fixed, so that it can be fitted again without."""

    def say(self, histories: Sequence[Rows]) -> FloatArray:
        """(B, N) scores after each history of item rows."""
        ids = self.recommender.items.ids
        return self.recommender.catalogue_scores([Query(history=tuple(ids[row] for row in rows.tolist())) for rows in histories])


def teach(
    config: TeacherConfig,
    train: Dataset,
    questions: TeacherQuestions,
    *,
    length: int,
    valid: Dataset | None,
    run: Run,
    vectors_of: Callable[[CatalogueRecommender], FloatArray] | None = None,
) -> tuple[Teacher, TeacherLists]:
    """The teacher, and its lists of `length` items for all questions.

    With `run.folder` both are kept there: run again after a kill, nothing that was done is done again. `vectors_of` gives the teacher's item
    vectors, where they are wanted beside the lists.
    """
    with tempfile.TemporaryDirectory(prefix="leanrec-") as passing:
        folder = run.folder or Path(passing)
        teacher = ready_teacher(config, train, valid=valid, run=run, folder=folder)
        origin = ListsOrigin(
            teacher=teacher.fingerprint,
            data=train.fingerprint,
            questions=questions.fingerprint,
            num_questions=len(questions),
            length=min(length, train.num_items),
        )
        vectors = vectors_of(teacher.recommender) if vectors_of is not None else None
        return teacher, write_lists(teacher.say, questions, origin, folder=folder / LISTS_FOLDER, item_vectors=vectors)


def item_vectors_of(recommender: CatalogueRecommender) -> FloatArray:
    """(N, V) the teacher's vectors of its items; raises `ConfigError` when it has none."""
    if not isinstance(recommender, VectorScorer):
        raise ConfigError(
            f"the teacher {getattr(recommender, 'name', type(recommender).__name__)!r} has no item vectors to learn from",
            hint="set distillation.features = 0, or let a network such as sequential teach",
        )
    return recommender._item_vectors


def ready_teacher(config: TeacherConfig, train: Dataset, *, valid: Dataset | None, run: Run, folder: Path) -> Teacher:
    """The teacher opened from where its settings say, from `folder` when it was fitted there before, or fitted now and put there."""
    if config.folder is not None:
        return _from_folder(config, train)
    kept = fit_once(config.name, config.config, train, valid=valid, run=replace(run, hooks=()), folder=folder / TEACHER_FOLDER)
    return Teacher(recommender=kept.recommender, fingerprint=kept.fingerprint, settled=config.model_copy(update={"config": kept.settled}))


def _from_folder(config: TeacherConfig, train: Dataset) -> Teacher:
    """The recommender of a folder, or of the model in it, which has to know the same items from the same events."""
    folder = Path(config.folder or "")
    if (folder / "recommender" / MANIFEST_FILE).is_file():
        folder = folder / "recommender"
    manifest = Artifact.open(folder).manifest
    recommender = scoring_all(opener(manifest.kind).load(folder), manifest.kind)
    if recommender.items.ids != train.items.ids:
        raise DataError(f"the teacher in {folder} knows other items than the events do", hint="teach with the events that it was fitted on")
    if manifest.parents[:1] != (train.fingerprint,):
        raise DataError(
            f"the teacher in {folder} was fitted on other events: what it knows of those held out would leak into the student",
            hint="distil the whole model with `leanrec distill`, or name the teacher by `name`, so that it is fitted on the same part",
        )
    return Teacher(recommender=recommender, fingerprint=manifest.fingerprint, settled=config)
