import json
from pathlib import Path

import pytest

from leanrec.errors import ArtifactError
from leanrec.training.journal import Journal


def test_lines_past_the_checkpoint_are_cut_and_so_is_a_torn_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run" / "journal.jsonl")
    journal.begin()
    for event, step in (("begin", 0), ("step", 1), ("step", 2), ("epoch", 2), ("end", 2), ("step", 3)):
        journal.write(event, step=step, loss=0.1)
    assert journal.path is not None
    with journal.path.open("a", encoding="utf-8") as file:
        file.write('{"event": "step", "st')
    journal.cut(2)
    journal.write("resume", step=2)
    lines = [json.loads(line) for line in journal.path.read_text(encoding="utf-8").splitlines()]
    assert [(line["event"], line["step"]) for line in lines] == [("begin", 0), ("step", 1), ("step", 2), ("epoch", 2), ("resume", 2)]


def test_what_is_no_number_is_written_as_text(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.write("step", step=1, loss=float("nan"))
    assert json.loads((tmp_path / "journal.jsonl").read_text(encoding="utf-8"))["loss"] == "nan"


def test_a_journal_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ArtifactError, match="journal"):
        Journal(tmp_path / "file" / "journal.jsonl").begin()
