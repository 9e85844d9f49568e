"""Block-wise parsing gives what Python's csv module gives, whatever stands in the fields and wherever blocks are cut."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leanrec.data.sources.delimited import DelimitedTable
from leanrec.data.sources.dialect import Dialect
from leanrec.data.sources.files import DataFile
from leanrec.data.sources.text_blocks import text_blocks

FIELD = st.text(alphabet='ab "\n,;é0', max_size=6)
ROWS = st.lists(st.tuples(FIELD, FIELD, FIELD), min_size=1, max_size=30)


def written(rows: list[tuple[str, str, str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue().encode()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, block_bytes=st.integers(1, 60))
def test_quoted_fields_survive_any_block_size(tmp_path: Path, rows: list[tuple[str, str, str]], block_bytes: int) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(written(rows))
    dialect = Dialect(delimiter=",", columns=("a", "b", "c"), has_header=False, is_quoted=True, encoding="utf-8")
    table = DelimitedTable(file=DataFile(url=str(path), name="a.csv"), dialect=dialect)
    found = [row for batch in table._batches(("a", "b", "c"), block_bytes=block_bytes) for row in batch.frame.rows()]
    assert [tuple(value or "" for value in row) for row in found] == [tuple(row) for row in rows]


@settings(max_examples=100, deadline=None)
@given(rows=ROWS, block_bytes=st.integers(1, 60))
def test_blocks_are_whole_records_that_know_their_lines(rows: list[tuple[str, str, str]], block_bytes: int) -> None:
    data = written(rows)
    lines = []
    for block in text_blocks(io.BytesIO(data), name="a.csv", quoted=True, block_bytes=block_bytes):
        lines += block.lines_of(block.record_starts(quoted=True)).tolist()
    starts = np.cumsum([0] + [written([row]).count(b"\n") for row in rows])[:-1] + 1
    assert lines == starts.tolist()


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b""])
def test_line_ends_make_no_difference(ending: bytes) -> None:
    data = (ending or b"\n").join([b"a,b", b"c,d"]) + ending
    blocks = list(text_blocks(io.BytesIO(data), name="a.csv", block_bytes=4))
    assert b"".join(block.data for block in blocks).rstrip(b"\n") == b"a,b\nc,d"
