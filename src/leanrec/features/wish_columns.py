"""WishColumns: what the words of a wish can be about: the price, the year, other figures by name, and every value by its own name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leanrec.features.spoken_words import Token, cleaned, folded, tokens
from leanrec.features.wish_phrases import EMPTY_WORDS, PhraseBook, phrase_book, plain_words

if TYPE_CHECKING:
    from leanrec.data.snapshot import Attribute, AttributeValue

PRICES = frozenset(
    "price prices cost costs preis prix precio prezzo preco prijs cena цена 价格 價格 价钱 售价 価格 値段 가격".split()  # noqa: SIM905 - a list of words
)
YEARS = frozenset("year jahr annee ano anno jaar год released release published publication 年 年份 年代 上映年份 公開年 연도".split())  # noqa: SIM905
FIRST_YEAR, LAST_YEAR = 1000, 2200
MAX_WORDS = 6
"""Longer values are descriptions, not names."""
MAX_SIGNS = 12
PROSE = 60
"""A column whose texts have more characters than this on average is named by none of them."""
MAX_VALUES = 50_000
"""Values of one column that are known by name; the first ones count."""
SHARE_OF_NUMBERS = 0.8
"""A column of texts is one of figures when so many of them can be read as such."""

_WITHIN = frozenset("-'’&./")

Mention = tuple[str, str]
"""A column and one of its values."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FigureColumn:
    """A column of figures and how they are spread."""

    name: str
    low: float
    high: float
    lower_third: float
    upper_third: float


class WishColumns:
    """Made from the attributes of a catalogue; values of new items can be learned later."""

    def __init__(self, attributes: "Mapping[str, Attribute]") -> None:
        usable = {name: attribute for name, attribute in attributes.items() if _can_be_filtered(name)}
        self.price: FigureColumn | None = None
        self.year: FigureColumn | None = None
        self.named: PhraseBook[FigureColumn] = PhraseBook()
        self._values: PhraseBook[tuple[Mention, ...]] = PhraseBook()
        self._wordy: dict[str, int] = {}
        self._not_names = phrase_book()
        for name, attribute in usable.items():
            figures = _figures(name, attribute)
            if figures is not None:
                self._take_figures(figures)
            if attribute.kind != "number" and figures is None and not _is_prose(attribute.values):
                self._wordy[name] = 0
                entries = (value if isinstance(value, list) else [value] for value in attribute.values if value is not None)
                for entry in dict.fromkeys(str(word) for words in entries for word in words):
                    self._name(name, entry)

    def learn(self, attributes: "Mapping[str, AttributeValue]") -> None:
        """Know the values of one more item by name; columns that the catalogue has not are left out."""
        for name, value in attributes.items():
            if name not in self._wordy or value is None:
                continue
            for entry in value if isinstance(value, list) else [str(value)]:
                self._name(name, entry)

    def can_begin(self, key: str) -> bool:
        """Whether a value or a column of figures has a name that begins with this word."""
        return self._values.has_first(key) or self.named.has_first(key)

    def mention(self, keys: Sequence[str], place: int) -> tuple[tuple[Mention, ...], int] | None:
        """The values that the longest name at a word stands for, and how many words it has; hyphens and the like may stand within."""
        return self._values.longest(keys, place, passing=_WITHIN)

    def _name(self, column: str, value: str) -> None:
        if self._wordy[column] >= MAX_VALUES or "|" in value or value != value.strip():
            return
        words = tokens(cleaned(value))
        if not self._is_name(words):
            return
        keys = [word.key for word in words if word.plain.isalnum()]
        known = self._values.at(keys) or ()
        if (column, value) not in known:
            self._wordy[column] += 1
            self._values.put(keys, (*known, (column, value)))

    def _is_name(self, words: Sequence[Token]) -> bool:
        """Whether the words can stand for something by themselves."""
        said = [word for word in words if word.plain.isalnum()]
        num_signs = sum(len(word.plain) for word in said)
        if not said or len(said) > (MAX_SIGNS if all(len(word.plain) == 1 for word in said) else MAX_WORDS) or num_signs < 2:
            return False
        if all(word.number is not None or word.plain in EMPTY_WORDS for word in said):
            return False
        return self._not_names.at(plain_words(said)) is None

    def _take_figures(self, column: FigureColumn) -> None:
        name_words = [word.plain for word in tokens(cleaned(column.name.replace("_", " ")))]
        joined = "".join(name_words)
        if self.price is None and (PRICES & set(name_words) or joined in PRICES):
            self.price = column
        is_year = column.low >= FIRST_YEAR and column.high <= LAST_YEAR
        if self.year is None and is_year and (YEARS & set(name_words) or joined in YEARS):
            self.year = column
        if name_words and not all(word in EMPTY_WORDS for word in name_words):
            self.named.put([word.key for word in tokens(cleaned(column.name.replace("_", " ")))], column)


def _can_be_filtered(name: str) -> bool:
    """Whether a condition can name the column, as `data.filters` reads conditions."""
    return name == name.strip() and all(character.isalnum() or character in "_. -" for character in name)


def _figures(name: str, attribute: "Attribute") -> FigureColumn | None:
    words = {word.plain for word in tokens(cleaned(name.replace("_", " ")))} | {folded(name)}
    if attribute.kind == "several" or (attribute.kind == "text" and not words & (PRICES | YEARS)):
        return None
    given = [value for value in attribute.values if value is not None]
    read = [number for number in map(_number, given) if number is not None]
    if not read or len(read) < SHARE_OF_NUMBERS * len(given):
        return None
    low, lower, upper, high = np.quantile(np.array(read), (0, 1 / 3, 2 / 3, 1)).tolist()
    return FigureColumn(name=name, low=low, high=high, lower_third=lower, upper_third=upper)


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]  # what is no number raises
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def _is_prose(values: "Sequence[AttributeValue]") -> bool:
    """Whether a column holds descriptions or addresses instead of names."""
    seen = [value for value in values[:1000] if isinstance(value, str)]
    return sum(len(value) for value in seen) > PROSE * len(seen) or sum("://" in value for value in seen) > len(seen) / 2
