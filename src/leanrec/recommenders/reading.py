"""Reading: candidates in a new order, as far as a language model read of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leanrec.data.ids import Rows

FloatArray = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """K candidates, best first; those that were read have changed places among themselves only."""

    order: Rows
    """(K,) places in what was given."""
    scores: FloatArray
    """(K,) in the new order, falling: the scores that were given, handed to whoever stands there now."""
    is_read: Mask
    """(K,) in the new order."""

    @property
    def num_read(self) -> int:
        """How many were read."""
        return int(np.count_nonzero(self.is_read))


def reordered(scores: FloatArray, read: FloatArray, *, weight: float) -> Reading:
    """Candidates with falling scores (K,) in the order of what reading said of them (K,), NaN where nothing was read.

    Both are standardised over what was read and mixed by `weight`; 1 is reading alone. Who was not read keeps place and score.
    """
    places = np.flatnonzero(np.isfinite(read))
    order = np.arange(len(scores))
    if len(places) == 0:
        return Reading(order=order, scores=scores, is_read=np.zeros(len(scores), np.bool_))
    mixed = (1 - weight) * _standardised(scores[places]) + weight * _standardised(read[places])
    order[places] = places[np.argsort(-mixed, kind="stable")]
    return Reading(order=order, scores=_strictly_falling(scores, upto=int(places[-1])), is_read=np.isfinite(read))


def _strictly_falling(scores: FloatArray, *, upto: int) -> FloatArray:
    """The scores, those before place `upto` and at it lifted by as little as it takes to tell them apart: ties would undo the order."""
    lifted = scores.copy()
    lifted[upto] = np.nextafter(lifted[upto], np.float32(np.inf))
    for place in range(upto - 1, -1, -1):
        lifted[place] = max(lifted[place], np.nextafter(lifted[place + 1], np.float32(np.inf)))
    return lifted


def _standardised(figures: FloatArray) -> npt.NDArray[np.float64]:
    exact = figures.astype(np.float64)
    centred: npt.NDArray[np.float64] = (exact - exact.mean()) / max(float(exact.std()), 1e-12)
    return centred
