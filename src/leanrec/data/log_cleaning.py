"""Which rows of an event log stay: not impossible, not repeated, in the k-core. Masks, lean in memory."""

import numpy as np
import numpy.typing as npt
import polars as pl

from leanrec.data.events import EventLog
from leanrec.data.timestamps import EARLIEST_YEAR, FROM, LATEST_YEAR, UNTIL

_ENOUGH_RATINGS = 100


def why_impossible(log: EventLog) -> pl.Series | None:
    """A reason for each row that cannot be true, null for the others; None when all can be."""
    is_late = _is_outside_years(log)
    is_broken = log.frame["value"].is_nan() | log.frame["value"].is_infinite()
    is_far = _is_far_rating(log)
    if not any(mask is not None and mask.any() for mask in (is_late, is_broken, is_far)):
        return None
    reasons = pl.Series("reason", [None], dtype=pl.String).new_from_index(0, len(log))
    marks = (
        (is_far, "the rating lies far outside the scale of the others"),
        (is_broken, "the value is not finite"),
        (is_late, f"time is not between the years {EARLIEST_YEAR} and {LATEST_YEAR}"),
    )
    for mask, reason in marks:
        if mask is not None and mask.any():
            reasons = pl.Series([reason], dtype=pl.String).new_from_index(0, len(log)).zip_with(mask.fill_null(value=False), reasons)
    return reasons


def is_distinct(log: EventLog) -> pl.Series | None:
    """True for the first of equal rows; None when no row repeats another.

    Rows are compared by a 64-bit hash first, and only those whose hash repeats are compared in full, so a log without
    duplicates costs 16 bytes a row.
    """
    hashes = log.frame.hash_rows(seed=0)
    ordered = np.sort(hashes.to_numpy())
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    del ordered
    if len(repeated) == 0:
        return None
    rows = np.flatnonzero(hashes.is_in(pl.Series(repeated).implode()).to_numpy())
    candidates = log.frame[rows].with_columns(pl.Series("_row", rows))
    first = candidates.unique([name for name in candidates.columns if name != "_row"], keep="first", maintain_order=True)["_row"].to_numpy()
    mask = np.ones(len(log), dtype=np.bool_)
    mask[rows] = False
    mask[first] = True
    return None if mask.all() else pl.Series(mask)


def in_core(log: EventLog, *, user: int, item: int) -> pl.Series | None:
    """True for the events of the k-core: repeated until every user has `user` events and every item `item`; None when all are."""
    users, items = _codes(log.frame["user_id"]), _codes(log.frame["item_id"])
    kept = np.ones(len(log), dtype=np.bool_)
    while True:
        enough_user = np.bincount(users[kept], minlength=1) >= user
        enough_item = np.bincount(items[kept], minlength=1) >= item
        still = kept.copy()
        still[kept] = enough_user[users[kept]] & enough_item[items[kept]]
        if still.sum() == kept.sum():
            break
        kept = still
    return None if kept.all() else pl.Series(kept)


def _codes(ids: pl.Series) -> npt.NDArray[np.uint32]:
    codes: npt.NDArray[np.uint32] = ids.to_physical().to_numpy()
    return codes


def _is_outside_years(log: EventLog) -> pl.Series | None:
    if log.time_quality != "exact" or len(log) == 0:
        return None
    times = log.frame["timestamp"]
    earliest, latest = times.min(), times.max()
    if isinstance(earliest, int) and isinstance(latest, int) and earliest >= FROM and latest < UNTIL and not times.has_nulls():
        return None
    return ((times < FROM) | (times >= UNTIL)).fill_null(value=True)


def _is_far_rating(log: EventLog) -> pl.Series | None:
    """Ratings further outside the central 98 % than that is wide; a scale of 1 to 5 thus allows -3 to 9."""
    is_rating = log.frame["event"] == "rate"
    if not is_rating.any():
        return None
    value = log.frame["value"]
    ratings = value.filter(is_rating & value.is_not_null())
    if len(ratings) < _ENOUGH_RATINGS:
        return None
    low, high = ratings.quantile(0.01), ratings.quantile(0.99)
    if low is None or high is None or high <= low:
        return None
    width = high - low
    return is_rating & ((value < low - width) | (value > high + width))
