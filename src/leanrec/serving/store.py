"""The door of the room for state: what a store of live events and item changes promises."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from leanrec.data.ids import ItemId, UserId
from leanrec.data.profile import Correction
from leanrec.serving.messages import FeedbackEvent

Attributes = Mapping[str, float | str | list[str]]

NOT_HISTORY = frozenset({"impression", "hide"})
"""Events that say nothing of what the user likes."""


Linked = Literal["linked", "taken", "full"]
"""What became of a link: made or there already; refused, since the id is another person's; refused, since too many ids would be one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Appended:
    """What became of a batch of events."""

    accepted: int
    duplicates: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """What live events say of one user."""

    history: tuple[ItemId, ...] = ()
    """Items the user acted on, oldest first, at most as many as the store remembers."""
    hidden: frozenset[ItemId] = frozenset()
    """Items never to be shown to this user again."""
    is_forgotten: bool = False
    """The user asked to be forgotten: what models remember of them may not be used."""
    corrections: tuple[Correction, ...] = ()
    """What they said of their tastes, the oldest first."""
    linked: tuple[UserId, ...] = ()
    """Further ids of the same person, those left out whom models must forget; the history holds their events too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemOverlay:
    """What was said of an item after the model was made; `None` leaves what the model knows."""

    item_id: ItemId
    title: str | None = None
    attributes: Attributes | None = None
    is_available: bool = True
    is_deleted: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreSize:
    """How much a store holds."""

    num_events: int
    num_items: int
    """Item changes."""
    num_bytes: int


@runtime_checkable
class Store(Protocol):
    """Keeps live events and item changes; every one keeps the contract suite of `leanrec.testing`.

    What changes something returns a future that is done once the change would survive a kill; the next reading sees it.
    """

    def append(self, events: Sequence[FeedbackEvent], *, now: int) -> Future[Appended]:
        """Store the events that are new by their `event_id`; `now` (microseconds) is the time of those that name none.

        Raises `BudgetError` when more is waiting to be written than the store allows.
        """
        ...

    def profile(self, user_id: UserId) -> Profile:
        """What is known of a user; an empty profile for a user never seen."""
        ...

    def history(self, user_id: UserId, *, limit: int) -> list[FeedbackEvent]:
        """The user's newest events, newest first, each with a timestamp."""
        ...

    def users(self, search: str, *, limit: int) -> dict[UserId, int]:
        """Users whose id contains `search`, with their number of events."""
        ...

    def forget(self, user_id: UserId) -> Future[None]:
        """Erase all that is stored of a user, under every id of theirs, and remember, without the ids, that models may not use theirs."""
        ...

    def put_corrections(self, user_id: UserId, corrections: Sequence[Correction]) -> Future[None]:
        """Replace what a user said of their tastes."""
        ...

    def delete_correction(self, user_id: UserId, attribute: str, value: str) -> Future[bool]:
        """Take back what they said of one value; whether they had said anything of it."""
        ...

    def link(self, anonymous_id: UserId, user_id: UserId) -> Future[Linked]:
        """From now on both ids are one person, whose events, corrections and forgetting they share."""
        ...

    def items(self) -> list[ItemOverlay]:
        """All item changes."""
        ...

    def put_item(self, item: ItemOverlay) -> Future[None]:
        """Replace what is stored of an item."""
        ...

    def secret(self) -> bytes:
        """A random key of this store, for masking ids in logs."""
        ...

    def size(self) -> StoreSize:
        """How much there is."""
        ...

    def close(self) -> None:
        """Write what waits, and leave one tidy file."""
        ...
