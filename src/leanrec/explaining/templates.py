"""Templates: plain English made from a record alone, whatever is missing; the checker supports every sentence of it."""

from leanrec.explaining.fact_values import Value
from leanrec.explaining.facts import MAKER_VERBS, YEAR_VERBS, YES_NO, Fact, FactRecord, Kind
from leanrec.explaining.item_grammar import NOTHING_KNOWN as NO_ITEM
from leanrec.explaining.person_grammar import NOTHING_KNOWN as NO_PERSON
from leanrec.explaining.wording import joined, price_words

_LINKS = frozenset({"from", "for", "with", "without", "of", "to", "in", "on", "by", "at", "until"})
"""Last words of names that no sentence reads well with: `free from`."""
MAX_TOLD = 6
"""Fields that are told at the end, of those that have no form of their own."""


def template_text(record: FactRecord) -> str:
    """What the record holds, in sentences."""
    return _item(record) if record.subject == "item" else _person(record)


def _item(record: FactRecord) -> str:
    name = _quoted(record.name) if record.name is not None else "This item"
    opening = _opening(record, name)
    said = [opening] if opening else []
    offer = _offer(record)
    if offer:
        said.append(f"{'It' if said else name} {offer}.")
    if not said and record.name is not None:
        said.append(f"This is {name}.")
    said += [f"It is tagged {_all(fact)}." for fact in record.of("tag")]
    said += [_field(fact) for fact in record.of("field")[:MAX_TOLD]]
    said += [f"It is shown because of {_all(fact)}." for fact in record.of("evidence")]
    return " ".join(said) or NO_ITEM


def _opening(record: FactRecord, name: str) -> str:
    """By whom, from when and where it is listed, as far as that is known."""
    makers = [f"{MAKER_VERBS[fact.name][0]} {_all(fact)}" for fact in record.of("maker")]
    years = [f"{YEAR_VERBS[fact.name][0]} {_all(fact)}" for fact in record.of("year")]
    places = [f"listed under {_all(fact)}" for fact in record.of("category")]
    parts = [*makers, *years, *places]
    return f"{name} is {joined(parts) if len(parts) < 3 else ', '.join(parts[:-1]) + ', and ' + parts[-1]}." if parts else ""


def _offer(record: FactRecord) -> str:
    costs = [f"costs {price_words(fact.values[0])}" for fact in record.of("price")]
    colours = [f"comes in {_all(fact)}" for fact in record.of("colour")]
    return " and ".join([*costs, *colours])


def _field(fact: Fact) -> str:
    if any(value.text.lower() in YES_NO for value in fact.values) or fact.name.split()[-1] in _LINKS:
        return f"{fact.name.capitalize()}: {_all(fact)}."
    return f"Its {fact.name} {'is' if len(fact.values) == 1 and not fact.name.endswith('s') else 'are'} {_all(fact)}."


def _person(record: FactRecord) -> str:
    said = [f"{_first(fact)} {'event is' if _first(fact) == '1' else 'events are'} on record." for fact in record.of("events")]
    said += [f"You said that you like {words}." for words in _tastes(record, "liked")]
    said += [f"You said that you dislike {words}." for words in _tastes(record, "disliked")]
    said += [f"You choose {words} more often than people in general." for words in _tastes(record, "chosen")]
    said += [f"You choose {words} less often than people in general." for words in _tastes(record, "avoided")]
    for fact in record.of("band"):
        low, median, high = (value.text for value in fact.values)
        said.append(f"The {fact.name} mostly lies between {low} and {high}, with {median} in the middle.")
    days, hours = record.of("weekday"), record.of("hour")
    if days or hours:
        when = [f"on {_first(fact)}s" for fact in days] + [f"around {_first(fact)} UTC" for fact in hours]
        said.append(f"You are most active {', '.join(when)}.")
    said += [f"The newest event was {_ago(_first(fact))}." for fact in record.of("days")]
    return " ".join(said) or NO_PERSON


def _tastes(record: FactRecord, kind: Kind) -> list[str]:
    words = [_quoted(value) for fact in record.of(kind) for value in fact.values]
    return [joined(words)] if words else []


def _ago(days: str) -> str:
    return {"0": "today", "1": "1 day ago"}.get(days, f"{days} days ago")


def _first(fact: Fact) -> str:
    return fact.values[0].text


def _all(fact: Fact) -> str:
    return joined([_quoted(value) for value in fact.values])


def _quoted(value: Value) -> str:
    return f'"{value.text}"' if value.needs_quotes else value.text
