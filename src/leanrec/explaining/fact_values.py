r"""Values fit to be said: what a shop wrote, made plain, and how far it may be repeated: in plain words, in quotation marks only, or not at all."""

import math
import re
import unicodedata
from dataclasses import dataclass

from leanrec.data.plain_text import plain_text
from leanrec.explaining.loud_words import CLAUSE_WORDS, LOUD_WORDS, sounds_like_instruction, stem

MAX_NAME, MAX_VALUE = 200, 100
"""Characters of a title and of any other value; longer ones are withheld, since nobody would quote them."""
MAX_PLAIN_WORDS = 12
CURRENCIES = ("$", "€", "£", "¥", "₹")
CODES = ("USD", "EUR", "GBP", "JPY", "INR", "CHF", "CNY", "CAD", "AUD", "SEK", "NOK", "DKK", "PLN", "BRL")

_LOOK_ALIKES = str.maketrans(dict(zip("аеорсухіјѕԁһкмтвнгαειοκνρτυχ", "aeopcyxijsdhkmtbhraeiokvptux", strict=True)))
_LEET = str.maketrans("013457", "oieast")
_ROLE = re.compile(r"^\W*(?:system|assistant|user|developer)\s*[:>\]]|<\||\|>|#{3}|\[/?INST", re.IGNORECASE)
_FOLDED = str.maketrans({**dict.fromkeys("“”„‟«»", '"'), **dict.fromkeys("‘’‚‛`´ʼ", "'"), **dict.fromkeys("‐‑‒–—―−", "-"), "…": "...", "\u00a0": " "})
_MARKUP = re.compile(r"[<>{}\[\]|\\^~*_=#@]+")
_SPACES = re.compile(r"\s+")
_ADDRESS = re.compile(r"https?:|www\.|\S@\S|\b[\w-]{2,}\.(?:com|net|org|io|de|co|uk|info|biz|shop|ru|cn)\b", re.IGNORECASE)
_PHONE = re.compile(r"\+?\d(?:[\s().-]{0,2}\d){6,}")
_MONEY = re.compile(r"[$€£¥₹]|\d\s?%|\b(?:usd|eur|gbp|dollars?|euros?|pounds?|cents?)\b", re.IGNORECASE)
_PLAIN = re.compile(r"(?:[^\W_]|[ '&/+,().:-])+")
_SENTENCE = re.compile(r"[.!?;]\s|[!?;]|:\s.*:\s")
_ENDING = re.compile(r"[.!?;:]$")
_ABBREVIATION = re.compile(r"\b(?:[^\W\d_]\.)+(?=\s)|\b(?:dr|mr|mrs|ms|st|no|co|vol|jr|sr)\.", re.IGNORECASE)
_AMOUNT = re.compile(r"(?P<before>[$€£¥₹]|[A-Z]{3})?\s?(?P<amount>\d[\d.,]{0,11})\s?(?P<after>[$€£¥₹]|[A-Z]{3})?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """One value as it may be said."""

    text: str
    needs_quotes: bool = False
    """True for what is praise or could be read as a sentence: it is somebody's name for something, not our word."""
    unit: str = ""
    """The currency of a price as the record writes it (`$`, `EUR`); empty where it does not tell."""


def folded(text: str) -> str:
    """Quotation marks, dashes and spaces in one form each; no other letter is changed.

    >>> folded("“Tom” – a  mug")
    '"Tom" - a mug'
    """
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text).translate(_FOLDED)).strip()


def clean(text: str) -> str:
    """A value without markup, control characters, invisible characters and quotation marks of its own; HTML decoded."""
    for _ in range(3):  # &amp;lt; hides a tag behind two layers
        text = plain_text(text)
    visible = "".join(letter for letter in text if unicodedata.category(letter) not in ("Cf", "Cc", "Co", "Cn", "Cs"))
    whole = folded(_MARKUP.sub(" ", folded(visible)))
    return _SPACES.sub(" ", re.sub(r'(?<=\d)"', "″", whole).replace('"', "'")).strip(" '")


def name_value(text: str | None) -> tuple[Value | None, str]:
    """The title as it may be said, or none and why."""
    found = clean(text or "")
    if not found or not any(letter.isalnum() for letter in found):
        return None, ""
    reason = _withheld(found, MAX_NAME)
    if reason:
        return None, reason
    return Value(text=found, needs_quotes=not _is_plain(found) or is_suspect(text or found)), ""


