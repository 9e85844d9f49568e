"""Benchmark rows are written whole, with every key, and read back."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from leanrec.metrics.report import Measure


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_rows", Path(__file__).parents[1] / "benchmarks" / "rows.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_rows_are_written_with_every_key_and_rendered(rows: ModuleType, tmp_path: Path) -> None:
    measure = Measure(value=0.0542, low=0.052, high=0.056, num_users=9)
    written = [rows.BenchmarkRow.of_measure(measure, case="cooccurrence", metric="ndcg@10", dataset="beauty", cpu_seconds=0.1)]
    rows.write_rows("baselines", written, tmp_path)
    (row,) = json.loads((tmp_path / "baselines.json").read_text())
    assert " ".join(row) == "case dataset split protocol metric value low high unit seeds cpu_seconds peak_mb bytes peer note"
    assert row["peer"] is None
    assert rows.read_rows("baselines", tmp_path) == written
    assert "| cooccurrence | beauty | ndcg@10 | 0.0542 | 0.0520 | 0.0560 | 0.1000 |" in (tmp_path / "baselines.md").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["baselines.json", "baselines.md"]


def test_a_figure_that_is_not_a_number_is_refused(rows: ModuleType) -> None:
    with pytest.raises(ValueError, match="value of ndcg@10 is nan"):
        rows.BenchmarkRow(case="x", metric="ndcg@10", value=float("nan"))
