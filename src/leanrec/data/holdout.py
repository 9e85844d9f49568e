"""Holdout: who is asked in an evaluation, with which history, and what they then did."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leanrec.data.acts import is_act, user_item_pairs
from leanrec.data.dataset import Dataset
from leanrec.data.leaks import require_unknown_answers
from leanrec.data.query import Query
from leanrec.errors import DataError, EmptySplitError

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

    def __post_init__(self) -> None:
        if not len(self.queries) == len(self.targets) == len(self.user_rows):
            raise DataError(
                f"a holdout has {len(self.queries)} queries, {len(self.targets)} targets and {len(self.user_rows)} users",
                hint="entry b of each sequence belongs together",
            )

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def num_targets(self) -> Rows:
        """(B,) how many answers each question has."""
        return np.fromiter((len(rows) for rows in self.targets), dtype=np.int64, count=len(self))

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
    past = _item_rows(history, np.flatnonzero(is_act(history)))
    answers = _answers(history, target, includes_repeats=includes_repeats)
    if not len(answers):
        raise EmptySplitError("the held-out part leaves nobody to ask", hint="hold out more, or declare repeats: includes_repeats=true in [split]")
    future = _item_rows(target, answers)
    item_ids, user_ids, nothing = history.items.ids, history.users.ids, np.zeros(0, np.int64)
    histories = [tuple(item_ids[row] for row in past.get(user_row, nothing).tolist()) for user_row in future]
    queries = [
        Query(user_id=user_ids[user_row], history=items, attributes=attributes, time=time)
        for user_row, items, attributes, time in zip(
            future, histories, history.user_descriptions(list(future)), _times_of_asking(target, answers), strict=True
        )
    ]
    return Holdout(queries=tuple(queries), targets=tuple(future.values()), user_rows=np.array(list(future)), includes_repeats=includes_repeats)


def check_holdout(holdout: Holdout, train: Dataset) -> None:
    """Raise `DataError` when a question cannot be asked honestly of a recommender that was fitted on `train`.

    Answers are distinct items of the catalogue, at least one each; the whole catalogue may be answered; no answer stands in the
    training events or in the history unless repeats are declared.
    """
    counts = holdout.num_targets
    item_rows = np.concatenate([np.zeros(0, np.int64), *holdout.targets])
    entries = np.repeat(np.arange(len(holdout)), counts)
    if (counts == 0).any() or len(np.unique(entries * train.num_items + item_rows)) != len(item_rows):
        raise DataError("every question of a holdout needs answers, each once", hint="make it with holdout_of or Split.holdout")
    if len(item_rows) and not (item_rows.min() >= 0 and item_rows.max() < train.num_items):
        raise DataError(f"answers lie outside the catalogue of {train.num_items} items", hint="make it from the same data set")
    if any(query.candidates is not None or query.filters for query in holdout.queries):
        raise DataError(
            "a holdout restricts the candidates of a question; only the whole catalogue is ranked", hint="leave candidates and filters out"
        )
    if holdout.includes_repeats:
        return
    for query, targets in zip(holdout.queries, holdout.targets, strict=True):
        known = {train.items.ids[row] for row in targets.tolist()}.intersection(query.history)
        if known:
            raise DataError(
                f"a leak: the answer asked of user {query.user_id!r}, item {min(known)!r}, stands in the history of the question",
                hint="declare repeats with includes_repeats=True, or take it out",
            )
    require_unknown_answers(train, user_rows=holdout.user_rows[entries], item_rows=item_rows)


def _answers(history: Dataset, target: Dataset, *, includes_repeats: bool) -> Rows:
    """Event rows of the held-out acts to be predicted: the first on each item, and none on a known one unless repeats are declared."""
    pairs, is_wanted = user_item_pairs(target), is_act(target)
    if not includes_repeats:
        is_wanted &= np.isin(pairs, user_item_pairs(history)[is_act(history)], invert=True)
    rows = np.flatnonzero(is_wanted)
    return rows[np.sort(np.unique(pairs[rows], return_index=True)[1])]


def _item_rows(dataset: Dataset, events: Rows) -> dict[int, Rows]:
    """User row -> item rows of the chosen events, oldest first."""
    users = dataset.column("user_row")[events].astype(np.int64)
    items = dataset.column("item_row")[events].astype(np.int64)
    starts = np.flatnonzero(np.diff(users, prepend=-1))
    return dict(zip(users[starts].tolist(), np.split(items, starts[1:]), strict=True)) if len(users) else {}


def _times_of_asking(target: Dataset, answers: Rows) -> list[int | None]:
    """For each user, when they did the first of the answers; None where clock times are not known."""
    starts = np.flatnonzero(np.diff(target.column("user_row")[answers].astype(np.int64), prepend=-1))
    if target.time_quality != "exact":
        return [None] * len(starts)
    times: list[int | None] = target.column("timestamp")[answers[starts]].tolist()
    return times
