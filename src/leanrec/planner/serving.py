"""Serving: how many replicas keep most requests short, from what a request was measured to take.

Each replica is one process with a queue of its own, and a balancer deals requests out at random: a share of the traffic each. One that
looks for the shortest queue does better.
"""

import math
from typing import Annotated

from pydantic import Field

from leanrec.config import Config
from leanrec.errors import BudgetError
from leanrec.planner.queueing import MOST_SERVERS, Service, fewest, percentile_ms, utilisation

SHARE = 0.95
"""Of the requests, that are to be answered in time."""


Amount = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Traffic(Config):
    """What comes in, what it takes, and what is promised."""

    requests_s: Amount
    """Requests a second in the busiest hour."""
    p95_ms: Amount
    """Milliseconds within which 95 % of them are to be answered, waiting included."""
    request_ms: Amount
    """Milliseconds that a request takes when nobody else asks, the mean, as measured."""
    deviation_ms: float = Field(ge=0, allow_inf_nan=False)
    """Their standard deviation."""

    @property
    def service(self) -> Service:
        """The time of a request alone; raises `ConfigError` where it varies too much to be planned."""
        return Service(mean_ms=self.request_ms, deviation_ms=self.deviation_ms)


class ReplicaPlan(Config):
    """So many processes, and what they make of a traffic."""

    replicas: int
    """Each on a core of its own."""
    p95_ms: float
    """Waiting and answering."""
    utilisation: float
    """Share of the time that each is busy."""


def with_replicas(traffic: Traffic, number: int) -> ReplicaPlan:
    """What so many make of it; `p95_ms` is infinite where they cannot keep up."""
    each = traffic.requests_s / number
    return ReplicaPlan(
        replicas=number,
        p95_ms=percentile_ms(traffic.service, share=SHARE, requests_s=each, servers=1),
        utilisation=utilisation(traffic.service, requests_s=each, servers=1),
    )


def replicas_for(traffic: Traffic) -> ReplicaPlan:
    """The fewest that keep it; raises `BudgetError` where a request alone takes longer or past `MOST_SERVERS`, `ConfigError` by `service`."""
    alone = traffic.service.percentile_ms(SHARE)
    if alone >= traffic.p95_ms:
        raise BudgetError(
            f"95 % of the requests take up to {alone:.3g} ms with nobody waiting, {traffic.p95_ms:g} ms are allowed",
            hint=f"allow more than {alone:.3g} ms, or take a smaller network; more replicas do not help",
        )

    def holds(number: int) -> bool:
        return with_replicas(traffic, number).p95_ms <= traffic.p95_ms

    number = fewest(holds, at_least=max(1, math.ceil(traffic.requests_s * traffic.request_ms / 1000)))
    if number is None:
        raise BudgetError(
            f"{traffic.requests_s:g} requests a second within {traffic.p95_ms:g} ms need more than {MOST_SERVERS} replicas",
            hint="allow more milliseconds, or make a request faster",
        )
    return with_replicas(traffic, number)
