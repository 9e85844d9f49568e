"""Batches of texts: each token read once an epoch, little padding, the same batches from any start."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from leanrec.errors import ConfigError, DataError
from leanrec.features.text_batches import MaskedBatches, Masking, PackedBatches, TextBatch, held_out_batches

NUM_TOKENS, MASK, PAD, END = 1000, 4, 0, 3
MASKING = Masking(mask_id=MASK, num_tokens=NUM_TOKENS, special_ids=frozenset({0, 2, 3, MASK}))


def texts(count: int = 200) -> list[list[int]]:
    rng = np.random.default_rng(5)
    return [[2, *rng.integers(5, NUM_TOKENS, rng.integers(1, 40)).tolist(), END] for _ in range(count)]


def masked(**settings: Any) -> MaskedBatches:
    return MaskedBatches(texts(), MASKING, **{"tokens": 256, "pad_id": PAD, "seed": 1, **settings})


def packed(**settings: Any) -> PackedBatches:
    return PackedBatches(texts(), **{"block_tokens": 16, "tokens": 64, "pad_id": PAD, "seed": 1, **settings})


def same(first: TextBatch, second: TextBatch) -> bool:
    names = ("rows", "ids", "mask", "is_target", "originals")
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in names) and first.position == second.position


@pytest.mark.parametrize("make", [masked, packed])
def test_an_epoch_goes_on_from_any_batch(make: Any) -> None:
    batches = make()
    whole = list(batches.epoch(2))
    assert len(whole) == len(batches) > 5
    assert [batch.position for batch in whole] == list(range(1, len(batches) + 1))
    for start in (0, 3, len(batches) - 1, len(batches)):
        assert all(map(same, whole[start:], make().epoch(2, start=start)))
        assert len(list(make().epoch(2, start=start))) == len(whole) - start
    assert not all(map(same, whole, batches.epoch(3)))
    assert not all(map(same, whole, make(seed=9).epoch(2)))
    assert max(batch.ids.size for batch in whole) <= batches.most_tokens
    assert make().fingerprint == batches.fingerprint


def test_every_text_stands_once_in_an_epoch_with_its_own_tokens_and_little_padding() -> None:
    given, seen = texts(), Counter[int]()
    batches = masked()
    read = padded = 0
    for batch in batches.epoch(0):
        for place, row in enumerate(batch.rows.tolist()):
            seen[row] += 1
            assert batch.originals[place][batch.mask[place] == 1].tolist() == given[row]
        assert not batch.is_target[batch.mask == 0].any()
        assert (batch.ids[~batch.is_target] == batch.originals[~batch.is_target]).all()
        assert batch.ids.size <= 256 or len(batch.rows) == 1
        read, padded = read + batch.num_tokens, padded + batch.ids.size
    assert seen == Counter(range(len(given)))
    assert padded < 1.15 * read


def test_words_are_hidden_as_devlin_et_al_do() -> None:
    text = [2, *np.random.default_rng(0).integers(5, NUM_TOKENS, 20000).tolist(), END]
    ids, is_target = MASKING.hidden(text, np.random.default_rng(1))
    original = np.array(text)
    assert is_target.sum() == 3000
    assert not is_target[[0, -1]].any()
    shares = [(ids[is_target] == MASK).mean(), (ids[is_target] == original[is_target]).mean()]
    assert shares == pytest.approx([0.8, 0.1], abs=0.03)
    assert np.array_equal(ids[~is_target], original[~is_target])


def test_a_short_text_has_one_word_hidden_and_other_ones_in_other_epochs() -> None:
    given = [[2, *range(10, 15), END]]
    chosen = {int(np.flatnonzero(next(MaskedBatches(given, MASKING, tokens=64, pad_id=PAD).epoch(e)).is_target[0])[0]) for e in range(40)}
    assert chosen == {1, 2, 3, 4, 5}
    assert all(next(MaskedBatches(given, MASKING, tokens=64, pad_id=PAD).epoch(e)).is_target.sum() == 1 for e in range(5))


def test_what_is_hidden_in_a_text_does_not_depend_on_how_batches_are_cut() -> None:
    def hidden(tokens: int) -> dict[int, list[int]]:
        batches = masked(tokens=tokens).epoch(1)
        return {int(row): np.flatnonzero(batch.is_target[place]).tolist() for batch in batches for place, row in enumerate(batch.rows)}

    assert hidden(128) == hidden(2048)


def test_blocks_are_full_and_predict_each_token_once() -> None:
    batches = packed()
    found = list(batches.epoch(0))
    predicted = Counter[int]()
    for batch in found:
        predicted.update(batch.ids[batch.is_target].tolist())
        assert not batch.is_target[:, 0].any()
        assert batch.ids.shape[1] <= 16
    given = Counter(token for text in texts() for token in text)
    assert given.total() - predicted.total() == 1  # the very first token of the epoch has nothing before it
    assert not predicted - given
    assert sum(int((batch.mask == 0).sum()) for batch in found) < 16
    blocks = {int(row): batch.ids[place] for batch in found for place, row in enumerate(batch.rows)}
    assert all(blocks[row][-1] == blocks[row + 1][0] for row in range(len(blocks) - 1))


def test_held_out_texts_stand_alone_and_predict_all_but_their_first_token() -> None:
    given = [[7], *texts(30)]
    found = held_out_batches(given, tokens=100, pad_id=PAD)
    counts = {int(row): int(batch.is_target[place].sum()) for batch in found for place, row in enumerate(batch.rows)}
    assert counts == {row: len(text) - 1 for row, text in enumerate(given) if len(text) > 1}
    assert held_out_batches([], tokens=100, pad_id=PAD) == []


def test_what_cannot_be_learned_from_is_refused() -> None:
    with pytest.raises(DataError, match="text 1 holds nothing but marks"):
        MaskedBatches([[2, 9, END], [2, END]], MASKING, tokens=64, pad_id=PAD)
    with pytest.raises(ConfigError, match="blocks of 1 tokens leave nothing to predict"):
        packed(block_tokens=1)
    assert len(MaskedBatches([], MASKING, tokens=64, pad_id=PAD)) == len(PackedBatches([], block_tokens=8, tokens=64, pad_id=PAD)) == 0


@pytest.mark.parametrize("make", [masked, packed])
def test_a_batch_tells_where_its_predicted_tokens_stand_in_its_texts(make: Any) -> None:
    whole, rows = make(), np.arange(3, 90, 2)
    tokens, owners = np.concatenate([np.array(text) for text in texts()]), np.repeat(np.arange(200), [len(text) for text in texts()])
    for batches, allowed in ((whole, np.arange(200)), (whole.taking(rows), rows)):
        read = list(batches.epoch(1))
        places = np.concatenate([batch.places for batch in read])
        assert np.array_equal(tokens[places], np.concatenate([batch.originals[batch.is_target] for batch in read]))
        assert len(np.unique(places)) == len(places)
        assert np.array_equal(np.unique(owners[places]), allowed)
    if make is packed:
        assert len(places) == sum(len(texts()[row]) for row in rows) - 1


def test_the_words_hidden_of_a_text_are_the_same_in_every_part() -> None:
    whole, part = masked(), masked().taking(np.arange(0, 200, 3))
    places = [np.sort(np.concatenate([batch.places for batch in batches.epoch(4)])) for batches in (whole, part)]
    assert 0 < len(places[1]) < len(places[0])
    assert np.isin(places[1], places[0]).all()


def test_a_text_lost_the_mean_of_its_tokens_that_were_predicted() -> None:
    batches = PackedBatches([[5, 6], [7, 8, 9], [5, END]], block_tokens=4, tokens=8, pad_id=PAD)
    losses = np.array([1, 3, np.nan, 2, np.nan, np.nan, np.nan], np.float32)
    assert batches.example_losses(losses).tolist()[:2] == [2, 2]
    assert np.isnan(batches.example_losses(losses)[2])
    assert batches.taking(np.array([1])).example_losses(losses).tolist() == [2]
