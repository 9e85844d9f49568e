"""ItemIndex: the items of a model made ready for filters, title search and likeness by attributes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from leanrec.data.filters import Filter
from leanrec.data.snapshot import Attribute, AttributeValue, Snapshot
from leanrec.errors import ConfigError, DataError, did_you_mean

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

MAX_CATEGORIES = 64
"""The most frequent categories by which items are compared."""
SEPARATOR = "\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Codes:
    """Distinct words of an attribute, and which item has which: entry i says item `rows[i]` has word `codes[i]`."""

    code_of: dict[str, int]
    rows: Rows
    codes: Rows
    has_value: Mask

    def items_with(self, words: Sequence[str]) -> Mask:
        found = np.zeros(len(self.has_value), np.bool_)
        for word in words:
            code = self.code_of.get(word)
            if code is not None:
                found[self.rows[self.codes == code]] = True
        return found


class ItemIndex:
    """Answers over the item rows of one snapshot; nothing here changes after it is built."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._words = {name: _codes(attribute) for name, attribute in snapshot.attributes.items() if attribute.kind != "number"}
        self._numbers = {name: _numbers(attribute.values) for name, attribute in snapshot.attributes.items()}
        titles = [title.casefold().replace(SEPARATOR, " ") for title in snapshot.titles]
        self._titles = SEPARATOR.join(titles)
        self._starts = np.fromiter(accumulate((len(title) + 1 for title in titles), initial=0), dtype=np.int64, count=len(titles) + 1)
        self.by_popularity: Rows = np.argsort(-snapshot.counts, kind="stable")
        """(N,) rows, the most popular first."""
        self.popularity = (snapshot.counts / max(1, snapshot.counts.max(initial=0))).astype(np.float32)
        """(N,) acts over those of the most popular item."""
        self._place_of_category: dict[str, int] = {}
        self.categories = self._category_vectors()

    def __len__(self) -> int:
        return len(self.snapshot.items)

    def matching(self, condition: Filter) -> Mask:
        """(N,) which items meet a condition; one without a value meets none. Raises `DataError` for an unknown attribute."""
        attribute = self.snapshot.attributes.get(condition.column)
        if attribute is None:
            known = list(self.snapshot.attributes)
            raise DataError(f"the catalogue has no attribute {condition.column!r}", hint=did_you_mean(condition.column, known))
        if condition.operator in ("=", "!="):
            found, has_value = self._equal(condition, attribute)
            return found if condition.operator == "=" else has_value & ~found
        if attribute.kind == "several":
            raise ConfigError(f"{condition.column!r} holds several values and cannot be compared with {condition.operator!r}", hint="use = or !=")
        return compares(self._numbers[condition.column], condition)

    def titles_with(self, text: str) -> Rows:
        """Rows of the items whose title contains the text, whatever its case."""
        wanted = text.casefold()
        if not wanted:
            return self.by_popularity
        places, place = [], self._titles.find(wanted)
        while place >= 0:
            places.append(place)
            place = self._titles.find(wanted, place + 1)
        rows: Rows = np.unique(np.searchsorted(self._starts, np.array(places, np.int64), side="right") - 1)
        return rows[np.argsort(-self.snapshot.counts[rows], kind="stable")]

    def category_vector(self, value: AttributeValue) -> npt.NDArray[np.float32]:
        """(C,) of an item that is not here, as a row of `categories`, from what it says of its category."""
        vector = np.zeros(self.categories.shape[1], np.float32)
        words = [] if value is None else value if isinstance(value, list) else [str(value)]
        vector[[self._place_of_category[word] for word in words if word in self._place_of_category]] = 1.0
        vector /= max(1.0, float(np.linalg.norm(vector)))
        return vector

    def _equal(self, condition: Filter, attribute: Attribute) -> tuple[Mask, Mask]:
        if attribute.kind == "number":
            numbers = self._numbers[condition.column]
            wanted = [number_of(value, condition) for value in condition.values]
            return np.isin(numbers, wanted), ~np.isnan(numbers)
        words = self._words[condition.column]
        return words.items_with(condition.values), words.has_value

    def _category_vectors(self) -> npt.NDArray[np.float32]:
        """(N, C) 1 where the item is in one of the most frequent categories, over the length of its row; 0 wide without categories."""
        name = self.snapshot.category
        if name is None or name not in self._words:
            return np.zeros((len(self), 0), np.float32)
        words = self._words[name]
        counts = np.bincount(words.codes, minlength=len(words.code_of))
        chosen = np.argsort(-counts, kind="stable")[:MAX_CATEGORIES]
        place = np.full(len(counts), -1)
        place[chosen] = np.arange(len(chosen))
        self._place_of_category = {word: int(place[code]) for word, code in words.code_of.items() if place[code] >= 0}
        vectors = np.zeros((len(self), len(chosen)), np.float32)
        is_kept = place[words.codes] >= 0
        vectors[words.rows[is_kept], place[words.codes[is_kept]]] = 1.0
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1.0)
        return vectors


def meets(value: AttributeValue, condition: Filter) -> bool:
    """Whether one value meets a condition, as `ItemIndex.matching` has it for columns."""
    if value is None:
        return False
    if condition.operator in ("=", "!="):
        if isinstance(value, list):
            is_equal = any(entry in condition.values for entry in value)
        elif isinstance(value, str):
            is_equal = value in condition.values
        else:
            is_equal = any(float(value) == _float_or_nan(wanted) for wanted in condition.values)
        return is_equal == (condition.operator == "=")
    return bool(compares(np.array([_float_or_nan(value)]), condition)[0])


def compares(numbers: npt.NDArray[np.float64], condition: Filter) -> Mask:
    """(n,) the comparison of each number with the condition's; not a number meets none."""
    bound = number_of(condition.values[0], condition)
    comparison = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}[condition.operator]
    found: Mask = comparison(numbers, bound)
    return found


def number_of(value: str, condition: Filter) -> float:
    """The number that a condition compares with; raises `ConfigError` when it is none."""
    try:
        return float(value)
    except ValueError:
        raise ConfigError(f"the filter on {condition.column!r} compares with {value!r}, which is no number", hint="write year>=1990") from None


def _codes(attribute: Attribute) -> _Codes:
    entries = [[] if value is None else value if isinstance(value, list) else [str(value)] for value in attribute.values]
    frequent = Counter(word for words in entries for word in words)
    code_of = {word: code for code, word in enumerate(frequent)}
    return _Codes(
        code_of=code_of,
        rows=np.repeat(np.arange(len(entries)), [len(words) for words in entries]),
        codes=np.fromiter((code_of[word] for words in entries for word in words), dtype=np.int64),
        has_value=np.array([value is not None for value in attribute.values], np.bool_),
    )


def _numbers(values: Sequence[AttributeValue]) -> npt.NDArray[np.float64]:
    return np.array([_float_or_nan(value) for value in values], np.float64)


def _float_or_nan(value: AttributeValue) -> float:
    if value is None or isinstance(value, list):
        return float("nan")
    try:
        return float(value)
    except ValueError:
        return float("nan")
