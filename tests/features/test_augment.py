"""Views of histories do what their names say, are the same wherever they are made, and keep batches packed."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from leanrec.errors import ConfigError
from leanrec.features.augment import Augmentation, AugmentConfig, AugmentedBatch, AugmentedBatches, Companions, ViewsConfig
from leanrec.features.augment_draws import Draws
from leanrec.features.augment_views import HIDDEN, View, inserted
from leanrec.features.batches import Batch, TokenBatches
from leanrec.features.histories import Histories

LENGTHS = (5, 9, 2, 12, 1, 3, 12, 7)
MAX_LENGTH = 10
PAIRED = 100
"""Item b + 100 is always chosen just after item b."""


def histories() -> Histories:
    """Items 0, 1, 2, ... one history after the other, so that an item's row is also its place."""
    first = np.cumsum([0, *LENGTHS])
    return Histories.of_rows([np.arange(a, a + n) for a, n in zip(first, LENGTHS, strict=False)], num_items=int(first[-1]))


def batch_of(known: Histories, *, epoch: int = 0) -> Batch:
    (batch,) = TokenBatches(known, max_length=MAX_LENGTH, tokens=10_000).epoch(epoch)
    return batch


def augmentation(*, known: Histories | None = None, seed: int = 0, share: float = 1.0, **operations: Any) -> Augmentation:
    return Augmentation(ViewsConfig(**operations), known or histories(), max_length=MAX_LENGTH, seed=seed, share=share)


def sequences(batch: Batch) -> dict[int, tuple[list[int], list[int]]]:
    """User -> inputs and targets."""
    lengths = [length for count, length in batch.groups for _ in range(count)]
    cuts = np.cumsum(lengths)[:-1]
    parts = zip(batch.user_rows, np.split(batch.item_rows, cuts), np.split(batch.targets, cuts), strict=True)
    return {int(user): (inputs.tolist(), targets.tolist()) for user, inputs, targets in parts}


def changes(name: str, share: float, *, known: Histories | None = None) -> list[tuple[list[int], list[int], list[int], list[int]]]:
    """Inputs and targets of each history of two inputs or more, before and after, over some epochs."""
    known, found = known or histories(), []
    for epoch in range(5):
        whole = batch_of(known, epoch=epoch)
        before, after = sequences(whole), sequences(augmentation(known=known, **{name: share}).changed(whole))
        assert before.keys() == after.keys()
        found += [(*before[user], *after[user]) for user in before if len(before[user][0]) > 1]
    assert any(old != new for old, _, new, _ in found)
    return found


def test_cropping_keeps_a_part_without_gaps_and_the_targets_beside_it() -> None:
    starts = set()
    for inputs, targets, kept, asked in changes("crop", 0.4):
        start = inputs.index(kept[0])
        assert kept == inputs[start : start + len(kept)]
        assert asked == targets[start : start + len(kept)]
        assert len(kept) == max(1, min(len(inputs) - 1, int(0.6 * len(inputs) + 0.5)))
        starts.add(start)
    assert len(starts) > 2


def test_masking_hides_the_share_of_the_inputs_and_no_target() -> None:
    for inputs, targets, read, asked in changes("mask", 0.3):
        assert asked == targets
        assert sum(row == HIDDEN for row in read) == max(1, int(0.3 * len(inputs) + 0.5))
        assert all(row in (HIDDEN, item) for row, item in zip(read, inputs, strict=True))


def test_reordering_shuffles_a_window_and_asks_for_what_is_read_next() -> None:
    shuffled = 0
    for inputs, targets, read, asked in changes("reorder", 0.5):
        assert sorted(read) == inputs
        assert asked == [*read[1:], targets[-1]]
        moved = [place for place, (old, new) in enumerate(zip(inputs, read, strict=True)) if old != new]
        if moved:
            assert moved[-1] - moved[0] < max(2, int(0.5 * len(inputs) + 0.5))
            shuffled += 1
    assert shuffled > 5


def paired() -> Histories:
    rng = np.random.default_rng(0)
    rows = [np.stack([chosen := rng.choice(20, size=n, replace=False), chosen + PAIRED], axis=1).ravel() for n in (2, 3, 5, 4, 3, 5) * 5]
    return Histories.of_rows(rows, num_items=2 * PAIRED)


def companion(item: int) -> int:
    return item - PAIRED if item >= PAIRED else item + PAIRED


