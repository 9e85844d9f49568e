"""Split: cut the events into what is learned from, what is tuned on and what is asked at the end, with no leak between them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from leanrec.artifact import Artifact, Manifest, save_into, writing_folder
from leanrec.data.acts import is_act, is_first_act
from leanrec.data.dataset import Dataset, Mask
from leanrec.data.holdout import Holdout, holdout_of
from leanrec.data.leaks import clock, require_one_part_each, require_past_only, require_sorted, require_times, require_withheld
from leanrec.errors import ArtifactError, ConfigError, DataError, EmptySplitError

Part = Literal["valid", "test"]
SplitKind = Literal["leave-one-out", "time", "user", "cold-items", "custom"]

_PARTS = ("train", "valid", "test", "context")
_PART_FILE = "parts.parquet"
_MICROSECONDS_PER_DAY = 86_400_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Masks over the events of a data set; an event may stand in no part at all, never in two.

    Checked whenever one is made, by hand too: parts do not overlap; no user has a training event at or after a held-out one,
    nor a validation event at or after a test one (row order, so ties keep file order); in a time split nobody has; withheld
    users and items have no training events. A leak is a `DataError`, an empty part an `EmptySplitError`.
    """

    dataset: Dataset
    train_mask: Mask
    """(num_events,) learned from."""
    valid_mask: Mask
    test_mask: Mask
    context_mask: Mask | None = None
    """(num_events,) what is known of withheld users when they ask, though nothing was learned from it."""
    kind: SplitKind = "custom"
    includes_repeats: bool = False
    """Whether a held-out item may stand in the user's history too (repeat purchases)."""
    valid_from: int | None = None
    """In a time split: where validation begins, in microseconds; training ends before it."""
    test_from: int | None = None
    """In a time split: where the test begins, in microseconds."""
    how: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON values
    """The settings it was cut with."""

    def __post_init__(self) -> None:
        for name, mask in (("train", self.train_mask), ("test", self.test_mask)):
            if not mask.any():
                raise EmptySplitError(
                    f"the {self.kind} split leaves no {name} events",
                    hint="hold out less, bring more data, or name a recommender instead of choosing by proof (--recommender popularity)",
                )
        if self.kind == "time" and self.test_from is None:
            raise ConfigError("a time split needs the time of its cut", hint="give test_from, in microseconds since 1970 UTC")
        check_split(self)

    @cached_property
    def train(self) -> Dataset:
        """What to fit on."""
        return self.dataset.subset(self.train_mask)

    @cached_property
    def valid(self) -> Dataset:
        """What to tune on: later events of users, or withheld users' last."""
        return self.dataset.subset(self.valid_mask)

    @cached_property
    def test(self) -> Dataset:
        """What to look at once, at the end."""
        return self.dataset.subset(self.test_mask)

    @cached_property
    def train_and_valid(self) -> Dataset:
        """Everything before the test; a model fitted on this has seen the validation answers."""
        return self.dataset.subset(self.train_mask | self.valid_mask)

    def holdout(self, part: Part) -> Holdout:
        """Who is asked, with which history, and the answers.

        Validation is asked with the training events as history; the test with training and validation events, though the model
        was fitted without the latter. Withheld users bring their context. Raises `EmptySplitError` when nobody is left to ask.
        """
        return self._valid_holdout if part == "valid" else self._test_holdout

    @cached_property
    def _valid_holdout(self) -> Holdout:
        return holdout_of(self._history(self.train_mask), self.valid, includes_repeats=self.includes_repeats)

    @cached_property
    def _test_holdout(self) -> Holdout:
        return holdout_of(self._history(self.train_mask | self.valid_mask), self.test, includes_repeats=self.includes_repeats)

    def _history(self, mask: Mask) -> Dataset:
        return self.dataset.subset(mask if self.context_mask is None else mask | self.context_mask)

    def describe(self) -> dict[str, Any]:  # Any: JSON values
        """How it was cut and what came out, for reports."""
        sizes = {f"num_{name}_events": int(mask.sum()) for name, mask in _masks(self).items() if name != "context"}
        return {"kind": self.kind, **self.how, "includes_repeats": self.includes_repeats, **sizes}

    def save(self, folder: Path) -> None:
        """Write the part of each event as Parquet and the settings as JSON; complete or not at all. The events stay where they are."""
        part = np.full(len(self.dataset), None, dtype=object)
        for name, mask in _masks(self).items():
            part[mask] = name
        config = {name: getattr(self, name) for name in ("kind", "includes_repeats", "valid_from", "test_from")}
        with writing_folder(Path(folder)) as draft:
            pl.DataFrame({"part": pl.Series(part.tolist(), dtype=pl.Enum(_PARTS))}).write_parquet(draft / _PART_FILE, compression="zstd")
            save_into(draft, Manifest(kind="split", config={**config, "how": dict(self.how)}, parents=(self.dataset.fingerprint,)))

    @classmethod
    def load(cls, folder: Path, *, dataset: Dataset) -> "Split":
        """The split that `save` wrote, over the same data; raises `ArtifactError` when it was harmed or belongs to other data."""
        artifact = Artifact.open(Path(folder), kind="split")
        if artifact.manifest.parents != (dataset.fingerprint,):
            raise ArtifactError(f"{folder} was cut from other data", hint="load it with the data set that it was made from, or cut again")
        part = pl.read_parquet(artifact.file(_PART_FILE))["part"].cast(pl.String)
        masks = {name: (part == name).fill_null(value=False).to_numpy() for name in _PARTS}
        return cls(
            dataset=dataset,
            train_mask=masks["train"],
            valid_mask=masks["valid"],
            test_mask=masks["test"],
            context_mask=masks["context"] if masks["context"].any() else None,
            **artifact.manifest.config,
        )


