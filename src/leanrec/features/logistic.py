"""Logistic regression with a penalty on large weights: fitted by L-BFGS, its strength chosen by folds, its probabilities calibrated."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.optimize
import scipy.special

from leanrec.errors import DataError
from leanrec.features.histories import FloatArray

Doubles = npt.NDArray[np.float64]
Labels = npt.NDArray[np.bool_]

TOLERANCE = 1e-6
"""Slope of the mean loss at which the search ends: probabilities hold to four places, as the test against scikit-learn demands."""
STRENGTHS = (0.1, 1.0, 10.0, 100.0)
"""How much the data count against the penalty, as in scikit-learn's `C`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LogisticRegression:
    """A weight per column and an intercept; more to the point, the probability of a yes."""

    weights: Doubles
    """(D,)"""
    intercept: float

    @classmethod
    def fit(
        cls, vectors: npt.NDArray[np.floating], labels: Labels, *, strength: float = 1.0, near: "LogisticRegression | None" = None
    ) -> "LogisticRegression":
        """The minimum of sum of log losses x strength + half the squared weights; the intercept is free; the search begins `near` another.

        Raises `DataError` where all labels are alike.
        """
        if len(labels) == 0 or labels.all() or not labels.any():
            raise DataError(f"{len(labels)} examples are all alike: there is nothing to tell apart", hint="give examples of both kinds")
        signs = np.where(labels, 1.0, -1.0)
        columns, pull = vectors.astype(np.float64), 1.0 / (strength * len(labels))

        def loss(parameters: Doubles) -> tuple[float, Doubles]:
            """The same over strength and number of examples, so that one tolerance suits all."""
            weights, intercept = parameters[:-1], parameters[-1]
            margins = signs * (columns @ weights + intercept)
            slopes = -signs * scipy.special.expit(-margins) / len(signs)
            value = float(np.logaddexp(0.0, -margins).mean()) + 0.5 * pull * float(weights @ weights)
            return value, np.append(columns.T @ slopes + pull * weights, slopes.sum())

        start = np.zeros(columns.shape[1] + 1) if near is None else np.append(near.weights, near.intercept)
        found = scipy.optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000, "ftol": 1e-11, "gtol": TOLERANCE})
        return cls(weights=found.x[:-1], intercept=float(found.x[-1]))

    @classmethod
    def fit_calibrated(
        cls, vectors: npt.NDArray[np.floating], labels: Labels, *, rng: np.random.Generator, folds: int = 5, strengths: Sequence[float] = STRENGTHS
    ) -> "LogisticRegression":
        """With the strength whose answers to the folds that were left out lose least, and Platt's calibration on those answers.

        Platt 1999: a line through the margins, itself a logistic regression, folded into weights and intercept.
        """
        if min(int(labels.sum()), int((~labels).sum())) < folds:
            raise DataError(
                f"{int(labels.sum())} yes and {int((~labels).sum())} no are too few for {folds} folds",
                hint=f"give at least {folds} examples of each kind",
            )
        fold_of = _fold_of(labels, folds, rng)
        margins = _left_out(cls, vectors, labels, fold_of, sorted(strengths))
        best = min(strengths, key=lambda strength: float(np.logaddexp(0.0, -np.where(labels, 1.0, -1.0) * margins[strength]).mean()))
        line = cls.fit(margins[best][:, np.newaxis], labels, strength=1e6)
        whole = cls.fit(vectors, labels, strength=best)
        slope = float(line.weights[0])
        return cls(weights=slope * whole.weights, intercept=slope * whole.intercept + line.intercept)

    def margins(self, vectors: npt.NDArray[np.floating]) -> Doubles:
        """(B,) the logarithm of the odds of a yes."""
        found: Doubles = vectors @ self.weights + self.intercept
        return found

    def probabilities(self, vectors: npt.NDArray[np.floating]) -> FloatArray:
        """(B,) of a yes."""
        found: FloatArray = scipy.special.expit(self.margins(vectors)).astype(np.float32)
        return found


def _fold_of(labels: Labels, folds: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """(n,) a fold for each example, both kinds spread evenly."""
    fold_of = np.zeros(len(labels), np.int64)
    for kind in (True, False):
        places = rng.permutation(np.flatnonzero(labels == kind))
        fold_of[places] = np.arange(len(places)) % folds
    return fold_of


def _left_out(
    kind: type[LogisticRegression], vectors: npt.NDArray[np.floating], labels: Labels, fold_of: npt.NDArray[np.int64], strengths: Sequence[float]
) -> dict[float, Doubles]:
    """Strength -> (n,) the margin of each example by the regression that did not see it; each strength begins where the last one ended."""
    margins = {strength: np.zeros(len(labels)) for strength in strengths}
    for fold in range(int(fold_of.max()) + 1):
        is_out, near = fold_of == fold, None
        for strength in strengths:
            near = kind.fit(vectors[~is_out], labels[~is_out], strength=strength, near=near)
            margins[strength][is_out] = near.margins(vectors[is_out])
    return margins
