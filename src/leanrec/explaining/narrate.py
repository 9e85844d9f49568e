"""Narrator: words for people about an item or a profile: generated and checked, or from the template, and always labelled which."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import Field

from leanrec.config import Config
from leanrec.data.description import ItemDescription
from leanrec.data.profile import UserProfile
from leanrec.explaining.claims import Checker, Verdict
from leanrec.explaining.facts import FactRecord
from leanrec.explaining.generators import TextGenerator
from leanrec.explaining.person_facts import person_record
from leanrec.explaining.prompts import answer_of, prompt_of
from leanrec.explaining.templates import template_text

Source = Literal["generated", "template"]


class NarratorConfig(Config):
    """How often a generator is asked, and for how much."""

    tries: int = Field(default=3, ge=1, le=20)
    """Texts asked for before the template speaks; the first is the likeliest one, the others are drawn."""
    max_tokens: int = Field(default=96, ge=8, le=512)
    """Length of a generated text."""
    seed: int = Field(default=1, ge=1)
    """Of the first drawn text; the next ones follow it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Narration:
    """One text, where it comes from, and what was refused on the way."""

    text: str
    source: Source
    generator: str = ""
    """Who was asked; empty where nobody was."""
    refused: tuple[Verdict, ...] = ()
    """Texts that the record does not support, each with the reasons."""

    def to_dict(self) -> dict[str, Any]:  # Any: JSON values
        """Plain dictionaries and lists, ready for JSON."""
        refused = [{"text": verdict.text, "because": [asdict(refusal) for refusal in verdict.refusals]} for verdict in self.refused]
        return {"text": self.text, "source": self.source, "generator": self.generator, "refused": refused}


class Narrator:
    """Tells what a record holds; without a generator, by the template alone."""

    def __init__(self, generator: TextGenerator | None = None, config: NarratorConfig | None = None) -> None:
        self.generator = generator
        self.config = config or NarratorConfig()

    def blurb(self, item: ItemDescription, *, reason: str | None = None) -> Narration:
        """Words about an item; `reason` is that of a recommendation and is told where it names an item."""
        return self.tell(FactRecord.of_item(item).with_reason(reason))

    def summary(self, profile: UserProfile) -> Narration:
        """Words to a person about their profile."""
        return self.tell(person_record(profile))

    def tell(self, record: FactRecord) -> Narration:
        """Words about a record; a failing generator raises `ServiceError`, a text that is not supported never shows."""
        if self.generator is None or not record.to_prompt():
            return Narration(text=template_text(record), source="template")
        refused: list[Verdict] = []
        for verdict in self._verdicts(record, self.generator):
            if verdict.is_supported:
                return Narration(text=verdict.text, source="generated", generator=self.generator.name, refused=tuple(refused))
            refused.append(verdict)
        return Narration(text=template_text(record), source="template", generator=self.generator.name, refused=tuple(refused))

    def _verdicts(self, record: FactRecord, generator: TextGenerator) -> Iterator[Verdict]:
        checker, prompt = Checker.of(record), prompt_of(record)
        for seed in (0, *range(self.config.seed, self.config.seed + self.config.tries - 1)):
            text = answer_of(generator.generate(prompt, max_tokens=self.config.max_tokens, seed=seed))
            yield checker.check(with_quotes(text, record))


def with_quotes(text: str, record: FactRecord) -> str:
    """The text with quotation marks around values that may not be said without; what is checked and shown is the result."""
    named = [record.name] if record.name is not None and not record.is_name_suspect else []
    values = [value for value in (*named, *(value for fact in record.facts for value in fact.values)) if value.needs_quotes]
    for value in sorted(values, key=lambda value: -len(value.text)):
        if f'"{value.text}"' not in text:
            text = text.replace(value.text, f'"{value.text}"')
    return text
