"""Acts: which events are something a user did with an item, and which of them are the first."""

import numpy as np
import numpy.typing as npt

from leanrec.data.dataset import Dataset, Mask
from leanrec.data.events import EVENT_WEIGHTS

IMPRESSION = list(EVENT_WEIGHTS).index("impression")
"""Physical code of an impression: being shown an item is no act."""


def is_act(dataset: Dataset) -> Mask:
    """(num_events,) everything but impressions."""
    acts: Mask = dataset.column("event") != IMPRESSION
    return acts


def is_first_act(dataset: Dataset) -> Mask:
    """(num_events,) the user's first act on the item; later ones are repeats."""
    acts = np.flatnonzero(is_act(dataset))
    is_first = np.zeros(len(dataset), np.bool_)
    is_first[acts[np.unique(user_item_pairs(dataset)[acts], return_index=True)[1]]] = True
    return is_first


def user_item_pairs(dataset: Dataset) -> npt.NDArray[np.int64]:
    """(num_events,) one number per pair: user row x items + item row."""
    pairs: npt.NDArray[np.int64] = dataset.column("user_row").astype(np.int64) * dataset.num_items + dataset.column("item_row")
    return pairs
