"""Lessons: a teacher's lists at their places, with shares that a temperature makes of scores."""

import numpy as np
import pytest

from leanrec.features.histories import Histories
from leanrec.features.lessons import Lesson, temperature_of
from leanrec.features.teacher_lists import TeacherLists
from leanrec.features.teacher_questions import QuestionsConfig, TeacherQuestions

NUM_ITEMS = 12
LENGTH = 5


def questions(**settings: object) -> TeacherQuestions:
    sequences = [np.array([0, 1, 2]), np.array([3]), np.array([4, 5])]
    config = QuestionsConfig.parse({"shortened": 0, **settings})
    return TeacherQuestions.of(Histories.of_rows(sequences, num_items=NUM_ITEMS), config, max_length=8)


def lists_of(asked: TeacherQuestions) -> TeacherLists:
    rng = np.random.default_rng(4)
    rows = np.stack([6 + rng.permutation(6)[:LENGTH] for _ in range(len(asked))]).astype(np.int32)
    scores = -np.sort(rng.exponential(size=rows.shape), axis=1)
    return TeacherLists(item_rows=rows, scores=(scores - scores[:, :1]).astype(np.float16))


def lesson_of(asked: TeacherQuestions, lists: TeacherLists, **settings: object) -> Lesson:
    wanted = {"place_of": np.arange(NUM_ITEMS), "num_places": NUM_ITEMS, "length": LENGTH, "perplexity": 3.0, "position": None}
    return Lesson.of(asked, lists, **{**wanted, **settings})  # type: ignore[arg-type]  # settings of the right types


def test_every_question_is_a_target_once_at_its_own_place() -> None:
    asked = questions()
    lesson = lesson_of(asked, lists_of(asked))
    found: dict[int, tuple[list[int], int]] = {}
    for batch in lesson.batches(max_length=8, tokens=4, seed=0).epoch(0):
        start = 0
        for count, length in batch.groups:
            for _ in range(count):
                for end in range(start, start + length):
                    found[int(lesson.question_at[batch.places[end]])] = (batch.item_rows[start : end + 1].tolist(), int(batch.targets[end]))
                start += length
    assert sorted(found) == list(range(len(asked)))
    assert [found[number][0] for number in range(len(asked))] == [rows.tolist() for rows in asked.prefixes(0, len(asked))]
    assert [found[number][1] for number in (0, 1, 4)] == [1, 2, 5]


def test_where_nobody_knows_what_came_next_the_target_is_the_teachers_best() -> None:
    asked = questions(mixed=1)
    lists = lists_of(asked)
    lesson = lesson_of(asked, lists)
    assert lesson.is_guess[:6].tolist() == [False, False, True, True, False, True]
    assert lesson.is_guess[6:].all()
    ends = lesson.histories.offsets[1:] - 1
    for end in ends.tolist():
        assert lesson.histories.item_rows[end] == lists.item_rows[lesson.question_at[end], 0]


def test_shares_sum_to_one_fall_with_the_scores_and_are_worth_the_perplexity() -> None:
    rng = np.random.default_rng(0)
    scores = -np.sort(rng.exponential(size=(3000, 40)), axis=1)
    for perplexity in (2.0, 7.0, 25.0):
        shares = np.exp(scores / temperature_of(scores, perplexity=perplexity))
        shares /= shares.sum(axis=1, keepdims=True)
        assert np.exp(-(shares * np.log(np.maximum(shares, 1e-30))).sum(axis=1)).mean() == pytest.approx(perplexity, rel=1e-3)
    asked = questions()
    lesson = lesson_of(asked, lists_of(asked))
    np.testing.assert_allclose(lesson.shares.sum(axis=1), 1, atol=3e-3)
    assert (np.diff(lesson.shares.astype(np.float32), axis=1) <= 0).all()
    steeper = lesson_of(asked, lists_of(asked), position=1.0)
    assert (steeper.shares[:, 0] > lesson.shares[:, 0]).all()


def test_items_that_the_student_does_not_train_on_get_nothing() -> None:
    asked = questions()
    lists = lists_of(asked)
    place_of = np.arange(NUM_ITEMS)
    place_of[lists.item_rows[2, 0]] = -1
    lesson = lesson_of(asked, lists, place_of=place_of)
    assert lesson.shares[2, 0] == 0
    assert lesson.histories.item_rows[lesson.histories.offsets[1] - 1] == lists.item_rows[2, 1]
    np.testing.assert_allclose(lesson.shares.sum(axis=1), 1, atol=3e-3)


def test_confidence_is_one_for_a_single_item_and_nought_for_equal_shares() -> None:
    asked = questions()
    scores = np.zeros((len(asked), LENGTH), np.float16)
    scores[0, 1:] = -np.inf
    lesson = lesson_of(asked, TeacherLists(item_rows=lists_of(asked).item_rows, scores=scores))
    assert lesson.confidence[0] == pytest.approx(1.0)
    np.testing.assert_allclose(lesson.confidence[1:], 0, atol=1e-3)


def test_other_lists_are_other_data_to_a_training() -> None:
    asked = questions()
    lists = lists_of(asked)
    first, same, other = (lesson_of(asked, lists, perplexity=value).batches(max_length=8, tokens=4, seed=0).fingerprint for value in (3.0, 3.0, 2.0))
    assert first == same != other
