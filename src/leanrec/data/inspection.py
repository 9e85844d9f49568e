"""Inspection: what a cleaned event log and catalogue look like in figures, for people and for JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from leanrec.data.clean import Cleaned, CleaningStep
from leanrec.data.distributions import Distribution, distribution, gini, share_of_head, tail_curve
from leanrec.data.events import EventLog, TimeQuality

_DAY_US = 86_400_000_000
_MAX_PERIODS = 120
_PERIODS = (("day", "1d"), ("week", "1w"), ("month", "1mo"), ("quarter", "1q"), ("year", "1y"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Activity:
    """Events in each stretch of time."""

    period: str
    """day, week, month, quarter or year: the finest that gives at most 120 stretches."""
    starts: tuple[str, ...]
    """First day of each stretch, ISO 8601."""
    counts: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Inspection:
    """The figures of one data set after cleaning."""

    num_events: int
    num_users: int
    num_items: int
    """Items with events."""
    num_pairs: int
    """Distinct pairs of user and item."""
    time_quality: TimeQuality
    first_time: str | None
    last_time: str | None
    event_kinds: Mapping[str, int]
    history_lengths: Distribution
    """Events of each user."""
    item_counts: Distribution
    """Events of each item."""
    head_shares: Mapping[str, float]
    """Share of all events on the most popular 1, 10 and 20 % of items."""
    tail_curve: tuple[tuple[float, float], ...]
    """Share of the items, most popular first, and the share of all events that they hold."""
    popularity_gini: float
    """0: all items alike; 1: one item has all events."""
    values: Distribution | None
    """Ratings, quantities or seconds, where rows have any."""
    activity: Activity | None
    catalogue_items: int
    items_without_catalogue: int
    items_without_events: int
    filled: Mapping[str, float]
    """Catalogue column -> share of items with a value."""
    text_lengths: Mapping[str, Distribution]
    """Catalogue text column -> characters of each value."""
    cleaning: tuple[CleaningStep, ...]
    quarantine: Mapping[str, int]
    """Reason -> rows set aside."""
    bots: Mapping[str, str]

    @property
    def sparsity(self) -> float:
        """Share of user-item pairs without an event."""
        return 1.0 - self.num_pairs / max(1, self.num_users * self.num_items)

    def headline(self) -> list[tuple[str, str]]:
        """The figures that matter first, as text."""
        lengths = self.history_lengths
        rows = [
            ("events", f"{self.num_events:,}"),
            ("users", f"{self.num_users:,}"),
            ("items with events", f"{self.num_items:,}"),
            ("sparsity", f"{self.sparsity:.2%}"),
            ("events a user, median", f"{lengths.median:g} (from {lengths.low:g} to {lengths.high:g})"),
            ("events on the top 10 % of items", f"{self.head_shares['top 10 %']:.0%}"),
            ("event kinds", ", ".join(f"{kind} {count:,}" for kind, count in self.event_kinds.items())),
            ("time", f"{self.first_time} to {self.last_time}" if self.first_time else self.time_quality),
        ]
        if self.catalogue_items:
            rows.append(("items in the catalogue", f"{self.catalogue_items:,} ({self.items_without_events:,} without events)"))
        return rows

    def to_dict(self) -> dict[str, Any]:  # Any: JSON values
        """Plain dictionaries and lists, ready for JSON."""
        return {**asdict(self), "sparsity": self.sparsity}


def inspect_data(cleaned: Cleaned) -> Inspection:
    """Count everything once; the log must hold events, which cleaning has made sure of."""
    log = cleaned.log
    frame = log.frame
    users = frame.group_by("user_id").len()["len"].to_numpy()
    items = frame.group_by("item_id").len()["len"].to_numpy()
    kinds = frame["event"].value_counts(sort=True)
    return Inspection(
        num_events=len(log),
        num_users=len(users),
        num_items=len(items),
        num_pairs=_num_pairs(log),
        time_quality=log.time_quality,
        first_time=_day(log, frame["timestamp"].min()),
        last_time=_day(log, frame["timestamp"].max()),
        event_kinds=dict(zip(kinds["event"].cast(pl.String).to_list(), kinds["count"].to_list())),
        history_lengths=distribution(users, is_logarithmic=True),
        item_counts=distribution(items, is_logarithmic=True),
        head_shares={f"top {percent} %": share_of_head(items, percent / 100) for percent in (1, 10, 20)},
        tail_curve=tail_curve(items),
        popularity_gini=gini(items),
        values=_values(frame),
        activity=_activity(log),
        **_catalogue_figures(cleaned),
        cleaning=cleaned.steps,
        quarantine=cleaned.quarantine.counts(),
        bots=cleaned.bots,
    )


def _num_pairs(log: EventLog) -> int:
    users = log.frame["user_id"].to_physical().to_numpy().astype(np.uint64)
    pairs = (users << np.uint64(32)) | log.frame["item_id"].to_physical().to_numpy()
    return int(pl.Series(pairs).n_unique())


def _day(log: EventLog, time: object) -> str | None:
    return datetime.fromtimestamp(time / 1e6, tz=UTC).date().isoformat() if log.time_quality == "exact" and isinstance(time, int) else None


def _values(frame: pl.DataFrame) -> Distribution | None:
    values = frame["value"].drop_nulls()
    return distribution(values.to_numpy(), is_logarithmic=False) if len(values) else None


def _activity(log: EventLog) -> Activity | None:
    if log.time_quality != "exact":
        return None
    times = log.frame.select(pl.from_epoch("timestamp", time_unit="us").alias("time"))
    for period, every in _PERIODS:
        counted = times.group_by(pl.col("time").dt.truncate(every).dt.date()).len().sort("time").upsample("time", every=every)
        if counted.height <= _MAX_PERIODS or period == "year":
            return Activity(
                period=period, starts=tuple(day.isoformat() for day in counted["time"]), counts=tuple(counted["len"].fill_null(0).to_list())
            )
    return None


def _catalogue_figures(cleaned: Cleaned) -> dict[str, Any]:  # Any: the catalogue's share of Inspection's fields
    if cleaned.catalogue is None:
        return {"catalogue_items": 0, "items_without_catalogue": 0, "items_without_events": 0, "filled": {}, "text_lengths": {}}
    frame = cleaned.catalogue.frame
    with_events = set(cleaned.log.frame["item_id"].unique().cast(pl.String).to_list())
    known = set(frame["item_id"].to_list())
    columns = [name for name in frame.columns if name != "item_id"]
    texts = [name for name in columns if frame.schema[name] == pl.String() and frame[name].drop_nulls().len()]
    return {
        "catalogue_items": frame.height,
        "items_without_catalogue": len(with_events - known),
        "items_without_events": len(known - with_events),
        "filled": {name: 1.0 - frame[name].null_count() / max(1, frame.height) for name in columns},
        "text_lengths": {name: distribution(frame[name].drop_nulls().str.len_chars().to_numpy(), is_logarithmic=False) for name in texts},
    }
