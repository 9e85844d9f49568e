"""Splits keep the future out: what each kind holds out, and every planted leak is caught."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanrec.data.dataset import Dataset
from leanrec.data.events import EVENT_SCHEMA, EventLog, TimeQuality
from leanrec.data.holdout import Holdout, check_holdout, holdout_of
from leanrec.data.query import Query
from leanrec.data.split import Split, split_by_time, split_by_time_fraction, split_by_user, split_cold_items, split_leave_one_out
from leanrec.errors import ArtifactError, ConfigError, DataError, EmptySplitError

DAY = 86_400_000_000
Row = tuple[str, str, str, int]


def dataset_of(rows: list[Row], *, time_quality: TimeQuality = "exact") -> Dataset:
    frame = pl.DataFrame([(*row, None) for row in rows], schema=list(EVENT_SCHEMA), orient="row")
    log = EventLog(frame=frame.select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items()), time_quality=time_quality)
    return Dataset.build(log)


def buys(histories: dict[str, str], *, time_quality: TimeQuality = "exact") -> Dataset:
    """One letter an item, one day an event."""
    rows = [(user, item, "buy", day * DAY) for user, items in histories.items() for day, item in enumerate(items)]
    return dataset_of(rows, time_quality=time_quality)


def random_log(*, num_users: int = 60, num_items: int = 30, num_events: int = 900, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    kinds = rng.choice(["impression", "view", "buy"], num_events)
    pairs = zip(
        rng.integers(0, num_users, num_events), rng.integers(0, num_items, num_events), kinds, rng.integers(0, 40 * DAY, num_events), strict=True
    )
    return dataset_of([(f"u{user}", f"i{item}", str(kind), int(time)) for user, item, kind, time in pairs])


def items_of(dataset: Dataset, user: str) -> str:
    events = dataset.events.filter(pl.col("user_row") == dataset.users.row(user))
    return "".join(dataset.items.ids[row] for row in events["item_row"])


def asked(split: Split, part: str) -> dict[str, tuple[str, str]]:
    """User -> letters of the history, letters of the answers."""
    holdout = split.holdout(part)  # type: ignore[arg-type]  # valid or test
    ids = split.dataset.items.ids
    return {
        str(query.user_id): ("".join(query.history), "".join(ids[row] for row in targets))
        for query, targets in zip(holdout.queries, holdout.targets, strict=True)
    }


def masks(split: Split) -> dict[str, np.ndarray]:
    return {"train_mask": split.train_mask.copy(), "valid_mask": split.valid_mask.copy(), "test_mask": split.test_mask.copy()}


def test_leave_one_out_follows_the_protocol_of_the_benchmarks() -> None:
    split = split_leave_one_out(buys({"al": "abcde", "bo": "xyz", "cy": "pq"}, time_quality="order"))
    assert items_of(split.train, "al") == "abc"
    assert asked(split, "valid") == {"al": ("abc", "d"), "bo": ("x", "y")}
    assert asked(split, "test") == {"al": ("abcd", "e"), "bo": ("xy", "z")}
    assert items_of(split.train, "cy") == "pq"


def test_leave_one_out_asks_for_the_last_item_met_for_the_first_time() -> None:
    split = split_leave_one_out(buys({"al": "abbcadcb"}))
    assert items_of(split.train, "al") == "abb"
    assert asked(split, "valid") == {"al": ("abb", "c")}
    assert asked(split, "test") == {"al": ("abbca", "d")}


def test_leave_one_out_asks_for_repeats_only_where_declared() -> None:
    split = split_leave_one_out(buys({"al": "abca"}), includes_repeats=True)
    assert asked(split, "test") == {"al": ("abc", "a")}
    assert split.holdout("test").includes_repeats


def test_impressions_are_neither_history_nor_answer() -> None:
    days = [("al", "a", "buy", 0), ("al", "d", "impression", 1), ("al", "b", "buy", 2), ("al", "c", "buy", 3), ("al", "z", "impression", 4)]
    split = split_leave_one_out(dataset_of(days))
    assert asked(split, "valid") == {"al": ("a", "b")}
    assert asked(split, "test") == {"al": ("ab", "c")}
    check_holdout(split.holdout("test"), split.train)


def test_ties_in_time_keep_file_order() -> None:
    split = split_leave_one_out(dataset_of([("al", item, "buy", 5) for item in "cabz"]))
    assert asked(split, "test") == {"al": ("cab", "z")}


def test_a_time_split_cuts_everybody_at_one_moment_and_keeps_cold_users() -> None:
    rows = [
        ("al", "a", "buy", 0),
        ("al", "b", "buy", 11 * DAY),
        ("al", "a", "buy", 19 * DAY),
        ("bo", "b", "buy", 5 * DAY),
        ("cy", "c", "buy", 20 * DAY),
    ]
    split = split_by_time(dataset_of(rows), valid_days=10, test_days=5)
    assert asked(split, "valid") == {"al": ("a", "b")}
    assert asked(split, "test") == {"cy": ("", "c")}  # al's second `a` is an undeclared repeat
    repeats = split_by_time(dataset_of(rows), valid_days=10, test_days=5, includes_repeats=True)
    assert asked(repeats, "test") == {"al": ("ab", "a"), "cy": ("", "c")}


def test_a_time_split_by_fraction_cuts_where_the_events_are() -> None:
    dataset = random_log()
    split = split_by_time_fraction(dataset, valid_fraction=0.1, test_fraction=0.2)
    times = dataset.column("timestamp")
    assert split.train_mask.mean() == pytest.approx(0.7, abs=0.01)
    assert split.test_mask.mean() == pytest.approx(0.2, abs=0.01)
    assert times[split.train_mask].max() < times[split.valid_mask].min()
    assert times[split.valid_mask].max() < times[split.test_mask].min()


@pytest.mark.parametrize(("quality", "reason"), [("order", "only the order within each user"), ("none", "no time at all")])
def test_a_time_split_refuses_logs_without_clock_times(quality: TimeQuality, reason: str) -> None:
    dataset = buys({"al": "abc"}, time_quality=quality)
    for cut in (lambda: split_by_time(dataset, valid_days=1, test_days=1), lambda: split_by_time_fraction(dataset)):
        with pytest.raises(DataError, match=reason):
            cut()


def test_withheld_users_are_not_in_training_and_ask_with_their_past() -> None:
    dataset = random_log()
    split = split_by_user(dataset, valid_fraction=0.2, test_fraction=0.2, rng=np.random.default_rng(1))
    holdout = split.holdout("test")
    assert len(holdout) == 12
    assert not np.isin(holdout.user_rows, split.train.column("user_row")).any()
    assert all(query.history for query in holdout.queries)
    assert (holdout.num_targets == 1).all()


def test_withheld_items_leave_training_and_are_what_is_asked() -> None:
    split = split_cold_items(random_log(), valid_fraction=0.1, test_fraction=0.2, rng=np.random.default_rng(1))
    for part in ("valid", "test"):
        answers = np.concatenate(split.holdout(part).targets)
        assert not np.isin(answers, split.train.column("item_row")).any()
    assert len(set(np.concatenate(split.holdout("test").targets).tolist())) <= 6


def every_split(dataset: Dataset, seed: int) -> list[Split]:
    rng = np.random.default_rng(seed)
    return [
        split_leave_one_out(dataset),
        split_leave_one_out(dataset, includes_repeats=True),
        split_by_time_fraction(dataset, valid_fraction=0.2, test_fraction=0.2),
        split_by_user(dataset, valid_fraction=0.2, test_fraction=0.2, rng=rng),
        split_cold_items(dataset, valid_fraction=0.2, test_fraction=0.2, rng=rng),
    ]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_no_split_of_ours_leaks(seed: int) -> None:
    for split in every_split(random_log(seed=seed), seed):
        for part in ("valid", "test"):
            check_holdout(split.holdout(part), split.train)


def planted(split: Split, *, part: str) -> dict[str, np.ndarray]:
    """The masks with one held-out event, and the same user's last one before it, changing places: training gets what came after."""
    changed = masks(split)
    users = split.dataset.column("user_row")
    held_out = np.flatnonzero(changed[f"{part}_mask"])
    for row in held_out:
        earlier = np.flatnonzero(changed["train_mask"] & (users == users[row]))
        if len(earlier):
            changed["train_mask"][row], changed[f"{part}_mask"][row] = True, False
            changed["train_mask"][earlier[-1]], changed[f"{part}_mask"][earlier[-1]] = False, True
            return changed
    raise AssertionError("the log has no user with training and held-out events")


