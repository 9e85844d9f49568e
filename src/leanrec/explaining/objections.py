"""Objections: why a sentence was refused, in the words that people ask for; the verdict itself never rests on them."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from leanrec.explaining.fact_values import holds_address, holds_phone, is_suspect
from leanrec.explaining.facts import FactRecord
from leanrec.explaining.loud_words import LOUD_WORDS, stem

Rule = Literal["form", "letters", "address", "instruction", "number", "denial", "praise", "promise", "name", "word", "arrangement"]

_DENIED = "not no non without never nothing none nobody cannot neither nor lacks lacking hardly rarely except isn't doesn't don't can't"
_PROMISED = "i i'm i'll we we'll our us my me promise guarantee guaranteed guarantees will shall refund ensure ensures"
_COUNTED = "one two three four five six seven eight nine ten eleven twelve dozen twenty thirty forty fifty hundred thousand million half double twice"
_DENIALS, _PROMISES, _NUMBER_WORDS = (frozenset(words.split()) for words in (_DENIED, _PROMISED, _COUNTED))
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}
_PLAIN = frozenset({"its", "the", "is", "are", "a", "an"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """One thing that kept a text from being shown."""

    rule: Rule
    found: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """All words and figures of a record, whatever they stand for."""

    words: frozenset[str]
    figures: frozenset[str]

    @classmethod
    def of(cls, record: FactRecord) -> "Known":
        """From names and values alike; what a suspect title says is not known."""
        named = [] if record.name is None or record.is_name_suspect else [record.name.text]
        texts = [*named, *(fact.name for fact in record.facts), *(value.text for fact in record.facts for value in fact.values)]
        amounts = [_SIGNS.get(value.unit, value.unit) + value.text for fact in record.of("price") for value in fact.values]
        return cls(
            words=frozenset(stem(word) for text in texts for word in _words(text)),
            figures=frozenset(figure for text in (*texts, *amounts) for figure in map(_plain_figure, _figures(text))),
        )


def objections(sentence: str, known: Known, *, connecting: frozenset[str]) -> list[Refusal]:
    """What the record does not support, the gravest first; at least one."""
    found = [*_whole(sentence), *_odd_figures(sentence, known), *_odd_words(sentence, known, connecting)]
    return list(dict.fromkeys(found)) or [
        Refusal(rule="arrangement", found=sentence, reason="the facts are put together in a way that the record does not bear out")
    ]


def _whole(sentence: str) -> Iterator[Refusal]:
    if holds_address(sentence):
        yield Refusal(rule="address", found=sentence, reason="an address is no fact of a record")
    if holds_phone(sentence):
        yield Refusal(rule="address", found=sentence, reason="a telephone number is no fact of a record")
    if is_suspect(sentence):
        yield Refusal(rule="instruction", found=sentence, reason="it follows or gives an instruction")


def _odd_figures(sentence: str, known: Known) -> Iterator[Refusal]:
    for figure in _figures(sentence):
        if _plain_figure(figure) not in known.figures:
            yield Refusal(rule="number", found=figure, reason=f"the number {figure} is not in the record")


def _odd_words(sentence: str, known: Known, connecting: frozenset[str]) -> Iterator[Refusal]:
    for place, word in enumerate(_words(sentence)):
        small = word.lower()
        if small in _NUMBER_WORDS:
            yield Refusal(rule="number", found=word, reason=f"{word!r} is a number, and the record writes its numbers in figures")
        elif small in _DENIALS:
            yield Refusal(rule="denial", found=word, reason=f"{word!r} denies something, and a record says only what is")
        elif small in _PROMISES and stem(small) not in known.words:
            yield Refusal(rule="promise", found=word, reason=f"{word!r} speaks for the shop or promises something")
        elif stem(small) in known.words or small in connecting or small in _PLAIN:
            continue
        elif small in LOUD_WORDS or stem(small) in LOUD_WORDS or re.search(r"(?:est|ier)$", small):
            yield Refusal(rule="praise", found=word, reason=f"{word!r} is praise, comparison or a claim, and no fact of the record")
        elif any(unicodedata.name(letter, "").split(" ")[0] != "LATIN" for letter in word if letter.isalpha()):
            yield Refusal(rule="letters", found=word, reason=f"{word!r} has letters of a script that the record does not use there")
        elif word[0].isupper() and place > 0:
            yield Refusal(rule="name", found=word, reason=f"the name {word!r} is not in the record")
        else:
            yield Refusal(rule="word", found=word, reason=f"{word!r} is neither in the record nor a connecting word")


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", text)


def _plain_figure(figure: str) -> str:
    """Without signs for thousands and zeros at the end: `$1,234.50` and `$1234.5` are one figure."""
    bare = figure.replace(",", "")
    return re.sub(r"(\.\d*?)0+(?!\d)", r"\1", bare).rstrip(".")


def _figures(text: str) -> list[str]:
    return [figure.rstrip(".,") for figure in re.findall(r"[$€£¥₹]?\d[\d.,:]*%?", text)]
