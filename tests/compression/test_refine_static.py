"""A refined table says what the teacher says, generalises to other texts of the same words, and moves no more than asked."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from leanrec.compression.refine_static import refine_table
from leanrec.errors import ConfigError, DataError
from leanrec.features.static_text import StaticTextEncoder

WORDS = [f"w{number}" for number in range(40)]
WIDTH = 8


def encoder(seed: int = 0) -> StaticTextEncoder:
    words = Tokenizer(models.WordLevel({"[UNK]": 0, **{word: number + 1 for number, word in enumerate(WORDS)}}, unk_token="[UNK]"))  # noqa: S106
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    table = np.random.default_rng(seed).normal(size=(len(WORDS) + 1, WIDTH)).astype(np.float32)
    return StaticTextEncoder(table, words.to_str(), source="test")


def texts(count: int, *, seed: int, words: int = 30) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(WORDS[number] for number in rng.choice(words, size=6, replace=False).tolist()) for _ in range(count)]


def teacher_of(asked: list[str], *, width: int) -> np.ndarray:
    """Another table, in another space: half of its meaning is the student's, turned."""
    rng = np.random.default_rng(9)
    turn = np.linalg.qr(rng.normal(size=(max(width, WIDTH), max(width, WIDTH))))[0][:WIDTH, :width]
    meaning = (encoder().table + 1.5 * rng.normal(size=(len(WORDS) + 1, WIDTH)).astype(np.float32)) @ turn
    return np.stack([meaning[[WORDS.index(word) + 1 for word in text.split()]].sum(axis=0) for text in asked]).astype(np.float32)


def correlation(student: StaticTextEncoder, asked: list[str], *, width: int) -> float:
    """How far cosines between texts agree with the teacher's."""
    vectors = teacher_of(asked, width=width)
    taught = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    said = student.encode(asked)
    upper = np.triu_indices(len(asked), 1)
    return float(np.corrcoef((said @ said.T)[upper], (taught @ taught.T)[upper])[0, 1])


@pytest.mark.parametrize("width", [WIDTH, 5, 20])
def test_texts_that_were_not_shown_agree_better_with_the_teacher_too(width: int) -> None:
    shown, others = texts(300, seed=1), texts(60, seed=2)
    before, after = encoder(), refine_table(encoder(), shown, teacher_of(shown, width=width), pull=0.1)
    assert correlation(after, others, width=width) > correlation(before, others, width=width) + 0.2
    assert correlation(after, shown, width=width) > 0.9


def test_the_stronger_the_pull_the_nearer_the_table_stays_and_unread_tokens_stay_anyway() -> None:
    shown = texts(300, seed=1)
    moves = [np.abs(refine_table(encoder(), shown, teacher_of(shown, width=WIDTH), pull=pull).table - encoder().table) for pull in (0.1, 100.0, 1e6)]
    assert moves[0].sum() > moves[1].sum() > moves[2].sum()
    assert moves[2].max() < 1e-2
    assert not moves[0][31:].any()


def test_it_solves_the_ridge_regression() -> None:
    from leanrec.compression.refine_static import _counts, _solved

    counts = _counts(encoder(), texts(25, seed=3))
    missing = np.random.default_rng(0).normal(size=(25, WIDTH))
    expected = np.linalg.solve((counts @ counts.T).toarray() + 0.5 * np.eye(25), missing)
    np.testing.assert_allclose(_solved(counts, missing, pull=0.5), expected, atol=1e-3)


def test_texts_and_vectors_that_do_not_pair_are_refused() -> None:
    with pytest.raises(DataError, match="2 texts and 3 vectors"):
        refine_table(encoder(), ["w1", "w2"], np.ones((3, 4), np.float32))
    with pytest.raises(DataError, match="0 texts"):
        refine_table(encoder(), [], np.ones((0, 4), np.float32))
    with pytest.raises(ConfigError, match="pull is 0"):
        refine_table(encoder(), ["w1"], np.ones((1, 4), np.float32), pull=0)
