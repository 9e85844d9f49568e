"""Costs are measured, labelled, and refuse to be measured on nothing. No test asserts a duration."""

import numpy as np
import pytest

from leanrec.data.split import Split
from leanrec.errors import DataError
from leanrec.evaluation import memory
from leanrec.evaluation.efficiency import answer_milliseconds, saved_bytes, spend, with_answering_cost
from leanrec.evaluation.memory import MemoryWatch
from leanrec.metrics.report import Cost


def test_spending_returns_the_result_with_its_cost() -> None:
    spent = spend(lambda: np.ones(1_000_000).sum())
    assert spent.result == 1_000_000
    assert spent.cost.fit_cpu_seconds is not None
    assert spent.cost.fit_cpu_seconds >= 0.0
    assert spent.cost.memory_method in {"high-water mark", "sampled", "process maximum"}


@pytest.mark.parametrize("is_resettable", [True, False])
def test_a_large_block_shows_in_the_peak_by_either_method(is_resettable: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_resettable:
        monkeypatch.setattr(memory, "_RESET", memory.Path("/nonexistent/clear_refs"))
    with MemoryWatch() as watch:
        block = np.ones(30_000_000)  # 240 MB, touched
        block += 1
    assert watch.peak.method == ("sampled" if not is_resettable else watch.peak.method)
    assert watch.peak.added_bytes > 150_000_000


def test_where_there_is_no_proc_the_process_maximum_is_given_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_STATUS", memory.Path("/nonexistent/status"))
    with MemoryWatch() as watch:
        pass
    assert watch.peak.method == "process maximum"
    assert watch.peak.num_bytes > 0


def test_answering_costs_are_added_to_those_of_fitting(split: Split, kinds: dict[str, type]) -> None:
    recommender = kinds["upwards"]().fit(split.train)
    cost = with_answering_cost(Cost(fit_cpu_seconds=1.0), recommender, split.holdout("valid").queries)
    assert cost.fit_cpu_seconds == 1.0
    assert cost.num_bytes == saved_bytes(recommender) == 1000
    assert cost.p99_ms is not None


def test_timing_no_queries_is_an_error(split: Split, kinds: dict[str, type]) -> None:
    with pytest.raises(DataError, match="no queries"):
        answer_milliseconds(kinds["upwards"]().fit(split.train), [])
