"""AttributeVocabulary: which attributes a model learned, so that an item it never saw can be put in the same terms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from leanrec.artifact import Arrays
from leanrec.data.description import ItemDescription
from leanrec.data.ids import UNKNOWN_ROW, IdMap
from leanrec.features.title_words import title_words


@dataclass(frozen=True, kw_only=True)
class AttributeVocabulary:
    """The attributes of an `ItemAttributes`, by name; without Polars, for the running side."""

    names: IdMap
    """(A,) `column=value`; words of titles stand under the column of titles."""
    title: str
    """That column, or nothing where items have no titles."""

    @classmethod
    def of(cls, names: Sequence[str], *, title: str | None) -> "AttributeVocabulary":
        """From the names of an `ItemAttributes` and the title column of its catalogue."""
        return cls(names=IdMap(names, kind="attribute"), title=title or "")

    def __len__(self) -> int:
        return len(self.names)

    def matrix(self, descriptions: Sequence[ItemDescription]) -> sp.csr_matrix:
        """(M, A) float32 as `ItemAttributes` has it: each field shares 1 among those of its values that are known here."""
        rows, columns, shares = [], [], []
        for row, description in enumerate(descriptions):
            for field in self._fields(description):
                known = [column for column in self.names.rows(field).tolist() if column != UNKNOWN_ROW]
                rows += [row] * len(known)
                columns += known
                shares += [1.0 / max(1, len(known))] * len(known)
        return sp.csr_matrix((np.array(shares, np.float32), (rows, columns)), shape=(len(descriptions), len(self)))

    def to_arrays(self) -> Arrays:
        """Names as bytes, for safetensors."""
        return {**self.names.to_arrays(), "attribute_title": np.frombuffer(self.title.encode(), dtype=np.uint8)}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "AttributeVocabulary":
        """The vocabulary that `to_arrays` wrote."""
        return cls(names=IdMap.from_arrays(arrays, kind="attribute"), title=arrays["attribute_title"].tobytes().decode())

    def _fields(self, description: ItemDescription) -> list[list[str]]:
        """For each field of an item the names of its values, each once."""
        fields = []
        for name, value in description.attributes.items():
            values = value if isinstance(value, list) else [value] if isinstance(value, str) else []
            fields.append(list(dict.fromkeys(f"{name}={entry}" for entry in values)))
        words = title_words(description.title or "") if self.title else []
        return [*fields, list(dict.fromkeys(f"{self.title}={word}" for word in words))]
