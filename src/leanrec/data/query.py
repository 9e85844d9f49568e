"""Query and Recommendations: what is asked of a recommender and what it answers. No Polars, so it loads fast."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from leanrec.data.description import DescribedValue
from leanrec.data.ids import ItemId, UserId
from leanrec.data.profile import UserProfile


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """Who asks, what they did, and which items may be answered.

    A known user, a new user and an anonymous session are one case: the history travels with the question.
    """

    user_id: UserId | None = None
    history: tuple[ItemId, ...] = ()
    """Items the user acted on, oldest first."""
    candidates: tuple[ItemId, ...] | None = None
    """Answer from these items only; `None` means the whole catalogue."""
    exclude: tuple[ItemId, ...] = ()
    """Never answer these items."""
    filters: tuple[str, ...] = ()
    """Conditions on attributes (`genre=Comedy`, `year>=1990`), all to be met; whoever holds the catalogue resolves them into candidates."""
    text: str | None = None
    """The user's own words, beside or instead of the history; a recommender that reads none refuses the query."""
    attributes: Mapping[str, DescribedValue] = field(default_factory=dict)
    """What is known of the user (`age`, `country`)."""
    context: Mapping[str, str] = field(default_factory=dict)
    """Where and how the question is asked (`device`, `page`, `category`)."""
    profile: UserProfile | None = None
    """What the history says of the user's tastes, for a recommender that `reads_profile`; `None` where nobody computed it."""
    time: int | None = None
    """When it is asked, in microseconds since 1970 UTC; `None` means after everything known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecommendedItem:
    """One item of an answer."""

    item_id: ItemId
    score: float
    source: str
    """Name of the recommender that put it there."""
    reason: str = ""
    """Why, in words for the user; empty when nobody asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recommendations:
    """The answer to one query: at most k items, scores falling."""

    items: tuple[RecommendedItem, ...]
    user_id: UserId | None = None
    model_version: str = ""
    """The first 12 digits of the fingerprint of the data it was fitted on; empty when unknown."""
    cold: bool = False
    """True when nothing was known of the user: no known item in the history, or a user never seen."""
    understood: Mapping[str, Any] | None = None  # Any: JSON
    """What was made of the user's own words (text, filters, wishes, relaxed, left, source); `None` when they brought none."""

    @property
    def item_ids(self) -> tuple[ItemId, ...]:
        """The item ids alone, best first."""
        return tuple(item.item_id for item in self.items)

    def to_dict(self) -> dict[str, Any]:  # Any: JSON values
        """Plain dictionaries and lists, ready for JSON."""
        return {**asdict(self), "items": [asdict(item) for item in self.items]}

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Recommendations":
        """The answer that `to_dict` wrote."""
        items = tuple(RecommendedItem(**item) for item in content["items"])
        return cls(**{**content, "items": items})
