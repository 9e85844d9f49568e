"""What a journal tells is read back, whatever tore it; what is none is refused."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.training.journals import BEGAN, add_epochs, end, write_journal

from leanrec.errors import ArtifactError
from leanrec.training.journal import Journal, keep_only_journals
from leanrec.training.journal_reading import differing, find_runs, flat, read_run


def test_a_training_is_read_back_whole(tmp_path: Path) -> None:
    run = read_run(write_journal(tmp_path, epochs=3))
    assert (run.outcome, run.reason, run.ended) == ("ended", "epochs", "epochs")
    assert (len(run.epochs), run.num_steps, run.seconds, run.cpu_seconds) == (3, 6, 6.0, 3.0)
    assert run.best_quality == pytest.approx(0.12)
    assert run.settings["task.encoder"] == {"width": 8, "dropout": None}
    assert run.began == BEGAN
    first = run.points[0]
    assert (first.step, first.time, first.figures["step/loss"], first.figures["step/learning_rate"]) == (1, BEGAN + 1, 1.0, 0.1)
    assert "step/epoch" not in first.figures


def test_cost_until_a_quality_is_that_of_the_first_epoch_as_good(tmp_path: Path) -> None:
    run = read_run(write_journal(tmp_path, epochs=3))
    assert [run.cpu_seconds_to(quality) for quality in (0.05, 0.105, 0.12, 0.2)] == [1.0, 2.0, 3.0, None]


def test_a_line_torn_by_a_kill_is_left_out(tmp_path: Path) -> None:
    path = write_journal(tmp_path, ends=False)
    whole = read_run(path)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"event": "step", "step": 5, "lo')
    assert read_run(path) == whole
    assert whole.outcome == "unfinished"


def test_times_of_day_go_on_from_where_a_training_was_taken_up(tmp_path: Path) -> None:
    write_journal(tmp_path, epochs=1, ends=False)
    journal = Journal(tmp_path / "journal.jsonl", clock=lambda: BEGAN + 1000)
    journal.cut(2)
    journal.write("resume", step=2, seconds=2.0, cpu_seconds=1.0)
    add_epochs(journal, first=2, last=2)
    run = read_run(tmp_path / "journal.jsonl")
    assert [point.time - BEGAN for point in run.points] == [1, 2, 2, 1001, 1002, 1002]


def test_an_error_is_told_with_its_words(tmp_path: Path) -> None:
    path = write_journal(tmp_path, ends=False)
    end(Journal(path), epochs=2, event="error")
    assert read_run(path).ended == "error: the loss became nan"


def test_what_was_no_number_is_one_again(tmp_path: Path) -> None:
    path = write_journal(tmp_path, ends=False)
    Journal(path).write("step", step=5, epoch=3, loss=float("nan"), seconds=5.0, cpu_seconds=2.5)
    assert math.isnan(read_run(path).points[-1].figures["step/loss"])


def test_figures_of_events_yet_unknown_are_kept(tmp_path: Path) -> None:
    path = write_journal(tmp_path, ends=False)
    Journal(path).write("growth", step=4, width=64, what="width", seconds=4.0, cpu_seconds=2.0)
    assert read_run(path).points[-1].figures == {"growth/width": 64.0, "growth/seconds": 4.0, "growth/cpu_seconds": 2.0}


def test_a_journal_that_moved_is_the_same_training_and_one_begun_anew_is_not(tmp_path: Path) -> None:
    first = read_run(write_journal(tmp_path / "a"))
    shutil.move(tmp_path / "a", tmp_path / "b")
    assert read_run(tmp_path / "b" / "journal.jsonl").identity == first.identity
    assert read_run(write_journal(tmp_path / "a", at=BEGAN + 1)).identity != first.identity


def test_trainings_are_named_by_their_folders(tmp_path: Path) -> None:
    write_journal(tmp_path / "shop" / "trainings" / "validated")
    write_journal(tmp_path / "other")
    (tmp_path / "shop" / "begins").mkdir()
    (tmp_path / "shop" / "begins" / "journal.jsonl").touch()
    assert list(find_runs([tmp_path / "shop"])) == ["shop/trainings/validated"]
    assert list(find_runs([tmp_path / "other", tmp_path / "shop" / "trainings"])) == ["other", "shop/trainings/validated"]
    assert list(find_runs([tmp_path / "other" / "journal.jsonl"])) == ["other"]
    shutil.copy(tmp_path / "other" / "journal.jsonl", tmp_path / "sent.jsonl")
    assert list(find_runs([tmp_path / "sent.jsonl"])) == ["sent"]
    assert list(find_runs([tmp_path])) == [f"{tmp_path.name}/other", f"{tmp_path.name}/shop/trainings/validated"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: None, "there is no"),
        (lambda folder: folder.mkdir(), "no training has written a journal"),
        (lambda folder: folder.write_text("user,item\n1,2\n"), "line 1 is 'user,item'"),
        (lambda folder: folder.write_text('{"event": "step", "step": 1}\n'), "does not begin with the beginning"),
        (lambda folder: folder.write_text('{"event": "begin", "step": 0, "settings": {}}\n'), r"reads: KeyError\('at'\)"),
    ],
    ids=["nowhere", "empty folder", "a table", "no beginning", "an older journal"],
)
def test_what_is_no_journal_is_refused(tmp_path: Path, make: Callable[[Path], object], words: str) -> None:
    make(tmp_path / "x")
    with pytest.raises(ArtifactError, match=words):
        find_runs([tmp_path / "x"])


def test_one_that_cannot_be_read_among_others_is_said_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_journal(tmp_path / "good")
    broken = write_journal(tmp_path / "broken")
    broken.write_text('{"event": "step", "step": 1}\n', encoding="utf-8")
    assert [Path(name).name for name in find_runs([tmp_path])] == ["good"]
    assert f"{broken} is left out" in caplog.text
    with pytest.raises(ArtifactError):
        find_runs([broken])


def test_settings_that_differ_are_named_flat(tmp_path: Path) -> None:
    runs = [read_run(write_journal(tmp_path / str(rate), rate=rate)) for rate in (0.1, 0.2)]
    assert differing(runs) == ["learning_rate"]
    assert differing(runs[:1]) == []
    assert flat(runs[0].settings)["task.encoder.width"] == 8


def test_only_journals_are_kept(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "sequential" / "final")
    (tmp_path / "sequential" / "lists").mkdir()
    (tmp_path / "sequential" / "lists" / "origin.json").write_text(json.dumps({}))
    keep_only_journals(tmp_path)
    assert list(tmp_path.rglob("*.json*")) == [path]
    assert not (tmp_path / "sequential" / "lists").exists()
