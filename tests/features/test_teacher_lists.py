"""A teacher's lists: written once, block by block, the same bytes after a kill, and never taken for another teacher's."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leanrec.errors import ArtifactError, ConfigError, DataError
from leanrec.features.histories import FloatArray, Histories, Rows
from leanrec.features.teacher_lists import BLOCK_QUESTIONS, ListsOrigin, TeacherLists, write_lists
from leanrec.features.teacher_questions import QuestionsConfig, TeacherQuestions

NUM_ITEMS = 60
LENGTH = 7


class Teacher:
    """Likes items by a fixed random table of the newest item, and by the number of items before it."""

    def __init__(self) -> None:
        self.table = np.random.default_rng(5).normal(size=(NUM_ITEMS, NUM_ITEMS)).astype(np.float32)
        self.asked = 0

    def __call__(self, histories: Sequence[Rows]) -> FloatArray:
        self.asked += len(histories)
        return np.stack([self.table[rows[-1]] + np.float32(0.01) * len(rows) * self.table[0] for rows in histories])


def questions() -> TeacherQuestions:
    rng = np.random.default_rng(1)
    sequences = [rng.permutation(NUM_ITEMS)[: rng.integers(1, 20)] for _ in range(450)]
    return TeacherQuestions.of(Histories.of_rows(sequences, num_items=NUM_ITEMS), QuestionsConfig(shortened=1), max_length=15)


def origin_of(asked: TeacherQuestions) -> ListsOrigin:
    return ListsOrigin(teacher="t" * 64, data="d" * 64, questions=asked.fingerprint, num_questions=len(asked), length=LENGTH)


def stored(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


# Writes lists and is killed in the middle: every block takes a while.
SLOW = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.features.test_teacher_lists import Teacher, origin_of, questions
from leanrec.features.teacher_lists import write_lists

class Slow(Teacher):
    def __call__(self, histories):
        time.sleep(0.4)
        return super().__call__(histories)

asked = questions()
write_lists(Slow(), asked, origin_of(asked), folder=Path(sys.argv[1]))
"""


def test_a_list_holds_the_best_items_without_all_that_its_user_ever_chose(tmp_path: Path) -> None:
    asked, teacher = questions(), Teacher()
    lists = write_lists(teacher, asked, origin_of(asked), folder=tmp_path / "lists")
    assert lists.item_rows.shape == lists.scores.shape == (len(asked), LENGTH)
    for number in (0, 1, 500, len(asked) - 1):
        history = asked.prefixes(number, number + 1)[0]
        scores = teacher([history])[0]
        known = asked.left_out(number, number + 1)[0]
        assert set(history.tolist()) <= set(known.tolist())
        scores[known] = -np.inf
        expected = np.argsort(-scores)[:LENGTH]
        assert lists.item_rows[number].tolist() == expected.tolist()
        np.testing.assert_allclose(lists.scores[number], scores[expected] - scores[expected[0]], atol=2e-3)


def test_a_list_longer_than_what_is_left_of_the_catalogue_ends_with_items_of_no_weight(tmp_path: Path) -> None:
    asked = TeacherQuestions.of(Histories.of_rows([np.array([2, 0])], num_items=3), QuestionsConfig(shortened=0), max_length=5)
    origin = ListsOrigin(teacher="t", data="d", questions=asked.fingerprint, num_questions=2, length=3)
    lists = write_lists(lambda histories: np.tile(np.array([[3.0, 1.0, 2.0]], np.float32), (len(histories), 1)), asked, origin, folder=tmp_path / "l")
    assert lists.item_rows[:, 0].tolist() == [1, 1]
    assert lists.scores.tolist() == [[0.0, -np.inf, -np.inf]] * 2


