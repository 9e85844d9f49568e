"""The words of what somebody typed, each with its place: numbers read, cases and accents put aside, writing without spaces cut into signs."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

MAX_DIGITS = 15
"""Longer numbers are no amounts."""
_JOINERS = "\u200c\u200d"
"""Between signs of one letter or emoji; other invisible characters are left out."""
_UNSPACED = r"\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_TOKENS = re.compile(
    r"(?P<number>\d+(?:[.,'\u2019\u00a0\u202f]\d{3}(?!\d))*(?:[.,]\d{1,2}(?!\d))?)"
    rf"|(?P<sign>[{_UNSPACED}])|(?P<word>[^\W\d_{_UNSPACED}]+)|(?P<mark>[^\s\w])"
)
_ACCENTS = re.compile("[\u0300-\u036f]")
_PLURAL = re.compile(r"(?<=[sxz])es$|(?<=[cs]h)es$|(?<![su])s$")
_THOUSANDS = re.compile(r"[.,'\u2019\u00a0\u202f](?=\d{3}(?!\d))")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number, a mark, or one sign of writing without spaces."""

    key: str
    """In lower case, without accents and plural."""
    plain: str
    """In lower case, without accents."""
    start: int
    end: int
    number: float | None = None


def cleaned(text: str) -> str:
    r"""The text in one normal form, without control characters, halves of characters and what turns the direction of writing.

    >>> cleaned("quiet\x00 jazz\u202e ")
    'quiet jazz'
    """
    kept = "".join([character if character.isprintable() or character in _JOINERS else _in_place_of(character) for character in text])
    return " ".join(unicodedata.normalize("NFC", kept).split())


def tokens(text: str) -> list[Token]:
    """The words of a cleaned text in their order; work grows with the length of the text and no faster.

    >>> [token.key for token in tokens("Cafés under 1,200.50 €")]
    ['cafe', 'under', '1,200.50', '€']
    """
    found = []
    for match in _TOKENS.finditer(text):
        written = match.group()
        if match.lastgroup == "number":
            found.append(Token(written, written, match.start(), match.end(), _number(written)))
        else:
            plain = folded(written)
            found.append(Token(stem(plain) if match.lastgroup == "word" else plain, plain, match.start(), match.end()))
    return found


@lru_cache(maxsize=20_000)
def folded(word: str) -> str:
    """A word without case and accents.

    >>> folded("Élan"), folded("Straße")
    ('elan', 'strasse')
    """
    if word.isascii():
        return word.lower()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", word.casefold()))
    return unicodedata.normalize("NFC", bare)


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A folded word without the plural of English and its neighbours: enough for `comedies` to meet `Comedy`.

    >>> stem("comedies"), stem("glasses"), stem("bus"), stem("jazz")
    ('comedy', 'glass', 'bus', 'jazz')
    """
    if len(word) < 4:
        return word
    return word[:-3] + "y" if word.endswith("ies") and len(word) > 4 else _PLURAL.sub("", word)


def _in_place_of(character: str) -> str:
    return " " if character.isspace() or unicodedata.category(character) == "Cc" else ""


def _number(written: str) -> float | None:
    if len(written) > MAX_DIGITS:
        return None
    plain = _THOUSANDS.sub("", written)
    return float(plain.replace(",", "."))
