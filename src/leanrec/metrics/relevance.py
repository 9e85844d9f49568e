"""Reports of a relevance head: how well pairs that were chosen, or rated well, are told from the others."""

from collections.abc import Mapping

import numpy as np

from leanrec.metrics.ratings import Figures, auc, log_loss, rmse

GOOD_STARS = 4.0
"""Ratings from here on count as good."""


def relevance_report(labels: Figures, scores: Figures) -> Mapping[str, object]:
    """AUC, log loss, and precision, recall and F1 of each class; (n,) labels of 0 and 1, (n,) logits."""
    is_chosen = labels > 0
    chances = 1.0 / (1.0 + np.exp(-np.clip(scores.astype(np.float64), -500, 500)))
    return {
        "auc": auc(is_chosen, scores),
        "log_loss": log_loss(is_chosen, chances),
        "classes": classification_report(is_chosen, chances >= 0.5, names=("not chosen", "chosen")),
    }


def ratings_report(stars: Figures, predicted: Figures) -> Mapping[str, object]:
    """RMSE, AUC of ratings of four stars and more, and precision, recall and F1 of telling them; (n,) stars each."""
    is_good = stars >= GOOD_STARS
    return {
        "rmse": rmse(stars, predicted),
        "auc": auc(is_good, predicted),
        "classes": classification_report(is_good, predicted >= GOOD_STARS, names=(f"below {GOOD_STARS:g}", f"{GOOD_STARS:g} and more")),
    }


def classification_report(truth: np.ndarray, predicted: np.ndarray, *, names: tuple[str, str]) -> Mapping[str, Mapping[str, float]]:
    """Precision, recall, F1 and number of pairs of the negative and the positive class; a share of nothing is 0.

    >>> classification_report(np.array([True, False, True]), np.array([True, True, True]), names=("no", "yes"))["yes"]
    {'precision': 0.6666666666666666, 'recall': 1.0, 'f1': 0.8, 'pairs': 2.0}
    """
    report = {}
    for name, is_one in zip(names, (False, True), strict=True):
        right = float(((truth == is_one) & (predicted == is_one)).sum())
        precision = right / max(1.0, float((predicted == is_one).sum()))
        recall = right / max(1.0, float((truth == is_one).sum()))
        f1 = 2 * precision * recall / (precision + recall) if right else 0.0
        report[name] = {"precision": precision, "recall": recall, "f1": f1, "pairs": float((truth == is_one).sum())}
    return report
