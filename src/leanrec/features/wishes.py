"""WishReader: what somebody asks for in their own words, as conditions on items, as wishes, and as the rest for who reads text."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from leanrec.features.spoken_words import cleaned, tokens
from leanrec.features.wish_bounds import Bound, BoundReader
from leanrec.features.wish_columns import Mention, WishColumns
from leanrec.features.wish_phrases import EMPTY_WORDS, Role

if TYPE_CHECKING:
    from leanrec.data.snapshot import Attribute, AttributeValue

MAX_FILTERS = 20
MAX_WISHES = 30
REACH = 4
"""Words within which a `no` or an `only` waits for what it is about."""
_STOPS = frozenset(",.;!?，。；！？")
"""Marks past which a `no` does not reach."""
_EDGES = " ,.;:!?-–—、，。；：！？&/+"
_GAPS = re.compile(r"\s*([,，、;；])(?:\s*[,，、;；])+")
_BEFORE_MARK = re.compile(r"\s+([,.;:!?，。；：！？])")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """A value of an attribute that was mentioned by name: items that have it are preferred."""

    attribute: str
    value: str
    words: str
    """As they were written; wishes of the same words are one wish."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Understood:
    """What a text says; nothing of it is lost: every word stands in a filter, in a wish or in what is left."""

    text: str
    """As it was read: in one line, without characters that cannot be seen."""
    filters: tuple[str, ...] = ()
    """Conditions to be met, as `data.filters` writes them."""
    wishes: tuple[Wish, ...] = ()
    left: str = ""
    """Words that are neither; empty when they say nothing by themselves."""
    readable: str = ""
    """The text without the words of filters, for a model that reads; empty when nothing is left to read."""

    def without(self, unmeant: Collection[str]) -> "Understood":
        """The same without the filters and wishes (`attribute=value`) that the user did not mean."""
        return replace(
            self,
            filters=tuple(condition for condition in self.filters if condition not in unmeant),
            wishes=tuple(wish for wish in self.wishes if f"{wish.attribute}={wish.value}" not in unmeant),
        )


class WishReader:
    """Reads texts over one catalogue; a text costs time in proportion to its length, whatever it holds."""

    def __init__(self, attributes: "Mapping[str, Attribute]") -> None:
        self._columns = WishColumns(attributes)
        self._bounds = BoundReader(self._columns)

    def learn(self, attributes: "Mapping[str, AttributeValue]") -> None:
        """Know the values of a new item by name."""
        self._columns.learn(attributes)

    def read(self, text: str) -> Understood:
        """What the text says of prices, years, other figures and values of attributes; what it denies becomes a condition."""
        return _Reading(cleaned(text), self._columns, self._bounds).understood()


class _Reading:
    """One walk through one text, from left to right."""

    def __init__(self, text: str, columns: WishColumns, bounds: BoundReader) -> None:
        self._text = text
        self._columns = columns
        self._bounds = bounds
        self._words = bounds.words(tokens(text))
        self._filters: dict[str, None] = {}
        self._wishes: dict[tuple[Mention, str], Wish] = {}
        self._spans: list[tuple[int, int, bool]] = []
        self._waiting: dict[Role, int] = {}
        """Where a `no` or an `only` stands that waits for what it is about."""
        self._next_denied: dict[int, int] = {}
        """Where a value would stand that is denied together with the one before (`no horror or thriller`), and where that one ends."""

    def understood(self) -> Understood:
        place = 0
        while place < len(self._words):
            place += self._step(place)
        return Understood(
            text=self._text,
            filters=tuple(self._filters)[:MAX_FILTERS],
            wishes=tuple(self._wishes.values())[:MAX_WISHES],
            left=_said(self._without(self._spans)),
            readable=_said(self._without([span for span in self._spans if span[2]])),
        )

    def _step(self, place: int) -> int:
        """Read what begins here; how many words it took."""
        token, (roles, size) = self._words.tokens[place], self._words.roles(place)
        if not size and token.number is None and not self._columns.can_begin(token.key):
            if token.plain in _STOPS:
                self._waiting.clear()
            return 1
        bound = self._bounds.bound(self._words, place)
        mention = self._columns.mention(self._words.keys, place)
        if bound is not None and (mention is None or mention[1] <= bound.size):
            return self._take_bound(bound, place)
        if mention is not None and mention[1] >= size:
            return self._take_mention(*mention, place)
        if not roles & {"no", "only"}:
            roles, size = self._words.first_roles(place), 1
        if roles & {"no", "only"}:
            self._waiting["no" if "no" in roles else "only"] = place
        return max(1, size)

    def _take_bound(self, bound: Bound, place: int) -> int:
        denied = self._taken("no", place)
        conditions = bound.conditions if denied is None else bound.denied
        if conditions:
            self._filters.update(dict.fromkeys(conditions))
            self._mark(place if denied is None else denied, place + bound.size, is_filter=True)
        return bound.size

    def _take_mention(self, mentions: Sequence[Mention], size: int, place: int) -> int:
        after, after_size = self._words.roles(place + size)
        start = self._next_denied.get(place, self._taken("no", place))
        if start is not None or "no_after" in after:
            taken = size + (after_size if "no_after" in after else 0)
            self._filters.update({f"{column}!={value}": None for column, value in mentions})
            self._next_denied = {place + taken + after_size: place + taken} if "or" in after else {}
            self._mark(place if start is None else start, place + taken, is_filter=True)
            return taken
        start = self._taken("only", place)
        if start is not None or "only" in after:
            taken = size + (after_size if start is None else 0)
            column, value = mentions[0]
            self._filters[f"{column}={value}"] = None
            self._mark(place if start is None else start, place + taken, is_filter=True)
            return taken
        words = self._text[self._words.tokens[place].start : self._words.tokens[place + size - 1].end]
        for column, value in mentions:
            self._wishes.setdefault(((column, value), words), Wish(attribute=column, value=value, words=words))
        self._mark(place, place + size, is_filter=False)
        return size

    def _taken(self, role: Role, place: int) -> int | None:
        """Where the `no` or `only` stands that this place is about, which then waits no longer."""
        start = self._waiting.pop(role, None)
        return start if start is not None and place - start <= REACH else None

    def _mark(self, start: int, end: int, *, is_filter: bool) -> None:
        self._spans.append((self._words.tokens[start].start, self._words.tokens[end - 1].end, is_filter))

    def _without(self, spans: Sequence[tuple[int, int, bool]]) -> str:
        left, place = "", 0
        for start, end, _ in sorted(spans):
            left += self._text[place : max(place, start)]
            place = max(place, end)
            left += " " if left[-1:].isascii() else ""
        return left + self._text[place:]


def _said(text: str) -> str:
    """A text from which words were taken, made whole again; empty when what is left says nothing."""
    tidy = _BEFORE_MARK.sub(r"\1", _GAPS.sub(r"\1", " ".join(text.split()))).strip(_EDGES)
    words = [token for token in tokens(tidy) if token.plain.isalnum() or not token.plain.isascii()]
    while words and (words[-1].plain in EMPTY_WORDS):
        tidy = tidy[: words.pop().start].rstrip(_EDGES)
    return tidy if any(token.plain not in EMPTY_WORDS for token in words) else ""
