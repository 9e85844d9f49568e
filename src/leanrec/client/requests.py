"""Requests: each call as method, path and content, shared by both clients so that they cannot differ."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from leanrec.client.answers import Event
from leanrec.data.profile import Correction

Values = Mapping[str, Any]  # Any: JSON


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request to be made."""

    method: str
    path: str
    content: Values | None = None
    parameters: Values | None = None


def recommend(user_id: str | None, **wishes: Any) -> Call:  # Any: the fields of the request, checked by the server
    """Ask for a list; wishes that are `None` are left out."""
    content = {"user_id": user_id, **wishes}
    return Call(method="POST", path="/v1/recommend", content={name: value for name, value in content.items() if value is not None})


def send(events: Sequence[Event]) -> Call:
    """Store events."""
    return Call(method="POST", path="/v1/events", content={"events": [event.to_dict() for event in events]})


def search(text: str, *, limit: int, offset: int) -> Call:
    """Search items by title."""
    return Call(method="GET", path="/v1/items", parameters={"search": text, "limit": limit, "offset": offset})


def find(like: str, *, limit: int, offset: int) -> Call:
    """Search items by what they are like."""
    return Call(method="GET", path="/v1/items", parameters={"like": like, "limit": limit, "offset": offset})


def item(item_id: str) -> Call:
    """Look one item up."""
    return Call(method="GET", path=f"/v1/items/{quote(item_id, safe='')}")


def similar(item_id: str, *, k: int, model: str | None) -> Call:
    """Items like one."""
    parameters = {"k": k} if model is None else {"k": k, "model": model}
    return Call(method="GET", path=f"/v1/items/{quote(item_id, safe='')}/similar", parameters=parameters)


def put_item(item_id: str, *, title: str | None, attributes: Values | None, available: bool | None) -> Call:
    """Change or add an item."""
    content = {"title": title, "attributes": attributes, "available": available}
    return Call(
        method="PUT", path=f"/v1/items/{quote(item_id, safe='')}", content={name: value for name, value in content.items() if value is not None}
    )


def delete_item(item_id: str) -> Call:
    """Take an item out."""
    return Call(method="DELETE", path=f"/v1/items/{quote(item_id, safe='')}")


def history(user_id: str, *, limit: int) -> Call:
    """A user's past."""
    return Call(method="GET", path=f"/v1/users/{quote(user_id, safe='')}/history", parameters={"limit": limit})


def forget(user_id: str) -> Call:
    """Erase a user."""
    return Call(method="DELETE", path=f"/v1/users/{quote(user_id, safe='')}")


def profile(user_id: str) -> Call:
    """A user's tastes."""
    return Call(method="GET", path=f"/v1/users/{quote(user_id, safe='')}/profile")


def correct(user_id: str, corrections: Sequence[Correction]) -> Call:
    """What a user says of their tastes."""
    return Call(
        method="PUT", path=f"/v1/users/{quote(user_id, safe='')}/profile/corrections", content={"corrections": [asdict(one) for one in corrections]}
    )


def link(anonymous_id: str, user_id: str) -> Call:
    """Two ids of one person."""
    return Call(method="POST", path="/v1/links", content={"anonymous_id": anonymous_id, "user_id": user_id})


def models() -> Call:
    """The models that answer."""
    return Call(method="GET", path="/v1/models")