@pytest.mark.parametrize("part", ["valid", "test"])
@pytest.mark.parametrize("make", [split_leave_one_out, split_by_time_fraction])
def test_a_training_event_after_the_held_out_one_is_a_leak(make: object, part: str) -> None:
    split = make(random_log())  # type: ignore[operator]  # one of the two above
    with pytest.raises(DataError, match=r"a leak: a training event \(user 'u\d+', item 'i\d+', 1970-.*stands at or after the held-out one"):
        Split(dataset=split.dataset, **planted(split, part=part), kind=split.kind, valid_from=split.valid_from, test_from=split.test_from)


def test_another_users_event_after_the_cut_is_a_leak_in_a_time_split() -> None:
    dataset = buys({"al": "abcdefgh", "bo": "abcdefgh"})
    split = split_by_time(dataset, valid_days=1, test_days=1)
    changed = masks(split)
    is_al = dataset.column("user_row") == 0
    changed["train_mask"] |= is_al
    changed["valid_mask"] &= ~is_al
    changed["test_mask"] &= ~is_al
    Split(dataset=dataset, **changed)  # no leak by user, so fine when no cut is claimed
    with pytest.raises(DataError, match=r"a training event \(user 'al', item 'g'.* lies beyond the cut"):
        Split(dataset=dataset, **changed, kind="time", valid_from=split.valid_from, test_from=split.test_from)


