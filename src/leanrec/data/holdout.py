"""Holdout: who is asked in an evaluation, with which history, and what they then did."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leanrec.data.dataset import Dataset
from leanrec.data.events import EVENT_WEIGHTS
from leanrec.data.query import Query
from leanrec.errors import EmptySplitError

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Holdout:
    """B questions with their true answers; entry b of each sequence belongs together."""

    queries: tuple[Query, ...]
    targets: tuple[Rows, ...]
    """Distinct item rows that the user acted on in the held-out part, in order of time."""
    user_rows: Rows
    """(B,)"""
    includes_repeats: bool = False
    """Whether a target may stand in the history too; then the history must not be masked."""

    def __len__(self) -> int:
        return len(self.queries)

    def take(self, chosen: Sequence[int] | npt.NDArray[np.int64]) -> "Holdout":
        """The chosen entries only."""
        rows = np.asarray(chosen, dtype=np.int64)
        return Holdout(
            queries=tuple(self.queries[row] for row in rows),
            targets=tuple(self.targets[row] for row in rows),
            user_rows=self.user_rows[rows],
            includes_repeats=self.includes_repeats,
        )


def holdout_of(history: Dataset, target: Dataset, *, includes_repeats: bool = False) -> Holdout:
    """Ask every user who acts in `target`, with the history that `history` holds of them.

    Impressions are neither history nor target. A target already in the history is dropped unless `includes_repeats`
    declares repeat purchases. Raises `EmptySplitError` when nobody is left to ask.
    """
    past, future = _item_rows_by_user(history), _item_rows_by_user(target)
    queries: list[Query] = []
    targets: list[Rows] = []
    user_rows: list[int] = []
    time = int(target.column("timestamp").min()) if target.time_quality == "exact" and len(target) else None
    for user_row, rows in future.items():
        seen = past.get(user_row, np.zeros(0, np.int64))
        distinct = rows[np.sort(np.unique(rows, return_index=True)[1])]
        wanted = distinct if includes_repeats else distinct[~np.isin(distinct, seen)]
        if len(wanted):
            past_ids = tuple(history.items.ids[row] for row in seen)
            queries.append(Query(user_id=history.users.ids[user_row], history=past_ids, time=time))
            targets.append(wanted)
            user_rows.append(user_row)
    if not queries:
        raise EmptySplitError("the held-out part leaves nobody to ask", hint="hold out more days or users, or declare repeat purchases")
    return Holdout(queries=tuple(queries), targets=tuple(targets), user_rows=np.array(user_rows), includes_repeats=includes_repeats)


def _item_rows_by_user(dataset: Dataset) -> dict[int, Rows]:
    impression = list(EVENT_WEIGHTS).index("impression")
    is_act = dataset.column("event") != impression
    users = dataset.column("user_row")[is_act].astype(np.int64)
    items = dataset.column("item_row")[is_act].astype(np.int64)
    starts = np.flatnonzero(np.diff(users, prepend=-1))
    return dict(zip(users[starts].tolist(), np.split(items, starts[1:]), strict=True)) if len(users) else {}
