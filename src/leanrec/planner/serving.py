"""Serving: how many replicas keep most requests short, from what a request was measured to take.

Each replica is one process with a queue of its own, and a balancer deals requests out at random: a share of the traffic each. One that
looks for the shortest queue does better.
"""

import math
from typing import Self

from pydantic import Field, PositiveFloat, model_validator

from leanrec.config import Config
from leanrec.errors import BudgetError
from leanrec.planner.queueing import MOST_SERVERS, Service, percentile_ms, utilisation

SHARE = 0.95
"""Of the requests, that are to be answered in time."""


class Traffic(Config):
    """What comes in, what it takes, and what is promised."""

    requests_s: PositiveFloat
    """Requests a second in the busiest hour."""
    p95_ms: PositiveFloat
    """Milliseconds within which 95 % of them are to be answered, waiting included."""
    request_ms: PositiveFloat
    """Milliseconds that a request takes when nobody else asks, the mean, as measured."""
    deviation_ms: float = Field(ge=0)
    """Their standard deviation."""

    @model_validator(mode="after")
    def _can_be_planned(self) -> Self:
        Service(mean_ms=self.request_ms, deviation_ms=self.deviation_ms)
        return self

    @property
    def service(self) -> Service:
        """The time of a request alone."""
        return Service(mean_ms=self.request_ms, deviation_ms=self.deviation_ms)


class Replicas(Config):
    """So many processes, and what they make of a traffic."""

    replicas: int
    """Each on a core of its own."""
    p95_ms: float
    """Waiting and answering."""
    utilisation: float
    """Share of the time that each is busy."""


def with_replicas(traffic: Traffic, number: int) -> Replicas:
    """What so many make of it; `p95_ms` is infinite where they cannot keep up."""
    each = traffic.requests_s / number
    return Replicas(
        replicas=number,
        p95_ms=percentile_ms(traffic.service, share=SHARE, requests_s=each, servers=1),
        utilisation=utilisation(traffic.service, requests_s=each, servers=1),
    )


def replicas_for(traffic: Traffic) -> Replicas:
    """The fewest that keep the promise; raises `BudgetError` where a request alone takes longer, or past `MOST_SERVERS`."""
    alone = traffic.service.percentile_ms(SHARE)
    if alone >= traffic.p95_ms:
        raise BudgetError(
            f"95 % of the requests take up to {alone:.3g} ms with nobody waiting, {traffic.p95_ms:g} ms are allowed",
            hint=f"allow more than {alone:.3g} ms, or take a smaller network; more replicas do not help",
        )
    low, high = max(0, math.ceil(traffic.requests_s * traffic.request_ms / 1000) - 1), MOST_SERVERS
    if low >= high or with_replicas(traffic, high).p95_ms > traffic.p95_ms:
        raise BudgetError(
            f"{traffic.requests_s:g} requests a second within {traffic.p95_ms:g} ms need more than {MOST_SERVERS} replicas",
            hint="allow more milliseconds, or make a request faster",
        )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if with_replicas(traffic, middle).p95_ms <= traffic.p95_ms else (middle, high)
    return with_replicas(traffic, high)
