"""Claims: whether a record supports a text, sentence by sentence, and why not; strict, so that nothing unsupported passes.

A text is supported when each of its sentences can be read as a sentence of the grammar of items or of persons, in which every place
for a fact is filled by the record. A wrong refusal costs a livelier sentence; a wrong acceptance would be an untrue claim.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from leanrec.explaining.fact_values import folded
from leanrec.explaining.facts import FactRecord
from leanrec.explaining.item_grammar import ITEM_GRAMMAR, item_phrases
from leanrec.explaining.objections import Known, Refusal, objections
from leanrec.explaining.person_grammar import PERSON_GRAMMAR, person_phrases
from leanrec.explaining.readings import Grammar, Phrase, connecting_words

MAX_TEXT, MAX_SENTENCE = 1200, 600
"""Characters of a text and of a sentence; a template of a full record stays below."""
_MARKUP = re.compile(r"[<>{}\[\]|\\^~*_=#@]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What became of a text."""

    text: str
    """The text in folded letters, as it may be shown."""
    refusals: tuple[Refusal, ...] = ()

    @property
    def is_supported(self) -> bool:
        """Whether nothing was refused."""
        return not self.refusals

    def describe(self) -> str:
        """The reasons in one line; empty for a text that is supported."""
        return "; ".join(dict.fromkeys(refusal.reason for refusal in self.refusals))


@dataclass(frozen=True, kw_only=True, slots=True)
class Checker:
    """A record, ready to check texts against."""

    record: FactRecord
    grammar: Grammar
    phrases: Sequence[Phrase]
    known: Known

    @classmethod
    def of(cls, record: FactRecord) -> "Checker":
        """For one record; several texts share the work."""
        is_item = record.subject == "item"
        return cls(
            record=record,
            grammar=ITEM_GRAMMAR if is_item else PERSON_GRAMMAR,
            phrases=item_phrases(record) if is_item else person_phrases(record),
            known=Known.of(record),
        )

    def check(self, text: str) -> Verdict:
        """The verdict on a text, with a refusal for everything that the record does not hold."""
        lines = [folded(line).removeprefix("- ") for line in text.splitlines()]
        whole = " ".join(line for line in lines if line)
        refused = _form(text)
        if refused:
            return Verdict(text=whole, refusals=tuple(refused))
        sentences = [sentence for line in lines for sentence in _sentences(line)]
        refusals = [refusal for sentence in sentences for refusal in self._refusals(sentence)]
        return Verdict(text=whole, refusals=tuple(dict.fromkeys(refusals)))

    def _refusals(self, sentence: str) -> list[Refusal]:
        if len(sentence) <= MAX_SENTENCE and self.grammar.accepts(re.sub(r"[.!;]$", "", sentence), self.phrases):
            return []
        connecting = self.grammar.words.union(*(connecting_words(phrase.pattern.pattern) for phrase in self.phrases))
        return objections(sentence, self.known, connecting=connecting)


def check(record: FactRecord, text: str) -> Verdict:
    """The verdict on one text about one record."""
    return Checker.of(record).check(text)


def _form(text: str) -> list[Refusal]:
    """What no text may hold, whatever the record."""
    if not any(letter.isalnum() for letter in text):
        return [Refusal(rule="form", found=text[:20], reason="the text says nothing")]
    if len(text) > MAX_TEXT:
        return [Refusal(rule="form", found=f"{len(text)} characters", reason=f"a text has at most {MAX_TEXT} characters")]
    hidden = sorted({letter for letter in text if unicodedata.category(letter)[0] == "C" and letter not in "\n\r\t"})
    if hidden:
        names = ", ".join(f"U+{ord(letter):04X}" for letter in hidden[:3])
        return [Refusal(rule="form", found=names, reason=f"the text holds characters that nobody sees ({names})")]
    marks = sorted(set(_MARKUP.findall(text)))
    return [Refusal(rule="form", found=mark, reason=f"{mark!r} is markup, and a blurb is plain text") for mark in marks]


def _sentences(line: str) -> list[str]:
    """A line cut after full stops and semicolons that stand outside of quotation marks."""
    found, start, is_quoted = [], 0, False
    for place, letter in enumerate(line):
        is_quoted ^= letter == '"'
        if letter in ".!?;" and not is_quoted and (place + 1 == len(line) or line[place + 1] == " "):
            found.append(line[start : place + 1].strip())
            start = place + 1
    return [sentence for sentence in (*found, line[start:].strip()) if sentence]
