"""Load: open-loop requests to a server from a process of its own; late answers delay nothing that comes after them.

Run as a program it calibrates (`--calibrate`), or reads one JSON plan from standard input and writes one JSON result to standard output.
"""

import asyncio
import gc
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

import uvloop

NUM_CONNECTIONS = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadPlan:
    """What to send, how often, for how long."""

    url: str
    user_ids: Sequence[str]
    item_ids: Sequence[str]
    requests_per_second: float
    events_per_second: float
    seconds: float
    warm_up_seconds: float = 2.0
    seed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadResult:
    """Milliseconds from the moment a request was due to its last byte, after warming up; and what failed."""

    recommend_ms: list[float]
    event_ms: list[float]
    num_failed: int
    late_ms: float
    """How late the sender itself was at the 99th percentile; a sender that is late would flatter nobody, since time counts from when a
    request was due."""


class Connection:
    """One kept-alive HTTP/1.1 connection, read by hand: a full client would take more time than the server."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, content: bytes) -> int:
        """The status of the answer, read to its end."""
        if self._writer is None or self._reader is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        head = f"POST {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        self._writer.write(head.encode() + content)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        lower = answer.lower()
        place = lower.index(b"content-length:")
        await self._reader.readexactly(int(lower[place + 15 : lower.index(b"\r\n", place)]))
        return int(answer[9:12])


class Sender:
    """Sends what is due when it is due, over as many connections as are needed at once."""

    def __init__(self, plan: LoadPlan) -> None:
        address = urlsplit(plan.url)
        self._plan = plan
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80
        self._idle = [Connection(self._host, self._port) for _ in range(NUM_CONNECTIONS)]
        self._rng = random.Random(plan.seed)  # noqa: S311 - traffic is no secret
        self._late: list[float] = []
        self.num_failed = 0

    async def run(self) -> LoadResult:
        """The whole plan."""
        began = time.perf_counter() + 0.2
        recommend_ms, event_ms = await asyncio.gather(
            self._stream(began, self._plan.requests_per_second, "/v1/recommend", self._question),
            self._stream(began, self._plan.events_per_second, "/v1/events", self._event),
        )
        late = sorted(self._late) or [0.0]
        return LoadResult(
            recommend_ms=recommend_ms,
            event_ms=event_ms,
            num_failed=self.num_failed,
            late_ms=1000 * late[int(0.99 * (len(late) - 1))] if late else 0.0,
        )

    async def _stream(self, began: float, rate: float, path: str, content) -> list[float]:  # type: ignore[no-untyped-def]  # noqa: ANN001
        """Poisson arrivals: gaps are exponential, as when many people come on their own."""
        if not rate:
            return []
        times: list[float] = []
        tasks = []
        due = began
        while due < began + self._plan.warm_up_seconds + self._plan.seconds:
            due += self._rng.expovariate(rate)
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            is_counted = due > began + self._plan.warm_up_seconds
            self._late.append(max(0.0, time.perf_counter() - due))
            tasks.append(asyncio.create_task(self._send(path, content(), due, times if is_counted else None)))
        await asyncio.gather(*tasks)
        return times

    async def _send(self, path: str, content: bytes, due: float, times: list[float] | None) -> None:
        connection = self._idle.pop() if self._idle else Connection(self._host, self._port)
        try:
            status = await connection.post(path, content)
        except (OSError, asyncio.IncompleteReadError):
            self.num_failed += 1
            return
        self._idle.append(connection)
        self.num_failed += status != 200
        if times is not None:
            times.append((time.perf_counter() - due) * 1000)

    def _question(self) -> bytes:
        return json.dumps({"user_id": self._rng.choice(self._plan.user_ids), "k": 10}).encode()

    def _event(self) -> bytes:
        event = {
            "event_id": f"{self._rng.getrandbits(96):x}",
            "user_id": self._rng.choice(self._plan.user_ids),
            "item_id": self._rng.choice(self._plan.item_ids),
            "event": "click",
        }
        return json.dumps({"events": [event]}).encode()


def calibrate(seconds: float = 5.0) -> dict[str, float]:
    """The pauses that a process sees which does nothing but look at the clock."""
    began = before = time.perf_counter()
    pauses = []
    while before - began < seconds:
        now = time.perf_counter()
        if now - before > 0.0005:
            pauses.append((now - before) * 1000)
        before = now
    return {"share_lost": sum(pauses) / 1000 / seconds, "longest_ms": max(pauses, default=0.0), "num_long": sum(pause >= 5 for pause in pauses)}


def main() -> None:
    """Read a plan, send it, write the result; or look at the clock."""
    if "--calibrate" in sys.argv:
        json.dump(calibrate(), sys.stdout)
        return
    plan = LoadPlan(**json.load(sys.stdin))
    gc.disable()  # the sender must not pause; it lives for seconds
    json.dump(asdict(uvloop.run(Sender(plan).run())), sys.stdout)


if __name__ == "__main__":
    main()
