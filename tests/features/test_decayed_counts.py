"""Counts as of any moment agree with a count by hand, and with what is counted event by event, to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanrec.features.decayed_counts import NO_DECAY, DecayedCounts, Timeline
from leanrec.features.tabular_table import NO_TIME

EVENTS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), max_size=30)
HALF_LIVES = st.sampled_from([NO_DECAY, 0.5, 3.0, 1e9])


def arrays_of(events: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([key for key, _ in events], np.uint64), np.array([time for _, time in events], np.int64)


def by_hand(events: list[tuple[int, int]], key: int, time: int, half_life: float) -> float:
    return sum(2.0 ** (-(time - moment) / half_life) for other, moment in events if other == key and moment < time)


@settings(max_examples=150, deadline=None)
@given(EVENTS, HALF_LIVES)
def test_a_timeline_counts_what_is_strictly_earlier(events: list[tuple[int, int]], half_life: float) -> None:
    keys, times = arrays_of(events)
    asked = [(key, time) for key in range(5) for time in range(14)]
    found = Timeline.of(keys, times, half_life=half_life).count(*arrays_of(asked))
    assert found == pytest.approx([by_hand(events, key, time, half_life) for key, time in asked], rel=1e-12)


@settings(max_examples=150, deadline=None)
@given(EVENTS, HALF_LIVES, st.integers(1, 4))
def test_event_by_event_gives_the_same_bits(events: list[tuple[int, int]], half_life: float, batch: int) -> None:
    """Whole batches, cut anywhere, asked at the time of the batch's first event and after all of it."""
    events = sorted(events, key=lambda event: event[1])
    timeline = Timeline.of(*arrays_of(events), half_life=half_life)
    state = DecayedCounts.none(half_life)
    asked = np.arange(5, dtype=np.uint64)
    for start in range(0, len(events), batch):
        part = events[start : start + batch]
        now = np.full(5, part[-1][1])
        state = state.after(*arrays_of(part))
        assert np.array_equal(state.count(asked, now), timeline.count(asked, now))
        assert np.array_equal(state.last_before(asked, now), timeline.last_before(asked, now))
    end = np.full(5, NO_TIME)
    assert np.array_equal(state.count(asked, np.full(5, 40)), timeline.count(asked, np.full(5, 40)))
    if events:
        assert np.array_equal(state.count(asked, end), timeline.count(asked, end))


def test_a_late_event_counts_as_faded_as_it_is() -> None:
    state = DecayedCounts.none(2.0).after(np.array([7], np.uint64), np.array([10])).after(np.array([7], np.uint64), np.array([8]))
    assert state.count(np.array([7], np.uint64), np.array([12])).tolist() == [0.5 * (1.0 + 0.5)]


def test_a_question_older_than_the_state_is_answered_as_of_the_last_event_without_it() -> None:
    state = DecayedCounts.none(NO_DECAY).after(np.array([7, 7], np.uint64), np.array([10, 20]))
    assert state.count(np.array([7, 7, 8], np.uint64), np.array([5, 21, 5])).tolist() == [1.0, 2.0, 0.0]


def test_further_events_leave_the_state_as_it_was() -> None:
    state = DecayedCounts.none(NO_DECAY).after(np.array([7], np.uint64), np.array([10]))
    later = state.after(np.array([7, 9], np.uint64), np.array([11, 12]))
    asked = (np.array([7, 9], np.uint64), np.array([30, 30]))
    assert state.count(*asked).tolist() == [1.0, 0.0]
    assert later.count(*asked).tolist() == [2.0, 1.0]
    restored = DecayedCounts.from_arrays(later.to_arrays())
    assert restored.count(*asked).tolist() == [2.0, 1.0]
