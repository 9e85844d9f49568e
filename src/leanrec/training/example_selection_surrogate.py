"""Surrogate: a linear model small enough that what each example does to it can be written down."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.special

from leanrec.features.histories import FloatArray
from leanrec.features.logistic import LogisticRegression

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Surrogate:
    """A logistic regression on labels of 0 and 1, or a linear one on stars; its last weight is the intercept."""

    weights: Doubles
    """(D + 1,)"""
    penalty: float
    is_rating: bool

    def gradients(self, columns: Doubles, labels: FloatArray) -> Doubles:
        """(E, D + 1) of each example's loss."""
        slopes = self._predicted(columns) - labels
        return slopes[:, None] * _with_one(columns)

    def influence(self, columns: Doubles, labels: FloatArray, *, held_out: Doubles, held_out_labels: FloatArray) -> Doubles:
        """(E,) by how much the held-out loss falls when an example counts a little more (Koh and Liang 2017, eq. 2, its sign turned).

        The examples are those that it was fitted on.
        """
        towards = self.gradients(held_out, held_out_labels).mean(axis=0)
        found: Doubles = self.gradients(columns, labels) @ np.linalg.solve(self._curvature(columns), towards)
        return found

    def _predicted(self, columns: Doubles) -> Doubles:
        margins: Doubles = _with_one(columns) @ self.weights
        return margins if self.is_rating else np.asarray(scipy.special.expit(margins))

    def _curvature(self, columns: Doubles) -> Doubles:
        """(D + 1, D + 1) of the loss of all examples, penalty included; a breath on the intercept keeps it invertible."""
        chances = self._predicted(columns)
        bend = np.ones(len(columns)) if self.is_rating else chances * (1.0 - chances)
        rows = _with_one(columns)
        pull = np.append(np.full(columns.shape[1], self.penalty), 1e-6)
        whole: Doubles = (rows * bend[:, None]).T @ rows + np.diag(pull)
        return whole


def fit_surrogate(columns: Doubles, labels: FloatArray, *, penalty: float, is_rating: bool) -> Surrogate:
    """The minimum of the sum of losses + penalty / 2 x the squared weights; the intercept is free."""
    if is_rating:
        mean, middle = float(labels.mean()), columns.mean(axis=0)
        centred = columns - middle
        weights = np.linalg.solve(centred.T @ centred + penalty * np.eye(columns.shape[1]), centred.T @ (labels - mean))
        return Surrogate(weights=np.append(weights, mean - middle @ weights), penalty=penalty, is_rating=True)
    fitted = LogisticRegression.fit(columns, labels > 0, strength=1.0 / penalty)
    return Surrogate(weights=np.append(fitted.weights, fitted.intercept), penalty=penalty, is_rating=False)


def _with_one(columns: Doubles) -> Doubles:
    return np.concatenate([columns, np.ones((len(columns), 1))], axis=1)
