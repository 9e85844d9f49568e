import numpy as np
import pytest

from leanrec.errors import ConfigError
from leanrec.features.batches import Batch, TokenBatches
from leanrec.features.histories import Histories


def histories_of(*lengths: int) -> Histories:
    first = np.cumsum([0, *lengths])
    return Histories.of_rows([np.arange(a, a + n) for a, n in zip(first, lengths, strict=False)], num_items=int(first[-1]))


def many(num_users: int = 300) -> Histories:
    rng = np.random.default_rng(0)
    return Histories.of_rows([rng.integers(0, 50, rng.integers(0, 30)) for _ in range(num_users)], num_items=50)


def sequences(batch: Batch) -> list[tuple[int, list[int], list[int]]]:
    lengths = [length for count, length in batch.groups for _ in range(count)]
    cuts = np.cumsum(lengths)[:-1]
    parts = zip(batch.user_rows, np.split(batch.item_rows, cuts), np.split(batch.targets, cuts), strict=True)
    return [(int(user), inputs.tolist(), targets.tolist()) for user, inputs, targets in parts]


def test_targets_are_the_next_items_of_the_newest_part_and_short_histories_give_nothing() -> None:
    (batch,) = TokenBatches(histories_of(1, 3, 0, 6, 2), max_length=3, tokens=100).epoch(0)
    assert batch.groups == ((1, 1), (1, 2), (1, 3))
    assert sequences(batch) == [(4, [10], [11]), (1, [1, 2], [2, 3]), (3, [6, 7, 8], [7, 8, 9])]


def test_windows_make_every_item_but_the_first_a_target_once() -> None:
    batches = TokenBatches(histories_of(8, 2), max_length=3, tokens=100, windows=True)
    (batch,) = batches.epoch(0)
    assert sorted(batch.targets.tolist()) == [1, 2, 3, 4, 5, 6, 7, 9]
    assert (0, [4, 5, 6], [5, 6, 7]) in sequences(batch)
    assert (0, [0], [1]) in sequences(batch)
    assert batches.num_tokens == 8


def test_an_epoch_holds_every_target_once_in_batches_of_about_the_wanted_tokens() -> None:
    histories = many()
    batches = TokenBatches(histories, max_length=20, tokens=256)
    epoch = list(batches.epoch(3))
    assert len(epoch) == len(batches)
    assert [batch.position for batch in epoch] == list(range(1, len(batches) + 1))
    sizes = [len(batch.item_rows) for batch in epoch]
    assert all(len(batch.targets) == size == sum(b * n for b, n in batch.groups) for batch, size in zip(epoch, sizes, strict=True))
    assert max(sizes) == batches.most_tokens <= 256 + 2 * 20
    assert min(sizes) >= 256 - 2 * 20
    users = np.concatenate([batch.user_rows for batch in epoch])
    assert sorted(users.tolist()) == np.flatnonzero(histories.lengths >= 2).tolist()
    assert all(np.array_equal(histories.item_rows[batch.places], batch.targets) for batch in epoch)
    for user, inputs, targets in (one for batch in epoch for one in sequences(batch)):
        tail = histories.of(user)[-21:].tolist()
        assert (inputs, targets) == (tail[:-1], tail[1:])


def test_equal_lengths_stand_together() -> None:
    for batch in TokenBatches(many(), max_length=20, tokens=500).epoch(0):
        lengths = [length for _, length in batch.groups]
        assert lengths == sorted(set(lengths))


def test_the_order_comes_from_seed_and_epoch_alone_and_goes_on_from_any_position() -> None:
    batches, again = (TokenBatches(many(), max_length=20, tokens=256, seed=5) for _ in range(2))
    whole = list(batches.epoch(2))
    rest = list(again.epoch(2, start=whole[3].position))
    assert [batch.item_rows.tolist() for batch in rest] == [batch.item_rows.tolist() for batch in whole[4:]]
    assert [batch.position for batch in rest] == [batch.position for batch in whole[4:]]
    other_epoch, other_seed = batches.epoch(3), TokenBatches(many(), max_length=20, tokens=256, seed=6).epoch(2)
    assert whole[0].user_rows.tolist() not in (next(other_epoch).user_rows.tolist(), next(other_seed).user_rows.tolist())


def test_the_fingerprint_names_the_histories() -> None:
    batches = TokenBatches(many(), max_length=20, tokens=256)
    assert batches.fingerprint == TokenBatches(many(), max_length=5, tokens=9).fingerprint
    assert batches.fingerprint != TokenBatches(many(299), max_length=20, tokens=256).fingerprint


def test_nothing_to_learn_from_is_no_batch() -> None:
    batches = TokenBatches(histories_of(1, 0), max_length=3, tokens=10)
    assert (len(batches), batches.num_tokens, batches.most_tokens, list(batches.epoch(0))) == (0, 0, 0, [])


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="max_length 0"):
        TokenBatches(many(3), max_length=0, tokens=10)


def test_places_say_where_each_target_stands() -> None:
    histories = Histories.of_rows([np.array([3, 1, 4, 1, 5]), np.array([9, 2])], num_items=10)
    for batch in TokenBatches(histories, max_length=2, tokens=3, windows=True).epoch(0):
        assert np.array_equal(histories.item_rows[batch.places], batch.targets)
        assert np.array_equal(histories.item_rows[batch.places - 1], batch.item_rows)
