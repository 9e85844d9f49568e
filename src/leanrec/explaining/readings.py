"""Readings: a sentence with what the record says of it taken for marks, in every way that it can be read; the grammars are written over marks."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from leanrec.explaining.wording import FLAGS

MAX_READINGS = 500
"""A sentence that can be read in more ways than these is refused; honest ones have one or two."""

# Private letters, which no text may hold: each stands for one phrase that the record supports.
NAME, OWNER, CATEGORIES, KINDS, MAKER, BRANDS, PRICE, YEAR, DATED, COLOURS, TAGS, EVIDENCE, FIELD, TOLD = (chr(0xE000 + n) for n in range(14))
EVENTS, CHOSEN, AVOIDED, LIKED, DISLIKED, BAND, DAYS, HOURS, SINCE = (chr(0xE020 + n) for n in range(9))


@dataclass(frozen=True, kw_only=True, slots=True)
class Phrase:
    """What may be taken for a mark."""

    mark: str
    pattern: re.Pattern[str]

    @classmethod
    def of(cls, mark: str, form: str) -> "Phrase":
        """From a form of words."""
        return cls(mark=mark, pattern=re.compile(form, FLAGS))


@dataclass(frozen=True, kw_only=True, slots=True)
class Grammar:
    """Sentences over marks and a closed list of words."""

    sentence: re.Pattern[str]
    words: frozenset[str]
    """All connecting words: a value that consists of them may stand for itself."""

    @classmethod
    def of(cls, form: str) -> "Grammar":
        """From the pattern of one sentence without what ends it."""
        return cls(sentence=re.compile(form, FLAGS), words=connecting_words(form))

    def accepts(self, sentence: str, phrases: Sequence[Phrase]) -> bool:
        """Whether any reading of the sentence is in the grammar."""
        for number, reading in enumerate(self._readings(sentence, phrases)):
            if number == MAX_READINGS:
                return False
            if self.sentence.fullmatch(reading):
                return True
        return False

    def _readings(self, text: str, phrases: Sequence[Phrase], start: int = 0) -> Iterator[str]:
        while start < len(text):
            found = _marks_at(text, start, phrases) if _is_edge(text, start) else {}
            if found:
                break
            start += 1
        else:
            yield text
            return
        for mark, end in found:
            for rest in self._readings(text[end:], phrases):
                yield text[:start] + mark + rest
        longest = max(end for _, end in found)
        if all(word in self.words for word in re.findall(r"[^\W\d_]+", text[start:longest].lower())):
            for rest in self._readings(text[start + 1 :], phrases):
                yield text[: start + 1] + rest


def connecting_words(form: str) -> frozenset[str]:
    """The words of a pattern."""
    return frozenset(re.findall(r"[a-z']+", re.sub(r"\\.|\(\?[:=!]", " ", form.lower())))


def _marks_at(text: str, start: int, phrases: Sequence[Phrase]) -> list[tuple[str, int]]:
    """What begins here: the mark and the end of each phrase, the longest first."""
    ends = [(phrase.mark, match.end()) for phrase in phrases if (match := phrase.pattern.match(text, start)) and match.end() > start]
    return sorted(((mark, end) for mark, end in dict.fromkeys(ends) if _is_edge(text, end)), key=lambda found: -found[1])


def _is_edge(text: str, place: int) -> bool:
    """Between two words, and not inside a figure."""
    before, after = text[place - 1 : place], text[place : place + 1]
    ends_inside = before.isdigit() and re.match(r"[.,]\d|\s?%", text[place:]) is not None
    begins_inside = after.isdigit() and re.search(r"\d[.,]$|[-$€£¥₹]$", text[:place]) is not None
    return not (before.isalnum() and after.isalnum()) and not ends_inside and not begins_inside
