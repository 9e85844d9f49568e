"""Pairs of what was chosen one after the other: what each costs to read, what is rare, and a part of the users as a world of its own."""

import numpy as np
import pytest

from leanrec.features.histories import Histories
from leanrec.features.history_pairs import HistoryPairs


def pairs(*histories: list[int], history_items: int = 2, sizes: tuple[int, ...] = (1, 2, 4, 8)) -> HistoryPairs:
    rows = Histories.of_rows([np.array(history) for history in histories], num_items=len(sizes))
    return HistoryPairs(rows, [[5] * size for size in sizes], pairs=2, history_items=history_items)


def test_the_length_of_a_pair_is_what_is_read_at_a_moment_on_average() -> None:
    assert pairs([0, 1]).by_length().tolist() == [3]
    assert pairs([0, 1, 2, 3]).by_length().tolist() == pytest.approx([(3 + 7 + 14) / 3])
    assert pairs([0, 1, 2, 3], history_items=1).by_length().tolist() == pytest.approx([(3 + 6 + 12) / 3])


def test_users_who_chose_what_is_rare_come_last() -> None:
    rarity = pairs([0, 1], [2, 1], [1, 3]).by_popularity()
    assert rarity.tolist() == pytest.approx([-np.log(3 / 6), -np.log(3 / 6), -np.log(1 / 6)])


def test_log_q_of_a_part_is_that_of_its_own_items() -> None:
    whole = pairs([0, 1], [0, 1], [2, 3], [2, 3])
    for users, share in (([0, 1], 0.5), ([0, 2], 0.25)):
        batch = next(whole.taking(np.array(users)).epoch(0))
        assert sorted(batch.places.tolist()) == users
        assert np.exp(batch.log_chances).tolist() == pytest.approx([share] * len(batch.item_rows))


def test_what_is_heard_of_a_user_is_found_in_every_part() -> None:
    losses = np.array([4.0, 3.0, np.nan], np.float32)
    part = pairs([0, 1], [1, 2], [2, 3]).taking(np.array([1, 2]))
    np.testing.assert_array_equal(part.example_losses(losses), losses[1:])
    assert (part.num_examples, len(part)) == (2, 1)
