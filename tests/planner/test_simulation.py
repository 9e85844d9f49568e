"""The simulation: the same as worked results, the routes in their order, the same again from the same seed, refusals in words."""

import builtins
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from leanrec.errors import ConfigError, MissingExtraError
from leanrec.planner.queueing import Service, mean_wait_ms, percentile_ms
from leanrec.planner.simulation import Replicas, SimulatedTimes, simulate

EXPONENTIAL = Service(mean_ms=10, deviation_ms=10, shape="gamma")
FIXED = Service(mean_ms=10, deviation_ms=0)


@pytest.fixture
def run() -> Callable[..., SimulatedTimes]:
    pytest.importorskip("simpy", reason="SimPy is not installed: pip install 'leanrec[plan]'")

    def simulated(replicas: Replicas, *, service: Service = EXPONENTIAL, seed: int = 3, **settings: Any) -> SimulatedTimes:
        return simulate(replicas, service=service, rng=np.random.default_rng(seed), **settings)

    return simulated


# Over seeds, 40 000 requests give the 95th percentile of these cases to .5-2.7 % and their mean wait to 2-10 % (standard deviation):
# the tolerances are three times that, which leaves room for what the formula itself is wrong by.
NUM_REQUESTS = 40_000


def test_one_exponential_server_is_as_known(run: Callable[..., SimulatedTimes]) -> None:
    times = run(Replicas(replicas=1), requests_s=60, num_requests=NUM_REQUESTS)
    assert times.mean_wait_ms == pytest.approx(15.0, rel=0.1)
    assert times.p95_ms == pytest.approx(-1000 * math.log(0.05) / 40, rel=0.08)
    assert times.p50_ms == pytest.approx(-1000 * math.log(0.5) / 40, rel=0.06)
    assert times.utilisation == pytest.approx(0.6, rel=0.03)
    assert times.num_requests == NUM_REQUESTS
    assert times.p50_ms < times.p95_ms < times.p99_ms


def test_fixed_service_waits_half_as_long(run: Callable[..., SimulatedTimes]) -> None:
    assert run(Replicas(replicas=1), service=FIXED, requests_s=60, num_requests=NUM_REQUESTS).mean_wait_ms == pytest.approx(7.5, rel=0.08)


@pytest.mark.parametrize(
    ("service", "servers", "load", "burstiness"),
    [
        (FIXED, 8, 0.7, 1.0),
        (Service(mean_ms=10, deviation_ms=5), 4, 0.7, 1.0),
        (Service(mean_ms=10, deviation_ms=10), 16, 0.7, 1.0),
        (Service(mean_ms=10, deviation_ms=10), 4, 0.6, 2.0),
        (EXPONENTIAL, 2, 0.6, 1.0),
    ],
)
def test_what_queueing_foretells_happens(run: Callable[..., SimulatedTimes], service: Service, servers: int, load: float, burstiness: float) -> None:
    requests_s = 100 * load * servers
    times = run(Replicas(replicas=servers), service=service, requests_s=requests_s, burstiness=burstiness, num_requests=NUM_REQUESTS)
    foretold = percentile_ms(service, share=0.95, requests_s=requests_s, servers=servers, burstiness=burstiness)
    assert times.p95_ms == pytest.approx(foretold, rel=0.08)
    waited = mean_wait_ms(service, requests_s=requests_s, servers=servers, burstiness=burstiness)
    assert times.mean_wait_ms == pytest.approx(waited, abs=0.03 * 10 + 0.15 * waited)


def test_one_queue_beats_the_shortest_and_the_shortest_beats_turns(run: Callable[..., SimulatedTimes]) -> None:
    shared, shortest, turns = (
        run(Replicas(replicas=4, workers=2, routing=routing), requests_s=640, num_requests=10_000)
        for routing in ("shared", "shortest", "round-robin")
    )
    assert shared.mean_wait_ms < shortest.mean_wait_ms < turns.mean_wait_ms


def test_workers_of_one_replica_are_as_good_as_replicas_with_one_queue(run: Callable[..., SimulatedTimes]) -> None:
    assert run(Replicas(replicas=1, workers=4), requests_s=300, num_requests=1000) == run(Replicas(replicas=4), requests_s=300, num_requests=1000)


def test_bursts_wait_longer(run: Callable[..., SimulatedTimes]) -> None:
    even, bursty = (run(Replicas(replicas=2), requests_s=120, burstiness=burstiness, num_requests=10_000) for burstiness in (1.0, 4.0))
    assert bursty.mean_wait_ms > 1.5 * even.mean_wait_ms


def test_the_same_seed_gives_the_same_times(run: Callable[..., SimulatedTimes]) -> None:
    first, again, other = (run(Replicas(replicas=2), requests_s=120, num_requests=500, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_an_idle_server_answers_in_the_service_time(run: Callable[..., SimulatedTimes]) -> None:
    times = run(Replicas(replicas=8), service=FIXED, requests_s=1, num_requests=200)
    assert (times.p50_ms, times.p99_ms, times.mean_wait_ms) == (10, 10, 0)


def test_an_overload_is_refused_with_the_number_that_would_do() -> None:
    with pytest.raises(ConfigError, match=r"2 workers at 300 requests a second are busy for 150% of the time") as error:
        simulate(Replicas(replicas=2), service=EXPONENTIAL, requests_s=300, rng=np.random.default_rng(0))
    assert "at least 4" in error.value.hint


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_requests": 50}, "num_requests = 50 is not allowed; it is 100 or more"),
        ({"requests_s": math.nan}, "requests_s = nan is not allowed"),
        ({"requests_s": -1}, "requests_s = -1 is not allowed"),
        ({"burstiness": 0.2}, r"burstiness = 0\.2 is not allowed"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        simulate(Replicas(replicas=1), **{"service": EXPONENTIAL, "requests_s": 10, "rng": np.random.default_rng(0), **settings})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"replicas": 0}, "replicas = 0 is not allowed"),
        ({"replicas": 1, "workers": 0}, "workers = 0 is not allowed"),
        ({"replicas": 1, "routing": "random"}, "routing 'random' is unknown; known: shared, shortest, round-robin"),
    ],
)
def test_replicas_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Replicas(**settings)


def test_without_simpy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    importing = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "simpy":
            raise ModuleNotFoundError(name=name)
        return importing(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match="simpy") as error:
        simulate(Replicas(replicas=1), service=EXPONENTIAL, requests_s=10, rng=np.random.default_rng(0))
    assert error.value.hint == "pip install 'leanrec[plan]'"
