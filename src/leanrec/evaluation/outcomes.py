"""Outcome: moments at which something could happen, and whether it did; what features are judged by."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from leanrec.data.acts import IMPRESSION, is_act, is_first_act, user_item_pairs
from leanrec.data.dataset import Dataset
from leanrec.data.events import EVENT_WEIGHTS
from leanrec.errors import ConfigError, DataError

OutcomeKind = Literal["auto", "clicks", "ratings", "acts"]
Rows = npt.NDArray[np.int64]

WINDOW = 86_400_000_000
"""An act within so many microseconds after an impression answers it."""
NUM_NEGATIVES = 4
"""Items drawn at random beside each item that a user chose."""
CUTS = (0.7, 0.85)
"""Shares of the moments, oldest first: up to the first is learned from, up to the second chosen by, the rest reported on."""
LEARN, CHOOSE, REPORT = 0, 1, 2
FEWEST = 30
"""Fewer moments of either label in any of the three parts say nothing."""
_RATE = list(EVENT_WEIGHTS).index("rate")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """n moments, oldest first."""

    kind: OutcomeKind
    description: str
    user_rows: Rows
    item_rows: Rows
    times: Rows
    labels: Rows
    """(n,) 1 where it happened."""
    parts: Rows
    """(n,) `LEARN`, then `CHOOSE`, then `REPORT`: features are learned from the first, chosen by the second, and told of on the third."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def cut(self) -> int:
        """The time before which everything is learned from."""
        return int(self.times[self.parts != LEARN].min())

    def rows(self, part: int) -> Rows:
        """Places of the moments of a part."""
        return np.flatnonzero(self.parts == part)


def outcome_of(dataset: Dataset, *, kind: OutcomeKind = "auto", max_moments: int = 20_000, rng: np.random.Generator) -> Outcome:
    """What can be told apart in a log, at most `max_moments` of it drawn at random.

    `clicks`: was an impression followed by an act on the item within a day? `ratings`: was a rating above the mean of those learned
    from? `acts`: is this the item that the user chose next, or one of four drawn at random among the items that had an act by then, and
    that this user never chose? `auto` is the first of them that the log can answer. Raises `DataError` where time is not known.
    """
    if dataset.time_quality == "none":
        raise DataError("these data do not say what came first, so no feature can be judged by what came next", hint="bring events with times")
    chosen = _possible(dataset)[0] if kind == "auto" else kind
    if chosen not in _possible(dataset):
        allowed = ", ".join(_possible(dataset))
        raise ConfigError(f"the outcome {chosen!r} cannot be told from these events", hint=f"allowed here: {allowed}, or auto")
    makers = {"clicks": _clicks, "ratings": _ratings, "acts": _acts}
    return makers[chosen](dataset, max_moments, rng)


def _possible(dataset: Dataset) -> list[OutcomeKind]:
    events, values = dataset.column("event"), dataset.column("value")
    kinds: list[OutcomeKind] = []
    if dataset.time_quality == "exact" and (events == IMPRESSION).sum() >= 4 * FEWEST and is_act(dataset).any():
        kinds.append("clicks")
    rated = values[(events == _RATE) & np.isfinite(values)]
    if len(rated) >= 4 * FEWEST and len(np.unique(rated)) > 1:
        kinds.append("ratings")
    return [*kinds, "acts"]


def _clicks(dataset: Dataset, max_moments: int, rng: np.random.Generator) -> Outcome:
    shown = _drawn(np.flatnonzero(dataset.column("event") == IMPRESSION), max_moments, rng)
    acts = np.flatnonzero(is_act(dataset))
    pairs, times = user_item_pairs(dataset), dataset.column("timestamp")
    order = acts[np.lexsort((times[acts], pairs[acts]))]
    distinct = np.unique(times)
    width = len(distinct) + 1
    names = np.unique(pairs)
    numbered = np.searchsorted(names, pairs[order]) * width + np.searchsorted(distinct, times[order])
    wanted = np.searchsorted(names, pairs[shown]) * width + np.searchsorted(distinct, times[shown])
    place = np.minimum(np.searchsorted(numbered, wanted), len(order) - 1)
    next_act = order[place]
    is_followed = (numbered[place] >= wanted) & (pairs[next_act] == pairs[shown]) & (times[next_act] - times[shown] <= WINDOW)
    return _outcome(dataset, "clicks", "an impression is followed by an act on the item within a day", shown, labels=is_followed)


