"""Ask a running leanrec server from Python: typed, with timeouts, and retries that never count an event twice."""

from leanrec.client.answers import Answer, AnsweredItem, Event, ModelInfo, StoredEvents
from leanrec.client.asynchronous import AsyncClient
from leanrec.client.retrying import RetryPolicy
from leanrec.client.synchronous import Client

__all__ = ["Answer", "AnsweredItem", "AsyncClient", "Client", "Event", "ModelInfo", "RetryPolicy", "StoredEvents"]
