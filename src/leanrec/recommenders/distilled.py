"""Distilled: a small network over histories that learns from a larger teacher's answers; served like `sequential`, without torch or teacher."""

from dataclasses import replace
from typing import ClassVar, Self

import numpy as np
from pydantic import model_validator

from leanrec.artifact import Artifact, Manifest
from leanrec.data.dataset import Dataset
from leanrec.errors import MissingExtraError
from leanrec.features.batches import TokenBatches
from leanrec.features.histories import Histories
from leanrec.features.teacher_questions import QuestionsConfig, TeacherQuestions
from leanrec.recommenders.schedules import ScheduleName
from leanrec.recommenders.teaching import TeacherConfig, item_vectors_of, teach
from leanrec.training.curriculum import CurriculumConfig
from leanrec.training.distillation_config import DistillationConfig
from leanrec.training.growth import GrowthConfig
from leanrec.training.run import Run
from leanrec.training.training_config import Precision, TrainingConfig

try:
    from leanrec.features.lessons import Lesson
    from leanrec.models.losses import Loss, LossConfig
    from leanrec.models.next_item import NextItemNetwork
    from leanrec.models.sequence_encoder import SequenceEncoderConfig
    from leanrec.recommenders.pacing import difficulty_of
    from leanrec.recommenders.protocol import FloatArray
    from leanrec.recommenders.sequential import Sequential, SequentialConfig
    from leanrec.recommenders.staged_loss import LossFor
    from leanrec.recommenders.trained_items import TrainedItems
    from leanrec.training.distill import TaughtLoss, TeacherVectors, require_softmax
except ModuleNotFoundError as error:
    if (error.name or "").startswith("leanrec"):
        raise
    raise MissingExtraError(f"distilled needs {error.name}, which is not installed", hint="pip install 'leanrec[train]'") from None


class DistilledConfig(SequentialConfig):
    """The settings of the student, which are those of `sequential`, and who teaches it what; defaults as measured on Amazon Beauty (docs/log.md)."""

    encoder: SequenceEncoderConfig = SequenceEncoderConfig(block="gru", width=48, num_layers=1, dropout=0.3)
    """How the student reads histories."""
    training: TrainingConfig = TrainingConfig(
        max_epochs=14, tokens=1024, learning_rate=4e-3, warmup_epochs=1, weight_decay=0.01, clip=5.0, patience=3, validate_every=2
    )
    """For how long and how fast the student is trained; an epoch goes over all questions."""
    teacher: TeacherConfig = TeacherConfig()
    """Who teaches."""
    questions: QuestionsConfig = QuestionsConfig()
    """What the teacher is asked about."""
    distillation: DistillationConfig = DistillationConfig()
    """What is learned of its answers."""
    schedule: ScheduleName = "whole"
    """As for `sequential`; all from the beginning by default, since schedules were not measured on students."""
    unheeded: ClassVar[tuple[str, ...]] = ("augment", "auxiliary")
    looks_at_few: ClassVar[bool] = False

    @model_validator(mode="after")
    def _compares_whole_vectors(self) -> Self:
        if self.growth is not None and self.growth.dimensions and self.distillation.features:
            raise ValueError("growth.dimensions compares parts of vectors, and distillation.features whole ones: leave one of them out")
        return self


class Distilled(Sequential):
    """Knowledge distillation for rankings: a teacher's soft lists at every place of many histories, those of the log and others like them.

    The teacher may be anything that scores a catalogue: a fusion, a larger network, a folder with a model. Saved, it is the student alone.
    """

    name = "distilled"
    Config = DistilledConfig
    config: DistilledConfig

    def settled(self) -> "Distilled":
        """An unfitted one whose teacher and student do again, without validation data, what it found best."""
        self.items  # noqa: B018 - raises NotFittedError
        training = self.config.training.model_copy(update={"stop_epoch": int(self.figures["epochs"])})
        return Distilled(self.config.model_copy(update={"training": training, "teacher": self._settled_teacher, "schedule": self._schedule}))

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:
        config = self.config
        require_softmax(config.loss.kind, config.distillation)
        self._questions = TeacherQuestions.of(Histories.of_dataset(train), config.questions, max_length=config.encoder.max_length, seed=run.seed)
        vectors_of = item_vectors_of if config.distillation.features else None
        teacher, self._lists = teach(
            config.teacher, train, self._questions, length=config.distillation.length, valid=valid, run=run, vectors_of=vectors_of
        )
        self._settled_teacher = teacher.settled
        super()._learn(train, valid=valid, run=run)
        self.figures["questions"] = float(len(self._questions))
        del self._questions, self._lists, self._lesson, self._teacher_vectors

    def _batches(self, train: Dataset, run: Run, trained: TrainedItems | None = None) -> TokenBatches:  # noqa: ARG002 - the questions are of them
        assert trained is not None  # noqa: S101 - as `_learn` calls it
        place_of = np.full(trained.num_items, -1, np.int64)
        place_of[trained.rows] = np.arange(len(trained))
        wanted = self.config.distillation
        self._lesson = Lesson.of(
            self._questions,
            self._lists,
            place_of=place_of,
            num_places=len(trained),
            length=wanted.length,
            perplexity=wanted.perplexity,
            position=wanted.position,
        )
        return self._lesson.batches(max_length=self.config.encoder.max_length, tokens=self.config.training.tokens, seed=run.seed)

    def _difficulty(
        self,
        curriculum: CurriculumConfig | None,
        batches: TokenBatches,
        trained: TrainedItems,
        train: Dataset,  # noqa: ARG002 - of other events
    ) -> FloatArray | None:
        confidence = np.where(self._lesson.question_at < 0, np.float32(np.nan), self._lesson.confidence[self._lesson.question_at])
        return difficulty_of(batches, curriculum, counts=trained.counts, train=None, confidence=confidence)

    def _build(self, trained: TrainedItems, growth: GrowthConfig | None) -> NextItemNetwork:
        """The network; where the teacher's vectors are learned from, the matrix that brings them to its width is trained with it."""
        network = super()._build(trained, growth)
        self._teacher_vectors: TeacherVectors | None = None
        if self._lists.item_vectors is not None:
            self._teacher_vectors = TeacherVectors(self._lists.item_vectors[trained.rows], width=network.encoder.config.width)
            network.add_module("teacher_vectors", self._teacher_vectors)
        return network

    def _loss(self, trained: TrainedItems, batches: TokenBatches, run: Run) -> LossFor:
        of_log, lesson, vectors = super()._loss(trained, batches, run), self._lesson, self._teacher_vectors

        def build(loss: LossConfig, precision: Precision) -> Loss:
            settings, temperature = self.config.distillation, self.config.loss.temperature
            return TaughtLoss(of_log(loss, precision), lesson, settings, temperature=temperature, item_vectors=vectors)

        return build

    def _manifest(self) -> Manifest:
        """With the teacher as validation left it, so that a loaded one can be settled too."""
        manifest = super()._manifest()
        settled = {**manifest.config, "teacher": self._settled_teacher.model_dump(mode="json")}
        return replace(manifest, config=settled)

    def _load_parts(self, artifact: Artifact) -> None:
        super()._load_parts(artifact)
        self._settled_teacher = self.config.teacher
