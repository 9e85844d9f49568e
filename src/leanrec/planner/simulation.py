"""Simulation: the response time of replicas, request by request, to check what `queueing` foretells.

SimPy keeps the clock. A request costs two events, its arrival and its end; what waits stands in plain queues.
"""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from leanrec.errors import ConfigError, MissingExtraError
from leanrec.planner.queueing import Service, utilisation

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from simpy import Environment, Event

    Times = NDArray[np.float64]

Routing = Literal["shared", "shortest", "round-robin"]
"""Where a request goes: to one queue for all, to the replica that has fewest requests, or to each replica in turn."""

WARM_UP_SHARE = 0.2
"""So many more requests come first, and are left out: the queues begin empty."""
LEAST_REQUESTS = 100
"""Fewer show no 99th percentile."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Replicas:
    """Copies of a server behind one address, each of which works on `workers` requests at a time."""

    replicas: int
    workers: int = 1
    routing: Routing = "shared"

    def __post_init__(self) -> None:
        for name, number in (("replicas", self.replicas), ("workers", self.workers)):
            if number < 1:
                raise ConfigError(f"{name} = {number} is not allowed; it is 1 or more", hint="begin with 1")
        if self.routing not in get_args(Routing):
            raise ConfigError(f"routing {self.routing!r} is unknown; known: {', '.join(get_args(Routing))}", hint="leave it out for one queue")

    @property
    def servers(self) -> int:
        """Requests that are worked on at the same time, at most."""
        return self.replicas * self.workers


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedTimes:
    """Response times of a simulation, waiting and service together, in milliseconds."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    mean_wait_ms: float
    """In the queue alone, those who did not wait included."""
    utilisation: float
    """Share of their time that the workers were busy, from the first request to the last end, warming up included."""
    num_requests: int
    """That were counted."""


def simulate(
    replicas: Replicas, *, service: Service, requests_s: float, rng: np.random.Generator, burstiness: float = 1.0, num_requests: int = 20_000
) -> SimulatedTimes:
    """How long `num_requests` take that come at random, `requests_s` a second.

    `burstiness` is the squared coefficient of variation of the time between requests: 1 for a Poisson process, more for one with
    two rates. Needs SimPy. Long queues are uncertain: with four workers at a utilisation of .9, the 95th percentile of 20 000 requests
    strays by a sixth (standard deviation).
    """
    busy = utilisation(service, requests_s=requests_s, servers=replicas.servers)
    if busy >= 1:
        raise ConfigError(
            f"{replicas.servers} workers at {requests_s:g} requests a second are busy for {busy:.0%} of the time: the queue grows without end",
            hint=f"take at least {math.floor(busy * replicas.servers) + 1}, or fewer requests",
        )
    if num_requests < LEAST_REQUESTS:
        raise ConfigError(f"num_requests = {num_requests} is not allowed; it is {LEAST_REQUESTS} or more", hint="20000 take under a second")
    warm_up = math.ceil(WARM_UP_SHARE * num_requests)
    gaps = _gaps(requests_s, burstiness, warm_up + num_requests, rng)
    services = _services(service, warm_up + num_requests, rng)
    run = _Run(replicas, gaps, services)
    run.environment.run()
    waits = np.asarray(run.waits)[warm_up:]
    p50, p95, p99 = np.quantile(waits + services[warm_up:], [0.5, 0.95, 0.99]).tolist()
    return SimulatedTimes(
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        mean_wait_ms=float(waits.mean()),
        utilisation=float(services.sum() / (replicas.servers * (run.environment.now - gaps[0]))),
        num_requests=num_requests,
    )


class _Run:
    """One simulation: its clock, its queues, and how long each request waited."""

    def __init__(self, replicas: Replicas, gaps: "Times", services: "Times") -> None:
        self.environment: Environment = _simpy().Environment()
        shared = replicas.routing == "shared"
        stations = 1 if shared else replicas.replicas
        self._free = [replicas.servers if shared else replicas.workers] * stations
        self._queues: list[deque[int]] = [deque() for _ in range(stations)]
        self._workers = self._free[0]
        self._shortest = replicas.routing == "shortest"
        self._services = services.tolist()
        self._came = [0.0] * len(self._services)
        self._ends = [partial(self._end, station) for station in range(stations)]
        self.waits = [0.0] * len(self._services)
        self.environment.process(self._arrivals(gaps.tolist()))

    def _arrivals(self, gaps: list[float]) -> "Iterator[Event]":
        for request, gap in enumerate(gaps):
            yield self.environment.timeout(gap)
            self._came[request] = self.environment.now
            station = self._station(request)
            if self._free[station]:
                self._free[station] -= 1
                self._start(station, request)
            else:
                self._queues[station].append(request)

    def _station(self, request: int) -> int:
        if self._shortest:
            held = [self._workers - free + len(queue) for free, queue in zip(self._free, self._queues)]
            return held.index(min(held))
        return request % len(self._queues)

    def _start(self, station: int, request: int) -> None:
        self.waits[request] = self.environment.now - self._came[request]
        self.environment.timeout(self._services[request]).callbacks.append(self._ends[station])

    def _end(self, station: int, _: "Event") -> None:
        if self._queues[station]:
            self._start(station, self._queues[station].popleft())
        else:
            self._free[station] += 1


def _gaps(requests_s: float, burstiness: float, count: int, rng: np.random.Generator) -> "Times":
    """Milliseconds before each request: exponential, or of one of two rates that carry equal shares of the mean (Whitt, 1982)."""
    if not 1 <= burstiness < math.inf:
        raise ConfigError(f"burstiness = {burstiness!r} is not allowed; it is 1 or more", hint="1 is for people who come independently")
    often = (1.0 + math.sqrt((burstiness - 1.0) / (burstiness + 1.0))) / 2.0
    share = np.where(rng.random(count) < often, often, 1.0 - often)
    return rng.exponential(size=count) * (1000.0 / requests_s) / (2.0 * share)


def _services(service: Service, count: int, rng: np.random.Generator) -> "Times":
    if service.deviation_ms == 0:
        return np.full(count, service.mean_ms)
    if service.shape == "gamma":
        return rng.gamma(1.0 / service.cv2, service.cv2 * service.mean_ms, size=count)
    variance = math.log1p(service.cv2)
    return rng.lognormal(math.log(service.mean_ms) - variance / 2.0, math.sqrt(variance), size=count)


def _simpy() -> Any:  # Any: a module that may be absent
    try:
        import simpy
    except ModuleNotFoundError:
        raise MissingExtraError("a simulation needs simpy, which is not installed", hint="pip install 'leanrec[plan]'") from None
    return simpy
