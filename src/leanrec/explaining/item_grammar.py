"""Item grammar: every sentence that may be said of an item; what cannot be read as one of them is refused.

The sentences are written over marks (see `readings`), each of which stands for what one record supports. There is no form for praise,
comparison, denial, promise or advice, and no place for a word from elsewhere.
"""

import re
from collections.abc import Callable

from leanrec.explaining.fact_values import Value
from leanrec.explaining.facts import KIND_NAMES, MAKER_VERBS, YEAR_VERBS, YES_NO, Fact, FactRecord
from leanrec.explaining.readings import (
    BRANDS,
    CATEGORIES,
    COLOURS,
    DATED,
    EVIDENCE,
    FIELD,
    KINDS,
    MAKER,
    NAME,
    OWNER,
    PRICE,
    TAGS,
    TOLD,
    YEAR,
    Grammar,
    Phrase,
)
from leanrec.explaining.wording import AND, counted, figure, listed, literal, one_of, price, said, short_name

_Form = Callable[[Value], str]

NOTHING_KNOWN = "Nothing more is known of this item."

_SAID_OF_NAMES = frozenset({"finish", "material", "format", "language", "size", "scent", "flavour", "flavor", "style", "shape", "pattern", "fabric"})
"""Attributes whose value may stand before their name: `a matte finish`."""


def item_phrases(record: FactRecord) -> list[Phrase]:
    """What of the record may be said, each with its mark."""
    kinds = [fact for fact in record.of("category") if fact.name in KIND_NAMES]
    makers = record.of("maker")
    forms = {
        NAME: _names(record),
        OWNER: f"{_list_of([fact for fact in makers if 'by' in MAKER_VERBS[fact.name]], said)}'s" if makers else "",
        CATEGORIES: _list_of(record.of("category"), counted),
        KINDS: _list_of(kinds, counted),
        BRANDS: _list_of([fact for fact in makers if "from" in MAKER_VERBS[fact.name]], said),
        MAKER: one_of(f"{one_of(MAKER_VERBS[fact.name])} {_values(fact)}" for fact in makers) if makers else "",
        DATED: one_of(f"{one_of(YEAR_VERBS[fact.name])} (?:the year )?{_values(fact)}" for fact in record.of("year")) if record.of("year") else "",
        YEAR: _list_of(record.of("year"), figure),
        PRICE: one_of(price(value) for fact in record.of("price") for value in fact.values) if record.of("price") else "",
        COLOURS: _list_of(record.of("colour"), said),
        TAGS: _list_of(record.of("tag"), said),
        EVIDENCE: one_of(said(value) for fact in record.of("evidence") for value in fact.values) if record.of("evidence") else "",
        FIELD: listed(one_of(form for fact in record.of("field") for form in _field_phrases(fact))),
        TOLD: listed(one_of(form for fact in record.facts if fact.kind != "evidence" for form in _told(fact, name=_names(record)))),
    }
    return [Phrase.of(mark, form) for mark, form in forms.items() if form]


