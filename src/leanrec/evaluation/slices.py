"""Slices: groups of items and users on which a figure is also given alone, because a mean hides who is served badly."""

import numpy as np
import numpy.typing as npt

from leanrec.data.acts import is_first_act
from leanrec.data.dataset import Dataset, Mask
from leanrec.data.holdout import Holdout

HEAD_SHARE = 0.5
"""The most popular items that together make up half of all training acts are the head."""
TORSO_SHARE = 0.8
"""The items after them, up to four fifths of all training acts, are the torso; the rest the tail."""


def num_users_of_item(train: Dataset) -> npt.NDArray[np.int64]:
    """(N,) how many users acted on each item in training: its popularity."""
    return np.bincount(train.column("item_row")[is_first_act(train)], minlength=train.num_items)


def item_slices(popularity: npt.NDArray[np.int64]) -> dict[str, Mask]:
    """Name -> (N,) which items: head, torso and tail by popularity in training, and cold ones never seen there."""
    order = np.argsort(-popularity, kind="stable")
    before = np.cumsum(popularity[order]) - popularity[order]
    share = np.empty(len(popularity))
    share[order] = before / max(1, int(popularity.sum()))
    is_known = popularity > 0
    return {
        "head items": is_known & (share < HEAD_SHARE),
        "torso items": is_known & (share >= HEAD_SHARE) & (share < TORSO_SHARE),
        "tail items": is_known & (share >= TORSO_SHARE),
        "cold items": ~is_known,
    }


def user_slices(holdout: Holdout) -> dict[str, Mask]:
    """Name -> (B,) which users: cold without history, light up to the median length of the others' histories, heavy above it."""
    lengths = np.fromiter((len(query.history) for query in holdout.queries), dtype=np.int64, count=len(holdout))
    is_cold = lengths == 0
    median = float(np.median(lengths[~is_cold])) if (~is_cold).any() else 0.0
    return {"cold users": is_cold, "light users": ~is_cold & (lengths <= median), "heavy users": lengths > median}
