"""Any frame that speaks Arrow is read alike."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from leanrec.data.sources.columns import ColumnMapping
from leanrec.data.sources.frames import polars_frame, read_frame
from leanrec.errors import DataError

FRAME = pl.DataFrame(
    {
        "customer": [f"c{row % 5}" for row in range(60)],
        "sku": [row % 7 for row in range(60)],
        "ordered_at": [1_600_000_000 + row for row in range(60)],
        "stars": [float(row % 5 + 1) for row in range(60)],
    }
)


def kinds_of_frame() -> list[object]:
    import pandas as pd

    return [FRAME, FRAME.lazy(), FRAME.to_arrow(), pd.DataFrame(FRAME.to_dict(as_series=False))]


def test_polars_pyarrow_and_pandas_frames_tell_the_same_events() -> None:
    expected = read_frame(FRAME)
    assert expected.log.num_users == 5
    assert expected.log.frame["event"].unique().to_list() == ["rate"]
    for frame in kinds_of_frame():
        assert read_frame(frame).log.frame.equals(expected.log.frame), type(frame)


def test_a_duckdb_relation_is_read() -> None:
    """In a process of its own, because duckdb reports leaks of its bindings when Python ends."""
    code = """
import duckdb
from leanrec.data.sources.frames import read_frame
relation = duckdb.sql("select 'c' || (range % 5) as customer, range % 7 as sku, 1600000000 + range as ordered_at from range(60)")
reading = read_frame(relation)
assert (len(reading.log), reading.log.num_users, reading.log.num_items) == (60, 5, 7)
"""
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_a_frame_that_does_not_speak_arrow_is_read_by_its_columns() -> None:
    class Plain:
        columns = ("user", "item", "time")

        def __getitem__(self, name: str) -> np.ndarray:
            return {"user": np.array(["a", None], dtype=object), "item": np.array([1, 2]), "time": np.array([1.6e9, np.nan])}[name]

    assert polars_frame(Plain()).rows() == [("a", 1, 1.6e9), (None, 2, None)]


def test_whole_floats_are_ids_without_their_point() -> None:
    frame = FRAME.with_columns(pl.col("sku").cast(pl.Float64))
    assert set(read_frame(frame).log.frame["item_id"].cast(pl.String)) == {str(number) for number in range(7)}


def test_a_stated_mapping_is_heeded() -> None:
    frame = FRAME.rename({"customer": "a", "sku": "b", "ordered_at": "c", "stars": "d"})
    reading = read_frame(frame, ColumnMapping(user="a", item="b", kind="buy", time="none"))
    assert reading.log.time_quality == "none"
    assert reading.log.frame["event"].unique().to_list() == ["buy"]


def test_missing_cells_are_set_aside_with_their_row() -> None:
    frame = FRAME.with_columns(customer=pl.when(pl.int_range(pl.len()) == 41).then(None).otherwise("customer"))
    assert read_frame(frame).quarantine.frame.select("line", "reason").rows() == [(42, "user id is missing")]


def test_something_else_is_refused() -> None:
    with pytest.raises(DataError, match="list is no frame"):
        read_frame([1, 2, 3])
    with pytest.raises(DataError, match="empty"):
        read_frame(FRAME.head(0))


def test_float32_times_in_a_frame_are_refused() -> None:
    with pytest.raises(DataError, match="float32"):
        read_frame(FRAME.with_columns(pl.col("ordered_at").cast(pl.Float32)))