def check_split(split: Split) -> None:
    """Raise `DataError` naming user and event when held-out answers leak into what is learned from."""
    dataset = split.dataset
    require_one_part_each(dataset, _masks(split))
    held_out = split.valid_mask | split.test_mask
    require_sorted(dataset)
    if split.kind == "user":
        require_withheld(dataset, known=split.train_mask, held_out=held_out, column="user_row")
    if split.kind == "cold-items":
        require_withheld(dataset, known=split.train_mask, held_out=held_out, column="item_row")
    require_past_only(dataset, known=split.train_mask, held_out=held_out)
    require_past_only(dataset, known=split.valid_mask, held_out=split.test_mask, known_as="validation")
    if split.context_mask is not None:
        require_past_only(dataset, known=split.context_mask, held_out=held_out, known_as="context")
    if split.test_from is not None:
        train_ends = split.test_from if split.valid_from is None else split.valid_from
        require_times(dataset, split.train_mask, part="training", before=train_ends)
        require_times(dataset, split.valid_mask, part="validation", not_before=split.valid_from, before=split.test_from)
        require_times(dataset, split.test_mask, part="test", not_before=split.test_from)


def _masks(split: Split) -> dict[str, Mask]:
    masks = {"train": split.train_mask, "valid": split.valid_mask, "test": split.test_mask}
    return masks if split.context_mask is None else {**masks, "context": split.context_mask}