def test_a_validation_event_after_the_test_is_a_leak() -> None:
    dataset = buys({"al": "abcd"})
    with pytest.raises(DataError, match=r"a validation event \(user 'al', item 'd'"):
        Split(
            dataset=dataset, train_mask=np.array([1, 1, 0, 0], bool), test_mask=np.array([0, 0, 1, 0], bool), valid_mask=np.array([0, 0, 0, 1], bool)
        )


def test_a_training_event_of_a_withheld_user_or_item_is_a_leak() -> None:
    dataset = buys({"al": "abc", "bo": "abc"})
    parts = {"train_mask": np.array([1, 0, 0, 1, 1, 0], bool), "valid_mask": np.zeros(6, bool), "test_mask": np.array([0, 0, 1, 0, 0, 0], bool)}
    with pytest.raises(DataError, match=r"a withheld user has a training event \(user 'al', item 'a'"):
        Split(dataset=dataset, **parts, kind="user")
    parts["train_mask"] = np.array([1, 1, 0, 1, 1, 1], bool)
    with pytest.raises(DataError, match=r"a withheld item has a training event \(user 'bo', item 'c'"):
        Split(dataset=dataset, **parts, kind="cold-items")


def test_a_context_event_after_the_answer_is_a_leak() -> None:
    dataset = buys({"al": "abc", "bo": "abc"})
    parts = {"train_mask": np.array([1, 1, 1, 0, 0, 0], bool), "valid_mask": np.zeros(6, bool), "test_mask": np.array([0, 0, 0, 0, 1, 0], bool)}
    with pytest.raises(DataError, match=r"a context event \(user 'bo', item 'c'"):
        Split(dataset=dataset, **parts, context_mask=np.array([0, 0, 0, 1, 0, 1], bool), kind="user")


def test_an_event_in_two_parts_is_a_leak() -> None:
    split = split_leave_one_out(buys({"al": "abcd"}))
    changed = masks(split)
    changed["train_mask"][-1] = True
    with pytest.raises(DataError, match=r"user 'al', item 'd', .* stands in both train and test"):
        Split(dataset=split.dataset, **changed)


def test_masks_of_another_shape_or_type_are_refused() -> None:
    dataset = buys({"al": "abcd"})
    good = np.ones(4, bool)
    with pytest.raises(DataError, match="valid mask has shape"):
        Split(dataset=dataset, train_mask=good, valid_mask=np.zeros(3, bool), test_mask=~good | good)
    with pytest.raises(DataError, match=r"test mask .* type int64"):
        Split(dataset=dataset, train_mask=good, valid_mask=~good, test_mask=np.ones(4, np.int64))


def test_unsorted_events_are_refused_since_row_order_would_lie() -> None:
    dataset = buys({"al": "abcd"})
    shuffled = Dataset(**{**{name: getattr(dataset, name) for name in Dataset.__dataclass_fields__}, "events": dataset.events.reverse()})
    with pytest.raises(DataError, match="not sorted by user and time"):
        Split(dataset=shuffled, **masks(split_leave_one_out(dataset)))


