"""IdMap: strings outside, dense rows inside, crossed once."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from hashlib import sha256
from itertools import pairwise, repeat
from typing import Self
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from leanrec.errors import DataError, UnknownIdError, did_you_mean

UserId = str
ItemId = str
Rows = npt.NDArray[np.int64]

UNKNOWN_ROW = -1


class IdMap:
    """The ids of one kind (`user`, `item`) and the row of each; row r is `ids[r]`.

    >>> items = IdMap(["apple", "pear"], kind="item")
    >>> items.row("pear"), items.ids[0], len(items)
    (1, 'apple', 2)
    """

    def __init__(self, ids: Iterable[str], *, kind: str) -> None:
        self.ids: tuple[str, ...] = tuple(ids)
        self.kind = kind

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, value: object) -> bool:
        return value in self._row_of

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IdMap) and self.kind == other.kind and self.ids == other.ids

    __hash__ = None  # type: ignore[assignment]  # equal by content, so not a key

    def row(self, value: str) -> int:
        """The row of one id; raises `UnknownIdError` with the nearest known id."""
        row = self._row_of.get(value)
        if row is None:
            raise UnknownIdError(f"{self.kind} {value!r} is unknown", hint=did_you_mean(value, self.ids[:5000]))
        return row

    def rows(self, values: Sequence[str]) -> Rows:
        """Rows of the ids, (n,) int64, with `UNKNOWN_ROW` (-1) for ids never seen."""
        get = self._row_of.get
        return np.fromiter(map(get, values, repeat(UNKNOWN_ROW)), dtype=np.int64, count=len(values))

    def known_rows(self, values: Sequence[str]) -> Rows:
        """Rows of the ids that are known, in the given order."""
        rows = self.rows(values)
        known: Rows = rows[rows != UNKNOWN_ROW]
        return known

    def with_ids(self, added: Sequence[str]) -> "IdMap":
        """Further ids on the rows after these; raises `DataError` for one that is there already, or twice."""
        repeated = [value for value, count in Counter(added).items() if count > 1 or value in self]
        if repeated:
            raise DataError(f"{self.kind} {repeated[0]!r} is there already", hint=f"add a new {self.kind} under an id of its own")
        grown = IdMap((*self.ids, *added), kind=self.kind)
        grown._row_of = {**self._row_of, **{value: row for row, value in enumerate(added, start=len(self))}}
        return grown

    def to_arrays(self) -> dict[str, np.ndarray]:
        """UTF-8 bytes and offsets under `<kind>_ids.*`, for safetensors."""
        encoded = [value.encode() for value in self.ids]
        lengths = np.fromiter((len(value) for value in encoded), dtype=np.int64, count=len(encoded))
        return {
            f"{self.kind}_ids.bytes": np.frombuffer(b"".join(encoded), dtype=np.uint8),
            f"{self.kind}_ids.offsets": np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], *, kind: str) -> Self:
        """The map that `to_arrays` wrote; parts of one model that hold the same ids share one map while it is in use."""
        text = arrays[f"{kind}_ids.bytes"].tobytes()
        offsets = arrays[f"{kind}_ids.offsets"]
        content = (kind, sha256(text).digest(), sha256(offsets.tobytes()).digest())
        known = _OPENED.get(content)
        if not isinstance(known, cls):
            known = cls((text[a:b].decode() for a, b in pairwise(offsets.tolist())), kind=kind)
            _OPENED[content] = known
        return known

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {value: row for row, value in enumerate(self.ids)}


_OPENED: WeakValueDictionary[tuple[str, bytes, bytes], IdMap] = WeakValueDictionary()
"""Maps that were read and are in use, by kind and content: they do not change, so one copy serves all."""