def split_leave_one_out(dataset: Dataset, *, includes_repeats: bool = False) -> Split:
    """Test on each user's last act, validate on the one before, train on the rest: the protocol of the sequence benchmarks.

    A user needs three acts to be asked; others train only. Impressions are no acts and go with the act before them. Without
    `includes_repeats` only the first meeting of a user with an item counts as an act here: the test target is the last item that
    the user met for the first time, and repeats after it are held out with it, so that every target is new and nothing later is
    known. With it, the last act is the target whatever it was. Where time is `none`, file order stands in for it.
    """
    starts = is_act(dataset) if includes_repeats else is_first_act(dataset)
    users = dataset.column("user_row").astype(np.int64)
    acts_of_user = np.bincount(users[starts], minlength=dataset.num_users)
    done = np.cumsum(starts)
    before_user = np.concatenate([np.zeros(1, np.int64), np.cumsum(acts_of_user)])[users]
    acts_to_come = acts_of_user[users] - (done - before_user)  # 0 from the last act on, 1 from the one before it
    is_asked = acts_of_user[users] >= 3
    valid_mask, test_mask = is_asked & (acts_to_come == 1), is_asked & (acts_to_come == 0)
    if not test_mask.any():
        raise EmptySplitError(
            f"leave-one-out needs users with three different items; the longest history has {acts_of_user.max(initial=0)}",
            hint="bring more events, or split by user",
        )
    return Split(
        dataset=dataset,
        train_mask=~(valid_mask | test_mask),
        valid_mask=valid_mask,
        test_mask=test_mask,
        kind="leave-one-out",
        includes_repeats=includes_repeats,
        how={"order": "file" if dataset.time_quality == "none" else "time"},
    )


def split_by_time(dataset: Dataset, *, valid_days: float, test_days: float, includes_repeats: bool = False) -> Split:
    """Test on the last `test_days` days, validate on the days before, train on everything earlier: honest about the future.

    One cut for everybody; who has no history before it is kept and asked as a cold user. Raises `DataError` where clock times are
    not known exactly, and `EmptySplitError` when a part would be empty.
    """
    for name, days in (("valid_days", valid_days), ("test_days", test_days)):
        if days <= 0:
            raise ConfigError(f"{name} is {days:g}; allowed: more than 0", hint="write valid_days=7, test_days=7")
    times = _exact_times(dataset)
    test_from = int(times.max()) - round(test_days * _MICROSECONDS_PER_DAY) + 1
    valid_from = test_from - round(valid_days * _MICROSECONDS_PER_DAY)
    how = {"valid_days": valid_days, "test_days": test_days}
    return _cut_at(dataset, valid_from=valid_from, test_from=test_from, includes_repeats=includes_repeats, how=how)


def split_by_time_fraction(dataset: Dataset, *, valid_fraction: float = 0.1, test_fraction: float = 0.1, includes_repeats: bool = False) -> Split:
    """A time split whose cuts lie where the last `test_fraction` of all events, and `valid_fraction` before it, begin.

    For data whose pace is not known beforehand. Events at the very time of a cut fall behind it, so parts may be a little larger.
    """
    _require_fractions(valid_fraction=valid_fraction, test_fraction=test_fraction)
    times = np.sort(_exact_times(dataset))
    test_from = int(times[_place(len(times), 1.0 - test_fraction)])
    valid_from = int(times[_place(len(times), 1.0 - test_fraction - valid_fraction)])
    how = {"valid_fraction": valid_fraction, "test_fraction": test_fraction}
    return _cut_at(dataset, valid_from=valid_from, test_from=test_from, includes_repeats=includes_repeats, how=how)


def split_by_user(
    dataset: Dataset, *, valid_fraction: float = 0.1, test_fraction: float = 0.1, rng: np.random.Generator, includes_repeats: bool = False
) -> Split:
    """Withhold users altogether: nothing is learned from them; they ask with their earlier acts and want their last one.

    Fractions are of all users who have two acts (different items, unless repeats are declared).
    """
    _require_fractions(valid_fraction=valid_fraction, test_fraction=test_fraction)
    starts = is_act(dataset) if includes_repeats else is_first_act(dataset)
    users = dataset.column("user_row").astype(np.int64)
    able = rng.permutation(np.flatnonzero(np.bincount(users[starts], minlength=dataset.num_users) >= 2))
    num_test, num_valid = round(len(able) * test_fraction), round(len(able) * valid_fraction)
    part_of_user = np.zeros(dataset.num_users, np.int8)
    part_of_user[able[:num_test]], part_of_user[able[num_test : num_test + num_valid]] = 2, 1
    last_act = np.full(dataset.num_users, -1, np.int64)
    np.maximum.at(last_act, users[starts], np.flatnonzero(starts))
    part = part_of_user[users]
    is_answer = np.arange(len(dataset)) >= last_act[users]
    return _with_valid(
        Split(
            dataset=dataset,
            train_mask=part == 0,
            valid_mask=(part == 1) & is_answer,
            test_mask=(part == 2) & is_answer,
            context_mask=(part > 0) & ~is_answer,
            kind="user",
            includes_repeats=includes_repeats,
            how={"valid_fraction": valid_fraction, "test_fraction": test_fraction},
        )
    )


