"""Answers: what a server says, as frozen values; fields that a newer server adds are left out."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

Content = Mapping[str, Any]  # Any: JSON


class _Read:
    """Reads the fields it has from JSON."""

    @classmethod
    def of(cls, content: Content) -> Self:
        """The value that a server sent."""
        names = {one.name for one in fields(cls)}  # type: ignore[arg-type]  # every child is a dataclass
        return cls(**{name: value for name, value in content.items() if name in names})


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One act of a user; the id is made here, so that sending again is harmless."""

    user_id: str
    item_id: str
    event: str
    timestamp: int | None = None
    """Microseconds since 1970, UTC; the server's clock when left out."""
    value: float | None = None
    request_id: str | None = None
    """Of the answer that led to this event."""
    event_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def to_dict(self) -> dict[str, Any]:  # Any: JSON
        """What is sent."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, kw_only=True, slots=True)
class AnsweredItem(_Read):
    """One item of an answer."""

    item_id: str
    title: str
    score: float
    source: str
    reason: str = ""
    attributes: Content = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish(_Read):
    """A value of an attribute that a text mentions."""

    attribute: str
    value: str
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Understood:
    """What a server made of somebody's own words."""

    text: str
    filters: tuple[str, ...]
    """Conditions that every item of the answer meets."""
    wishes: tuple[Wish, ...]
    relaxed: tuple[str, ...]
    """Conditions that would have left nothing to answer, and were dropped."""
    left: str
    """Words that are neither."""
    source: str
    """Who read these: a recommender, `words` (of titles and attributes), or nobody."""

    @classmethod
    def of(cls, content: Content) -> "Understood":
        """What a server sent."""
        wishes = tuple(Wish.of(wish) for wish in content["wishes"])
        filters, relaxed = tuple(content["filters"]), tuple(content["relaxed"])
        return cls(text=content["text"], filters=filters, wishes=wishes, relaxed=relaxed, left=content["left"], source=content["source"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A list for one request."""

    items: tuple[AnsweredItem, ...]
    user_id: str | None
    cold: bool
    model: str
    model_version: str
    request_id: str
    timings_ms: Mapping[str, float]
    understood: Understood | None = None
    """What was made of `text`, where the request brought one."""

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The item ids alone, best first."""
        return tuple(item.item_id for item in self.items)

    @classmethod
    def of(cls, content: Content) -> "Answer":
        """The answer that a server sent."""
        names = ("user_id", "cold", "model", "model_version", "request_id", "timings_ms")
        said = content.get("understood")
        return cls(
            items=tuple(AnsweredItem.of(item) for item in content["items"]),
            understood=Understood.of(said) if said is not None else None,
            **{name: content[name] for name in names},
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundItem(_Read):
    """An item that a search or a look-up found."""

    item_id: str
    title: str
    attributes: Content = field(default_factory=dict)
    available: bool = True
    popularity: float | None = None
    score: float | None = None
    """How near it is, where nearness was asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PastEvent(_Read):
    """An event of a user's past."""

    item_id: str
    title: str
    event: str
    timestamp: int | None
    value: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredEvents(_Read):
    """How many events were new, and how many had been stored before."""

    accepted: int
    duplicates: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelInfo(_Read):
    """A model that answers."""

    name: str
    version: str
    kind: str
    is_default: bool
    num_items: int
    num_users: int
    created: str
