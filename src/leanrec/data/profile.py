"""UserProfile: what somebody's history says of their tastes, in plain values that they can read and correct; no Polars."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from leanrec.data.ids import UserId
from leanrec.errors import DataError

PROFILE_VERSION = 1
PINNED_STRENGTH = 1.0
"""A taste that somebody states counts as twice what people in general choose; a dislike as half of it."""

Verdict = Literal["like", "dislike", "not-me"]
"""`like` and `dislike` pin a taste; `not-me` takes it out of the profile and its items out of answers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Correction:
    """What a person says of one value of an attribute; it goes before everything that was computed."""

    attribute: str
    value: str
    verdict: Verdict

    def __post_init__(self) -> None:
        if self.verdict not in get_args(Verdict):
            raise DataError(f"verdict {self.verdict!r} is unknown", hint=f"allowed: {', '.join(get_args(Verdict))}")
        if not self.attribute or not self.value:
            raise DataError(
                "a correction names no attribute or no value", hint='write {"attribute": "genre", "value": "Horror", "verdict": "not-me"}'
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Taste:
    """How much of somebody's history has one value of an attribute, beside how much of everybody's has it."""

    attribute: str
    value: str
    share: float
    """Of the history's fading weight, among the items that say anything of the attribute."""
    base_rate: float
    """The same share over everybody."""
    strength: float
    """log2 of the expected share over the base rate: 1 is twice as often as people in general, -1 half as often."""
    confidence: float
    """Probability that the true share is above the base rate."""
    low: float
    high: float
    """The true share lies between them with a probability of .95."""
    support: int
    """Events that have the value."""
    sentiment: float | None = None
    """How pleased they were with what has the value, from -1 to 1, pulled towards 0 where little was said; `None` where nothing was."""
    stated: Verdict | None = None
    """What the person says of it; share and bounds stay as they were counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """Between which figures the middle eight tenths of a history lie."""

    attribute: str
    """A numeric column (`price`), or `text_length`: characters of title and texts."""
    low: float
    median: float
    high: float
    position: float
    """Where the median stands among the catalogue's items: 0 lowest, 1 highest."""
    support: int
    """Events whose item has a figure."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rhythm:
    """When somebody acts, in shares of their events, by UTC."""

    hours: tuple[float, ...]
    """24 shares."""
    weekdays: tuple[float, ...]
    """7 shares, Monday first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recency:
    """How long ago, and how often."""

    days_since: float
    """From the newest event to the moment of the question."""
    days_known: float
    """From the first event to the newest."""
    gap_days: tuple[float, float, float]
    """First quartile, median and third quartile of the time from one event to the next; zeros for a single event."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UserProfile:
    """Tastes, bands, rhythm and recency of one history, with what the person corrected."""

    user_id: UserId | None = None
    num_events: int = 0
    tastes: tuple[Taste, ...] = ()
    """First what is surely chosen more often than by people in general, and much of the history, last what is surely avoided;
    what the person likes goes before all, what they dislike comes after."""
    sources: tuple[str, ...] = ()
    """Attributes that say where an item comes from (seller, brand, author): their tastes are the favourite sources."""
    bands: tuple[Band, ...] = ()
    rhythm: Rhythm | None = None
    """Absent where clock times are not known."""
    recency: Recency | None = None
    """The same."""
    corrections: tuple[Correction, ...] = ()
    version: int = PROFILE_VERSION

    @property
    def favourite_sources(self) -> tuple[Taste, ...]:
        """Tastes for sellers, brands, authors and the like, the surest first."""
        return tuple(taste for taste in self.tastes if taste.attribute in self.sources and taste.strength > 0)

    def taste(self, attribute: str, value: str) -> Taste | None:
        """The taste for one value, if any."""
        return next((taste for taste in self.tastes if (taste.attribute, taste.value) == (attribute, value)), None)

    def corrected(self, corrections: Sequence[Correction]) -> "UserProfile":
        """The profile with what the person says of it; where they spoke twice of a value, the later word counts."""
        known = {(correction.attribute, correction.value): correction for correction in (*self.corrections, *corrections)}
        stated = {key: correction.verdict for key, correction in known.items()}
        kept = [_stated(taste, stated.get((taste.attribute, taste.value))) for taste in self.tastes]
        there = {(taste.attribute, taste.value) for taste in self.tastes}
        new = [_stated(_nothing_counted(*key), verdict) for key, verdict in stated.items() if key not in there]
        tastes = sorted((taste for taste in (*kept, *new) if taste.stated != "not-me"), key=_surest)
        return replace(self, tastes=tuple(tastes), corrections=tuple(known.values()))

    def to_dict(self) -> dict[str, Any]:  # Any: JSON values
        """Plain dictionaries and lists, ready for JSON."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "UserProfile":
        """The profile that `to_dict` wrote; raises `DataError` for one of another version or with parts missing."""
        if content.get("version") != PROFILE_VERSION:
            raise DataError(
                f"the profile has version {content.get('version')!r}; this leanrec reads {PROFILE_VERSION}", hint="compute it again from the history"
            )
        try:
            return _read(content)
        except (TypeError, KeyError) as error:
            raise DataError(f"the profile cannot be read: {error}", hint="write it with UserProfile.to_dict") from None


def ordered(tastes: Iterable[Taste]) -> tuple[Taste, ...]:
    """The surest first."""
    return tuple(sorted(tastes, key=_surest))


def _surest(taste: Taste) -> tuple[int, float, float, str, str]:
    rank = {"like": 0, None: 1, "dislike": 2}[taste.stated if taste.stated != "not-me" else None]
    return rank, -_worth(taste), -taste.strength, taste.attribute, taste.value


def _worth(taste: Taste) -> float:
    """What the taste surely tells, in bits: the nearer bound against the base rate; 0 where both bounds leave it open."""
    if taste.base_rate <= 0.0:
        return 0.0
    if taste.low > taste.base_rate:
        return taste.low * math.log2(taste.low / taste.base_rate)
    if taste.high < taste.base_rate:
        return -taste.base_rate * math.log2(taste.base_rate / max(taste.high, 1e-9))
    return 0.0


def _stated(taste: Taste, verdict: Verdict | None) -> Taste:
    if verdict == "like":
        return replace(taste, stated=verdict, strength=max(taste.strength, PINNED_STRENGTH), confidence=1.0)
    if verdict == "dislike":
        return replace(taste, stated=verdict, strength=min(taste.strength, -PINNED_STRENGTH), confidence=0.0)
    return taste if verdict is None else replace(taste, stated=verdict)


def _nothing_counted(attribute: str, value: str) -> Taste:
    return Taste(attribute=attribute, value=value, share=0.0, base_rate=0.0, strength=0.0, confidence=0.5, low=0.0, high=1.0, support=0)


def _read(content: Mapping[str, Any]) -> UserProfile:
    rhythm, recency = content["rhythm"], content["recency"]
    return UserProfile(
        user_id=content["user_id"],
        num_events=content["num_events"],
        tastes=tuple(Taste(**taste) for taste in content["tastes"]),
        sources=tuple(content["sources"]),
        bands=tuple(Band(**band) for band in content["bands"]),
        rhythm=None if rhythm is None else Rhythm(hours=tuple(rhythm["hours"]), weekdays=tuple(rhythm["weekdays"])),
        recency=None if recency is None else Recency(**{**recency, "gap_days": tuple(recency["gap_days"])}),
        corrections=tuple(Correction(**correction) for correction in content["corrections"]),
    )
