"""Relevance tuning: a cross-encoder learns from labelled pairs of history and candidate; choices or ratings."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from leanrec.config import Config
from leanrec.data.tokens import FloatArray
from leanrec.features.language_scorer import LanguageScorer
from leanrec.features.relevance_examples import RelevanceBatch, RelevanceBatches, RelevanceExamples
from leanrec.metrics.relevance import ratings_report, relevance_report
from leanrec.models.cross_encoder import CrossEncoder
from leanrec.training.example_selection import SelectionConfig, selected
from leanrec.training.language_pacing import ChoiceCurriculum, paced
from leanrec.training.language_task import LanguageTask
from leanrec.training.language_tuning import PairTraining, Tuning, TuningConfig
from leanrec.training.loop import train
from leanrec.training.progress import TrainingResult
from leanrec.training.run import Run
from leanrec.training.training_config import TrainingConfig

Objective = Literal["bce", "pairwise", "listwise", "mse"]


class RelevanceConfig(Config):
    """What the head learns, and which weights learn with it."""

    objective: Objective = "listwise"
    """`bce`: each pair alone, chosen or not. `pairwise`: the chosen above the others of its question (RankNet, Burges et al. 2005).
    `listwise`: a softmax over the pairs of a question (ListNet, Cao et al. 2007). `mse`: the stars of a rating."""
    tuning: TuningConfig = TuningConfig()
    """Which of the encoder's weights are learned beside the head."""
    is_frozen: bool = False
    """Learn the head alone."""
    head_rate: float = Field(default=1.0, gt=0)
    """The head's learning rate over the others'."""
    training: PairTraining = TrainingConfig(
        max_epochs=2, learning_rate=1e-4, betas=(0.9, 0.999), weight_decay=0.01, warmup_epochs=0.1, validate_every=0, journal_steps=10
    )
    """The settings of the loop."""
    pairs: int = Field(default=32, ge=1)
    """Pairs in a batch, about: questions stay whole."""
    max_batch_tokens: int = Field(default=4096, ge=1)
    """Tokens that the model reads at once, texts of like length together; memory is held for all of a batch: `pairs` and
    `tuning.checkpoint_gradients` bound it."""
    examples: int | None = Field(default=None, ge=1)
    """Learn from about so many labelled pairs, drawn by chance: a few-shot trial. Left out: from all."""
    select: SelectionConfig | None = None
    """Learn from the part of the questions that is worth most. Left out: from all."""
    curriculum: ChoiceCurriculum | None = None
    """Which questions are learned from first: of short texts, about popular choices (not of `mse`), what is easy by now, or any; left out: all."""

    @model_validator(mode="after")
    def _takes_effect(self) -> Self:
        if self.objective == "mse" and self.curriculum is not None and self.curriculum.by == "popularity":
            raise ValueError("curriculum.by 'popularity' is of choices, and mse learns ratings; known: length, loss, random")
        if self.is_frozen and self.tuning != TuningConfig():
            raise ValueError("is_frozen learns the head alone, and tuning says what is learned beside it: set one of them")
        return self


class RelevanceTask(LanguageTask):
    """The loss of a batch of pairs, by the objective."""

    def __init__(self, encoder: CrossEncoder, tuning: Tuning, config: RelevanceConfig, *, validate: Callable[[], float] | None = None) -> None:
        super().__init__(encoder.network, tuning, validate=validate)
        self._config = config

    def rates(self, progress: float) -> Mapping[str, float]:
        """By layer; the head has its own."""
        rates = dict(super().rates(progress))
        if self._config.head_rate != 1.0:
            rates |= {"head.weight": self._config.head_rate, "head.bias": self._config.head_rate}
        return rates

    def loss(self, batch: RelevanceBatch) -> Tensor:
        """A scalar: the mean over pairs (`bce`, `mse`), over pairs of a chosen and another (`pairwise`), or over questions (`listwise`)."""
        labels, questions = self._given(batch.labels, batch.questions)
        figures = self._figures(batch)
        self._lost = partial(self._of_each, figures.detach(), labels, questions)
        return self._loss(figures, labels, questions)

    def _loss(self, figures: Tensor, labels: Tensor, questions: Tensor) -> Tensor:
        match self._config.objective:
            case "bce":
                return nn.functional.binary_cross_entropy_with_logits(figures, labels)
            case "mse":
                return nn.functional.mse_loss(figures, labels)
            case "pairwise":
                return _pairwise(figures, labels, questions)
            case "listwise":
                return _listwise(figures, labels, questions)

    def _of_each(self, figures: Tensor, labels: Tensor, questions: Tensor) -> Tensor:
        """(Q,) the loss of each question alone; 0 where it asks nothing."""
        of_each = [questions == question for question in torch.unique(questions)]
        return torch.stack([self._loss(figures[is_its], labels[is_its], questions[is_its]) for is_its in of_each])

    def _figures(self, batch: RelevanceBatch) -> Tensor:
        """(B,) in the order of the batch."""
        with self._mixed():
            parts = [self.module(*self._given(texts.ids, texts.mask, types)).float() for texts, types in batch.texts]
        return self._in_order(parts, [texts for texts, _ in batch.texts])


