import numpy as np
import pytest
import scipy.sparse as sp

from leanrec.features.item_weights import ItemWeights, keep_strongest

DENSE = np.array([[0.0, 2.0, -3.0], [1.0, 0.0, 0.5], [0.0, 0.0, 0.0]], dtype=np.float32)


def test_scores_are_the_decayed_sum_of_rows() -> None:
    weights = ItemWeights.of_matrix(sp.csr_matrix(DENSE))
    scores = weights.scores([np.array([0, 1]), np.array([], dtype=np.int64), np.array([2])], decay=0.5, last=10)
    assert np.allclose(scores, [0.5 * DENSE[0] + DENSE[1], [0, 0, 0], [0, 0, 0]])


def test_an_item_that_stands_twice_counts_twice() -> None:
    weights = ItemWeights.of_matrix(sp.csr_matrix(DENSE))
    assert np.allclose(weights.scores([np.array([1, 1])], decay=0.5, last=10), 1.5 * DENSE[1])


@pytest.mark.parametrize("make", [lambda block: block, sp.csr_matrix])
def test_the_strongest_entries_stay_and_the_rest_is_stated(make) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    pruned = keep_strongest([make(DENSE[:2]), make(DENSE[2:])], max_entries=1)
    assert pruned.weights.row(0).tolist() == [0.0, 0.0, -3.0]
    assert pruned.weights.row(1).tolist() == [1.0, 0.0, 0.0]
    assert pruned.weights.row(2).tolist() == [0.0, 0.0, 0.0]
    assert pruned.dropped_share == pytest.approx(2.5 / 6.5)


def test_columns_need_not_be_items() -> None:
    weights = ItemWeights.of_matrix(sp.csr_matrix(DENSE[:, :2]))
    assert weights.weighted_sum(np.array([0, 1]), np.array([0.5, 2.0])).tolist() == [2.0, 1.0]
