"""RMSE, MAE, AUC and log loss agree with figures worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanrec.errors import DataError
from leanrec.metrics.ratings import auc, log_loss, mae, rmse


def test_rating_errors_are_those_worked_by_hand() -> None:
    truth, predicted = np.array([4.0, 2.0, 5.0]), np.array([3.0, 2.0, 3.0])
    assert rmse(truth, predicted) == pytest.approx(math.sqrt((1 + 0 + 4) / 3))
    assert mae(truth, predicted) == pytest.approx(1.0)


def test_auc_counts_pairs_and_half_a_tie() -> None:
    labels = np.array([1, 0, 1, 0, 0])
    scores = np.array([0.9, 0.9, 0.4, 0.3, 0.5])
    # positives .9 and .4 against negatives .9, .3, .5: (.5 + 1 + 1) and (0 + 1 + 0) of six pairs
    assert auc(labels, scores) == pytest.approx(3.5 / 6)
    assert auc(labels, np.zeros(5)) == 0.5


@given(st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), min_size=2, max_size=40))
def test_auc_equals_the_count_over_all_pairs(pairs: list[tuple[bool, int]]) -> None:
    labels, scores = np.array([label for label, _ in pairs]), np.array([float(score) for _, score in pairs])
    positives, negatives = scores[labels], scores[~labels]
    if not len(positives) or not len(negatives):
        with pytest.raises(DataError, match="needs both labels"):
            auc(labels, scores)
        return
    differences = positives[:, None] - negatives[None, :]
    assert auc(labels, scores) == pytest.approx(((differences > 0) + 0.5 * (differences == 0)).mean())


def test_log_loss_is_that_worked_by_hand_and_finite_when_certain() -> None:
    assert log_loss(np.array([1, 0]), np.array([0.8, 0.4])) == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2)
    assert math.isfinite(log_loss(np.array([1]), np.array([0.0])))


def test_what_is_no_probability_or_label_is_refused() -> None:
    with pytest.raises(DataError, match="lie in \\[0, 1\\]"):
        log_loss(np.array([1]), np.array([1.5]))
    with pytest.raises(DataError, match="label of 0 or 1"):
        auc(np.array([2, 0]), np.array([0.1, 0.2]))
    with pytest.raises(DataError, match="one prediction per rating"):
        rmse(np.zeros(2), np.zeros(3))