def test_companions_are_what_is_chosen_together_most_for_how_often_it_is_chosen_at_all() -> None:
    rows = [np.array(history) for history in ([0, 1], [0, 1], [2, 0], [3, 2], [3, 2], [2, 3], [4])]
    found = Companions.of(Histories.of_rows(rows, num_items=5), window=1, number=1)
    # of 0: 1 twice out of 2, 2 once out of 4; of 2: 3 thrice out of 3, 0 once out of 3; 4 stands alone
    items, has_any = found.drawn(np.arange(5), np.full(5, 0.99))
    assert items.tolist() == [1, 0, 3, 2, 4]
    assert has_any.tolist() == [True, True, True, True, False]


def test_substituting_reads_a_companion_in_place_of_an_item_and_keeps_the_targets() -> None:
    known = paired()
    views = Augmentation(ViewsConfig(substitute=0.3, companions=1, window=1), known, max_length=MAX_LENGTH, seed=0)
    for old, new in pairs_of(views, known):
        (inputs, targets), (read, asked) = old, new
        replaced = [(item, row) for item, row in zip(inputs, read, strict=True) if item != row]
        assert asked == targets
        assert len(replaced) == max(1, int(0.3 * len(inputs) + 0.5))
        assert all(row == companion(item) for item, row in replaced)


def test_inserting_adds_companions_whose_target_is_the_item_that_follows() -> None:
    known = Histories.of_rows([np.array([5, 6, 7, 8]), np.array([1, 2, 3])], num_items=20)
    view = View.of_batch(batch_of(known))  # 1 2, then 5 6 7
    is_followed, companions = np.array([True, False, False, True, True]), np.array([11, 12, 15, 16, 17])
    grown = inserted(view, is_followed, companions=companions, max_length=4)
    assert grown.lengths.tolist() == [3, 4]
    assert grown.item_rows.tolist() == [11, 1, 2, 16, 6, 17, 7]  # of the five the newest four
    assert known.item_rows[grown.next_places()].tolist() == [1, 2, 3, 6, 7, 7, 8]


def test_what_is_inserted_are_companions_of_the_history() -> None:
    known, lengths = paired(), set()
    views = Augmentation(ViewsConfig(insert=0.3, companions=1, window=1), known, max_length=MAX_LENGTH, seed=0)
    for (inputs, _), (read, _) in pairs_of(views, known):
        added = Counter(read) - Counter(inputs)
        assert len(read) == min(MAX_LENGTH, len(inputs) + max(1, int(0.3 * len(inputs) + 0.5)))
        assert added.keys() <= {companion(item) for item in inputs}
        lengths.add(len(read))
    assert MAX_LENGTH in lengths


def pairs_of(views: Augmentation, known: Histories) -> list[tuple[tuple[list[int], list[int]], tuple[list[int], list[int]]]]:
    whole = batch_of(known)
    before, after = sequences(whole), sequences(views.changed(whole))
    return [(before[user], after[user]) for user in before if len(before[user][0]) > 1]


def test_one_operation_is_drawn_for_each_history_and_only_a_share_is_changed() -> None:
    known = Histories.of_rows([np.arange(8) + 8 * user for user in range(400)], num_items=3200)
    whole = batch_of(known)
    before = sequences(whole)
    after = sequences(augmentation(known=known, share=0.5, crop=0.5, mask=0.3).changed(whole))
    cropped = sum(len(after[user][0]) < len(before[user][0]) for user in before)
    masked = sum(HIDDEN in after[user][0] for user in before)
    both = sum(len(after[user][0]) < len(before[user][0]) and HIDDEN in after[user][0] for user in before)
    assert both == 0
    assert abs(cropped - 100) < 40
    assert abs(masked - 100) < 40
    assert sum(after[user] == before[user] for user in before) == 400 - cropped - masked


ALL = {"crop": 0.4, "mask": 0.3, "reorder": 0.5, "substitute": 0.3, "insert": 0.3}


def batches_of(known: Histories, *, seed: int = 0, tokens: int = 40, **changes: Any) -> AugmentedBatches:
    return AugmentedBatches(known, AugmentConfig(**{"share": 0.9, **ALL, **changes}), max_length=MAX_LENGTH, tokens=tokens, seed=seed)


def same(one: Batch, other: Batch) -> bool:
    names = ("item_rows", "targets", "places", "user_rows")
    return one.groups == other.groups and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def test_batches_stay_packed_and_every_target_is_the_item_at_its_place() -> None:
    known = paired()
    for batch in batches_of(known).epoch(2):
        assert sum(count * length for count, length in batch.groups) == len(batch.item_rows) == len(batch.targets) == len(batch.places)
        assert list(batch.groups) == sorted(batch.groups, key=lambda group: group[1])
        assert max(length for _, length in batch.groups) <= MAX_LENGTH
        assert np.array_equal(known.item_rows[batch.places], batch.targets)
        assert (batch.places >= known.offsets[np.repeat(batch.user_rows, [n for count, n in batch.groups for _ in range(count)])]).all()


