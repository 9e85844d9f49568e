"""Bots: users whose events no person makes, by rate and by entropy. Conservative: a person who rates all day is none."""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from leanrec.data.events import EventLog

MIN_EVENTS = 500
"""Users with fewer events harm nobody and cannot be told from people."""
_MIN_ENTROPY = 0.1
_DAY_US = 86_400_000_000
_GROUP_EVENTS = 1_000_000


def bot_users(log: EventLog, *, events_per_day: int) -> dict[str, str]:
    """Suspected users and why: too many events in a day, one item over and over, or gaps like a clock's.

    Heavy users are looked at in groups of about a million events, so memory stays small beside the log.
    """
    found: dict[str, str] = {}
    for heavy in _heavy_users(log):
        found |= _hammering(heavy)
        if log.time_quality == "exact":
            found |= _clockwork(heavy) | _hasty(heavy, events_per_day)
    return {str(user_id): found[user_id] for user_id in sorted(found)}


def _heavy_users(log: EventLog) -> Iterator[pl.DataFrame]:
    """Frames of user_id, item_id and timestamp that hold all events of some heavy users each."""
    columns = log.frame.select("user_id", "item_id", "timestamp")
    users: npt.NDArray[np.uint32] = columns["user_id"].to_physical().to_numpy()
    counts = np.bincount(users, minlength=1)
    heavy = np.flatnonzero(counts >= MIN_EVENTS)
    group_of = np.cumsum(counts[heavy]) // _GROUP_EVENTS
    for group in np.unique(group_of):
        is_member = np.zeros(len(counts), dtype=np.bool_)
        is_member[heavy[group_of == group]] = True
        yield columns.filter(pl.Series(is_member[users]))


def _hammering(heavy: pl.DataFrame) -> dict[str, str]:
    """Nearly all events on one item: the entropy of the items is under a tenth of what the count allows."""
    shares = (
        heavy.group_by("user_id", "item_id")
        .len()
        .group_by("user_id")
        .agg(_entropy(pl.col("len")).alias("entropy"), pl.col("len").sum().alias("count"))
    )
    low = shares.filter(pl.col("entropy") < _MIN_ENTROPY * pl.col("count").cast(pl.Float64).log(2))
    return {str(user): f"{count} events on nearly one item (entropy {entropy:.2f} bits)" for user, entropy, count in low.iter_rows()}


def _clockwork(heavy: pl.DataFrame) -> dict[str, str]:
    """Equal gaps between events: people's gaps differ, and imports at one instant have no gap, so those are no sign."""
    gaps = (
        heavy.sort("user_id", "timestamp")
        .select("user_id", (pl.col("timestamp").diff().over("user_id") // 1_000_000).alias("gap"))
        .filter(pl.col("gap") > 0)
        .group_by("user_id", "gap")
        .len()
    )
    entropy = gaps.group_by("user_id").agg(_entropy(pl.col("len")).alias("entropy"), pl.col("len").sum().alias("count"))
    low = entropy.filter((pl.col("count") >= MIN_EVENTS) & (pl.col("entropy") < _MIN_ENTROPY * math.log2(MIN_EVENTS)))
    return {str(user): f"{count} gaps of nearly the same length (entropy {bits:.2f} bits)" for user, bits, count in low.iter_rows()}


def _hasty(heavy: pl.DataFrame, events_per_day: int) -> dict[str, str]:
    """More than `events_per_day` events within any 24 hours."""
    lasting = pl.col("timestamp").shift(-events_per_day).over("user_id") - pl.col("timestamp")
    over = heavy.sort("user_id", "timestamp").filter(lasting < _DAY_US)["user_id"].unique().cast(pl.String)
    return dict.fromkeys(over.to_list(), f"more than {events_per_day} events in 24 hours")


def _entropy(counts: pl.Expr) -> pl.Expr:
    """Shannon entropy in bits of the shares that the counts make."""
    share = counts / counts.sum()
    return -(share * share.log(2)).sum()