def _item_grammar() -> Grammar:
    item = "(?:item|product|title|article)"
    section = "(?:category|categories|section|department|genre|genres)"
    place = f"(?:in|under|among|within) (?:the |our )?{CATEGORIES}(?: (?:{section}|items|products|titles))?"
    because = f"because of {EVIDENCE}"
    for_you = "(?:recommended|shown|suggested|picked)(?: to you| for you| here)?"
    mod = one_of(
        [
            MAKER,
            DATED,
            f"(?:(?:listed|filed|found|shelved) )?{place}",
            f"(?:(?:priced |listed )?at|for|costing|(?:with|at) a price of) {PRICE}",
            f"in (?:the colou?r )?{COLOURS}",
            f"(?:tagged(?: as| with)?|with the tags?) {TAGS}",
            f"with {FIELD}",
            because,
        ]
    )
    mods = f"(?:(?: |, |{AND}){mod}){{0,6}}"
    noun = f"(?:{KINDS}|{CATEGORIES} {item}|{item}(?=,? (?:and )?{mod}))"
    thing = f"an? (?:(?:{COLOURS} )?{noun}|{COLOURS} {item}){mods}"
    title = f"(?:{OWNER} )?{NAME}(?: \\({YEAR}\\))?"
    name, apart = f"{title}(?: {mod}){{0,2}}", f"(?:, |: ){thing}"
    subject = f"(?:{name}|it|this|(?:this (?:{item}|{KINDS}|{CATEGORIES} {item})|the {item})(?: {mod}){{0,2}})"
    predicate = one_of(
        [
            f"is {thing}",
            f"is {mod}",
            f"was {DATED}",
            f"(?:is (?:listed|filed|found|shelved|placed|sorted)|can be found|stands|sits|falls) {place}",
            f"falls into (?:the |our )?{CATEGORIES}(?: {section})?",
            f"belongs to (?:the |our )?{CATEGORIES}(?: {section})?",
            f"comes {MAKER}",
            f"dates {DATED}",
            f"(?:costs|is priced at|sells for|is listed at|has a price of) {PRICE}",
            f"(?:is|comes in|has the colou?r|is shown in) {COLOURS}",
            f"(?:is tagged(?: as| with)?|has the tags?|carries the tags?) {TAGS}",
            f"(?:has|comes with) {FIELD}",
            f"(?:is|was) {for_you} {because}",
        ]
    )
    look = "(?:(?:this|here) is|here's|meet|discover|introducing|explore|see|(?:take|have) a look at|look at|check out)"
    browsing = f"(?:if you (?:are browsing|browse|like|look for) {CATEGORIES}, )?"
    shows = f"{BRANDS} (?:brings you|presents|offers) {name}"
    predicates = f"{predicate}(?:(?:, and|, which| which| and|,) (?:it )?{predicate}|(?:,| and|, and) {mod}){{0,6}}"
    return Grammar.of(
        one_of(
            [
                f"(?:with (?:a price of {PRICE}|{FIELD}), )?{subject}(?:{apart},|, {mod},)?(?:, which|, that)? {predicates}",
                f"{name}(?:{apart})?",
                f"{browsing}{look} {name}(?:(?:{apart}|, {mod})(?:,? and {mod})?)?",
                f"(?:in {CATEGORIES}, )?{shows}(?:{apart}|, (?:which|that) you (?:can|will) find {place}{mods})?",
                f"looking for something in {CATEGORIES}\\?",
                f"{thing}: {name}",
                f"(?:(?:it|this) is |it's )?{thing}",
                f"(?:you (?:can |will |may )?|you'll )?find (?:it|this {item}|{title}) {place}{mods}",
                f"(?:(?:it is|it's|it was) )?{for_you} {because}",
                f"{because},? (?:here is|we show) {name}",
                TOLD,
                f"from {BRANDS}: {title}",
                literal(NOTHING_KNOWN[:-1]),
            ]
        )
    )


ITEM_GRAMMAR = _item_grammar()


def _list_of(facts: tuple[Fact, ...] | list[Fact], form: _Form) -> str:
    return listed(one_of(form(value) for fact in facts for value in fact.values)) if facts else ""


def _names(record: FactRecord) -> str:
    return one_of(said(form) for form in (record.name, short_name(record.name)) if form is not None) if record.name is not None else ""


def _told(fact: Fact, *, name: str) -> list[str]:
    """A fact with its name: `its price is $12`, `the price of this item is $12`, `Brand: Acme`, `waterproof: no`."""
    told, values = literal(fact.name), _values(fact)
    singular = f"{told[:-3]}(?:y|ies)" if told.endswith("ies") else f"{told[:-1]}s?" if told.endswith("s") else told
    whose = f"(?: of (?:this (?:item|product)|{name or 'it'}))?"
    return [f"(?:(?:its|the) )?{singular}: {values}", f"(?:its|the) {singular}{whose} (?:is|are) {values}"]


def _values(fact: Fact) -> str:
    forms: dict[str, _Form] = {"price": price, "category": counted}
    return listed(one_of(map(forms.get(fact.kind, figure), fact.values)))


def _field_phrases(fact: Fact) -> list[str]:
    """A field as a part of something: never a bare value, and no yes or no, which turn round when their name is missed."""
    if any(value.text.lower() in YES_NO or value.text == "0" for value in fact.values):
        return []
    name, values = literal(fact.name), _values(fact)
    phrases = [f"(?:an? |the )?{name} of {values}"]
    unit = _unit(fact)
    if unit:
        phrases.append(f"{figure(fact.values[0])} {unit}s?")
    if fact.name in _SAID_OF_NAMES:
        phrases.append(f"(?:an? |the )?{values} {name}")
    return phrases


def _unit(fact: Fact) -> str:
    """What a figure counts, where its name says so: `page` of `page count` and of `pages`; else nothing."""
    is_whole = len(fact.values) == 1 and re.fullmatch(r"\d+", fact.values[0].text) is not None
    match = re.fullmatch(r"(?:number of|num) ([a-z]+?)s?|([a-z]+?)s? count|([a-z]+[^su\W])s", fact.name) if is_whole else None
    return next((part for part in match.groups() if part), "") if match else ""
