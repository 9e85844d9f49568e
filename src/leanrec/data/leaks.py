"""Leaks: checks that nothing of the held-out answers was there to learn from; each raises `DataError` naming user and event."""

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from leanrec.data.acts import is_act, user_item_pairs
from leanrec.data.dataset import Dataset, Mask
from leanrec.errors import DataError

_HINT = "cut the data with leanrec.data.split, or correct the masks"


def require_one_part_each(dataset: Dataset, masks: dict[str, Mask]) -> None:
    """Every mask has one truth value per event, and no event stands in two parts."""
    for name, mask in masks.items():
        if mask.shape != (len(dataset),) or mask.dtype != np.bool_:
            raise DataError(
                f"the {name} mask has shape {mask.shape} and type {mask.dtype}; the data set has {len(dataset)} events",
                hint="one truth value (bool) per event",
            )
    shared = np.flatnonzero(np.sum([mask.astype(np.int8) for mask in masks.values()], axis=0) > 1)
    if len(shared):
        parts = [name for name, mask in masks.items() if mask[shared[0]]]
        raise DataError(f"a leak: {_event(dataset, shared[0])} stands in both {' and '.join(parts)}", hint=_HINT)


def require_sorted(dataset: Dataset) -> None:
    """Events stand by user, then time, so that row order is the order of time."""
    users = dataset.column("user_row").astype(np.int64)
    steps = np.diff(users)
    wrong = steps < 0
    if dataset.time_quality != "none":
        wrong |= (steps == 0) & (np.diff(dataset.column("timestamp")) < 0)
    if wrong.any():
        place = int(np.argmax(wrong)) + 1
        raise DataError(
            f"events are not sorted by user and time: {_event(dataset, place)} comes too late", hint="make the data set with Dataset.build"
        )


def require_past_only(dataset: Dataset, *, known: Mask, held_out: Mask, known_as: str = "training") -> None:
    """No user has a known event at or after their first held-out one; order of rows, so ties in time keep file order."""
    users = dataset.column("user_row")
    first_held_out = np.full(dataset.num_users, len(dataset), dtype=np.int64)
    held_out_rows = np.flatnonzero(held_out)
    np.minimum.at(first_held_out, users[held_out_rows], held_out_rows)
    known_rows = np.flatnonzero(known)
    late = known_rows[known_rows >= first_held_out[users[known_rows]]]
    if len(late):
        held_out_event = _event(dataset, first_held_out[users[late[0]]])
        raise DataError(f"a leak: a {known_as} event ({_event(dataset, late[0])}) stands at or after the held-out one ({held_out_event})", hint=_HINT)


def require_times(dataset: Dataset, mask: Mask, *, part: str, not_before: int | None = None, before: int | None = None) -> None:
    """Every event of a part lies in [not_before, before), in microseconds."""
    times = dataset.column("timestamp")
    wrong = np.zeros(len(dataset), dtype=np.bool_)
    if not_before is not None:
        wrong |= mask & (times < not_before)
    if before is not None:
        wrong |= mask & (times >= before)
    if wrong.any():
        bounds = f"{'' if not_before is None else clock(not_before)} ... {'' if before is None else clock(before)}"
        raise DataError(f"a leak: a {part} event ({_event(dataset, int(np.argmax(wrong)))}) lies beyond the cut ({bounds})", hint=_HINT)


def require_withheld(dataset: Dataset, *, known: Mask, held_out: Mask, column: str) -> None:
    """No user (`user_row`) or item (`item_row`) of the held-out part has a known event."""
    keys = dataset.column(column)
    is_withheld = np.zeros(dataset.num_users if column == "user_row" else dataset.num_items, dtype=np.bool_)
    is_withheld[keys[held_out]] = True
    late = np.flatnonzero(known & is_withheld[keys])
    if len(late):
        what = "user" if column == "user_row" else "item"
        raise DataError(f"a leak: a withheld {what} has a training event ({_event(dataset, late[0])})", hint=_HINT)


def require_unknown_answers(train: Dataset, *, user_rows: npt.NDArray[np.int64], item_rows: npt.NDArray[np.int64]) -> None:
    """No answer, user_rows (T,) with item_rows (T,), stands among the training acts; having been shown is no act."""
    known = user_item_pairs(train)[is_act(train)]
    leaked = np.flatnonzero(np.isin(user_rows * train.num_items + item_rows, known))
    if len(leaked):
        first = leaked[0]
        user_id, item_id = train.users.ids[user_rows[first]], train.items.ids[item_rows[first]]
        raise DataError(
            f"a leak: the answer asked of user {user_id!r}, item {item_id!r}, stands in their training events",
            hint="train on split.train only, or declare repeats with includes_repeats=True",
        )


def clock(microseconds: int) -> str:
    """A time for people, UTC.

    >>> clock(0)
    '1970-01-01 00:00:00'
    """
    return datetime.fromtimestamp(microseconds / 1e6, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def _event(dataset: Dataset, row: int | np.integer) -> str:
    event = dataset.events.row(int(row), named=True)
    user_id, item_id = dataset.users.ids[event["user_row"]], dataset.items.ids[event["item_row"]]
    when = f", {clock(event['timestamp'])}" if dataset.time_quality == "exact" else ""
    return f"user {user_id!r}, item {item_id!r}{when}, row {int(row)}"