def test_killed_and_run_again_nothing_is_asked_twice_and_the_bytes_are_the_same(tmp_path: Path) -> None:
    asked, teacher = questions(), Teacher()
    whole = write_lists(teacher, asked, origin_of(asked), folder=tmp_path / "whole")
    killed = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, "-c", SLOW, str(killed), str(Path(__file__).resolve().parents[2])])
    deadline = time.monotonic() + 60
    while len(list(killed.glob("0*.safetensors"))) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = len(list(killed.glob("0*.safetensors")))
    assert 2 <= done < len(list((tmp_path / "whole").glob("0*.safetensors")))
    with pytest.raises(ArtifactError, match=r"no manifest\.json"):
        TeacherLists.open(killed)
    again = Teacher()
    lists = write_lists(again, asked, origin_of(asked), folder=killed)
    assert again.asked == len(asked) - done * BLOCK_QUESTIONS, "something was asked twice"
    assert lists.item_rows.tobytes() + lists.scores.tobytes() == whole.item_rows.tobytes() + whole.scores.tobytes()
    assert stored(killed) == stored(tmp_path / "whole")


@pytest.mark.parametrize(("field", "value"), [("teacher", "u" * 64), ("data", "e" * 64), ("length", 6)])
def test_lists_of_another_origin_are_refused_by_name(field: str, value: object, tmp_path: Path) -> None:
    asked = questions()
    write_lists(Teacher(), asked, origin_of(asked), folder=tmp_path / "lists")
    other = replace(origin_of(asked), **{field: value})  # type: ignore[arg-type]  # a field of the right type
    for attempt in (
        lambda: write_lists(Teacher(), asked, other, folder=tmp_path / "lists"),
        lambda: TeacherLists.open(tmp_path / "lists", origin=other),
    ):
        with pytest.raises(DataError, match=rf"are others: {field} is .* there and .* here"):
            attempt()


def test_lists_of_other_questions_are_refused(tmp_path: Path) -> None:
    asked = questions()
    write_lists(Teacher(), asked, origin_of(asked), folder=tmp_path / "lists")
    fewer = TeacherQuestions.of(asked.histories.take(np.arange(20)), QuestionsConfig(shortened=0), max_length=15)
    with pytest.raises(DataError, match=r"questions is .* num_questions is"):
        write_lists(Teacher(), fewer, origin_of(fewer), folder=tmp_path / "lists")
    with pytest.raises(DataError, match="names other questions"):
        write_lists(Teacher(), fewer, origin_of(asked), folder=tmp_path / "new")


@pytest.mark.parametrize("harm", [lambda content: content[:-9], lambda content: content[:-1] + bytes([content[-1] ^ 1])])
def test_a_damaged_block_is_an_error_to_a_reader_and_asked_again_by_a_writer(harm: object, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    asked, folder = questions(), tmp_path / "lists"
    whole = write_lists(Teacher(), asked, origin_of(asked), folder=folder)
    before = stored(folder)
    block = folder / "000001.block.safetensors"
    block.write_bytes(harm(block.read_bytes()))  # type: ignore[operator]  # one of the two above
    with pytest.raises(ArtifactError, match="is damaged"):
        TeacherLists.open(folder)
    teacher = Teacher()
    lists = write_lists(teacher, asked, origin_of(asked), folder=folder)
    assert teacher.asked == BLOCK_QUESTIONS
    assert "its questions are asked again" in caplog.text
    assert np.array_equal(lists.item_rows, whole.item_rows)
    assert stored(folder) == before


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    asked = questions()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    (tmp_path / "file").write_text("x")
    for place in ("mine", "file"):
        with pytest.raises(ConfigError, match="holds no teacher's lists"):
            write_lists(Teacher(), asked, origin_of(asked), folder=tmp_path / place)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_the_teachers_vectors_stand_beside_its_lists(tmp_path: Path) -> None:
    asked, vectors = questions(), np.random.default_rng(0).normal(size=(NUM_ITEMS, 3)).astype(np.float32)
    write_lists(Teacher(), asked, origin_of(asked), folder=tmp_path / "lists", item_vectors=vectors)
    held = TeacherLists.open(tmp_path / "lists", origin=origin_of(asked)).item_vectors
    assert held is not None
    assert np.array_equal(held, vectors)
