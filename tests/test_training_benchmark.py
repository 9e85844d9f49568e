"""The training benchmark's ratio: CPU-seconds to the fixed recipe's best over its own, by hand-worked curves."""

import importlib
import math
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    return importlib.import_module("training")


def curve(costs: list[float], qualities: list[float]) -> Any:
    return SimpleNamespace(cpu_seconds=np.array(costs), qualities=np.array(qualities))


def test_the_ratio_is_read_where_the_mean_curve_first_stands_at_the_fixed_ones_best(benchmark: ModuleType) -> None:
    fixed = [curve([10, 20, 30], [0.1, 0.4, 0.3]), curve([10, 20, 30], [0.1, 0.2, 0.1])]  # the mean is best at 20 s: 0.3
    quick = [curve([5, 10, 15], [0.1, 0.31, 0.5]), curve([5, 10, 15], [0.1, 0.31, 0.5])]
    assert benchmark.ratio_of(quick, fixed) == pytest.approx(10 / 20)
    assert benchmark.ratio_of(fixed, fixed) == 1.0
    assert benchmark.ratio_of([curve([5], [0.29])], fixed) == math.inf


def test_what_is_gained_early_is_read_half_way_to_the_fixed_ones_best(benchmark: ModuleType) -> None:
    fixed = [curve([10, 20, 30], [0.1, 0.4, 0.3])]  # best at 20 s: half-way it has 0.1
    quick = [curve([5, 15], [0.2, 0.4])]  # at 10 s: 0.3
    assert benchmark.early_gain(quick, fixed) == pytest.approx(0.2)
    assert benchmark.early_gain(fixed, fixed) == 0.0


def test_a_ratio_that_some_seeds_never_reach_has_no_upper_bound(benchmark: ModuleType) -> None:
    fixed = [curve([10, 20], [0.1, 0.3]), curve([10, 20], [0.1, 0.3])]
    uneven = [curve([5, 10], [0.2, 0.5]), curve([5, 10], [0.1, 0.2])]
    ratio, share = benchmark._ratio_rows(uneven, fixed, {"case": "uneven"})
    assert (ratio.value, ratio.low, ratio.high) == (0.5, 0.5, None)
    assert share.value == 0.75


def test_a_case_without_outcomes_keeps_the_rows_that_were_published(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.import_module("training_curves"), "CACHE", tmp_path)
    row = importlib.import_module("rows").BenchmarkRow
    published = [
        row(case=case, dataset=dataset, metric="ndcg@10", value=0.1) for dataset in ("ml-1m", "amazon14-toys") for case in ("default", "fixed")
    ]
    assert benchmark.rows_of("ml-1m", published) == [published[1], published[0]]  # in the order of the cases, of these data alone
    with pytest.raises(FileNotFoundError):
        benchmark.rows_of("ml-1m")
