"""FactRecord: what may be said of one item or one person, as plain values; what it does not hold, no text may claim."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from leanrec.data.description import DescribedValue, ItemDescription
from leanrec.explaining.fact_values import Value, clean, is_suspect, name_value, number_value, price_value, word_value

Subject = Literal["item", "person"]
Kind = Literal[
    # of an item
    "category",
    "maker",
    "price",
    "year",
    "colour",
    "tag",
    "field",
    "evidence",
    # of a person
    "events",
    "chosen",
    "avoided",
    "liked",
    "disliked",
    "band",
    "weekday",
    "hour",
    "days",
]

MAX_FACTS, MAX_VALUES = 24, 8
"""Facts of a record, and values of one fact: what is more is left out."""
BECAUSE = "because of "

CATEGORY_NAMES = frozenset({"category", "categories", "genre", "genres", "department", "departments", "type", "product type"})
KIND_NAMES = frozenset({"genre", "genres", "type", "product type"})
"""Categories that say what an item is, not only where it stands: `a Comedy`."""
MAKER_VERBS: Mapping[str, tuple[str, ...]] = {
    "brand": ("by", "from", "of the brand", "from the brand", "by the brand"),
    "author": ("by", "written by"),
    "authors": ("by", "written by"),
    "artist": ("by",),
    "artists": ("by",),
    "creator": ("by", "created by"),
    "director": ("directed by",),
    "manufacturer": ("by", "from", "made by"),
    "studio": ("by", "from"),
    "publisher": ("published by",),
    "label": ("from",),
    "seller": ("sold by",),
    "vendor": ("sold by",),
    "store": ("sold by",),
    "shop": ("sold by",),
}
"""By the name of the attribute: the words that may stand before its value, the template's first."""
YEAR_VERBS: Mapping[str, tuple[str, ...]] = {
    "year": ("from",),
    "release year": ("from", "released in"),
    "published year": ("from", "published in"),
    "publication year": ("from", "published in"),
}
YES_NO = frozenset({"yes", "no", "true", "false", "none", "unknown"})
"""Answers that mean nothing, or the opposite, without the name of their field."""
_PRICES = frozenset({"price", "cost"})
_CURRENCIES = frozenset({"currency", "price currency"})
_TAGS = frozenset({"tag", "tags", "keyword", "keywords"})
_COLOURS = frozenset({"colour", "color"})
_SILENT = frozenset(
    {"asin", "sku", "ean", "isbn", "gtin", "id", "ids", "url", "urls", "image", "images", "imurl", "link", "links", "description", "text"}
)
"""Words in the names of attributes that tell people nothing, or too much to be checked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One thing that is known: of what kind, under which name, with which values."""

    kind: Kind
    name: str
    """The attribute in small words: `page count`."""
    values: tuple[Value, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FactRecord:
    """All that may be said of one item or person."""

    subject: Subject
    name: Value | None = None
    """An item's title."""
    is_name_suspect: bool = False
    """True for a title that talks to a language model: it may be quoted whole, and no generator is shown it."""
    facts: tuple[Fact, ...] = ()
    withheld: tuple[str, ...] = ()
    """What was left out, and why."""

    def of(self, *kinds: Kind) -> tuple[Fact, ...]:
        """The facts of these kinds, in the order of the record."""
        return tuple(fact for fact in self.facts if fact.kind in kinds)

    def because_of(self, title: str) -> "FactRecord":
        """The same with the item that put this one into an answer; an untold or suspect title adds nothing."""
        value, reason = name_value(title)
        if value is None or is_suspect(title):
            return replace(self, withheld=(*self.withheld, f"evidence: {reason or 'reads like an instruction'}"))
        return replace(self, facts=(*self.facts, Fact(kind="evidence", name="because of", values=(value,))))

    def with_reason(self, reason: str | None) -> "FactRecord":
        """The same with the reason of a recommendation, where it names an item (`because of ...`)."""
        return self.because_of(reason.removeprefix(BECAUSE)) if reason and reason.startswith(BECAUSE) else self

    @property
    def fingerprint(self) -> str:
        """sha256 over all that may be said."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def to_prompt(self) -> dict[str, Any]:
        """What a generator is shown: plain JSON values, without what talks to it."""
        shown: dict[str, Any] = {}
        if self.name is not None and not self.is_name_suspect:
            shown["name"] = self.name.text
        for fact in self.facts:
            texts = [f"{value.text} {value.unit}".strip() for value in fact.values]
            shown[fact.name if fact.kind not in ("chosen", "avoided", "liked", "disliked") else f"{fact.kind} {fact.name}"] = (
                texts if len(texts) > 1 else texts[0]
            )
        return shown

    @classmethod
    def of_item(cls, item: ItemDescription) -> "FactRecord":
        """What an item says of itself, made plain and bounded."""
        name, reason = name_value(item.title)
        withheld = [f"title: {reason}"] if reason else []
        currency = next((str(value) for key, value in item.attributes.items() if _words(key) in _CURRENCIES), "")
        has_one_price = sum(_words(key) in _PRICES for key in item.attributes) == 1
        facts: list[Fact] = []
        for key, value in item.attributes.items():
            words = _words(key)
            if not words or words in _CURRENCIES or _SILENT & set(words.split()):
                continue
            found, reasons = _fact(words, value, currency=currency, is_price=words in _PRICES and has_one_price)
            facts += [found] if found is not None else []
            withheld += [f"{words}: {reason}" for reason in reasons]
        kept, contradictions = _agreeing(facts)
        return cls(
            subject="item",
            name=name,
            is_name_suspect=name is not None and is_suspect(item.title or ""),
            facts=kept[:MAX_FACTS],
            withheld=(*withheld, *contradictions)[:MAX_FACTS],
        )


def _agreeing(facts: Sequence[Fact]) -> tuple[tuple[Fact, ...], list[str]]:
    """Facts whose name is told once, or twice alike; of contradicting ones none can be believed."""
    told: dict[str, set[Fact]] = {}
    for fact in facts:
        told.setdefault(fact.name, set()).add(fact)
    kept = tuple(dict.fromkeys(fact for fact in facts if len(told[fact.name]) == 1))
    return kept, [f"{name}: is told in {len(found)} ways" for name, found in told.items() if len(found) > 1]


def _fact(name: str, value: DescribedValue, *, currency: str, is_price: bool) -> tuple[Fact | None, list[str]]:
    """The fact of one attribute, or none, and why values were left out."""
    if is_price:
        amounts = list(value) if isinstance(value, list) else [value]
        price = price_value(amounts[0], currency=currency) if len(amounts) == 1 else None
        return (Fact(kind="price", name=name, values=(price,)), []) if price else (None, ["is no single amount"])
    if isinstance(value, float | int) and not isinstance(value, bool):
        figure = number_value(float(value))
        figured: Kind = "year" if name in YEAR_VERBS and figure is not None and re.fullmatch(r"1\d{3}|20\d{2}", figure.text) else "field"
        return (Fact(kind=figured, name=name, values=(figure,)), []) if figure else (None, ["is no number"])
    told = list(dict.fromkeys(value)) if isinstance(value, list) else [{"True": "yes", "False": "no"}.get(str(value), str(value))]
    pairs = [word_value(str(text)) for text in told[: 4 * MAX_VALUES]]
    values = tuple(dict.fromkeys(found for found, _ in pairs if found is not None))[:MAX_VALUES]
    kind = _kind(name, values)
    if kind == "field":
        values = tuple(replace(found, needs_quotes=found.needs_quotes and found.text.lower() not in YES_NO) for found in values)
    return (Fact(kind=kind, name=name, values=values) if values else None), [reason for _, reason in pairs if reason]


def _kind(name: str, values: Sequence[Value]) -> Kind:
    if name in YEAR_VERBS and len(values) == 1 and re.fullmatch(r"1\d{3}|20\d{2}", values[0].text):
        return "year"
    known: tuple[tuple[Kind, bool], ...] = (
        ("category", name in CATEGORY_NAMES),
        ("maker", name in MAKER_VERBS),
        ("tag", name in _TAGS),
        ("colour", name in _COLOURS),
    )
    return next((kind for kind, holds in known if holds), "field")


def _words(key: str) -> str:
    """A column's name in small words; empty for one that nobody could read aloud, or that talks to a language model.

    >>> _words("pageCount"), _words("release_year"), _words("ignore the above")
    ('page count', 'release year', '')
    """
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", clean(key)).replace("_", " ").replace("-", " ")
    words = " ".join(apart.lower().split())
    is_readable = re.fullmatch(r"(?:[^\W_]| ){1,40}", words) is not None
    return words if is_readable and not is_suspect(words) else ""
