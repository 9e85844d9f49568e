"""What may be said of a person: the surest of a profile's tastes, where their figures lie, and when they act."""

from collections.abc import Iterable

from leanrec.data.profile import Band, Taste, UserProfile
from leanrec.explaining.fact_values import Value, number_value, word_value
from leanrec.explaining.facts import Fact, FactRecord, Kind

SURE = 0.9
"""A taste is told when it is this probable that it is above, or below, what people in general choose."""
MAX_TASTES, MAX_BANDS = 5, 4
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def person_record(profile: UserProfile) -> FactRecord:
    """The record of a profile: bounded, and without values that are no plain words."""
    tastes = [taste for taste in profile.tastes if taste.stated != "not-me"]
    facts = [
        *_tastes("liked", (taste for taste in tastes if taste.stated == "like")),
        *_tastes("disliked", (taste for taste in tastes if taste.stated == "dislike")),
        *_tastes("chosen", (taste for taste in tastes if taste.stated is None and taste.confidence >= SURE and taste.strength > 0)),
        *_tastes("avoided", (taste for taste in tastes if taste.stated is None and taste.confidence <= 1 - SURE and taste.strength < 0)),
        *(fact for band in profile.bands[:MAX_BANDS] for fact in _band(band)),
        *_times(profile),
    ]
    count = Fact(kind="events", name="events", values=(Value(text=str(profile.num_events)),))
    return FactRecord(subject="person", facts=(*([count] if profile.num_events else []), *facts))


def _tastes(kind: Kind, tastes: Iterable[Taste]) -> list[Fact]:
    """One fact an attribute, the surest tastes only."""
    by_name: dict[str, list[Value]] = {}
    for taste in list(tastes)[:MAX_TASTES]:
        name, _ = word_value(taste.attribute.replace("_", " "))
        value, _ = word_value(taste.value)
        if value is not None and name is not None and not name.needs_quotes:
            by_name.setdefault(name.text.lower(), []).append(value)
    return [Fact(kind=kind, name=name, values=tuple(values)) for name, values in by_name.items()]


def _band(band: Band) -> list[Fact]:
    name, _ = word_value(band.attribute.replace("_", " "))
    values = [number_value(round(figure, 2)) for figure in (band.low, band.median, band.high)]
    known = tuple(value for value in values if value is not None)
    return [Fact(kind="band", name=name.text.lower(), values=known)] if name is not None and not name.needs_quotes and len(known) == 3 else []


def _times(profile: UserProfile) -> list[Fact]:
    facts: list[Fact] = []
    if profile.rhythm is not None and profile.num_events > 1:
        shares = profile.rhythm.weekdays
        days = [DAYS[day] for day in range(7) if shares[day] == max(shares)]
        facts += [Fact(kind="weekday", name="weekday", values=(Value(text=days[0]),))] if len(days) == 1 else []
        hours = [hour for hour in range(len(profile.rhythm.hours)) if profile.rhythm.hours[hour] == max(profile.rhythm.hours)]
        facts += [Fact(kind="hour", name="hour", values=(Value(text=f"{hours[0]}:00"),))] if len(hours) == 1 else []
    if profile.recency is not None:
        facts.append(Fact(kind="days", name="days since", values=(Value(text=str(round(profile.recency.days_since))),)))
    return facts