def _ratings(dataset: Dataset, max_moments: int, rng: np.random.Generator) -> Outcome:
    values = dataset.column("value")
    rated = _drawn(np.flatnonzero((dataset.column("event") == _RATE) & np.isfinite(values)), max_moments, rng)
    times = dataset.column("timestamp")[rated]
    mean = float(values[rated][times <= np.quantile(times, CUTS[0])].mean())
    return _outcome(dataset, "ratings", f"a rating is above {mean:.2f}, the mean of those learned from", rated, labels=values[rated] > mean)


def _acts(dataset: Dataset, max_moments: int, rng: np.random.Generator) -> Outcome:
    """Items that nobody had chosen by then are never drawn: a count of 0 would give them away."""
    firsts = np.flatnonzero(is_first_act(dataset))
    items, users, times = dataset.column("item_row"), dataset.column("user_row"), dataset.column("timestamp")
    first_times = np.full(dataset.num_items, np.iinfo(np.int64).max)
    np.minimum.at(first_times, items[firsts], times[firsts])
    is_known = first_times[items[firsts]] < times[firsts]
    chosen = _drawn(firsts[is_known], max_moments // (1 + NUM_NEGATIVES), rng)
    order = np.argsort(first_times, kind="stable")
    num_known = np.searchsorted(first_times[order], times[chosen])
    drawn = order[(rng.random((NUM_NEGATIVES, len(chosen))) * num_known).astype(np.int64)].ravel()
    asked = np.tile(chosen, NUM_NEGATIVES)
    pairs = users[asked].astype(np.int64) * dataset.num_items + drawn
    is_other = ~np.isin(pairs, user_item_pairs(dataset)[is_act(dataset)])
    return _outcome(
        dataset,
        "acts",
        f"the user's next item, against {NUM_NEGATIVES} items drawn at random among those known by then",
        np.concatenate([chosen, asked[is_other]]),
        item_rows=np.concatenate([items[chosen], drawn[is_other]]),
        labels=np.concatenate([np.ones(len(chosen)), np.zeros(int(is_other.sum()))]),
    )


def _outcome(
    dataset: Dataset, kind: OutcomeKind, description: str, events: Rows, *, labels: npt.NDArray[np.generic], item_rows: Rows | None = None
) -> Outcome:
    """Moments in order of time; cuts fall between two times, so that equal times are in one part."""
    times = dataset.column("timestamp")[events].astype(np.int64)
    order = np.argsort(times, kind="stable")
    parts = (times[order] > np.quantile(times, CUTS[0])).astype(np.int64) + (times[order] > np.quantile(times, CUTS[1]))
    found = Outcome(
        kind=kind,
        description=description,
        user_rows=dataset.column("user_row")[events].astype(np.int64)[order],
        item_rows=(dataset.column("item_row")[events] if item_rows is None else item_rows).astype(np.int64)[order],
        times=times[order],
        labels=labels.astype(np.int64)[order],
        parts=parts,
    )
    fewest = int(min(np.bincount(2 * found.parts + found.labels, minlength=6)))
    if fewest < FEWEST:
        raise DataError(
            f"the outcome {kind!r} has only {fewest} moments of one label in one part of the time; {FEWEST} are needed",
            hint="bring more events, or name another outcome",
        )
    return found


def _drawn(rows: Rows, most: int, rng: np.random.Generator) -> Rows:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, size=most, replace=False))