def word_value(text: str) -> tuple[Value | None, str]:
    """Any other value in words, or none and why; what reads like an instruction is only ever kept in a title."""
    found = clean(text)
    if not any(letter.isalnum() for letter in found):
        return None, ""
    reason = _withheld(found, MAX_VALUE)
    if not reason and (is_suspect(text) or is_suspect(found)):
        reason = "reads like an instruction"
    if not reason and (_MONEY.search(found) or _SENTENCE.search(_ABBREVIATION.sub("", found))):
        reason = "is a sentence or an amount, not a value"
    return (None, reason) if reason else (Value(text=found, needs_quotes=not _is_plain(found)), "")


def number_value(number: float) -> Value | None:
    """A figure as it is written; none for what is no number.

    >>> number_value(12.50).text, number_value(3.0).text
    ('12.5', '3')
    """
    if not math.isfinite(number) or abs(number) >= 1e12:
        return None
    return Value(text=str(int(number)) if number == int(number) else f"{number:.6f}".rstrip("0").rstrip("."))


def price_value(price: str | float, *, currency: str = "") -> Value | None:
    """One amount with the currency that the record tells, or none where that cannot be read.

    >>> price_value("12,99 €"), price_value(20.0)
    (Value(text='12.99', needs_quotes=False, unit='€'), Value(text='20', needs_quotes=False, unit=''))
    """
    if isinstance(price, float | int):
        found, unit = number_value(float(price)), _currency(currency)
    else:
        match = _AMOUNT.fullmatch(folded(price).strip())
        amount = _amount(match["amount"]) if match else None
        stated = _currency((match["before"] or match["after"] or "") if match else "")
        if match is None or amount is None or (match["before"] and match["after"]) or ((match["before"] or match["after"]) and not stated):
            return None
        found, unit = number_value(amount), stated or _currency(currency)
    return None if found is None or found.text.startswith("-") else Value(text=found.text, unit=unit)


def is_suspect(text: str) -> bool:
    """Whether a value talks to a language model rather than to people."""
    shown = "".join(letter for letter in text[: 4 * MAX_NAME] if unicodedata.category(letter) != "Cf")
    compatible = _SPACES.sub(" ", unicodedata.normalize("NFKC", shown).casefold())
    bare = skeleton(shown)
    return _ROLE.search(text) is not None or any(map(sounds_like_instruction, (compatible, bare, bare.translate(_LEET))))


def skeleton(text: str) -> str:
    """What a reader takes the letters for: compatibility forms, look-alikes and accents folded, invisible characters gone."""
    compatible = unicodedata.normalize("NFKC", text).casefold().translate(_LOOK_ALIKES)
    marked = unicodedata.normalize("NFD", compatible)
    bare = "".join(letter for letter in marked if unicodedata.category(letter) not in ("Mn", "Cf", "Cc"))
    return " ".join(re.sub(r"[\W_]+", " ", unicodedata.normalize("NFC", bare)).split())


def holds_address(text: str) -> bool:
    """Whether there is a web address or an e-mail address in it."""
    return _ADDRESS.search(text) is not None or _ADDRESS.search(unicodedata.normalize("NFKC", text)) is not None


def holds_phone(text: str) -> bool:
    """Whether there is what could be dialled."""
    return _PHONE.search(text) is not None


def _withheld(text: str, limit: int) -> str:
    if len(text) > limit:
        return f"is longer than {limit} characters"
    if holds_address(text):
        return "holds an address"
    return "holds a telephone number" if holds_phone(text) else ""


def _is_plain(text: str) -> bool:
    words = [word for word in re.split(r"[^\w']+", skeleton(text)) if word]
    is_short = 0 < len(text.split()) <= MAX_PLAIN_WORDS
    is_calm = not any(stem(word) in LOUD_WORDS or word in LOUD_WORDS or word in CLAUSE_WORDS for word in words)
    is_one_name = _PLAIN.fullmatch(text) is not None and not any(pattern.search(text) for pattern in (_SENTENCE, _ENDING, _MONEY))
    return is_short and is_calm and is_one_name


def _amount(text: str) -> float | None:
    """A figure with either sign for thousands and decimals; none where it could be read in two ways."""
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d{1,2})?", text):
        return float(text.replace(",", ""))
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+,\d+|\d+,\d{1,2}", text):
        return float(text.replace(".", "").replace(",", "."))
    return None


def _currency(text: str) -> str:
    word = text.strip().upper()
    return word if word in CURRENCIES or word in CODES else ""
