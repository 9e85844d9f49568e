"""Person grammar: every sentence that may be said of somebody's profile; what cannot be read as one of them is refused."""

from leanrec.explaining.facts import Fact, FactRecord, Kind
from leanrec.explaining.readings import AVOIDED, BAND, CHOSEN, DAYS, DISLIKED, EVENTS, HOURS, LIKED, SINCE, Grammar, Phrase
from leanrec.explaining.wording import counted, figure, listed, literal, one_of, said

NOTHING_KNOWN = "Nothing is known of this person yet."


def person_phrases(record: FactRecord) -> list[Phrase]:
    """What of the record may be said, each with its mark."""
    forms = {
        EVENTS: one_of(f"{figure(fact.values[0])} (?:events?|acts?)" for fact in record.of("events")),
        CHOSEN: _tastes(record, "chosen"),
        AVOIDED: _tastes(record, "avoided"),
        LIKED: _tastes(record, "liked"),
        DISLIKED: _tastes(record, "disliked"),
        BAND: one_of(form for fact in record.of("band") for form in _band(fact)),
        DAYS: one_of(f"{said(fact.values[0])}s?" for fact in record.of("weekday")),
        HOURS: one_of(f"{said(fact.values[0])}(?: UTC)?" for fact in record.of("hour")),
        SINCE: one_of(_ago(int(fact.values[0].text)) for fact in record.of("days")),
    }
    return [Phrase.of(mark, form) for mark, form in forms.items()]


def _person_grammar() -> Grammar:
    who = "(?:you|this (?:person|user|customer|reader)|they)"
    people = "(?:people in general|most people|others|other people|people on average|everybody else)"
    based = f"(?:based on|going by|from|after) {EVENTS}, "
    choose = "(?:choose|chooses|pick|picks|go for|goes for)"
    up = f"(?:{choose} {CHOSEN} more often than {people}|more often than {people},? {choose} {CHOSEN})"
    down = f"(?:{choose} {AVOIDED} less often than {people})"
    stated = f"(?:(?:said that (?:you|they) )?(?:like|likes) {LIKED}|(?:said that (?:you|they) )?(?:dislike|dislikes) {DISLIKED})"
    active = f"(?:are|is) most active (?:on {DAYS}(?:,? (?:at|around) {HOURS})?|(?:at|around) {HOURS}(?: on {DAYS})?)"
    last = f"(?:last acted|(?:were|was) last (?:active|here|seen)) {SINCE}"
    claim = one_of([up, down, stated, active, last, f"(?:have|has) {EVENTS}(?: on record)?"])
    return Grammar.of(
        one_of(
            [
                f"(?:{based})?{who} {claim}(?:(?:,| and|, and|, but| but) (?:{who} )?{claim}){{0,6}}",
                f"(?:compared (?:with|to) {people}, )?{who} {choose} {CHOSEN} more often",
                f"(?:compared (?:with|to) {people}, )?{who} {choose} {AVOIDED} less often",
                f"more often than {people}, {who} {choose} {CHOSEN}",
                f"less often than {people}, {who} {choose} {AVOIDED}",
                f"(?:{who} chose items whose )?{BAND}",
                f"{EVENTS} (?:are|is) on record",
                f"this is based on {EVENTS}",
                f"(?:the|your|their) (?:last|newest|latest) event was {SINCE}",
                literal(NOTHING_KNOWN[:-1]),
            ]
        )
    )


PERSON_GRAMMAR = _person_grammar()


def _tastes(record: FactRecord, kind: Kind) -> str:
    """Values with or without the name of their own attribute: `Comedy`, `the genre Comedy`."""
    return listed(one_of(f"(?:(?:the )?{literal(fact.name)} )?{counted(value)}" for fact in record.of(kind) for value in fact.values))


def _band(fact: Fact) -> list[str]:
    low, median, high = map(figure, fact.values)
    name = f"(?:the |your |their )?{literal(fact.name)}"
    usually = "(?:(?:mostly|usually) (?:lies|is)|(?:is|lies) (?:mostly|usually))"
    middle = f"(?:, with {median} in the middle|, around {median})?"
    return [f"{name} {usually} between {low} and {high}{middle}", f"{name}: mostly {low} to {high}{middle}"]


def _ago(days: int) -> str:
    return {0: "(?:today|less than a day ago)", 1: "(?:1 day ago|a day ago)"}.get(days, f"{days} days ago")
