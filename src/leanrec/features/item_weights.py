"""ItemWeights: how strongly each item of a history speaks for every item, kept sparse."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from leanrec.features.histories import FloatArray, Rows

Arrays = dict[str, np.ndarray]

BLOCK_BYTES = 64_000_000
"""Dense rows of at most this many bytes are cut down at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemWeights:
    """(N, C) float32 in rows: entry (a, b) is what an item a in the history adds to the score of b; C is N unless b is no item."""

    offsets: Rows
    """(N + 1,) where each row begins."""
    columns: npt.NDArray[np.int32]
    """(E,)"""
    values: FloatArray
    """(E,)"""
    num_columns: int
    """C."""

    @classmethod
    def of_matrix(cls, matrix: sp.csr_matrix) -> "ItemWeights":
        """From a sparse matrix, entry by entry."""
        return cls(
            offsets=matrix.indptr.astype(np.int64),
            columns=matrix.indices.astype(np.int32, copy=False),
            values=np.ascontiguousarray(matrix.data, dtype=np.float32),
            num_columns=matrix.shape[1],
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def row(self, item_row: int) -> FloatArray:
        """(C,) what one item adds to each score."""
        dense = np.zeros(self.num_columns, dtype=np.float32)
        start, end = self.offsets[item_row], self.offsets[item_row + 1]
        dense[self.columns[start:end]] = self.values[start:end]
        return dense

    def scores(self, histories: Sequence[Rows], *, decay: float, last: int) -> FloatArray:
        """(B, C): the rows of each history's `last` items summed, weighted by decay^age (0 is the newest).

        One query at a time: the sums are the same whoever else is asked for, and there is no sparse product to set up.
        """
        scores = np.empty((len(histories), self.num_columns), dtype=np.float32)
        for number, history in enumerate(histories):
            newest = history[-last:]
            scores[number] = self.weighted_sum(newest, decay ** np.arange(len(newest) - 1, -1, -1))
        return scores

    def weighted_sum(self, rows: Rows, weights: npt.NDArray[np.floating]) -> FloatArray:
        """(C,) the chosen rows, each times its weight, summed."""
        if len(rows) == 0:
            return np.zeros(self.num_columns, np.float32)
        parts = self._parts(rows)
        columns = np.concatenate([self.columns[part] for part in parts])
        values = np.concatenate([self.values[part] * weight for part, weight in zip(parts, weights, strict=True)])
        return np.bincount(columns, weights=values, minlength=self.num_columns).astype(np.float32)

    def influences(self, history: Rows, item_rows: Rows, *, decay: float, last: int) -> FloatArray:
        """(H, K): how far each score falls when the item at each place of one history is taken out.

        All appearances of the item go together, and what is older moves up: the same as scoring again without it.
        """
        if len(history) == 0:
            return np.zeros((0, len(item_rows)), np.float32)
        lost = _read_weights(np.ones((1, len(history)), np.bool_), decay, last) - _read_weights(history[:, None] != history, decay, last)
        influences: FloatArray = (lost @ self._dense(history, item_rows)).astype(np.float32, copy=False)
        return influences

    def _dense(self, rows: Rows, columns: Rows) -> FloatArray:
        """(len(rows), len(columns)) the entries of some rows in some columns."""
        present = np.concatenate([self.columns[part] for part in self._parts(rows)])
        is_wanted = np.zeros(self.num_columns, np.bool_)
        is_wanted[columns] = True
        hits = np.flatnonzero(is_wanted.take(present))
        ends = self.offsets[rows + 1]
        sums = np.cumsum(ends - self.offsets[rows])
        owners = np.searchsorted(sums, hits, side="right")
        place = np.zeros(self.num_columns, np.int32)
        place[columns] = np.arange(len(columns))
        dense = np.zeros((len(rows), len(columns)), np.float32)
        dense[owners, place[present[hits]]] = self.values[hits - sums[owners] + ends[owners]]
        return dense

    def _parts(self, rows: Rows) -> list[slice]:
        """Where the entries of each row stand; slices copy faster than a gather over single places."""
        return [slice(start, end) for start, end in zip(self.offsets[rows].tolist(), self.offsets[rows + 1].tolist(), strict=True)]

    def to_arrays(self) -> Arrays:
        """Three arrays under `weights.*`, for safetensors."""
        return {"weights.offsets": self.offsets, "weights.columns": self.columns, "weights.values": self.values}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "ItemWeights":
        """The square weights that `to_arrays` gave."""
        offsets = arrays["weights.offsets"]
        return cls(offsets=offsets, columns=arrays["weights.columns"], values=arrays["weights.values"], num_columns=len(offsets) - 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruned:
    """What is left of weights when only the strongest entries of each row are kept, and how much that lost."""

    weights: ItemWeights
    dropped_share: float
    """Absolute weight that was dropped over all absolute weight, 0 to 1."""


def keep_strongest(blocks: Iterable[FloatArray | sp.csr_matrix], *, max_entries: int) -> Pruned:
    """The `max_entries` entries of largest absolute value in every row; the blocks of rows (n, N) come in order, dense or sparse."""
    parts, total = [], 0.0
    for block in blocks:
        total += float(np.abs(block.data if sp.issparse(block) else block).sum(dtype=np.float64))
        parts.append(_strongest_of_sparse(block, max_entries) if sp.issparse(block) else _strongest_of_dense(block, max_entries))
    matrix = sp.vstack(parts, format="csr")
    kept = float(np.abs(matrix.data).sum(dtype=np.float64))
    return Pruned(weights=ItemWeights.of_matrix(matrix), dropped_share=max(0.0, 1.0 - kept / total) if total else 0.0)


def _read_weights(is_there: npt.NDArray[np.bool_], decay: float, last: int) -> FloatArray:
    """(R, H) weight of each place, newest last, in histories of which only some places are there; 0 beyond the `last` of them."""
    ages = is_there[:, ::-1].cumsum(axis=1)[:, ::-1] - 1
    weights: FloatArray = np.where(is_there & (ages < last), np.power(np.float32(decay), ages, dtype=np.float32), np.float32(0.0))
    return weights


def rows_per_block(num_items: int) -> int:
    """How many dense float32 rows of that many items are worked on at once."""
    return max(1, BLOCK_BYTES // (4 * num_items))


def _strongest_of_dense(block: FloatArray, max_entries: int) -> sp.csr_matrix:
    num_rows, num_items = block.shape
    if max_entries >= num_items:
        return sp.csr_matrix(block)
    columns = np.argpartition(np.abs(block), num_items - max_entries, axis=1)[:, num_items - max_entries :]
    columns.sort(axis=1)
    offsets = np.arange(num_rows + 1) * max_entries
    matrix = sp.csr_matrix((np.take_along_axis(block, columns, axis=1).ravel(), columns.ravel(), offsets), shape=block.shape)
    matrix.eliminate_zeros()
    return matrix


def _strongest_of_sparse(block: sp.csr_matrix, max_entries: int) -> sp.csr_matrix:
    lengths = np.diff(block.indptr)
    rows = np.repeat(np.arange(block.shape[0]), lengths)
    order = np.lexsort((block.indices, -np.abs(block.data), rows))
    places = np.arange(len(order)) - np.repeat(block.indptr[:-1], lengths)
    chosen = np.sort(order[places < max_entries])
    return sp.csr_matrix((block.data[chosen], (rows[chosen], block.indices[chosen])), shape=block.shape, dtype=np.float32)
