"""Coverage, Gini, novelty, diversity and popularity agree with lists worked by hand."""

import numpy as np
import pytest
import scipy.sparse as sp

from leanrec.metrics.beyond_accuracy import coverage, diversity, gini, mean_popularity, novelty

LISTS = np.array([[0, 1], [0, -1], [0, 2]])


def test_coverage_is_the_share_of_items_on_any_list() -> None:
    assert coverage(LISTS, num_items=6) == 0.5


def test_gini_is_that_of_the_textbook() -> None:
    # counts 3, 1, 1, 0: mean absolute difference over twice the mean
    counts = np.array([3, 1, 1, 0])
    expected = np.abs(counts[:, None] - counts[None, :]).mean() / (2 * counts.mean())
    assert gini(LISTS, num_items=4) == pytest.approx(expected)


def test_novelty_is_mean_bits_and_an_unknown_item_counts_as_known_to_one() -> None:
    known = np.array([8, 4, 0])
    np.testing.assert_allclose(novelty(LISTS, num_users_of_item=known, num_users=8), [(0 + 1) / 2, 0.0, (0 + 3) / 2])


def test_diversity_is_mean_pairwise_distance_and_needs_two_items() -> None:
    vectors = sp.csr_matrix(np.array([[1.0, 0, 0], [1, 1, 0], [0, 0, 0]]))
    values = diversity(np.array([[0, 1], [0, -1], [0, 2]]), vectors=vectors)
    np.testing.assert_allclose(values, [1 - 1 / np.sqrt(2), np.nan, 1.0])


def test_diversity_equals_the_loop_over_pairs() -> None:
    rng = np.random.default_rng(3)
    dense = rng.random((30, 7)) * (rng.random((30, 7)) < 0.4)
    lists = np.stack([rng.choice(30, 6, replace=False) for _ in range(5)])
    unit = dense / np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-12)
    expected = [np.mean([1 - unit[a] @ unit[b] for a in row for b in row if a != b]) for row in lists]
    np.testing.assert_allclose(diversity(lists, vectors=sp.csr_matrix(dense)), expected)


def test_popularity_is_the_mean_over_a_list_and_missing_for_an_empty_one() -> None:
    values = mean_popularity(np.array([[0, 1], [-1, -1]]), num_users_of_item=np.array([10, 20]))
    np.testing.assert_allclose(values, [15.0, np.nan])
