"""Ratings: how far predicted ratings are from the given ones, for recommenders that predict any."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from leanrec.data.dataset import Dataset
from leanrec.data.events import EVENT_WEIGHTS
from leanrec.data.ids import ItemId, UserId
from leanrec.errors import EmptySplitError
from leanrec.metrics.report import Measure
from leanrec.metrics.uncertainty import bootstrap_ratios

_RATE = list(EVENT_WEIGHTS).index("rate")


@runtime_checkable
class PredictsRatings(Protocol):
    """A recommender that can say which rating a user would give."""

    def predict(self, user_ids: Sequence[UserId], item_ids: Sequence[ItemId]) -> npt.NDArray[np.float32]:
        """(n,) float32 ratings of user by item, in the unit of the data; unknown ids get what is expected of anybody."""
        ...


def has_ratings(dataset: Dataset) -> bool:
    """Whether any event is a rating with a value."""
    return bool(_is_rating(dataset).any())


def evaluate_ratings(recommender: PredictsRatings, held_out: Dataset, *, seed: int = 0) -> dict[str, Measure]:
    """`rmse` and `mae` over all ratings of a held-out part (lower is better), with 95 % intervals by bootstrap over users.

    Raises `EmptySplitError` when the part holds no ratings.
    """
    rated = held_out.subset(_is_rating(held_out))
    if len(rated) == 0:
        raise EmptySplitError("the held-out part has no ratings", hint="ratings are events of kind rate with a value")
    users, items = rated.column("user_row"), rated.column("item_row")
    predicted = recommender.predict([rated.users.ids[row] for row in users], [rated.items.ids[row] for row in items])
    errors = np.asarray(predicted, dtype=np.float64) - rated.column("value").astype(np.float64)
    who = np.unique(users, return_inverse=True)[1]
    sums = np.stack([np.bincount(who, weights=errors**2), np.bincount(who, weights=np.abs(errors))], axis=1).astype(np.float64)
    counts = np.repeat(np.bincount(who)[:, None], 2, axis=1).astype(np.float64)
    intervals = bootstrap_ratios(sums, counts, rng=np.random.default_rng(seed))
    return {"rmse": _rooted(intervals.measure(0)), "mae": intervals.measure(1)}


def _rooted(squared: Measure) -> Measure:
    low, high = (None if bound is None else float(np.sqrt(bound)) for bound in (squared.low, squared.high))
    return Measure(value=float(np.sqrt(squared.value)), low=low, high=high, num_users=squared.num_users)


def _is_rating(dataset: Dataset) -> npt.NDArray[np.bool_]:
    is_rating: npt.NDArray[np.bool_] = (dataset.column("event") == _RATE) & np.isfinite(dataset.column("value"))
    return is_rating
