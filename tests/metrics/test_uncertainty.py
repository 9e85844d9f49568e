"""Intervals: reproducible, of the right width, paired, and honest where there is nothing to say."""

import numpy as np
import pytest

from leanrec.metrics import uncertainty
from leanrec.metrics.uncertainty import Figure, bootstrap_means, bootstrap_ratios, measure_figures, paired_difference


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(0).random(500)
    first, second, other = (bootstrap_means(values, rng=np.random.default_rng(seed)).measure() for seed in (1, 1, 2))
    assert first == second
    assert (first.low, first.high) != (other.low, other.high)


def test_blocks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random(300)
    whole = bootstrap_means(values, rng=np.random.default_rng(1)).measure()
    monkeypatch.setattr(uncertainty, "BLOCK_BYTES", 24 * 300 * 7)
    assert bootstrap_means(values, rng=np.random.default_rng(1)).measure() == whole


def test_the_interval_is_as_wide_as_theory_says() -> None:
    values = np.random.default_rng(3).normal(2.0, 1.0, 2000)
    measure = bootstrap_means(values, rng=np.random.default_rng(0), num_resamples=4000).measure()
    half_width = 1.96 * values.std() / np.sqrt(len(values))
    assert measure.value == pytest.approx(values.mean())
    assert measure.low == pytest.approx(values.mean() - half_width, abs=0.1 * half_width)
    assert measure.high == pytest.approx(values.mean() + half_width, abs=0.1 * half_width)


def test_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(300):
        measure = bootstrap_means((rng.random(200) < 0.3).astype(float), rng=rng, num_resamples=400).measure()
        held += (measure.low or 0.0) <= 0.3 <= (measure.high or 0.0)
    assert 0.91 <= held / 300 <= 0.985


def test_pairing_finds_a_small_gain_that_two_intervals_hide() -> None:
    rng = np.random.default_rng(0)
    before = rng.random(400)
    after = before + 0.01 + 0.01 * rng.random(400)
    gain = paired_difference(after, before, rng=np.random.default_rng(0))
    apart = [bootstrap_means(values, rng=np.random.default_rng(0)).measure() for values in (before, after)]
    assert gain.low is not None
    assert gain.low > 0.0
    assert (apart[0].high or 0.0) > (apart[1].low or 0.0)


def test_users_without_a_value_do_not_count() -> None:
    values = np.array([[1.0, np.nan], [3.0, 5.0], [np.nan, 7.0], [2.0, np.nan]])
    intervals = bootstrap_means(values, rng=np.random.default_rng(0))
    assert intervals.values.tolist() == [2.0, 6.0]
    assert intervals.num_users.tolist() == [3, 2]


def test_one_user_or_none_has_no_interval() -> None:
    alone = bootstrap_means(np.array([0.5, np.nan]), rng=np.random.default_rng(0)).measure()
    assert (alone.value, alone.low, alone.high, alone.num_users) == (0.5, None, None, 1)
    nobody = bootstrap_means(np.zeros((0, 1)), rng=np.random.default_rng(0)).measure()
    assert np.isnan(nobody.value)
    assert nobody.num_users == 0


def test_ratios_weigh_users_by_their_denominator() -> None:
    intervals = bootstrap_ratios(np.array([[8.0], [1.0]]), np.array([[2.0], [1.0]]), rng=np.random.default_rng(0))
    assert intervals.values.tolist() == [3.0]


def test_figures_come_back_by_group_and_empty_ones_are_left_out() -> None:
    figures = [
        Figure.of_values(np.array([1.0, 0.0]), metric="ndcg@10"),
        Figure.of_values(np.array([np.nan, 1.0]), metric="ndcg@10", group="tail items"),
        Figure.of_values(np.array([np.nan, np.nan]), metric="ndcg@10", group="cold items"),
    ]
    groups = measure_figures(figures, rng=np.random.default_rng(0))
    assert groups[""]["ndcg@10"].value == 0.5
    assert set(groups) == {"", "tail items"}