def split_cold_items(dataset: Dataset, *, valid_fraction: float = 0.1, test_fraction: float = 0.1, rng: np.random.Generator) -> Split:
    """Withhold items altogether: all their events leave training, and the questions are about them.

    Fractions are of all items that have events. A user's last act on a withheld item is their one target; what they did after it
    and their other acts on withheld items stand in no part.
    """
    _require_fractions(valid_fraction=valid_fraction, test_fraction=test_fraction)
    users, items = dataset.column("user_row").astype(np.int64), dataset.column("item_row")
    starts = is_first_act(dataset)
    present = rng.permutation(np.unique(items[starts]))
    num_test, num_valid = round(len(present) * test_fraction), round(len(present) * valid_fraction)
    part_of_item = np.zeros(dataset.num_items, np.int8)
    part_of_item[present[:num_test]], part_of_item[present[num_test : num_test + num_valid]] = 2, 1
    part = part_of_item[items]
    is_question = starts & (part > 0)
    target = np.full(dataset.num_users, -1, np.int64)
    np.maximum.at(target, users[is_question], np.flatnonzero(is_question))
    target[target < 0] = len(dataset)
    rows = np.arange(len(dataset))
    return _with_valid(
        Split(
            dataset=dataset,
            train_mask=(part == 0) & (rows < target[users]),
            valid_mask=(part == 1) & (rows == target[users]),
            test_mask=(part == 2) & (rows == target[users]),
            kind="cold-items",
            how={"valid_fraction": valid_fraction, "test_fraction": test_fraction},
        )
    )


def _cut_at(dataset: Dataset, *, valid_from: int, test_from: int, includes_repeats: bool, how: dict[str, Any]) -> Split:
    times = dataset.column("timestamp")
    masks = {"training": times < valid_from, "validation": (times >= valid_from) & (times < test_from), "test": times >= test_from}
    for name, mask in masks.items():
        if not mask.any():
            raise EmptySplitError(
                f"the time split leaves no {name} events: the log runs from {clock(int(times.min()))} to {clock(int(times.max()))}, "
                f"validation would begin {clock(valid_from)}, the test {clock(test_from)}",
                hint="hold out another share, bring more data, or name a recommender instead of choosing by proof (--recommender popularity)",
            )
    return Split(
        dataset=dataset,
        train_mask=masks["training"],
        valid_mask=masks["validation"],
        test_mask=masks["test"],
        kind="time",
        includes_repeats=includes_repeats,
        valid_from=valid_from,
        test_from=test_from,
        how={**how, "valid_from": clock(valid_from), "test_from": clock(test_from)},
    )


def _exact_times(dataset: Dataset) -> np.ndarray:
    if dataset.time_quality != "exact":
        known = {"order": "only the order within each user, so no moment is the same for all", "none": "no time at all"}[dataset.time_quality]
        raise DataError(f"a time split needs clock times; this log has {known} (time_quality {dataset.time_quality})", hint="split leave-one-out")
    return dataset.column("timestamp")


def _require_fractions(**fractions: float) -> None:
    for name, fraction in fractions.items():
        if not 0.0 < fraction < 1.0 or sum(fractions.values()) >= 1.0:
            raise ConfigError(f"{name} is {fraction:g}; allowed: between 0 and 1, all together below 1", hint="write 0.1 for a tenth")


def _place(count: int, share: float) -> int:
    return min(count - 1, int(count * share))


def _with_valid(split: Split) -> Split:
    if not split.valid_mask.any():
        raise EmptySplitError(f"the {split.kind} split leaves no validation events", hint="raise valid_fraction, or bring more data")
    return split