def test_from_the_middle_an_epoch_goes_on_with_the_same_bits_and_the_next_one_differs() -> None:
    whole = list(batches_of(paired()).epoch(1))
    rest = list(batches_of(paired()).epoch(1, start=2))
    assert len(whole) > 4
    assert all(same(one, other) for one, other in zip(whole[2:], rest, strict=True))
    read = [
        np.sort(np.concatenate([batch.item_rows for batch in batches_of(paired(), seed=seed).epoch(epoch)]))
        for epoch, seed in ((1, 0), (2, 0), (1, 1))
    ]
    assert not np.array_equal(read[0], read[1])
    assert not np.array_equal(read[0], read[2])


def test_a_history_is_changed_alike_in_whatever_batch_it_stands() -> None:
    small, large = ({}, {})
    for tokens, found in ((20, small), (10_000, large)):
        for batch in batches_of(paired(), tokens=tokens).epoch(3):
            found |= sequences(batch)
    assert small == large


def test_histories_too_short_to_be_changed_give_the_same_batches_as_without() -> None:
    known = Histories.of_rows([np.array([user, user + 1]) for user in range(30)], num_items=31)
    plain = TokenBatches(known, max_length=MAX_LENGTH, tokens=8).epoch(0)
    assert all(same(one, other) for one, other in zip(batches_of(known, tokens=8).epoch(0), plain, strict=True))


def test_split_into_pieces_each_history_stays_beside_what_it_was() -> None:
    (batch,) = batches_of(paired(), tokens=10_000).epoch(0)
    assert isinstance(batch, AugmentedBatch)
    pieces = batch.split(4)
    assert len(pieces) == 4
    assert np.array_equal(np.concatenate([piece.item_rows for piece in pieces]), batch.item_rows)
    for piece in pieces:
        assert isinstance(piece, AugmentedBatch)
        assert np.array_equal(np.searchsorted(paired().offsets, piece.whole.keys, side="right") - 1, piece.user_rows)
        assert np.array_equal(piece.whole.item_rows, paired().item_rows[piece.whole.places])


def test_cut_shorter_nothing_that_is_added_makes_a_history_longer() -> None:
    short = batches_of(paired(), insert=0.9).resized(max_length=4, tokens=30)
    assert max(length for batch in short.epoch(0) for _, length in batch.groups) == 4
    assert {len(batch.item_rows) for batch in short.epoch(0)} != {len(batch.item_rows) for batch in batches_of(paired()).epoch(0)}


def test_draws_are_even_and_know_seed_epoch_view_and_purpose() -> None:
    places = np.arange(50_000)
    draws = Draws(seed=1, epoch=2, view="first")
    found = draws.of("mask", places)
    assert found.min() >= 0
    assert found.max() < 1
    counts = np.histogram(found, bins=20, range=(0, 1))[0]
    assert np.abs(counts - 2500).max() < 250
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.02
    others = [Draws(seed=2, epoch=2, view="first"), Draws(seed=1, epoch=3, view="first"), Draws(seed=1, epoch=2, view="second")]
    for other in (*(one.of("mask", places) for one in others), draws.of("crop", places)):
        assert abs(np.corrcoef(found, other)[0, 1]) < 0.02
    assert np.array_equal(draws.of("mask", places[::-1]), found[::-1])


def test_a_view_knows_its_sequences_by_their_oldest_event() -> None:
    view = View.of_batch(batch_of(histories()))
    assert len(view) == 7
    assert np.array_equal(view.places[view.offsets], view.keys)
    assert np.array_equal(view.next_places(), batch_of(histories()).places)
    assert np.array_equal(view.item_rows, view.places)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "no operation has a share"),
        ({"crop": 0.2, "window": 3}, "window is heeded by substitute and insert alone"),
        ({"mask": 0.2, "companions": 3}, "companions is heeded by substitute and insert alone"),
        ({"mask": 1.0}, "less than 1"),
        ({"crop": -0.1}, "greater than or equal to 0"),
        ({"crop": 0.5, "share": 0.0}, "greater than 0"),
    ],
)
def test_settings_that_do_nothing_are_refused(settings: dict[str, float], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        AugmentConfig(**settings)
