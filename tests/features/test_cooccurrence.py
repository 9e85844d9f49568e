import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanrec.features.cooccurrence import estimated_bytes, followed_counts
from leanrec.features.histories import Histories

NUM_ITEMS = 4
SEQUENCES = st.lists(st.lists(st.integers(0, NUM_ITEMS - 1), max_size=8), min_size=1, max_size=5)


def histories(sequences: list[list[int]]) -> Histories:
    return Histories.of_rows([np.array(rows, dtype=np.int64) for rows in sequences], num_items=NUM_ITEMS)


def brute_force(sequences: list[list[int]], *, window: int, power: float, num_counted: list[int]) -> np.ndarray:
    counts = np.zeros((NUM_ITEMS, NUM_ITEMS))
    for rows, first in zip(sequences, num_counted, strict=True):
        for later in range(first, len(rows)):
            for earlier in range(max(0, later - window), later):
                if rows[earlier] != rows[later]:
                    counts[rows[earlier], rows[later]] += (later - earlier) ** -power
    return counts


@settings(max_examples=50, deadline=None)
@given(sequences=SEQUENCES, window=st.integers(1, 9), power=st.sampled_from([0.0, 0.5, 1.0]), data=st.data())
def test_counts_are_those_of_a_double_loop(sequences: list[list[int]], window: int, power: float, data: st.DataObject) -> None:
    num_counted = [data.draw(st.integers(0, len(rows))) for rows in sequences]
    counts = followed_counts(histories(sequences), window=window, distance_power=power, num_counted=np.array(num_counted))
    assert np.allclose(counts.toarray(), brute_force(sequences, window=window, power=power, num_counted=num_counted), rtol=1e-5)


def test_counts_of_one_history_by_hand() -> None:
    counts = followed_counts(histories([[0, 1, 2, 1]]), window=2, distance_power=1.0).toarray()
    assert counts[0].tolist() == pytest.approx([0.0, 1.0, 0.5, 0.0])
    assert counts[1].tolist() == pytest.approx([0.0, 0.0, 1.0, 0.0])
    assert counts[2].tolist() == pytest.approx([0.0, 1.0, 0.0, 0.0])


def test_the_estimate_is_never_below_what_the_graph_takes() -> None:
    rng = np.random.default_rng(0)
    sequences = [rng.integers(0, NUM_ITEMS, size=20).tolist() for _ in range(10)]
    counts = followed_counts(histories(sequences), window=5, distance_power=1.0)
    assert estimated_bytes(histories(sequences), window=5) >= counts.data.nbytes + counts.indices.nbytes
