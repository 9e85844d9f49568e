"""EventLog: what people did, as one checked table with outside ids."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np
import polars as pl

from leanrec.errors import DataError

TimeQuality = Literal["exact", "order", "none"]
"""`exact`: real clock times; `order`: only the order within a user is true; `none`: not even that."""

EVENT_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "impression": 0.0,
        "view": 1.0,
        "click": 1.0,
        "rate": 1.0,
        "watch": 1.0,
        "favourite": 3.0,
        "like": 3.0,
        "follow": 3.0,
        "cart": 4.0,
        "buy": 5.0,
    }
)
"""How strongly an event of each kind speaks for an item. An impression is no act, so it weighs nothing; the value of `rate` is for
explicit models; `watch` carries seconds in `value` and is scaled by `watch_weight`."""

EventKind = pl.Enum(list(EVENT_WEIGHTS))

EVENT_SCHEMA: Mapping[str, pl.DataType] = MappingProxyType(
    {
        "user_id": pl.Categorical(),
        "item_id": pl.Categorical(),
        "event": EventKind,
        "timestamp": pl.Int64(),
        "value": pl.Float32(),
    }
)
"""Columns of an event log. `session_id` and `review` may stand beside them; a null `value` means none was given."""

SESSION_COLUMN = "session_id"
REVIEW_COLUMN = "review"
"""What somebody wrote of the item, null where nothing; kept only when a mapping names its column, since texts are large."""
EXTRA_COLUMNS: Mapping[str, pl.DataType] = MappingProxyType({SESSION_COLUMN: pl.Categorical(), REVIEW_COLUMN: pl.String()})


@dataclass(frozen=True, kw_only=True)
class EventLog:
    """Events in file order: user_id, item_id, event, timestamp (int64 microseconds, UTC), value and optionally session_id and review.

    Ids read as strings and are stored once each (`pl.Categorical`). With `time_quality="order"` the timestamp is a position,
    with `"none"` it is 0 throughout and the file order is kept.
    """

    frame: pl.DataFrame
    time_quality: TimeQuality

    def __post_init__(self) -> None:
        if self.time_quality not in get_args(TimeQuality):
            raise DataError(f"time_quality {self.time_quality!r} is unknown", hint=f"allowed: {', '.join(get_args(TimeQuality))}")
        allowed = {**EVENT_SCHEMA, **EXTRA_COLUMNS}
        found = dict(self.frame.schema)
        missing = [name for name in EVENT_SCHEMA if name not in found]
        wrong = [f"{name}: {found[name]}" for name in found if name not in allowed or found[name] != allowed[name]]
        if missing or wrong:
            raise DataError(
                f"an event log misses columns {missing} or holds wrong ones {wrong}",
                hint=f"needed: {', '.join(f'{name}: {dtype}' for name, dtype in EVENT_SCHEMA.items())}",
            )

    def __len__(self) -> int:
        return self.frame.height

    @property
    def num_users(self) -> int:
        """Distinct users."""
        return self.frame["user_id"].n_unique()

    @property
    def num_items(self) -> int:
        """Distinct items."""
        return self.frame["item_id"].n_unique()


def watch_weight(seconds: np.ndarray) -> np.ndarray:
    """Weight of watching that long: log2(1 + minutes), between .1 and 5; (n,) float32 to (n,) float32.

    >>> watch_weight(np.array([60.0])).tolist()
    [1.0]
    """
    minutes = np.maximum(np.nan_to_num(seconds), 0.0) / 60.0
    weights: np.ndarray = np.clip(np.log2(1.0 + minutes), 0.1, 5.0).astype(np.float32)
    return weights
