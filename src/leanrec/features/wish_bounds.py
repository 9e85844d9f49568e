"""Bounds in words: `under 30 euro`, `between 20 and 30`, `from the 90s`, `30元以下` become conditions on the columns they are about."""

from collections.abc import Sequence
from dataclasses import dataclass

from leanrec.features.spoken_words import Token
from leanrec.features.wish_columns import LAST_YEAR, FigureColumn, WishColumns
from leanrec.features.wish_phrases import PhraseBook, Role, phrase_book

Roles = frozenset[Role]
_Found = tuple[tuple[str, ...], tuple[str, ...], int]

MAX_FILLERS = 2
_NO_PHRASE: tuple[Roles, int] = (frozenset(), 0)
_FILLER: tuple[Roles, int] = (frozenset({"filler"}), 1)
_LINKS = frozenset({"'", "’", ":", "=", "is", "ist", "est", "es"})
"""Between a name and its figure."""
_OPERATORS: dict[Role, str] = {
    "below": "<=", "above": ">=", "before": "<", "since": ">=", "after": ">",
    "or_below": "<=", "or_above": ">=", "or_before": "<=", "or_since": ">=",
}  # fmt: skip
_OPPOSITE = {"<=": ">", ">=": "<", "<": ">=", ">": "<="}
_OF_TIME: Roles = frozenset({"before", "since", "after", "within", "or_before", "or_since"})
_OF_PRICE: Roles = frozenset({"below", "above", "between", "or_below", "or_above"})
_RANGED: Roles = frozenset({"between", "since", "above", "within"})
_YEAR_SIGN = "年"
_CENTURY, _TURN = 1900, 30
"""`the 90s` are those of 1900, `the 20s` those of 2000."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """Conditions and how many words said them."""

    conditions: tuple[str, ...]
    denied: tuple[str, ...]
    """What a `not` before the words makes of them; empty where conditions that must all hold cannot say it."""
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Amount:
    low: float
    high: float
    end: int
    is_money: bool = False
    is_decade: bool = False
    column: FigureColumn | None = None


class Words:
    """The words of one text with what each phrase in it can do, looked up once."""

    def __init__(self, tokens: Sequence[Token], phrases: PhraseBook[Roles]) -> None:
        self.tokens = tokens
        self.keys = [token.key for token in tokens]
        self.plains = [token.plain for token in tokens]
        self._phrases = phrases
        self._roles = [phrases.longest(self.plains, place) or _NO_PHRASE for place in range(len(tokens))]

    def __len__(self) -> int:
        return len(self.tokens)

    def roles(self, place: int) -> tuple[Roles, int]:
        """What the longest phrase at a word can do, and how many words it has; nothing and 0 for no phrase, and past the end."""
        return self._roles[place] if place < len(self._roles) else _NO_PHRASE

    def first_roles(self, place: int) -> Roles:
        """What the word can do alone, where the phrase that it begins came to nothing (`not under`, and then no figure)."""
        return self._phrases.at((self.plains[place],)) or _NO_PHRASE[0]

    def is_adjacent(self, place: int) -> bool:
        """Whether nothing, not even a space, stands before a word."""
        return place < len(self.tokens) and self.tokens[place].start == self.tokens[place - 1].end


class BoundReader:
    """Finds the bound that begins at a word, in a number of steps that does not grow with the text."""

    def __init__(self, columns: WishColumns) -> None:
        self._columns = columns
        self._phrases = phrase_book()

    def words(self, tokens: Sequence[Token]) -> Words:
        """The words of a text, ready to be read."""
        return Words(tokens, self._phrases)

    def bound(self, words: Words, place: int) -> Bound | None:
        """The bound whose first word stands at `place`."""
        named = self._columns.named.longest(words.keys, place)
        if named is not None:
            found = self._bound(words, self._after_fillers(words, place + named[1]), column=named[0])
            if found is not None:
                return Bound(conditions=found[0], denied=found[1], size=found[2] - place)
        found = self._bound(words, place, column=None) or self._by_thirds(words, place)
        return None if found is None else Bound(conditions=found[0], denied=found[1], size=found[2] - place)

    def _bound(self, words: Words, place: int, *, column: FigureColumn | None) -> _Found | None:
        roles, size = words.roles(place)
        first = self._amount(words, place + size if roles & _OPERATORS.keys() | roles & {"between", "within"} else place)
        if first is None:
            return None
        link, link_size = words.roles(first.end)
        second = self._amount(words, first.end + link_size) if "to" in link or ("or" in link and "between" in roles) else None
        if second is not None and (not roles or roles & _RANGED):
            return self._range(first, second, roles, column)
        after, after_size = link, link_size
        if not roles & _OPERATORS.keys() and after & {"or_below", "or_above", "or_before", "or_since"}:
            return self._one_sided(first, after, column, first.end + after_size)
        if roles & _OPERATORS.keys():
            return self._one_sided(first, roles, column, first.end)
        return self._exact(first, roles, column)

    def _range(self, first: _Amount, second: _Amount, roles: Roles, column: FigureColumn | None) -> _Found | None:
        about = column or first.column or second.column
        if about is None and (first.is_money or second.is_money):
            about = self._columns.price
        elif about is None:
            is_time = all(amount.is_decade or self._is_year(amount) for amount in (first, second))
            about = self._columns.year if is_time else self._columns.price if roles & _OF_PRICE else None
        if about is None or first.low > second.high:
            return None
        return (f"{about.name}>={_written(first.low)}", f"{about.name}<={_written(second.high)}"), (), second.end

    def _one_sided(self, amount: _Amount, roles: Roles, column: FigureColumn | None, end: int) -> _Found | None:
        about = column or self._about(amount, roles)
        if about is None:
            return None
        fitting = [role for role in _OPERATORS if role in roles and (about is not self._columns.year or role in _OF_TIME or not roles & _OF_TIME)]
        operator = _OPERATORS[fitting[0]]
        value = amount.high if operator in ("<=", ">") else amount.low
        return (f"{about.name}{operator}{_written(value)}",), (f"{about.name}{_OPPOSITE[operator]}{_written(value)}",), end

    def _exact(self, amount: _Amount, roles: Roles, column: FigureColumn | None) -> _Found | None:
        """A decade by itself, or the year of `in 1999`; other figures by themselves bound nothing."""
        about = column or amount.column or self._columns.year
        is_time = amount.is_decade or ("within" in roles and self._is_year(amount))
        if about is None or not (is_time and about is self._columns.year):
            return None
        if amount.low == amount.high:
            return (f"{about.name}={_written(amount.low)}",), (f"{about.name}!={_written(amount.low)}",), amount.end
        return (f"{about.name}>={_written(amount.low)}", f"{about.name}<={_written(amount.high)}"), (), amount.end

    def _by_thirds(self, words: Words, place: int) -> _Found | None:
        """`cheap` is the cheapest third of the catalogue, `expensive` the dearest."""
        roles, size = words.roles(place)
        price = self._columns.price
        if price is None or not roles & {"cheap", "dear"}:
            return None
        cheap, dear = f"{price.name}<={_written(price.lower_third)}", f"{price.name}>={_written(price.upper_third)}"
        if "cheap" in roles:
            return (cheap,), (f"{price.name}>{_written(price.lower_third)}",), place + size
        return (dear,), (f"{price.name}<{_written(price.upper_third)}",), place + size

    def _about(self, amount: _Amount, roles: Roles) -> FigureColumn | None:
        """The column that a figure is about, by its unit, by the words before it, else by its size."""
        price, year = self._columns.price, self._columns.year
        if amount.column is not None or amount.is_money:
            return amount.column or price
        if amount.is_decade:
            return year
        is_year = year is not None and self._is_year(amount)
        if is_year and (roles & _OF_TIME or price is None or amount.low > price.high):
            return year
        return price if roles & _OF_PRICE else None

    def _amount(self, words: Words, place: int) -> _Amount | None:
        roles, size = words.roles(place)
        if "decades" not in roles:
            place = self._after_fillers(words, place)
            roles, size = words.roles(place)
        is_of_decades = "decades" in roles
        is_money = "money" in roles
        place += size if is_money or is_of_decades else 0
        if place >= len(words.tokens) or words.tokens[place].number is None:
            return None
        value, place = words.tokens[place].number or 0.0, place + 1
        if place < len(words.tokens) and words.plains[place] == "k" and words.is_adjacent(place):
            value, place = value * 1000, place + 1
        roles, size = words.roles(place)
        decade = _decade(value) if is_of_decades or ("decade" in roles and words.is_adjacent(place)) else None
        if decade is not None:
            return _Amount(low=decade, high=decade + 9, end=place + (size if "decade" in roles else 0), is_decade=True)
        if place < len(words.plains) and words.plains[place] == _YEAR_SIGN:
            return _Amount(low=value, high=value, end=place + 1, column=self._columns.year)
        if "money" in roles:
            return _Amount(low=value, high=value, end=place + size, is_money=True)
        unit = None if is_money else self._columns.named.longest(words.keys, place)
        if unit is not None:
            return _Amount(low=value, high=value, end=place + unit[1], column=unit[0])
        return _Amount(low=value, high=value, end=place, is_money=is_money)

    def _after_fillers(self, words: Words, place: int) -> int:
        for _ in range(MAX_FILLERS):
            if place < len(words.plains) and (words.plains[place] in _LINKS or words.roles(place) == _FILLER):
                place += 1
        return place

    def _is_year(self, amount: _Amount) -> bool:
        year = self._columns.year
        return year is not None and amount.low == int(amount.low) and min(year.low, 1900) - 100 <= amount.low <= LAST_YEAR


def _decade(value: float) -> float | None:
    if value % 10 or value < 10:
        return value if value == 0 else None
    if value < 100:
        return _CENTURY + value if value >= _TURN else _CENTURY + 100 + value
    return value if 1000 <= value <= LAST_YEAR else None


def _written(value: float) -> str:
    return f"{value:.12g}"
