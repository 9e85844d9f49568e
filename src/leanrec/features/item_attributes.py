"""ItemAttributes: what the catalogue says of each item, as a sparse matrix and dense vectors."""

import hashlib
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp

from leanrec.data.catalogue import Catalogue
from leanrec.features.histories import FloatArray
from leanrec.features.title_words import title_words

MAX_SHARE = 0.5
"""What more of the items have tells little of any; it is left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemAttributes:
    """Attributes on the rows of a catalogue: which item has which, and media vectors."""

    matrix: sp.csr_matrix
    """(N, A) float32: each field of an item shares 1 among its attributes, so that a product with vectors sums the fields' means."""
    names: tuple[str, ...]
    """(A,) `column=value` in the order of the columns, sorted within each; words of the title come last."""
    vectors: FloatArray
    """(N, V) the Array columns side by side; zero where an item has none."""

    @classmethod
    def of_catalogue(cls, catalogue: Catalogue, *, words: bool = True, min_count: int = 2) -> "ItemAttributes":
        """All text columns but the id, the title and ids in disguise; with `words`, the title's words that `min_count` items share.

        An id in disguise is a column whose values stand, on average, at fewer than two items (an article number, a description).
        Numbers are left out, and so is what more than half of the items have.
        """
        frame, title = catalogue.frame, catalogue.title_column
        fields: list[tuple[sp.csr_matrix, list[str]]] = []
        for name, dtype in frame.schema.items():
            if name not in ("item_id", title) and dtype in (pl.String(), pl.List(pl.String)):
                values = _values(frame[name])
                if 2 * values["value"].n_unique() <= values.height:
                    fields.append(_field(values, name=name, num_items=len(catalogue), min_count=1))
        if words and title is not None:
            tokens = pl.Series(title, [title_words(text or "") for text in frame[title].to_list()], dtype=pl.List(pl.String))
            fields.append(_field(_values(tokens), name=title, num_items=len(catalogue), min_count=min_count))
        arrays = [_dense(frame[name]) for name, dtype in frame.schema.items() if isinstance(dtype, pl.Array)]
        nothing = cls.none(len(catalogue))
        return cls(
            matrix=sp.hstack([nothing.matrix, *(matrix for matrix, _ in fields)], format="csr", dtype=np.float32),
            names=tuple(name for _, names in fields for name in names),
            vectors=np.hstack([nothing.vectors, *arrays]),
        )

    @property
    def fingerprint(self) -> str:
        """sha256 over all of it: what a network that learned from it depends on."""
        digest = hashlib.sha256("\x1f".join(self.names).encode())
        for array in (self.matrix.indptr, self.matrix.indices, self.matrix.data, self.vectors):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    @classmethod
    def none(cls, num_items: int) -> "ItemAttributes":
        """Items of which nothing is known: no columns."""
        return cls(matrix=sp.csr_matrix((num_items, 0), dtype=np.float32), names=(), vectors=np.zeros((num_items, 0), np.float32))


def _values(column: pl.Series) -> pl.DataFrame:
    """Columns `row` and `value`: each value of each item once, without empty ones."""
    frame = pl.DataFrame({"row": pl.int_range(len(column), eager=True), "value": column})
    exploded = frame.explode("value") if isinstance(column.dtype, pl.List) else frame
    return exploded.filter(pl.col("value").str.strip_chars() != "").unique()


def _field(values: pl.DataFrame, *, name: str, num_items: int, min_count: int) -> tuple[sp.csr_matrix, list[str]]:
    """(N, A) shares of one field's values, and their names."""
    counts = values.group_by("value").len().filter(pl.col("len").is_between(min_count, MAX_SHARE * num_items))
    vocabulary = counts.select("value").sort("value").with_row_index("column")
    kept = values.join(vocabulary, on="value")
    rows = kept["row"].to_numpy()
    shares = (1.0 / np.bincount(rows, minlength=num_items)[rows]).astype(np.float32)
    matrix = sp.csr_matrix((shares, (rows, kept["column"].to_numpy())), shape=(num_items, vocabulary.height))
    return matrix, [f"{name}={value}" for value in vocabulary["value"].to_list()]


def _dense(column: pl.Series) -> FloatArray:
    """(N, V) float32 of an Array column; a row that is missing or not wholly finite is zero."""
    width = column.dtype.shape[0] if isinstance(column.dtype, pl.Array) else 0
    dense = np.zeros((len(column), width), np.float32)
    is_there = column.is_not_null().to_numpy()
    dense[is_there] = np.array(column.drop_nulls().to_list(), dtype=np.float32).reshape(-1, width)
    dense[~np.isfinite(dense).all(axis=1)] = 0.0
    return dense
