"""FadingCounts: what is popular lately, the same whether counted at once or event by event."""

import numpy as np
import pytest

from leanrec.data.world import World, WorldConfig
from leanrec.features.fading import MICROSECONDS_PER_DAY, FadingCounts


def test_an_act_counts_half_after_a_half_life() -> None:
    times = np.array([0, 30, 60]) * MICROSECONDS_PER_DAY + 1
    counts = FadingCounts(counts=np.zeros(2), newest=0).with_acts(np.array([0, 0, 1]), times, num_items=2)
    assert counts.counts.tolist() == pytest.approx([0.75, 1.0])
    assert counts.shares.tolist() == pytest.approx([0.75 / 1.75, 1.0 / 1.75])


def test_without_times_every_act_counts_one() -> None:
    counts = FadingCounts(counts=np.zeros(2), newest=0).with_acts(np.array([0, 0, 1]), None, num_items=3)
    assert counts.counts.tolist() == [2.0, 1.0, 0.0]


def test_adding_later_acts_equals_counting_all_at_once() -> None:
    dataset = World.generate(WorldConfig(num_users=30, num_items=30), seed=1).dataset
    order = np.argsort(dataset.column("timestamp"), kind="stable")
    rows, times = dataset.column("item_row")[order].astype(np.int64), dataset.column("timestamp")[order]
    empty = FadingCounts(counts=np.zeros(0), newest=0)
    whole = empty.with_acts(rows, times, num_items=30)
    half = len(rows) // 2
    first = empty.with_acts(rows[:half], times[:half], num_items=int(rows[:half].max()) + 1)
    parts = first.with_acts(rows[half:], times[half:], num_items=30)
    assert parts.newest == whole.newest
    assert parts.counts == pytest.approx(whole.counts)
