"""Text dropout leaves words out, never marks and never all words, and says so again after an interruption."""

from collections import Counter

import numpy as np
import pytest

from leanrec.errors import ConfigError
from leanrec.features.augment_text import TextDropout
from leanrec.features.histories import Histories
from leanrec.features.history_pairs import HistoryPairs, PairBatch

START, END = 101, 102
TEXT = [START, *range(20), END]


def dropout(share: float, *, seed: int = 0) -> TextDropout:
    return TextDropout(share=share, marks=frozenset({START, END}), seed=seed)


def test_a_share_of_the_words_is_left_out_in_order_and_the_marks_stay() -> None:
    found = [dropout(0.3).tokens(TEXT, row=row, epoch=epoch) for row in range(20) for epoch in range(10)]
    assert all(tokens[0] == START and tokens[-1] == END and tokens == [*sorted(tokens[:-1], key=TEXT.index), END] for tokens in found)
    left = Counter(token for tokens in found for token in tokens[1:-1])
    assert sum(left.values()) / (200 * 20) == pytest.approx(0.7, abs=0.03)
    assert min(left.values()) > 100


def test_one_word_stays_whatever_the_share() -> None:
    found = [dropout(0.99).tokens([START, 7, 8, 9, END], row=row, epoch=0) for row in range(50)]
    assert all(len(tokens) >= 3 for tokens in found)
    assert {tokens[1] for tokens in found} == {7, 8, 9}
    assert dropout(0.99).tokens([7], row=0, epoch=0) == [7]
    assert dropout(0.5).tokens([START, END], row=0, epoch=0) == [START, END]
    assert dropout(0.5).tokens([], row=0, epoch=0) == []


def test_row_epoch_and_seed_decide_what_is_left() -> None:
    asked = [(0, 1, 0), (1, 1, 0), (0, 2, 0), (0, 1, 1)]
    found = [tuple(dropout(0.5, seed=seed).tokens(TEXT, row=row, epoch=epoch)) for row, epoch, seed in (*asked, asked[0])]
    assert found[0] == found[-1]
    assert len(set(found)) == 4


def test_a_share_of_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="a text dropout of 1 is no share"):
        dropout(1.0)


def pairs(share: float | None) -> HistoryPairs:
    rng = np.random.default_rng(0)
    histories = Histories.of_rows([rng.permutation(6)[:4] for _ in range(30)], num_items=6)
    tokens = [[START, *range(10 * row, 10 * row + 10), END] for row in range(6)]
    return HistoryPairs(histories, tokens, pairs=8, dropout=None if share is None else dropout(share))


def read(batch: PairBatch) -> dict[int, list[int]]:
    """Item -> what is read of it."""
    rows = [(part.rows[place], part.ids[place][part.mask[place] > 0]) for part in batch.texts for place in range(len(part.rows))]
    return {int(batch.item_rows[row]): ids.tolist() for row, ids in rows}


def test_pairs_of_texts_read_other_words_each_epoch_and_the_same_after_an_interruption() -> None:
    plain, shortened = (list(pairs(share).epoch(1)) for share in (None, 0.4))
    for whole, short in zip(plain, shortened, strict=True):
        assert np.array_equal(whole.item_rows, short.item_rows)
        texts = read(whole)
        assert all(set(tokens) <= set(texts[item]) for item, tokens in read(short).items())
    assert sum(batch.num_tokens for batch in shortened) < 0.9 * sum(batch.num_tokens for batch in plain)
    assert [read(batch) for batch in pairs(0.4).epoch(1, start=2)] == [read(batch) for batch in shortened[2:]]
    assert [read(batch) for batch in pairs(0.4).epoch(2)] != [read(batch) for batch in shortened]
    assert pairs(0.4).settings != pairs(0.3).settings


def test_without_a_dropout_pairs_are_read_whole() -> None:
    assert all(len(tokens) == 12 for batch in pairs(None).epoch(0) for tokens in read(batch).values())
