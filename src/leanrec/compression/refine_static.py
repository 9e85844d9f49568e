"""Refine a table of tokens, so that its texts stand to one another as a teacher's vectors of them do."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from leanrec.data.tokens import FloatArray
from leanrec.errors import ConfigError, DataError
from leanrec.features.static_text import StaticTextEncoder

MAX_STEPS = 100
TOLERANCE = 1e-4
"""Of the first residual: where conjugate gradients stop."""

Wide = npt.NDArray[np.float64]


def refine_table(encoder: StaticTextEncoder, texts: Sequence[str], vectors: FloatArray, *, pull: float = 1.0) -> StaticTextEncoder:
    """The encoder with its table moved as little as the teacher's `vectors` (B, V) of the texts allow; same tokens, width and speed.

    The teacher's vectors are turned to the table's width by the rotation that brings them nearest to what the table says now (orthogonal
    Procrustes, Schoenemann 1966); wider ones lose their weakest directions, narrower ones fill some only. Then the ridge regression
    min |C (E + M) - T|^2 + pull |M|^2 is solved for the move M of the table E, with C (B, tokens) how often each token stands in each text and T
    the turned vectors, as long as the table's own. A large `pull` keeps the table, a small one learns the texts by heart; tokens that no text
    holds stay. Raises `DataError` when texts and vectors do not pair, `ConfigError` for a pull that is not above 0.
    """
    if len(texts) != len(vectors) or not len(texts):
        raise DataError(f"{len(texts)} texts and {len(vectors)} vectors of them", hint="give a vector for every text, and at least one")
    if pull <= 0:
        raise ConfigError(f"pull is {pull:g}; allowed: above 0", hint="1 is a good start")
    table = encoder.table.astype(np.float64)
    counts = _counts(encoder, texts)
    said = counts @ table
    wanted = _turned(vectors.astype(np.float64), _unit(said)) * np.linalg.norm(said, axis=1, keepdims=True)
    moved = table + counts.T @ _solved(counts, wanted - said, pull=pull)
    return StaticTextEncoder(
        moved.astype(encoder.table.dtype), encoder.tokenizer.content, max_tokens=encoder.tokenizer.max_tokens, source=encoder.source
    )


def _counts(encoder: StaticTextEncoder, texts: Sequence[str]) -> sp.csr_matrix:
    """(B, tokens) how often each token stands in each text."""
    tokens = encoder.tokenizer.read(texts)
    offsets = np.concatenate([[0], np.cumsum([len(ids) for ids in tokens])])
    columns = np.concatenate([np.zeros(0, np.int64), *(np.asarray(ids, np.int64) for ids in tokens)])
    counts = sp.csr_matrix((np.ones(len(columns)), columns, offsets), shape=(len(texts), len(encoder.table)))
    counts.sum_duplicates()
    return counts


def _turned(vectors: Wide, said: Wide) -> Wide:
    """(B, D) of length 1: the vectors (B, V) turned towards what is said (B, D)."""
    left, _, right = np.linalg.svd(_unit(vectors).T @ said, full_matrices=False)
    return _unit(_unit(vectors) @ (left @ right))


def _solved(counts: sp.csr_matrix, missing: Wide, *, pull: float) -> Wide:
    """(B, D) Y with (C C' + pull) Y = missing, by conjugate gradients on all columns at once."""
    solution, residual = np.zeros_like(missing), missing.copy()
    direction, strength = residual.copy(), (residual**2).sum(axis=0)
    enough = TOLERANCE**2 * strength.max()
    for _ in range(MAX_STEPS):
        if strength.max() <= enough:
            break
        product = counts @ (counts.T @ direction) + pull * direction
        step = strength / np.maximum((direction * product).sum(axis=0), 1e-300)
        solution += step * direction
        residual -= step * product
        before, strength = strength, (residual**2).sum(axis=0)
        direction = residual + strength / np.maximum(before, 1e-300) * direction
    return solution


def _unit(vectors: Wide) -> Wide:
    """Rows of length 1; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    divided: Wide = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return divided
