"""The contract suite of recommenders that learn new events without refitting."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from leanrec.data.dataset import Dataset
from leanrec.data.events import EventLog
from leanrec.data.query import Query
from leanrec.errors import NotFittedError
from leanrec.recommenders.protocol import Incremental, Recommender
from leanrec.testing.expecting import expect_error, require
from leanrec.training.run import Run

NUM_QUERIES = 20


def check_incremental(factory: Callable[[], Recommender], log: EventLog) -> None:
    """Raise `AssertionError` unless fitting on the first half of `log` and appending the rest equals fitting on all of it.

    `log` is in order of time. Appending goes on after saving and loading; users and items of the second half may be new.
    """
    size = len(log)
    first, second, third = (_part(log, start, end) for start, end in ((0, size // 2), (size // 2, size * 3 // 4), (size * 3 // 4, size)))
    whole = Dataset.build(log)
    refitted = factory().fit(whole, run=Run())
    grown = factory()
    expect_error(NotFittedError, lambda: _appended(grown, second), "append before fit")
    grown.fit(Dataset.build(first), run=Run())
    require(_appended(grown, second) is grown, "append returns the recommender itself")
    with tempfile.TemporaryDirectory() as parent:
        grown.save(Path(parent) / "saved")
        loaded = type(grown).load(Path(parent) / "saved")
    _require_equal_answers(_appended(loaded, third), refitted, whole)


def _appended(recommender: Recommender, events: EventLog) -> Recommender:
    require(isinstance(recommender, Incremental), "it lacks the method append")
    assert isinstance(recommender, Incremental)
    return recommender.append(events)


def _require_equal_answers(grown: Recommender, refitted: Recommender, whole: Dataset) -> None:
    item_ids = whole.items.ids
    for user_row in range(min(NUM_QUERIES, whole.num_users)):
        rows = whole.events.filter(pl.col("user_row") == user_row)["item_row"].to_list()
        for query in (Query(user_id=whole.users.ids[user_row], history=tuple(item_ids[row] for row in rows)), Query()):
            same = np.allclose(grown.score(query, item_ids), refitted.score(query, item_ids), rtol=1e-4, atol=1e-6)
            require(bool(same), "appending gives the scores of fitting on everything")


def _part(log: EventLog, start: int, end: int) -> EventLog:
    return EventLog(frame=log.frame.slice(start, end - start), time_quality=log.time_quality)
