"""Distilling: a table keeps what tells tokens apart and gives common tokens little weight."""

from collections.abc import Sequence

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from leanrec.compression.static_text import distil_table
from leanrec.data.tokens import FloatArray, TextTokenizer
from leanrec.errors import ConfigError

WORDS = ("[PAD]", "[CLS]", "[SEP]", "the", "red", "crimson", "drill", "hammer", "a")
MEANINGS = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 1], [1, 1, 1], [1, 0, 1], [0.9, 0.1, 1], [0, 1, 1], [0.1, 0.9, 1], [1, 1, 1]], np.float32)


class Meanings:
    """A language model that knows nine words; the third component is the same for all."""

    width = 3
    fingerprint = "f" * 64

    def __init__(self) -> None:
        words = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[PAD]"))  # noqa: S106 - a word
        words.pre_tokenizer = pre_tokenizers.Whitespace()
        words.add_special_tokens(["[PAD]", "[CLS]", "[SEP]"])
        words.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
        self.tokenizer = TextTokenizer(words.to_str())
        self.fed: list[list[int]] = []

    def encode_tokens(self, tokens: Sequence[Sequence[int]]) -> FloatArray:
        self.fed += [list(ids) for ids in tokens]
        return np.stack([MEANINGS[ids[1]] for ids in tokens])


def test_every_token_is_read_alone_between_the_marks_and_marks_are_not_read() -> None:
    encoder = Meanings()
    table = distil_table(encoder, width=2).table
    assert encoder.fed == [[1, number, 2] for number in range(3, 9)]
    assert not table[:3].any()
    assert table.shape == (9, 2)
    assert table.dtype == np.float16


def test_like_tokens_stay_alike_and_common_ones_count_little() -> None:
    encoder = distil_table(Meanings(), width=2)
    red, crimson, drill, the_red = encoder.encode(["red", "crimson", "drill", "the red"])
    assert red @ crimson > 0.9 > 0 > red @ drill
    assert the_red @ red > 0.9


def test_the_principal_components_keep_the_distances_between_tokens() -> None:
    from leanrec.compression.static_text import _principal_components

    vectors = np.random.default_rng(3).normal(size=(50, 6)).astype(np.float32)
    vectors[:, 4:] = vectors[:, :2]  # two directions too many
    reduced = _principal_components(vectors, width=4)
    for one, other in ((0, 1), (3, 40), (7, 8)):
        assert np.linalg.norm(reduced[one] - reduced[other]) == pytest.approx(np.linalg.norm(vectors[one] - vectors[other]), rel=1e-4)


@pytest.mark.parametrize("width", [0, 4])
def test_a_width_that_the_encoder_cannot_fill_is_refused(width: int) -> None:
    with pytest.raises(ConfigError, match=f"width {width} is not allowed; the encoder's vectors have 3 components"):
        distil_table(Meanings(), width=width)