def test_an_answer_in_the_history_or_in_training_is_a_leak_unless_repeats_are_declared() -> None:
    dataset = buys({"al": "abcb"})
    target = np.array([dataset.items.row("b")])
    for history in (("a", "b"), ("c",)):
        parts = {"queries": (Query(user_id="al", history=history),), "targets": (target,), "user_rows": np.array([0])}
        with pytest.raises(DataError, match="a leak: the answer asked of user 'al', item 'b'"):
            check_holdout(Holdout(**parts), dataset)
        check_holdout(Holdout(**parts, includes_repeats=True), dataset)


@pytest.mark.parametrize(
    ("query", "target", "message"),
    [
        (Query(candidates=("a",)), [3], "whole catalogue"),
        (Query(), [], "needs answers"),
        (Query(), [3, 3], "each once"),
        (Query(), [99], "outside the catalogue"),
    ],
)
def test_a_holdout_that_cannot_be_asked_honestly_is_refused(query: Query, target: list[int], message: str) -> None:
    holdout = Holdout(queries=(query,), targets=(np.array(target, np.int64),), user_rows=np.array([0]))
    with pytest.raises(DataError, match=message):
        check_holdout(holdout, buys({"al": "abc", "bo": "d"}))


def test_the_time_of_asking_is_when_the_user_first_answers() -> None:
    split = split_leave_one_out(buys({"al": "abcd", "bo": "abc"}))
    assert [query.time for query in split.holdout("test").queries] == [3 * DAY, 2 * DAY]


def test_a_split_that_leaves_nothing_says_what_the_log_holds() -> None:
    dataset = buys({"al": "abc"})
    with pytest.raises(EmptySplitError, match="no training events: the log runs from 1970-01-01 00:00:00 to 1970-01-03"):
        split_by_time(dataset, valid_days=7, test_days=7)
    with pytest.raises(EmptySplitError, match="the longest history has 2"):
        split_leave_one_out(buys({"al": "ab"}))
    with pytest.raises(EmptySplitError, match="nobody to ask"):
        holdout_of(dataset, dataset.subset(np.zeros(3, bool)))
    with pytest.raises(EmptySplitError, match="no test events"):
        split_by_user(dataset, rng=np.random.default_rng(0))


def test_settings_out_of_range_are_refused() -> None:
    dataset = buys({"al": "abc"})
    with pytest.raises(ConfigError, match="valid_days is 0"):
        split_by_time(dataset, valid_days=0, test_days=7)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        split_by_time_fraction(dataset, valid_fraction=0.5, test_fraction=0.5)
    with pytest.raises(ConfigError, match="needs the time of its cut"):
        Split(dataset=dataset, **masks(split_leave_one_out(dataset)), kind="time")


@pytest.mark.parametrize("kind", range(5))
def test_a_split_survives_the_disk(kind: int, tmp_path: Path) -> None:
    split = every_split(random_log(), 0)[kind]
    split.save(tmp_path / "split")
    loaded = Split.load(tmp_path / "split", dataset=split.dataset)
    assert loaded.describe() == split.describe()
    for part in ("valid", "test"):
        assert asked(loaded, part) == asked(split, part)


def test_a_split_of_other_data_is_refused(tmp_path: Path) -> None:
    split_leave_one_out(buys({"al": "abcd"})).save(tmp_path / "split")
    with pytest.raises(ArtifactError, match="cut from other data"):
        Split.load(tmp_path / "split", dataset=buys({"al": "abce"}))


def test_the_same_seed_withholds_the_same_users() -> None:
    first, second = (split_by_user(random_log(), rng=np.random.default_rng(5)) for _ in range(2))
    assert (first.test_mask == second.test_mask).all()


def test_questions_bring_what_is_known_of_their_users() -> None:
    plain = buys({"u": "abc", "v": "bca", "w": "cab"})
    users = pl.DataFrame({"user_id": ["u", "v", "w"], "age": [30, None, 40], "likes": [["tea", None], [], None], "member": [True, None, False]})
    known = [query.attributes for query in split_leave_one_out(replace(plain, user_attributes=users)).holdout("test").queries]
    assert known == [{"age": 30.0, "likes": ["tea"], "member": "True"}, {"likes": []}, {"age": 40.0, "member": "False"}]
    assert [query.attributes for query in split_leave_one_out(plain).holdout("test").queries] == [{}, {}, {}]
