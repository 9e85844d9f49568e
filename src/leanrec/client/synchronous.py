"""Client: ask a server and wait for the answer."""

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from leanrec.client import requests
from leanrec.client.answers import Answer, Event, FoundItem, ModelInfo, PastEvent, StoredEvents
from leanrec.client.requests import Call
from leanrec.client.retrying import RetryPolicy, checked, unreachable
from leanrec.data.profile import Correction, UserProfile

TIMEOUT_SECONDS = 5.0


class Client:
    """One server, over kept-alive connections; close it, or use it in a `with` block.

    Raises `ServiceError` when the server cannot be reached or fails, `ConfigError` for a missing key, `UnknownIdError` for what does
    not exist and `DataError` for values that are not allowed.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        key: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: RetryPolicy | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._retries = retries or RetryPolicy()
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=self._url, headers=headers, timeout=timeout_seconds, transport=transport)

    def recommend(
        self,
        user_id: str | None = None,
        *,
        k: int = 10,
        history: Sequence[str] = (),
        candidates: Sequence[str] | None = None,
        filters: Sequence[str] = (),
        exclude: Sequence[str] = (),
        text: str | None = None,
        **wishes: Any,  # Any: further fields of the request (available, attributes, context, model, explain, include_seen, ephemeral, not_meant)
    ) -> Answer:
        """A list for a user, known or not, for a session's history, or for what somebody looks for in their own words (`text`)."""
        lists = {"history": list(history), "filters": list(filters), "exclude": list(exclude)}
        call = requests.recommend(user_id, k=k, candidates=None if candidates is None else list(candidates), text=text, **lists, **wishes)
        return Answer.of((self._make(call)).json())

    def send(self, events: Sequence[Event]) -> StoredEvents:
        """Store events; sending the same ones again adds nothing."""
        return StoredEvents.of((self._make(requests.send(events))).json())

    def search(self, text: str = "", *, limit: int = 20, offset: int = 0) -> list[FoundItem]:
        """Items by title, the most popular first."""
        content = (self._make(requests.search(text, limit=limit, offset=offset))).json()
        return [FoundItem.of(item) for item in content["items"]]

    def find(self, like: str, *, limit: int = 20, offset: int = 0) -> list[FoundItem]:
        """Items by what they are like, in words, the nearest first."""
        content = (self._make(requests.find(like, limit=limit, offset=offset))).json()
        return [FoundItem.of(item) for item in content["items"]]

    def item(self, item_id: str) -> FoundItem:
        """What is known of an item."""
        return FoundItem.of((self._make(requests.item(item_id))).json())

    def similar(self, item_id: str, *, k: int = 10, model: str | None = None) -> list[FoundItem]:
        """The items most like one, nearest first."""
        content = (self._make(requests.similar(item_id, k=k, model=model))).json()
        return [FoundItem.of(item) for item in content["items"]]

    def put_item(
        self,
        item_id: str,
        *,
        title: str | None = None,
        attributes: Mapping[str, Any] | None = None,  # Any: text, number or list of texts
        available: bool | None = None,
    ) -> FoundItem:
        """Change an item, or add a new one; what is left out stays as it is."""
        call = requests.put_item(item_id, title=title, attributes=attributes, available=available)
        return FoundItem.of((self._make(call)).json())

    def delete_item(self, item_id: str) -> None:
        """Never recommend an item again."""
        self._make(requests.delete_item(item_id))

    def history(self, user_id: str, *, limit: int = 100) -> list[PastEvent]:
        """What a user did, newest first."""
        content = (self._make(requests.history(user_id, limit=limit))).json()
        return [PastEvent.of(event) for event in content["events"]]

    def profile(self, user_id: str) -> UserProfile:
        """What their history says of a user's tastes."""
        return UserProfile.from_dict((self._make(requests.profile(user_id))).json())

    def correct(self, user_id: str, corrections: Sequence[Correction]) -> UserProfile:
        """Replace what a user says of their tastes; the next answer heeds it."""
        return UserProfile.from_dict((self._make(requests.correct(user_id, corrections))).json())

    def link(self, anonymous_id: str, user_id: str) -> None:
        """Say that two ids are one person."""
        self._make(requests.link(anonymous_id, user_id))

    def forget(self, user_id: str) -> None:
        """Erase everything stored of a user."""
        self._make(requests.forget(user_id))

    def models(self) -> list[ModelInfo]:
        """The models that answer, the default first."""
        return [ModelInfo.of(model) for model in (self._make(requests.models())).json()["models"]]

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _make(self, call: Call) -> httpx.Response:
        for attempt in range(self._retries.tries):
            response, failure = None, None
            try:
                response = self._http.request(call.method, call.path, json=call.content, params=call.parameters)
            except httpx.TransportError as error:
                failure = error
            if not self._retries.is_worth_another(attempt, response):
                break
            time.sleep(self._retries.wait_seconds(attempt, response))
        if response is None:
            raise unreachable(self._url, failure or httpx.TransportError("no try was allowed")) from None
        return checked(response)
