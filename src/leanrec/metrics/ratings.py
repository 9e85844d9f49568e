"""Ratings and probabilities: RMSE, MAE, AUC and log loss."""

import numpy as np
import numpy.typing as npt

from leanrec.errors import DataError
from leanrec.metrics.ranking import FloatArray

Figures = npt.NDArray[np.float64] | npt.NDArray[np.float32]
Labels = npt.NDArray[np.bool_] | npt.NDArray[np.int64]

SMALLEST_PROBABILITY = 1e-15
"""Log loss moves probabilities of 0 and 1 inwards by this much, as scikit-learn once did, so that one certain error is not infinite."""


def rmse(truth: Figures, predicted: Figures) -> float:
    """Root of the mean squared error, in the unit of the ratings."""
    return float(np.sqrt(np.mean(_errors(truth, predicted) ** 2)))


def mae(truth: Figures, predicted: Figures) -> float:
    """Mean absolute error, in the unit of the ratings."""
    return float(np.mean(np.abs(_errors(truth, predicted))))


def auc(labels: Labels, scores: Figures) -> float:
    """Chance that a positive scores above a negative, a tie counting half (Mann-Whitney); (n,) labels of 0 and 1, (n,) scores.

    Raises `DataError` unless both kinds are present.

    >>> auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.75
    """
    is_positive = _checked_labels(labels, scores)
    num_positive = int(is_positive.sum())
    num_negative = len(is_positive) - num_positive
    if num_positive == 0 or num_negative == 0:
        raise DataError(f"AUC needs both labels; found {num_positive} positive and {num_negative} negative", hint="check the labels")
    positives, negatives = scores[is_positive], np.sort(scores[~is_positive])
    below = np.searchsorted(negatives, positives, side="left").astype(np.int64)
    not_above = np.searchsorted(negatives, positives, side="right").astype(np.int64)
    return float((below + not_above).sum() / (2 * num_positive * num_negative))


def log_loss(labels: Labels, probabilities: Figures) -> float:
    """Mean of -log(probability given to what happened), in nats; (n,) labels of 0 and 1, (n,) probabilities in [0, 1]."""
    is_positive = _checked_labels(labels, probabilities)
    if len(probabilities) and not (probabilities.min() >= 0.0 and probabilities.max() <= 1.0):
        raise DataError(f"probabilities lie in [0, 1]; found {probabilities.min():g} to {probabilities.max():g}", hint="are they scores?")
    certain = np.where(is_positive, probabilities, 1.0 - probabilities).astype(np.float64)
    return float(-np.log(np.clip(certain, SMALLEST_PROBABILITY, 1.0)).mean())


def _errors(truth: Figures, predicted: Figures) -> FloatArray:
    if truth.shape != predicted.shape or truth.size == 0:
        raise DataError(f"truth has shape {truth.shape}, predictions {predicted.shape}", hint="one prediction per rating, at least one")
    errors: FloatArray = predicted.astype(np.float64) - truth.astype(np.float64)
    return errors


def _checked_labels(labels: Labels, scores: Figures) -> npt.NDArray[np.bool_]:
    if labels.shape != scores.shape or labels.size == 0 or not np.isin(labels, (0, 1)).all():
        raise DataError(f"labels have shape {labels.shape}, scores {scores.shape}", hint="one label of 0 or 1 per score, at least one")
    return labels.astype(np.bool_)
