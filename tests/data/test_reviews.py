"""Review texts: kept beside the events when a mapping names their column, and in nobody's way otherwise."""

from pathlib import Path

import pytest

from leanrec.data.dataset import Dataset
from leanrec.data.events import REVIEW_COLUMN
from leanrec.errors import DataError
from leanrec.workflow.reading import read
from leanrec.workflow.settings import RunSettings

LINES = """user,item,rating,time,opinion
u1,a,5,2024-01-03,"lovely, soft"
u1,b,1,2024-01-01,too loud
u2,a,4,2024-01-02,
u2,c,3,2024-01-05,"  "
u3,b,5,2024-01-04,loud? good!
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "reviews.csv").write_text(LINES, encoding="utf-8")
    return tmp_path / "reviews.csv"


def reviewed(file: Path) -> Dataset:
    return read(file, settings=RunSettings(columns={"review": "opinion"}))


def test_a_named_review_column_travels_with_its_events(file: Path) -> None:
    dataset = reviewed(file)
    assert dataset.events[REVIEW_COLUMN].to_list() == ["too loud", "lovely, soft", None, None, "loud? good!"]


def test_reviews_survive_saving_and_subsets(file: Path, tmp_path: Path) -> None:
    dataset = reviewed(file)
    dataset.save(tmp_path / "saved")
    loaded = Dataset.load(tmp_path / "saved")
    assert loaded.events[REVIEW_COLUMN].to_list() == dataset.events[REVIEW_COLUMN].to_list()
    assert loaded.subset(loaded.column("value") == 1).events[REVIEW_COLUMN].to_list() == ["too loud"]


def test_without_a_named_column_no_text_is_kept_and_the_fingerprint_is_the_same(file: Path) -> None:
    plain = read(file)
    assert REVIEW_COLUMN not in plain.events.columns
    assert plain.fingerprint == reviewed(file).fingerprint


def test_a_review_column_that_is_not_there_is_refused(file: Path) -> None:
    with pytest.raises(DataError, match="no column 'opinions' \\(for the review\\)"):
        read(file, settings=RunSettings(columns={"review": "opinions"}))
