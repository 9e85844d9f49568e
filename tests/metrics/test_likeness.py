"""Agreement of two encoders: by hand on a few vectors, whatever space they speak."""

import numpy as np
import pytest

from leanrec.metrics.likeness import likeness_agreement

VECTORS = np.array([[1, 0], [0.8, 0.6], [0, 1], [-1, 0]], np.float32)


def test_an_encoder_agrees_with_itself() -> None:
    agreement = likeness_agreement(VECTORS, VECTORS, neighbours=2)
    assert (agreement.shared_neighbours, agreement.num_texts, agreement.neighbours) == (1, 4, 2)
    assert agreement.correlation == pytest.approx(1)
    assert agreement.lowest_cosine == pytest.approx(1)


def test_a_turned_space_agrees_on_what_is_alike_but_not_on_vectors() -> None:
    turned = VECTORS @ np.array([[0, 1], [-1, 0]], np.float32)
    agreement = likeness_agreement(VECTORS, turned, neighbours=2)
    assert agreement.shared_neighbours == 1
    assert agreement.lowest_cosine == pytest.approx(0, abs=1e-6)
    assert likeness_agreement(VECTORS, turned, is_same_space=False).lowest_cosine is None


def test_shared_neighbours_are_counted_by_hand() -> None:
    others = VECTORS[[0, 3, 2, 1]]  # two texts have changed places
    agreement = likeness_agreement(VECTORS, others, neighbours=1)
    # Nearest before: 1, 0, 1, 2; after: 3, 2, 3, 0.
    assert agreement.shared_neighbours == 0


def test_an_encoder_to_which_all_is_alike_correlates_with_nothing() -> None:
    assert likeness_agreement(VECTORS, np.ones((4, 1), np.float32)).correlation == 0
