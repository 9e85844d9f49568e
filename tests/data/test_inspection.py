"""An inspection counts right, and its page stands alone."""

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from leanrec.data.catalogue import Catalogue
from leanrec.data.clean import clean
from leanrec.data.distributions import distribution, gini, share_of_head
from leanrec.data.events import EVENT_SCHEMA, EventLog
from leanrec.data.inspection import Inspection, inspect_data
from leanrec.data.inspection_page import page_of, write_page
from leanrec.data.sources.protocol import Reading
from leanrec.errors import MissingExtraError

DAY = 86_400_000_000


def inspected(time_quality: str = "exact") -> Inspection:
    rows = [
        ("al", "x", "view", 10_000 * DAY, None),
        ("al", "x", "buy", 10_001 * DAY, 3.0),
        ("bo", "y", "view", 10_031 * DAY, 5.0),
        ("bo", "z", "view", 10_031 * DAY, None),
    ]
    frame = pl.DataFrame(rows, schema=list(EVENT_SCHEMA), orient="row", infer_schema_length=None).select(
        pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items()
    )
    catalogue = Catalogue(frame=pl.DataFrame({"item_id": ["x", "y", "w"], "title": ["<b>Ex</b>", None, "Double you"]}))
    return inspect_data(clean(Reading(log=EventLog(frame=frame, time_quality=time_quality), catalogue=catalogue)))  # type: ignore[arg-type]  # a plain word


def test_counts_agree_with_counting_by_hand() -> None:
    inspection = inspected()
    assert (inspection.num_events, inspection.num_users, inspection.num_items, inspection.num_pairs) == (4, 2, 3, 3)
    assert inspection.sparsity == 0.5
    assert inspection.event_kinds == {"view": 3, "buy": 1}
    assert (inspection.first_time, inspection.last_time) == ("1997-05-19", "1997-06-19")
    assert (inspection.catalogue_items, inspection.items_without_events, inspection.items_without_catalogue) == (3, 1, 1)
    assert inspection.filled == {"title": pytest.approx(2 / 3)}
    assert inspection.text_lengths["title"].high == 10
    assert inspection.values is not None
    assert inspection.values.median == 4.0


def test_activity_counts_every_stretch_even_the_empty_ones() -> None:
    activity = inspected().activity
    assert activity is not None
    assert activity.period == "day"
    assert len(activity.counts) == 32
    assert (activity.counts[0], activity.counts[1], activity.counts[2], activity.counts[-1]) == (1, 1, 0, 2)


@pytest.mark.parametrize("time_quality", ["order", "none"])
def test_without_a_clock_no_dates_are_claimed(time_quality: str) -> None:
    inspection = inspected(time_quality)
    assert inspection.activity is None
    assert inspection.first_time is None
    assert ("time", time_quality) in inspection.headline()


def test_the_figures_are_plain_json() -> None:
    assert json.loads(json.dumps(inspected().to_dict()))["num_events"] == 4


@pytest.mark.parametrize("values", [[5], [1, 1, 1], [1, 2, 3, 1000], list(range(1, 400)), [0.5, 5.0]])
@pytest.mark.parametrize("is_logarithmic", [True, False])
def test_every_value_falls_into_a_bin(values: list[float], is_logarithmic: bool) -> None:
    numbers = np.maximum(np.array(values), 1) if is_logarithmic else np.array(values)
    assert sum(distribution(numbers, is_logarithmic=is_logarithmic).counts) == len(values)


def test_inequality_is_nil_for_equals_and_large_for_one_owner() -> None:
    assert gini(np.array([2, 2, 2])) == 0.0
    assert gini(np.array([0] * 99 + [5])) == pytest.approx(0.99)
    assert share_of_head(np.array([8, 1, 1]), 1 / 3) == 0.8


def test_the_page_needs_nothing_beside_it_and_escapes_what_it_shows(tmp_path: Path) -> None:
    write_page(inspected(), tmp_path / "report.html", title="Shop <1>")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Shop &lt;1&gt;" in page
    assert not re.findall(r"(?:src|href)=\"(?!#)", page)
    assert "<script" not in page
    HTMLParser().feed(page)
    identifiers = re.findall(r'\bid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))


def test_every_picture_has_words_and_page_colours() -> None:
    page = page_of(inspected())
    pictures = re.findall(r"<svg [^>]*>", page)
    assert len(pictures) >= 4
    assert all('role="img"' in picture and re.search(r'aria-label="[^"]{20,}"', picture) for picture in pictures)
    assert "#010203" not in page
    assert "prefers-color-scheme: dark" in page


def test_the_same_data_give_the_same_page() -> None:
    assert page_of(inspected()) == page_of(inspected())


def test_without_matplotlib_the_extra_is_named_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"leanrec\[data\]"):
        write_page(inspected(), tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []
