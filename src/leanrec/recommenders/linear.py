"""Linear item models: item-kNN (cosine of who chose what) and EASE (the closed form), read with a fading history."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import scipy.sparse as sp
from pydantic import Field
from scipy.linalg import lapack

from leanrec.artifact import Arrays
from leanrec.config import Budget, Config
from leanrec.data.dataset import Dataset
from leanrec.data.query import Query
from leanrec.errors import BudgetError, DataError
from leanrec.features.histories import Histories, Rows
from leanrec.features.item_weights import ItemWeights, Pruned, keep_strongest, rows_per_block
from leanrec.recommenders.item_comparer import ItemComparer
from leanrec.recommenders.protocol import FloatArray
from leanrec.training.hardware import available_memory_bytes
from leanrec.training.run import Run

SAFE_CONDITION = 1e4
"""Bound on the condition of G + lambda I up to which float32 keeps three digits of its inverse."""


class LinearConfig(Config):
    """How the history is read and how much of the weights is kept."""

    decay: float = Field(default=0.7, gt=0, le=1)
    """Weight of each older event of the asking history, relative to the next newer one; 1 reads all events alike."""
    last: int = Field(default=50, ge=1)
    """Events of the asking history that are read."""
    max_entries: int = Field(default=200, ge=1)
    """Weights kept per item, the strongest; the share of absolute weight that this drops stands in `figures["dropped_share"]`."""


LinearSettings = TypeVar("LinearSettings", bound=LinearConfig)


class LinearItemModel(ItemComparer[LinearSettings]):
    """Scores by the weights of the history's items, each decayed by its age; a child says where the weights come from."""

    _weights: ItemWeights

    def _keep(self, pruned: Pruned) -> None:
        self._weights = pruned.weights
        self.figures["dropped_share"] = pruned.dropped_share

    def _score_rows(self, histories: Sequence[Rows], queries: Sequence[Query]) -> FloatArray:  # noqa: ARG002
        return self._weights.scores(histories, decay=self.config.decay, last=self.config.last)

    def influences(self, history: Rows, item_rows: Rows) -> FloatArray:
        """(H, K) how far each score falls without the item at each place of the history."""
        return self._weights.influences(history, item_rows, decay=self.config.decay, last=self.config.last)

    def _affinity(self, item_row: int) -> FloatArray:
        return self._weights.row(item_row)

    def _to_arrays(self) -> Arrays:
        return self._weights.to_arrays()

    def _from_arrays(self, arrays: Arrays) -> None:
        self._weights = ItemWeights.from_arrays(arrays)


class ItemKNNConfig(LinearConfig):
    """Item-kNN: neighbours by cosine."""

    decay: float = Field(default=0.6, gt=0, le=1)
    """Weight of each older event of the asking history, relative to the next newer one; 1 reads all events alike."""
    shrinkage: float = Field(default=0.0, ge=0)
    """Added to the product of lengths below the cosine; takes confidence from pairs that few people share."""


class ItemKNN(LinearItemModel[ItemKNNConfig]):
    """Items that the same people chose: cosine over users, cos(a, b) = |A and B| / sqrt(|A| |B|) (Sarwar et al. 2001, eq. 1)."""

    name = "item-knn"
    Config = ItemKNNConfig

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:  # noqa: ARG002 - settings are not chosen here
        chosen = chosen_matrix(train)
        self._keep(keep_strongest(self._cosine_blocks(chosen), max_entries=self.config.max_entries))

    def _cosine_blocks(self, chosen: sp.csr_matrix) -> Iterator[sp.csr_matrix]:
        """Blocks of rows of the cosine matrix, its diagonal left out."""
        lengths = np.sqrt(np.asarray(chosen.sum(axis=0)).ravel())
        by_item = chosen.T.tocsr()
        num_items = chosen.shape[1]
        block = rows_per_block(num_items)
        for start in range(0, num_items, block):
            shared = (by_item[start : start + block] @ chosen).tocsr()
            rows = np.repeat(np.arange(shared.shape[0]), np.diff(shared.indptr)) + start
            shared.data /= lengths[rows] * lengths[shared.indices] + self.config.shrinkage
            shared.data[rows == shared.indices] = 0.0
            shared.eliminate_zeros()
            yield shared


