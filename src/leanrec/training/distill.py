"""Distilling: what a student loses when it answers otherwise than its teacher, beside what it loses on the log."""

from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from leanrec.errors import ConfigError
from leanrec.features.batches import Batch
from leanrec.features.histories import FloatArray
from leanrec.features.lessons import Lesson
from leanrec.models.losses import Loss
from leanrec.models.sampled_losses import cosine_sides
from leanrec.models.widening import Widenings, of_vectors
from leanrec.training.distillation_config import DistillationConfig

NUM_COMPARED = 1024
"""Items drawn in a step whose vectors are compared with the teacher's."""


class TaughtLoss:
    """A loss of next items, mixed with what the teacher says at the same places; it is told of each batch before it is asked.

    The teacher's part of a place is belief_t, its shares over items p_t (they sum to 1). With kind `list` and a softmax as the loss of the log,
    the mixture of both is one softmax over the catalogue, -log softmax(z)[target] + belief_t (z[target] - sum_j p_tj z_j): the cross-entropy
    to (1 - belief_t) of the target and belief_t of the list (Hinton et al. 2015, eq. 2, the student at temperature 1), at the price of a
    weighted sum of the listed items' vectors.
    """

    def __init__(
        self,
        loss: Loss,
        lesson: Lesson,
        config: DistillationConfig,
        *,
        temperature: float | None = None,
        item_vectors: "TeacherVectors | None" = None,
    ) -> None:
        self._loss, self._config, self._temperature, self._item_vectors = loss, config, temperature, item_vectors
        self._question_at = torch.from_numpy(lesson.question_at)
        self._items, self._shares = torch.from_numpy(lesson.items), torch.from_numpy(lesson.shares)
        beliefs = np.full(len(lesson.is_guess), config.share, np.float32)
        if config.trust == "confident":
            beliefs *= lesson.confidence
        self._beliefs = torch.from_numpy(np.where(lesson.is_guess, np.float32(1), beliefs) * lesson.shares.any(axis=1))
        self._is_guess = torch.from_numpy(lesson.is_guess)
        self._questions: Tensor | None = None

    @property
    def losses(self) -> Tensor | None:
        """(T,) of each target by the log alone, as `Loss`."""
        return self._loss.losses

    def hear(self, batch: Batch) -> None:
        """Learn which questions the places of the next batch are."""
        self._questions = self._question_at[torch.from_numpy(batch.places)]

    def to(self, device: torch.device) -> Self:
        """The lists stay in main memory; what a batch needs of them goes to the device."""
        self._loss = self._loss.to(device)
        return self

    def __call__(self, hidden: Tensor, item_vectors: Tensor, targets: Tensor) -> Tensor:
        """(T, D), (N, D), (T,) -> a scalar; the first places are those of the batch, in its order, and further ones are the log's alone."""
        questions = self._questions
        assert questions is not None  # noqa: S101 - the task tells of each batch first
        total = self._loss(hidden, item_vectors, targets)
        sides = (hidden, item_vectors) if self._temperature is None else cosine_sides(hidden, item_vectors, self._temperature)
        taught = self._taught(sides[0][: len(questions)], sides[1], targets[: len(questions)], questions)
        total = total + taught * (len(questions) / len(targets))
        if self._item_vectors is not None:
            total = total + self._config.features * self._item_vectors.distance(item_vectors)
        return total

    def _taught(self, hidden: Tensor, vectors: Tensor, targets: Tensor, questions: Tensor) -> Tensor:
        items = self._items[questions].to(hidden.device)  # (T, L)
        shares = self._shares[questions].to(hidden.device).to(hidden.dtype)
        beliefs = self._beliefs[questions].to(hidden.device)
        if self._config.kind == "ranking":
            return (beliefs * ranking_loss(_logits(hidden, vectors, items), shares)).mean()
        if self._config.kind == "regression":
            return (beliefs * regression_loss(_logits(hidden, vectors, items), shares)).mean()
        if self._config.trust == "agreeing":
            is_guess = self._is_guess[questions].to(hidden.device)
            beliefs = torch.where(is_guess, beliefs, beliefs * agreement(_logits(hidden.detach(), vectors.detach(), items), shares))
        said = functional.embedding_bag(items, vectors, per_sample_weights=shares.to(vectors.dtype), mode="sum")  # (T, D)
        return (beliefs * ((hidden * vectors[targets]).sum(1) - (hidden * said).sum(1))).mean()


class TeacherVectors(nn.Module):
    """The teacher's item vectors and the matrix that brings them to the student's width, learned with the student."""

    def __init__(self, vectors: FloatArray, *, width: int) -> None:
        super().__init__()
        self.register_buffer("vectors", functional.normalize(torch.from_numpy(vectors), dim=1), persistent=False)
        self.projection = nn.Linear(vectors.shape[1], width, bias=False)

    def distance(self, item_vectors: Tensor) -> Tensor:
        """1 - cosine of the student's vectors (N, D) to the projected ones, the mean over some items; a scalar."""
        taught = self.get_buffer("vectors")
        rows = torch.randint(len(taught), (min(NUM_COMPARED, len(taught)),), device=taught.device)
        return 1 - functional.cosine_similarity(item_vectors[rows], self.projection(taught[rows]), dim=1).mean()

    def widenings(self, factor: int) -> Widenings:
        """The teacher's vectors keep their width."""
        return {"projection.weight": of_vectors(factor, parts=(1, 0))}


def ranking_loss(logits: Tensor, shares: Tensor) -> Tensor:
    """(T,) -sum_j p_j log s(z_j): listed items are positives, weighted by what the teacher gives them (Tang & Wang 2018, eq. 6)."""
    return (shares * functional.softplus(-logits)).sum(1)


def regression_loss(logits: Tensor, shares: Tensor) -> Tensor:
    """(T,) sum_j p_j (z_j - log p_j - m)^2, m the weighted mean difference: scores up to a constant of the question."""
    difference = logits - shares.clamp_min(1e-6).log()
    mean = (shares * difference).sum(1, keepdim=True)
    return (shares * (difference - mean) ** 2).sum(1)


def agreement(logits: Tensor, shares: Tensor) -> Tensor:
    """(T,) sum_j min(p_j, q_j) with q the student's own shares of the list: 1 when both say the same."""
    return torch.minimum(shares, logits.softmax(1)).sum(1)


def require_softmax(kind: str, config: DistillationConfig) -> None:
    """Raise `ConfigError` for a loss of the log that cannot be mixed with a list into one softmax."""
    if config.kind == "list" and kind not in ("auto", "full-softmax", "sampled-softmax"):
        raise ConfigError(
            f"the loss {kind!r} is no softmax, which distillation of kind 'list' needs",
            hint='take loss.kind = "full-softmax" or "sampled-softmax", or distillation.kind = "ranking"',
        )


def _logits(hidden: Tensor, vectors: Tensor, items: Tensor) -> Tensor:
    """(T, D), (N, D), (T, L) -> (T, L)."""
    return (functional.embedding(items, vectors) @ hidden[:, :, None]).squeeze(2)
