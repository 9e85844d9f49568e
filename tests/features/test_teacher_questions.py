"""What a teacher is asked: histories of the log, shortened ones and mixtures, the same for the same seed."""

import numpy as np
import pytest

from leanrec.errors import ConfigError
from leanrec.features.histories import Histories
from leanrec.features.teacher_questions import QuestionsConfig, TeacherQuestions

NUM_ITEMS = 40


def histories() -> Histories:
    rng = np.random.default_rng(2)
    return Histories.of_rows([rng.permutation(NUM_ITEMS)[:length] for length in (5, 0, 1, 9, 12, 3, 7)], num_items=NUM_ITEMS)


def asked(seed: int = 0, max_length: int = 8, **settings: object) -> TeacherQuestions:
    return TeacherQuestions.of(histories(), QuestionsConfig.parse(settings), max_length=max_length, seed=seed)


def test_every_prefix_of_a_history_is_a_question() -> None:
    questions = asked(shortened=0)
    known = [rows[-8:] for number in range(7) if len(rows := histories().of(number))]
    expected = [rows[: place + 1].tolist() for rows in known for place in range(len(rows))]
    assert [rows.tolist() for rows in questions.prefixes(0, len(questions))] == expected
    assert [rows.tolist() for rows in questions.prefixes(6, 9)] == expected[6:9]
    assert len(questions) == len(expected)


def test_shortened_histories_keep_the_order_and_lose_about_the_share() -> None:
    questions = asked(originals=False, shortened=200, left_out=0.3, max_length=12)
    known = [rows.tolist() for number in range(7) if len(rows := histories().of(number))]
    for number in range(len(questions.histories)):
        rows = questions.histories.of(number).tolist()
        assert any(rows == [item for item in whole if item in rows] for whole in known)
    assert len(questions) == pytest.approx(200 * 0.7 * 37, rel=0.03)


def test_mixed_histories_hold_items_of_two_users_and_none_twice() -> None:
    questions = asked(originals=False, shortened=0, mixed=50)
    known = [set(rows.tolist()) for number in range(7) if len(rows := histories().of(number))]
    mixtures = 0
    for number in range(len(questions.histories)):
        rows = questions.histories.of(number).tolist()
        assert len(set(rows)) == len(rows) <= 8
        mixtures += not any(set(rows) <= whole for whole in known)
    assert mixtures > len(questions.histories) / 2
    assert (questions.sources.originals, questions.sources.shortened, questions.sources.mixed) == (0, 0, len(questions.histories))


def test_the_sources_are_counted_in_order() -> None:
    questions = asked(shortened=2, mixed=1)
    sources = questions.sources
    assert sources.originals == 6
    assert sources.originals + sources.shortened + sources.mixed == len(questions.histories)
    assert asked(shortened=0).histories.item_rows.tolist() == questions.histories.take(np.arange(6)).item_rows.tolist()


def test_the_seed_decides_the_questions() -> None:
    first, again, other = asked(mixed=1), asked(mixed=1), asked(mixed=1, seed=1)
    assert first.fingerprint == again.fingerprint != other.fingerprint


@pytest.mark.parametrize(("setting", "value"), [("left_out", 1.0), ("left_out", 0.0), ("shortened", -1), ("mixd", 1)])
def test_settings_that_make_no_sense_are_refused(setting: str, value: float) -> None:
    with pytest.raises(ConfigError, match=setting):
        QuestionsConfig.parse({setting: value})


def test_what_its_users_chose_at_any_time_is_left_out_of_a_list() -> None:
    questions, whole = asked(shortened=1, mixed=1, max_length=4), histories()
    known = [set(rows.tolist()) for number in range(7) if len(rows := whole.of(number))]
    sequences = len(questions.histories)
    for number, left_out in enumerate(questions.left_out(0, len(questions))):
        sequence = int(np.searchsorted(questions.histories.offsets, number, side="right")) - 1
        is_mixed = sequence >= sequences - questions.sources.mixed
        assert set(questions.prefixes(number, number + 1)[0].tolist()) <= set(left_out.tolist())
        assert any(set(left_out.tolist()) == (one | other if is_mixed else one) for one in known for other in known)
