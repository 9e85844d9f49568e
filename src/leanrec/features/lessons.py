"""Lesson: a teacher's lists made ready to be learned from: sequences with an answer at every place, and what the teacher says there."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from leanrec.features.batches import TokenBatches
from leanrec.features.histories import FloatArray, Histories, Rows
from leanrec.features.teacher_lists import TeacherLists
from leanrec.features.teacher_questions import TeacherQuestions

NUM_TEMPERED = 4096
"""Lists by which the temperature is found, evenly spaced."""
NOT_LEARNED = 0
"""Stands for an item that the student does not train on; its share is 0."""


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What a student is trained on: every question of the teacher, at its place in a sequence, with the teacher's list."""

    histories: Histories
    """The questions' sequences, each with one more item at its end: the teacher's best, since nobody knows what came next."""
    question_at: Rows
    """(E,) the question that the target at each place of the histories answers; -1 at the first of a sequence, which is no target."""
    items: npt.NDArray[np.int32]
    """(Q, L) listed items, as places among those that the student trains on."""
    shares: npt.NDArray[np.float16]
    """(Q, L) what the teacher gives to each; 1 in sum."""
    is_guess: npt.NDArray[np.bool_]
    """(Q,) whether the target is no event of a log: the last of a sequence, and all of mixed ones."""

    @classmethod
    def of(
        cls,
        questions: TeacherQuestions,
        lists: TeacherLists,
        *,
        place_of: Rows,
        num_places: int,
        length: int,
        perplexity: float,
        position: float | None,
    ) -> "Lesson":
        """For a student that trains on the items whose `place_of` (N,) is not negative."""
        rows, scores = lists.item_rows[:, :length], lists.scores[:, :length]
        items = place_of[rows].astype(np.int32)
        falls = np.zeros(rows.shape[1]) if position is None else np.arange(rows.shape[1]) / position
        shares = _shares(scores, temperature_of(scores, perplexity=perplexity), falls)
        shares[items < 0] = 0
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
        best = items[np.arange(len(items)), shares.argmax(axis=1)]
        asked = questions.histories
        ends = asked.offsets[1:]
        is_guess = np.zeros(len(questions), np.bool_)
        is_guess[ends - 1] = True
        is_guess[asked.offsets[len(asked) - questions.sources.mixed] :] = True
        question_at = np.insert(np.arange(len(questions)), asked.offsets[:-1], -1)
        histories = Histories.of_rows(
            [np.append(place_of[asked.of(number)], best[end - 1]) for number, end in enumerate(ends.tolist())], num_items=num_places
        )
        items[items < 0] = NOT_LEARNED
        return cls(histories=histories, question_at=question_at, items=items, shares=shares.astype(np.float16), is_guess=is_guess)

    def batches(self, *, max_length: int, tokens: int, seed: int) -> "LessonBatches":
        """The sequences cut into batches."""
        return LessonBatches(self, max_length=max_length, tokens=tokens, seed=seed)

    @cached_property
    def confidence(self) -> FloatArray:
        """(Q,) 1 for a list of one item, 0 for one of equal shares: 1 - entropy / log L."""
        shares = self.shares.astype(np.float32)
        entropy = -(shares * np.log(np.maximum(shares, 1e-9))).sum(axis=1)
        found: FloatArray = (1 - entropy / np.log(max(2, shares.shape[1]))).clip(0, 1).astype(np.float32)
        return found

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the lists."""
        digest = hashlib.sha256()
        for array in (self.question_at, self.items, self.shares, self.is_guess):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


class LessonBatches(TokenBatches):
    """Batches of a lesson's sequences, which know whose lists stand beside them."""

    def __init__(self, lesson: Lesson, *, max_length: int, tokens: int, seed: int) -> None:
        super().__init__(lesson.histories, max_length=max_length, tokens=tokens, seed=seed)
        self._lists = lesson.fingerprint

    @property
    def fingerprint(self) -> str:
        """sha256 of sequences and lists."""
        return hashlib.sha256(f"{super().fingerprint} {self._lists}".encode()).hexdigest()


def temperature_of(scores: npt.NDArray[np.floating], *, perplexity: float) -> float:
    """By what the scores (Q, L) are divided so that, on average, a list is worth `perplexity` equal items: exp of its entropy."""
    sample = scores[np.linspace(0, len(scores) - 1, min(len(scores), NUM_TEMPERED)).astype(np.int64)]
    low, high = 1e-3, 1e4
    for _ in range(40):
        middle = float(np.sqrt(low * high))
        shares = _shares(sample, middle, np.zeros(sample.shape[1]))
        worth = np.exp(-(shares * np.log(np.maximum(shares, 1e-12))).sum(axis=1)).mean()
        low, high = (low, middle) if worth > perplexity else (middle, high)
    return float(np.sqrt(low * high))


def _shares(scores: npt.NDArray[np.floating], temperature: float, falls: npt.NDArray[np.floating]) -> FloatArray:
    """(Q, L) float32 with rows that sum to 1; to 0 for an empty list."""
    logits = scores.astype(np.float32) / np.float32(temperature) - falls.astype(np.float32)
    weights = np.exp(logits - np.where(np.isfinite(logits[:, :1]), logits[:, :1], 0))
    shares: FloatArray = weights / np.maximum(weights.sum(axis=1, keepdims=True), np.float32(1e-12))
    return shares
