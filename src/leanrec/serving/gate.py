"""Gate: what every request passes: its id, the host, the key, bounds, security headers, the log line, and a net for errors."""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Sequence
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leanrec.serving.keys import KeyRing
from leanrec.serving.logs import places_of
from leanrec.serving.messages import MAX_BODY_BYTES
from leanrec.serving.problems import ProblemResponse, problem
from leanrec.serving.telemetry import Telemetry

log = logging.getLogger(__name__)

REQUEST_ID: Final = "leanrec.request_id"
USER: Final = "leanrec.user"
"""Where in the scope an endpoint leaves the masked user for the log line."""

MAX_IN_FLIGHT = 512
BODY_SECONDS = 10.0
PROTECTED = ("/v1/", "/metrics")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
_NO_STORE = (b"cache-control", b"no-store")
_ASK_AGAIN = (b"cache-control", b"no-cache")
"""For the page's files: kept by the browser, asked about each time, so that an upgrade never mixes old modules with new ones."""


class _BodyTooLargeError(Exception):
    """The body went past its bound while it was read."""


class Gate:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, telemetry: Telemetry, keys: KeyRing | None, hosts: Sequence[str] | None, has_access_log: bool = True) -> None:
        self._app = app
        self._telemetry = telemetry
        self._keys = keys
        self._hosts = frozenset(hosts) if hosts is not None else None
        self._has_access_log = has_access_log
        self._num_in_flight = 0
        self._ids = random.Random(secrets.randbits(128))  # noqa: S311 - ids of requests must differ, they need not be secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        scope[REQUEST_ID] = request_id = f"{self._ids.getrandbits(64):016x}"
        is_api = scope["path"].startswith("/v1/")
        status = 0

        async def dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.setdefault("headers", [])
                headers.extend(_RAW_HEADERS)
                headers.append((b"x-request-id", request_id.encode()))
                if is_api:
                    headers.append(_NO_STORE)
                elif scope["path"].startswith("/static/"):
                    headers.append(_ASK_AGAIN)
            await send(message)

        self._num_in_flight += 1
        try:
            refusal = self._refusal(scope)
            if refusal is not None:
                await refusal(scope, receive, dressed)
            else:
                await self._app(scope, _bounded(receive), dressed)
        except _BodyTooLargeError:
            await _problem(scope, 413, "the body is larger than 1 MiB")(scope, receive, dressed)
        except TimeoutError:
            await _problem(scope, 408, f"the body did not arrive within {BODY_SECONDS:g} s")(scope, receive, dressed)
        except Exception as error:  # noqa: BLE001 - the last net: whatever happened, the caller gets a problem and the log gets the place
            fields = {"request_id": request_id, "error": type(error).__name__, "places": places_of(error.__traceback__)}
            log.error("a request failed", extra={"fields": fields})
            if status == 0:
                await _problem(scope, 500, "the server failed to answer")(scope, receive, dressed)
        finally:
            self._num_in_flight -= 1
            self._note(scope, status, time.perf_counter() - began)

    def _refusal(self, scope: Scope) -> ProblemResponse | None:
        headers = Headers(scope=scope)
        if self._hosts is not None and _host_name(headers.get("host", "")) not in self._hosts:
            return _problem(scope, 421, "this server does not answer to that host name")
        if self._keys is not None and scope["path"].startswith(PROTECTED) and not self._keys.opens(_key_of(headers)):
            refusal = _problem(scope, 401, "a valid API key is needed")
            MutableHeaders(raw=refusal.raw_headers)["WWW-Authenticate"] = "Bearer"
            return refusal
        if self._num_in_flight > MAX_IN_FLIGHT:
            return _problem(scope, 503, "the server has too much to do")
        if scope["method"] not in ("POST", "PUT", "PATCH"):
            return None
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            return _problem(scope, 413, "the body is larger than 1 MiB")
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return _problem(scope, 415, "the body must be application/json")
        return None

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        endpoint = scope.get("endpoint")
        route = getattr(endpoint, "__name__", "static" if endpoint is not None else "none")
        self._telemetry.answered(route, status, seconds)
        if self._has_access_log:
            fields = {"route": route, "status": status, "ms": round(seconds * 1000, 3), "request_id": scope[REQUEST_ID], "user": scope.get(USER)}
            log.info("request", extra={"fields": fields})


def _bounded(receive: Receive) -> Receive:
    """The same messages, with an end to how many bytes and how long."""
    num_bytes = 0

    async def bounded() -> Message:
        nonlocal num_bytes
        async with asyncio.timeout(BODY_SECONDS):
            message = await receive()
        num_bytes += len(message.get("body", b""))
        if num_bytes > MAX_BODY_BYTES:
            raise _BodyTooLargeError
        return message

    return bounded


def _problem(scope: Scope, status: int, detail: str) -> ProblemResponse:
    return problem(status, detail=detail, request_id=scope[REQUEST_ID], instance=scope["path"])


def _key_of(headers: Headers) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")


def _host_name(host: str) -> str:
    """The name without the port; IPv6 addresses keep their brackets off."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host
