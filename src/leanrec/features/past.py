"""Past: what one person did, as arrays on item rows; from a snapshot, and with what came after it."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from leanrec.data.events import EVENT_WEIGHTS, watch_weight
from leanrec.data.ids import Rows
from leanrec.data.snapshot import Snapshot
from leanrec.errors import DataError
from leanrec.features.histories import FloatArray

NO_ROWS: Rows = np.zeros(0, np.int64)
_KINDS = tuple(EVENT_WEIGHTS)
_KIND_WEIGHTS = np.array(list(EVENT_WEIGHTS.values()), np.float32)
RATE, _WATCH = _KINDS.index("rate"), _KINDS.index("watch")


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """Acts of one person, oldest first."""

    item_rows: Rows
    """(H,)"""
    weights: FloatArray
    """(H,) how strongly each speaks for its item."""
    times: Rows | None = None
    """(H,) microseconds; `None` where clock times are not known."""
    ratings: FloatArray | None = None
    """(H,) not a number where none was given."""
    sentiments: FloatArray | None = None
    """(H,) how pleased they were, from -1 to 1, where a model read their reviews; not a number where they said nothing."""
    mentions: sp.csr_matrix | None = None
    """(H, A) values of attributes that their reviews name, beside those that the items have."""

    def __post_init__(self) -> None:
        for name in ("weights", "times", "ratings", "sentiments", "mentions"):
            column = getattr(self, name)
            if column is not None and column.shape[0] != len(self.item_rows):
                raise DataError(f"{name} has {column.shape[0]} entries for {len(self.item_rows)} events", hint="one entry per event")

    def __len__(self) -> int:
        return len(self.item_rows)

    @classmethod
    def of_acts(cls, item_rows: Rows, *, kinds: Rows, values: FloatArray, times: Rows | None) -> "Past":
        """From events: `kinds` (H,) are positions in `EVENT_WEIGHTS`; of `values` (H,) those of ratings are kept."""
        weights = _KIND_WEIGHTS[kinds]
        weights = np.where(kinds == _WATCH, weights * watch_weight(values), weights)
        ratings = np.where(kinds == RATE, values, np.float32(np.nan)).astype(np.float32)
        return cls(item_rows=item_rows, weights=weights.astype(np.float32), times=times, ratings=ratings)

    @classmethod
    def of_user(cls, snapshot: Snapshot, user_row: int) -> "Past":
        """What a user did before the model was made."""
        rows = snapshot.rows_of_user(user_row)
        times = snapshot.timestamps[rows] if snapshot.time_quality == "exact" else None
        item_rows = snapshot.item_rows[rows].astype(np.int64)
        return cls.of_acts(item_rows, kinds=snapshot.events[rows].astype(np.int64), values=snapshot.values[rows], times=times)

    @classmethod
    def of_session(cls, item_rows: Rows, *, now: int | None = None) -> "Past":
        """Items seen in a session, oldest first, all at one moment; nothing is known of the kind of act."""
        times = None if now is None else np.full(len(item_rows), now, np.int64)
        return cls(item_rows=item_rows, weights=np.ones(len(item_rows), np.float32), times=times)

    @property
    def newest(self) -> int | None:
        """The time of the newest act, where times are known."""
        return int(self.times.max()) if self.times is not None and len(self.times) else None

    def followed_by(self, later: "Past") -> "Past":
        """These acts and then those; times are known only where both know them, in order of time."""
        if not len(self) or not len(later):
            return self if len(self) else later
        times = np.concatenate([self.times, later.times]) if self.times is not None and later.times is not None else None
        joined = Past(
            item_rows=np.concatenate([self.item_rows, later.item_rows]),
            weights=np.concatenate([self.weights, later.weights]),
            times=times,
            ratings=_joined(self, later, "ratings"),
            sentiments=_joined(self, later, "sentiments"),
            mentions=_mentions(self, later),
        )
        return joined if times is None else joined.take(np.argsort(times, kind="stable"))

    def take(self, places: Rows) -> "Past":
        """The chosen events, in the given order."""
        return Past(
            item_rows=self.item_rows[places],
            weights=self.weights[places],
            times=None if self.times is None else self.times[places],
            ratings=None if self.ratings is None else self.ratings[places],
            sentiments=None if self.sentiments is None else self.sentiments[places],
            mentions=None if self.mentions is None else self.mentions[places],
        )


def _joined(past: Past, later: Past, name: str) -> FloatArray | None:
    """Both columns, not a number where only the other side has one; `None` where neither has."""
    columns = [getattr(part, name) for part in (past, later)]
    if all(column is None for column in columns):
        return None
    filled = [np.full(len(part), np.nan, np.float32) if column is None else column for part, column in zip((past, later), columns, strict=True)]
    joined: FloatArray = np.concatenate(filled)
    return joined


def _mentions(past: Past, later: Past) -> sp.csr_matrix | None:
    known = [part.mentions for part in (past, later) if part.mentions is not None]
    if not known:
        return None
    width = known[0].shape[1]
    parts = [part.mentions if part.mentions is not None else sp.csr_matrix((len(part), width), dtype=np.float32) for part in (past, later)]
    return sp.vstack(parts, format="csr")
