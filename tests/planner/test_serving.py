"""Replicas: the fewest that keep the promise, checked by a simulation of one of them; what cannot be kept is refused."""

import numpy as np
import pytest

from leanrec.errors import BudgetError, ConfigError
from leanrec.planner.serving import Traffic, replicas_for, with_replicas
from leanrec.planner.simulation import Replicas, simulate

TRAFFIC = Traffic(requests_s=1500.0, p95_ms=12.0, request_ms=2.2, deviation_ms=1.1)


def test_the_fewest_replicas_keep_the_promise_and_one_less_does_not() -> None:
    found = replicas_for(TRAFFIC)
    assert found.p95_ms <= TRAFFIC.p95_ms < with_replicas(TRAFFIC, found.replicas - 1).p95_ms
    assert found.utilisation == pytest.approx(1500 * 2.2 / 1000 / found.replicas)


def test_little_traffic_needs_one_replica() -> None:
    assert replicas_for(TRAFFIC.model_copy(update={"requests_s": 1.0})).replicas == 1


def test_a_simulation_of_one_replica_takes_as_long() -> None:
    pytest.importorskip("simpy", reason="needs the extra `plan`")
    found = replicas_for(TRAFFIC)
    run = simulate(
        Replicas(replicas=1),
        service=TRAFFIC.service,
        requests_s=TRAFFIC.requests_s / found.replicas,
        rng=np.random.default_rng(0),
        num_requests=40_000,
    )
    assert run.p95_ms == pytest.approx(found.p95_ms, rel=0.1)


def test_what_no_number_of_replicas_keeps_is_refused() -> None:
    with pytest.raises(BudgetError, match="with nobody waiting, 3 ms are allowed"):
        replicas_for(TRAFFIC.model_copy(update={"p95_ms": 3.0}))
    with pytest.raises(BudgetError, match="need more than 4096 replicas"):
        replicas_for(TRAFFIC.model_copy(update={"requests_s": 1e7}))
    with pytest.raises(ConfigError):
        replicas_for(TRAFFIC.model_copy(update={"deviation_ms": 100.0}))
    with pytest.raises(ConfigError, match="requests_s"):
        Traffic.parse({"requests_s": float("inf"), "p95_ms": 5, "request_ms": 1, "deviation_ms": 0})
    with pytest.raises(ConfigError):
        Traffic.parse({"requests_s": -1, "p95_ms": 5, "request_ms": 1, "deviation_ms": 0})