class EASEConfig(LinearConfig):
    """EASE: one setting of its own."""

    regularisation: float = Field(default=100.0, gt=0)
    """Pull of all weights towards zero (lambda); more for fewer events."""


class EASE(LinearItemModel[EASEConfig]):
    """The best linear item model with nothing on its diagonal, in closed form (Steck 2019, "Embarrassingly shallow autoencoders").

    B = I - P diag(1 / diag P) with P = (X'X + lambda I)^-1 (eq. 8). The inverse takes N^3 operations and N^2 numbers: a catalogue
    that is too large for the memory is refused before it starts.
    """

    name = "ease"
    Config = EASEConfig

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:  # noqa: ARG002 - settings are not chosen here
        require_closed_form(train.num_items, run.budget)
        chosen = chosen_matrix(train)
        gram = (chosen.T @ chosen).tocsr()
        inverse = _inverse_of_regularised(gram, self.config.regularisation)
        self._keep(keep_strongest(_ease_blocks(inverse), max_entries=self.config.max_entries))


def chosen_matrix(train: Dataset) -> sp.csr_matrix:
    """(U, N) float32: 1 where the user acted on the item."""
    matrix = Histories.of_dataset(train).matrix()
    matrix.data[:] = 1.0
    return matrix


def require_closed_form(num_items: int, budget: Budget) -> None:
    """Raise `BudgetError` when the dense inverse of a catalogue of that size exceeds the budget or the machine's free memory."""
    needed = closed_form_bytes(num_items)
    hint = "use cooccurrence or item-knn, or keep fewer items (a k-core in cleaning)"
    purpose = f"the closed form of EASE for {num_items} items"
    budget.require_memory(needed, purpose=purpose, hint=hint)
    available = available_memory_bytes()
    if available is not None and needed > available:
        raise BudgetError(f"{purpose} needs about {needed / 1e9:.1f} GB of memory; {available / 1e9:.1f} GB are free", hint=hint)


def closed_form_bytes(num_items: int) -> int:
    """Memory of the closed form: one float64 matrix, inverted in place, and half as much again for the Gram matrix and the blocks."""
    return 12 * num_items**2


def _inverse_of_regularised(gram: sp.csr_matrix, regularisation: float) -> np.ndarray:
    """(N, N) symmetric inverse of G + lambda I by Cholesky, its lower triangle valid, in place.

    Single precision where the bound of Gershgorin on the condition allows it: half the memory and time.
    """
    condition = float(gram.sum(axis=1).max()) / regularisation + 1.0
    dtype = np.float32 if condition <= SAFE_CONDITION else np.float64
    dense = np.asfortranarray(gram.toarray(order="F").astype(dtype, copy=False))
    dense[np.diag_indices_from(dense)] += regularisation
    factorise, invert = (lapack.spotrf, lapack.spotri) if dtype == np.float32 else (lapack.dpotrf, lapack.dpotri)
    factor, failed = factorise(dense, lower=1, clean=0, overwrite_a=1)
    inverse, also_failed = invert(factor, lower=1, overwrite_c=1)
    if failed or also_failed:
        raise DataError("the Gram matrix cannot be inverted", hint="raise `regularisation`")
    result: np.ndarray = inverse
    return result


def _ease_blocks(inverse: np.ndarray) -> Iterator[FloatArray]:
    """Blocks of rows of B = I - P diag(1 / diag P); only the lower triangle of the symmetric P (N, N) is read."""
    num_items = len(inverse)
    diagonal = np.diag(inverse).copy()
    block = rows_per_block(num_items)
    for start in range(0, num_items, block):
        end = min(num_items, start + block)
        rows = np.empty((end - start, num_items), dtype=np.float32)
        rows[:, :start] = inverse[start:end, :start]
        rows[:, start:] = inverse[start:, start:end].T
        square = np.tril(inverse[start:end, start:end])
        rows[:, start:end] = square + np.tril(square, -1).T
        rows /= -diagonal
        rows[np.arange(end - start), np.arange(start, end)] = 0.0
        yield rows
