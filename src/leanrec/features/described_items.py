"""DescribedItems: which item has which value of which attribute, and its figures, as arrays; the same for known and for new items."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from leanrec.artifact import Arrays
from leanrec.data.description import ItemDescription
from leanrec.errors import ArtifactError
from leanrec.features.histories import FloatArray, Rows

TEXT_LENGTH = "text_length"
MAX_VALUES = 5000
"""The most frequent values that are told apart."""
MAX_WORD = 80
"""A longer text is prose, no value."""

Value = tuple[str, str]
"""An attribute and a value of it."""


@dataclass(frozen=True, kw_only=True)
class DescribedItems:
    """Attributes of text and figures on item rows; a value that stands at one item only tells nothing of others and is left out."""

    values: tuple[Value, ...]
    """(A,) sorted."""
    has: sp.csr_matrix
    """(N, A) 1 where the item has the value."""
    says: npt.NDArray[np.bool_]
    """(N, F) whether the item says anything of each of the attributes."""
    figure_names: tuple[str, ...]
    """(M,) numeric attributes, sorted, and `text_length`: characters of title and texts."""
    figures: FloatArray
    """(N, M) not a number where none is known."""

    @classmethod
    def of(cls, items: Sequence[ItemDescription], *, min_items: int = 2) -> "DescribedItems":
        """The values that at least `min_items` items share, of attributes whose values stand, on average, at two items or more."""
        counts = Counter(value for item in items for value in set(_values(item)))
        num_values, num_pairs = Counter(name for name, _ in counts), Counter[str]()
        for (name, _), count in counts.items():
            num_pairs[name] += count
        frequent = [(value, count) for value, count in counts.most_common() if count >= min_items and num_pairs[value[0]] >= 2 * num_values[value[0]]]
        kept = tuple(sorted(value for value, _ in frequent[:MAX_VALUES]))
        figures = sorted({name for item in items for name, value in item.attributes.items() if isinstance(value, (int, float))} - {TEXT_LENGTH})
        has_texts = any(item.title or any(isinstance(value, str) for value in item.attributes.values()) for item in items)
        empty = cls(
            values=kept,
            has=sp.csr_matrix((0, len(kept)), dtype=np.float32),
            says=np.zeros((0, len({name for name, _ in kept})), np.bool_),
            figure_names=(*figures, *([TEXT_LENGTH] if has_texts else [])),
            figures=np.zeros((0, len(figures) + has_texts), np.float32),
        )
        return empty.with_items(items)

    def __len__(self) -> int:
        return len(self.says)

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """(F,) those that have values, sorted."""
        return tuple(sorted({name for name, _ in self.values}))

    @cached_property
    def attribute_of(self) -> Rows:
        """(A,) the attribute of each value."""
        place_of = {name: place for place, name in enumerate(self.attributes)}
        return np.array([place_of[name] for name, _ in self.values], np.int64)

    def with_items(self, items: Sequence[ItemDescription]) -> "DescribedItems":
        """The same with further items on the rows after its own; values never seen are left out."""
        column_of = {value: column for column, value in enumerate(self.values)}
        found = [[column_of[value] for value in set(_values(item)) if value in column_of] for item in items]
        offsets = np.cumsum([0, *map(len, found)])
        columns = np.array([column for row in found for column in sorted(row)], np.int32)
        has = sp.csr_matrix((np.ones(len(columns), np.float32), columns, offsets), shape=(len(items), len(self.values)))
        spoken = [{name for name, _ in _values(item)} for item in items]
        says = np.array([[name in words for name in self.attributes] for words in spoken], np.bool_).reshape(len(items), len(self.attributes))
        figures = np.array([[_figure(item, name) for name in self.figure_names] for item in items], np.float32)
        return replace(
            self,
            has=sp.vstack([self.has, has], format="csr", dtype=np.float32),
            says=np.concatenate([self.says, says]),
            figures=np.concatenate([self.figures, figures.reshape(len(items), len(self.figure_names))]),
        )

    def to_arrays(self) -> Arrays:
        """Everything but the names, for safetensors."""
        return {"indptr": self.has.indptr, "indices": self.has.indices, "says": self.says.astype(np.uint8), "figures": self.figures}

    @classmethod
    def from_arrays(cls, arrays: Arrays, *, values: Iterable[Sequence[str]], figure_names: Iterable[str]) -> "DescribedItems":
        """What `to_arrays` wrote, with its names; raises `ArtifactError` when they do not fit together."""
        kept, names = tuple((name, value) for name, value in values), tuple(figure_names)
        shape, num_attributes = (len(arrays["indptr"]) - 1, len(kept)), len({name for name, _ in kept})
        for part, width in (("figures", len(names)), ("says", num_attributes)):
            if arrays[part].shape != (shape[0], width):
                raise ArtifactError(f"{part} has shape {arrays[part].shape}, {(shape[0], width)} was expected", hint="make the artifact again")
        ones = np.ones(len(arrays["indices"]), np.float32)
        return cls(
            values=kept,
            has=sp.csr_matrix((ones, arrays["indices"], arrays["indptr"]), shape=shape),
            says=arrays["says"].astype(np.bool_),
            figure_names=names,
            figures=arrays["figures"],
        )


def _values(item: ItemDescription) -> list[Value]:
    """What the item says in words, prose left out."""
    found = []
    for name, value in item.attributes.items():
        words = value if isinstance(value, list) else [value] if isinstance(value, str) else []
        found += [(name, word) for word in words if 0 < len(word.strip()) <= MAX_WORD]
    return found


def _figure(item: ItemDescription, name: str) -> float:
    if name == TEXT_LENGTH:
        texts = [item.title or "", *(value for value in item.attributes.values() if isinstance(value, str))]
        return float(sum(map(len, texts))) or float("nan")
    value = item.attributes.get(name)
    return float(value) if isinstance(value, (int, float)) else float("nan")