def tune_cross_encoder(
    encoder: CrossEncoder,
    examples: RelevanceExamples,
    *,
    config: RelevanceConfig,
    run: Run,
    validate: Callable[[], float] | None = None,
    keep: Callable[[Tuning], None] | None = None,
) -> TrainingResult:
    """Tune the encoder, in place. A rating head begins at the mean rating.

    With `run.folder` an interrupted tuning goes on from its checkpoint, with the same bits on a CPU. Adapters are folded into the weights;
    `keep` is called before, with what holds them.
    """
    if config.examples is not None:
        examples = examples.sample(config.examples, rng=run.rng())
    if config.select is not None:
        examples = selected(encoder, examples, config.select, is_rating=config.objective == "mse", run=run)
    asked = RelevanceBatches(
        examples, encoder.pairs, pairs=config.pairs, pad_id=encoder.pad_id, max_batch_tokens=config.max_batch_tokens, seed=run.seed
    )
    batches = paced(asked, config.curriculum, orders={"length": asked.by_length, "popularity": asked.by_popularity}, run=run)
    if config.objective == "mse":
        with torch.no_grad():
            encoder.network.head.bias.fill_(float(examples.labels.mean()))
    settings = {**config.model_dump(mode="json", exclude={"training", "curriculum"}), "encoder": encoder.fingerprint}
    with torch.random.fork_rng():
        torch.manual_seed(run.seed)
        tuning = Tuning(encoder.network.model, config.tuning)
        if config.is_frozen:
            encoder.network.model.requires_grad_(False)
        result = train(RelevanceTask(encoder, tuning, config, validate=validate), batches, config.training, run=run, settings=settings)
    if keep is not None:
        keep(tuning)
    encoder.network.model = tuning.finished()
    encoder.network.eval().requires_grad_(True)
    return result


def relevance_scores(encoder: LanguageScorer, examples: RelevanceExamples) -> FloatArray:
    """(E,) what the encoder says of each pair; NaN where the candidate holds nothing to read."""
    scores = np.full(len(examples), np.nan, np.float32)
    edges = np.flatnonzero(np.diff(examples.questions, prepend=-1, append=-1)) if len(examples) else np.zeros(1, np.int64)
    for start, end in pairwise(edges.tolist()):
        candidates = [examples.candidates[row] for row in examples.candidate_rows[start:end]]
        scores[start:end] = encoder.scores(examples.histories[examples.questions[start]], candidates)
    return scores


def tuning_report(encoder: LanguageScorer, examples: RelevanceExamples, *, objective: Objective) -> Mapping[str, object]:
    """AUC, log loss and a classification report of choices; RMSE, AUC of the upper stars and the same report of ratings."""
    scores = relevance_scores(encoder, examples)
    is_read = ~np.isnan(scores)
    report = ratings_report if objective == "mse" else relevance_report
    return report(examples.labels[is_read], scores[is_read])


def _pairwise(figures: Tensor, labels: Tensor, questions: Tensor) -> Tensor:
    better = (labels[:, None] > labels[None, :]) & (questions[:, None] == questions[None, :])  # (B, B)
    margins = (figures[:, None] - figures[None, :])[better]
    return nn.functional.softplus(-margins).mean() if len(margins) else figures.sum() * 0.0


def _listwise(figures: Tensor, labels: Tensor, questions: Tensor) -> Tensor:
    """Cross-entropy of each question's labels, made shares, against the softmax of its figures; questions without a choice say nothing."""
    asked, places = torch.unique(questions, return_inverse=True)
    same = places[None, :] == torch.arange(len(asked), device=places.device)[:, None]  # (Q, B)
    log_shares = torch.log_softmax(figures[None, :].expand(len(asked), -1).masked_fill(~same, float("-inf")), dim=1)
    totals = (labels[None, :] * same).sum(1)  # (Q,)
    told = -(labels[None, :] * log_shares.masked_fill(~same, 0.0)).sum(1) / totals.clamp(min=1e-9)
    has_choice = totals > 0
    return told[has_choice].mean() if bool(has_choice.any()) else figures.sum() * 0.0
