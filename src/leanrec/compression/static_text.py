"""Distil a language model into a table: every token read once, alone, and from then on texts are sums of its rows."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from leanrec.console import ProgressBar
from leanrec.data.tokens import FloatArray, TextTokenizer
from leanrec.errors import ConfigError
from leanrec.features.static_text import StaticTextEncoder

SIF = 1e-4
"""a of the weight a / (a + p) for a token of probability p (Arora et al. 2017; the value of model2vec)."""

BLOCK_TOKENS = 1024


class ReadsTokens(Protocol):
    """A text encoder that can be fed tokens."""

    tokenizer: TextTokenizer

    @property
    def width(self) -> int:
        """D, the length of a vector."""
        ...

    @property
    def fingerprint(self) -> str:
        """sha256 of weights and settings."""
        ...

    def encode_tokens(self, tokens: Sequence[Sequence[int]]) -> FloatArray:
        """(B, D) vectors of texts that are split into tokens already."""
        ...


def distil_table(encoder: ReadsTokens, *, width: int = 256, source: str = "") -> StaticTextEncoder:
    """The encoder as a table of `width` columns, float16 (model2vec, Tulkens & van Dongen 2024).

    Each token is read between the marks that open and close a text; the principal components keep what tells tokens apart; a row's
    length is the token's weight, its probability taken from its place in the vocabulary, which is sorted by how common tokens are (Zipf).
    Raises `ConfigError` when `width` is more than the encoder's.
    """
    if not 1 <= width <= encoder.width:
        raise ConfigError(f"width {width} is not allowed; the encoder's vectors have {encoder.width} components", hint=f"1 to {encoder.width}")
    tokenizer = encoder.tokenizer
    numbers = sorted(set(tokenizer.vocabulary.values()) - tokenizer.special_ids)
    vectors = _read_alone(encoder, [tokenizer.alone(number) for number in numbers])
    table = np.zeros((max(tokenizer.vocabulary.values()) + 1, width), np.float16)
    table[numbers] = _principal_components(vectors, width=width) * _weights(len(numbers))[:, None]
    return StaticTextEncoder(table, tokenizer.content, source=source)


def _read_alone(encoder: ReadsTokens, tokens: Sequence[Sequence[int]]) -> FloatArray:
    """(V, D) vectors of all tokens, with a bar."""
    blocks = []
    with ProgressBar("reading the vocabulary", total=len(tokens)) as bar:
        for start in range(0, len(tokens), BLOCK_TOKENS):
            blocks.append(encoder.encode_tokens(tokens[start : start + BLOCK_TOKENS]))
            bar.advance(len(blocks[-1]))
    return np.concatenate(blocks)


def _principal_components(vectors: FloatArray, *, width: int) -> FloatArray:
    """(V, width): deviations from the mean along the directions in which they are largest; signs fixed."""
    centred = (vectors - vectors.mean(axis=0)).astype(np.float64)
    _, directions = np.linalg.eigh(centred.T @ centred)
    chosen = directions[:, ::-1][:, :width]
    chosen *= np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(width)])
    components: FloatArray = (centred @ chosen).astype(np.float32)
    return components


def _weights(num_tokens: int) -> FloatArray:
    """(V,) a / (a + p) with p of the r-th token proportional to 1 / (r + 2)."""
    share = 1.0 / np.arange(2, num_tokens + 2)
    weights: FloatArray = (SIF / (SIF + share / share.sum())).astype(np.float32)
    return weights
