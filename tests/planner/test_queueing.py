"""Queues: worked examples that are known exactly, the order that more servers and more requests must keep, and refusals in words."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanrec.errors import BudgetError, ConfigError
from leanrec.planner.queueing import (
    MOST_SERVERS,
    Service,
    Shape,
    mean_wait_ms,
    percentile_ms,
    servers_for,
    utilisation,
    waiting_probability,
)

EXPONENTIAL = Service(mean_ms=10, deviation_ms=10, shape="gamma")
FIXED = Service(mean_ms=10, deviation_ms=0)

services = st.builds(
    Service,
    mean_ms=st.floats(min_value=0.1, max_value=1000),
    deviation_ms=st.just(0.0),
    shape=st.sampled_from(["log-normal", "gamma"]),
).flatmap(
    lambda fixed: st.floats(min_value=0, max_value=3).map(
        lambda ratio: Service(mean_ms=fixed.mean_ms, deviation_ms=ratio * fixed.mean_ms, shape=fixed.shape)
    )
)
shares = st.sampled_from([0.5, 0.9, 0.95, 0.99])
bursts = st.floats(min_value=1, max_value=4)
loads = st.floats(min_value=0.01, max_value=0.97)
server_numbers = st.integers(min_value=1, max_value=64)


def rate(service: Service, load: float, servers: int) -> float:
    """Requests a second that keep so many servers busy for such a share of the time."""
    return load * servers * 1000 / service.mean_ms


def test_cv2_is_variance_over_squared_mean() -> None:
    assert Service(mean_ms=20, deviation_ms=10).cv2 == 0.25
    assert FIXED.cv2 == 0


def test_utilisation_is_work_over_servers() -> None:
    assert utilisation(EXPONENTIAL, requests_s=150, servers=2) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("load", "servers", "known"),
    [
        (0.5, 1, 0.5),
        (0.5, 2, 1 / 3),  # two servers, load of one erlang: 1/3, worked by hand
        (0.75, 4, 0.5094339622641509),  # 3 erlang: (3^4/4!)(4/1) / (1 + 3 + 9/2 + 27/6 + (3^4/4!)(4/1)) = 13.5 / 26.5
    ],
)
def test_waiting_probability_is_that_of_erlang(load: float, servers: int, known: float) -> None:
    assert waiting_probability(EXPONENTIAL, requests_s=rate(EXPONENTIAL, load, servers), servers=servers) == pytest.approx(known, rel=1e-12)


def test_waiting_probability_agrees_with_the_sum_of_erlang_for_many_servers() -> None:
    servers, erlangs = 40, 34.0
    last = erlangs**servers / math.factorial(servers) * servers / (servers - erlangs)
    known = last / (sum(erlangs**busy / math.factorial(busy) for busy in range(servers)) + last)
    assert waiting_probability(EXPONENTIAL, requests_s=3400, servers=servers) == pytest.approx(known, rel=1e-10)


def test_bursts_make_waiting_as_likely_as_with_hyperexponential_arrivals() -> None:
    # One exponential server at .5: the root of sigma = E[exp(-(1 - sigma) gap / service)] (Kleinrock 1975, 6.16), for two balanced phases.
    often = (1 + math.sqrt(1 / 3)) / 2  # a burstiness of 2
    sigma = 0.5
    for _ in range(200):
        sigma = sum(part / (1 + (1 - sigma) * 2 / (2 * part)) for part in (often, 1 - often))
    assert waiting_probability(EXPONENTIAL, requests_s=50, servers=1, burstiness=2) == pytest.approx(sigma, rel=0.03)


@pytest.mark.parametrize("load", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize(("deviation_ms", "shape"), [(0, "log-normal"), (5, "log-normal"), (10, "gamma"), (20, "log-normal"), (20, "gamma")])
def test_mean_wait_of_one_server_is_that_of_pollaczek_and_khinchine(load: float, deviation_ms: float, shape: Shape) -> None:
    service = Service(mean_ms=10, deviation_ms=deviation_ms, shape=shape)
    known = 10 * load / (1 - load) * (1 + service.cv2) / 2
    assert mean_wait_ms(service, requests_s=100 * load, servers=1) == pytest.approx(known, rel=1e-12)


@pytest.mark.parametrize("servers", [2, 4, 16, 64])
@pytest.mark.parametrize("load", [0.3, 0.8, 0.95])
def test_mean_wait_with_exponential_service_is_that_of_erlang(load: float, servers: int) -> None:
    requests_s = rate(EXPONENTIAL, load, servers)
    known = 1000 * waiting_probability(EXPONENTIAL, requests_s=requests_s, servers=servers) / (100 * servers - requests_s)
    assert mean_wait_ms(EXPONENTIAL, requests_s=requests_s, servers=servers) == pytest.approx(known, rel=1e-3)  # the histogram's error


def crommelin(load: float, servers: int) -> float:
    """Mean wait in units of a fixed service, exact: who is there when all that were in service have left (Crommelin, 1932)."""
    erlangs, states = load * servers, 300
    arrivals = [math.exp(-erlangs)]
    for number in range(1, states):
        arrivals.append(arrivals[-1] * erlangs / number)
    held = np.eye(states)[0]
    for _ in range(400):
        after = held[: servers + 1].sum() * np.asarray(arrivals)
        after[1:] += np.convolve(held[servers + 1 :], arrivals)[: states - 1]
        held = after
    return float(np.maximum(np.arange(states) - servers, 0) @ held) / erlangs


@pytest.mark.parametrize("servers", [1, 2, 4, 8])
@pytest.mark.parametrize("load", [0.5, 0.8])
def test_mean_wait_of_fixed_service_is_near_that_of_crommelin(load: float, servers: int) -> None:
    foretold = mean_wait_ms(FIXED, requests_s=rate(FIXED, load, servers), servers=servers) / 10
    assert foretold == pytest.approx(crommelin(load, servers), rel=1e-5 if servers == 1 else 0.15)  # 14 % at worst here, .04 of the service


def test_mean_wait_tends_to_allen_and_cunneen_under_heavy_load() -> None:
    service = Service(mean_ms=10, deviation_ms=15)
    requests_s = rate(service, 0.999, 8)
    chance = waiting_probability(service, requests_s=requests_s, servers=8, burstiness=3)
    known = 10 * chance * (3 + service.cv2) / 2 / (8 * (1 - 0.999))
    assert mean_wait_ms(service, requests_s=requests_s, servers=8, burstiness=3) == pytest.approx(known, rel=0.005)


@pytest.mark.parametrize("load", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 0.99])
def test_percentile_of_one_exponential_server_is_known(load: float, share: float) -> None:
    known = -1000 * math.log(1 - share) / (100 - 100 * load)
    assert percentile_ms(EXPONENTIAL, share=share, requests_s=100 * load, servers=1) == pytest.approx(known, rel=2e-3)


@pytest.mark.parametrize("servers", [2, 8, 32])
@pytest.mark.parametrize("load", [0.5, 0.9])
def test_percentile_of_exponential_servers_is_known(load: float, servers: int) -> None:
    requests_s = rate(EXPONENTIAL, load, servers)
    chance, decay = waiting_probability(EXPONENTIAL, requests_s=requests_s, servers=servers), servers * (1 - load)  # per mean service
    answer = percentile_ms(EXPONENTIAL, share=0.95, requests_s=requests_s, servers=servers) / 10
    # P(service + wait > t), the wait being 0 or exponential with that decay
    waited = math.exp(-answer) * decay / (decay - 1) - math.exp(-decay * answer) / (decay - 1) if decay != 1 else (1 + answer) * math.exp(-answer)
    assert (1 - chance) * math.exp(-answer) + chance * waited == pytest.approx(0.05, rel=0.005)


def test_percentile_alone_is_that_of_the_distribution() -> None:
    uneven = Service(mean_ms=10, deviation_ms=10)
    deviation = math.sqrt(math.log(2))
    assert uneven.percentile_ms(0.95) == pytest.approx(10 * math.exp(1.6448536269514722 * deviation - deviation**2 / 2), rel=1e-3)
    assert EXPONENTIAL.percentile_ms(0.95) == pytest.approx(-10 * math.log(0.05), rel=1e-3)
    assert FIXED.percentile_ms(0.95) == pytest.approx(10, rel=0.003)


def test_response_without_load_is_the_service_alone() -> None:
    assert percentile_ms(FIXED, share=0.95, requests_s=1e-6, servers=1) == pytest.approx(FIXED.percentile_ms(0.95), rel=1e-6)


# Simulated in compiled code with 0.4 to 38 million requests a case (standard error below .8 %), log-normal service of mean 1:
# servers, load, cv², burstiness, the 95th percentile.
SIMULATED = [
    (1, 0.5, 0.0, 1, 3.046),
    (2, 0.7, 0.0, 1, 2.956),
    (16, 0.9, 0.0, 1, 1.797),
    (1, 0.9, 0.25, 1, 18.74),
    (4, 0.8, 0.25, 1, 3.169),
    (8, 0.7, 1.0, 1, 2.963),
    (16, 0.95, 1.0, 1, 4.989),
    (64, 0.9, 1.0, 1, 2.835),
    (4, 0.8, 1.0, 2, 6.044),
    (16, 0.8, 1.0, 4, 3.512),
]


@pytest.mark.parametrize(("servers", "load", "cv2", "burstiness", "known"), SIMULATED)
def test_percentile_agrees_with_simulations(servers: int, load: float, cv2: float, burstiness: float, known: float) -> None:
    service = Service(mean_ms=10, deviation_ms=10 * math.sqrt(cv2))
    answer = percentile_ms(service, share=0.95, requests_s=rate(service, load, servers), servers=servers, burstiness=burstiness)
    assert answer / 10 == pytest.approx(known, rel=0.03)  # of the whole grid 5 % at worst up to a cv² of 1; these are typical


@pytest.mark.parametrize(("servers", "load", "known"), [(2, 0.9, 39.66), (4, 0.5, 4.061), (16, 0.7, 3.655), (64, 0.9, 3.715)])
def test_percentile_of_very_uneven_service_is_less_certain(servers: int, load: float, known: float) -> None:
    service = Service(mean_ms=10, deviation_ms=20)
    answer = percentile_ms(service, share=0.95, requests_s=rate(service, load, servers), servers=servers)
    assert answer / 10 == pytest.approx(known, rel=0.12)


@settings(max_examples=30, deadline=None)
@given(service=services, load=loads, servers=server_numbers, share=shares, burstiness=bursts)
def test_one_more_server_is_never_slower(service: Service, load: float, servers: int, share: float, burstiness: float) -> None:
    requests_s = rate(service, load, servers)
    fewer, more = (percentile_ms(service, share=share, requests_s=requests_s, servers=n, burstiness=burstiness) for n in (servers, servers + 1))
    assert more <= fewer * (1 + 1e-9)
    assert fewer >= service.percentile_ms(share) * (1 - 1e-9)


@settings(max_examples=30, deadline=None)
@given(service=services, load=loads, servers=server_numbers, share=shares, burstiness=bursts, factor=st.floats(min_value=1.01, max_value=3))
def test_more_requests_are_never_faster(service: Service, load: float, servers: int, share: float, burstiness: float, factor: float) -> None:
    requests_s = rate(service, load, servers)
    few, many = (percentile_ms(service, share=share, requests_s=r, servers=servers, burstiness=burstiness) for r in (requests_s, factor * requests_s))
    assert many >= few * (1 - 1e-9)


@settings(max_examples=30, deadline=None)
@given(service=services, load=loads, servers=server_numbers, burstiness=bursts)
def test_percentiles_keep_their_order(service: Service, load: float, servers: int, burstiness: float) -> None:
    requests_s = rate(service, load, servers)
    times = [percentile_ms(service, share=share, requests_s=requests_s, servers=servers, burstiness=burstiness) for share in (0.5, 0.9, 0.99, 0.999)]
    assert times == sorted(times)


@settings(max_examples=25, deadline=None)
@given(service=services, requests_s=st.floats(min_value=0.1, max_value=100), share=shares, slack=st.floats(min_value=1.01, max_value=10))
def test_servers_for_finds_the_fewest(service: Service, requests_s: float, share: float, slack: float) -> None:
    limit_ms = slack * service.percentile_ms(share)
    servers = servers_for(service, share=share, limit_ms=limit_ms, requests_s=requests_s)
    assert percentile_ms(service, share=share, requests_s=requests_s, servers=servers) <= limit_ms
    assert servers == 1 or percentile_ms(service, share=share, requests_s=requests_s, servers=servers - 1) > limit_ms


def test_a_load_of_whole_servers_needs_one_more() -> None:
    assert servers_for(EXPONENTIAL, share=0.95, limit_ms=1e6, requests_s=300) == 4


def test_servers_that_cannot_keep_up_are_infinitely_slow() -> None:
    overload: dict[str, Any] = {"requests_s": 200, "servers": 2}
    assert waiting_probability(EXPONENTIAL, **overload) == 1
    assert mean_wait_ms(EXPONENTIAL, **overload) == math.inf
    assert percentile_ms(EXPONENTIAL, share=0.95, **overload) == math.inf


def test_a_limit_below_the_service_says_what_would_be_possible() -> None:
    with pytest.raises(
        BudgetError, match=r"0\.95 of the requests cannot be answered within 20 ms: without any waiting they take 29\.9\d ms"
    ) as error:
        servers_for(EXPONENTIAL, share=0.95, limit_ms=20, requests_s=10)
    assert "more servers do not help" in error.value.hint


def test_a_rate_beyond_every_search_is_refused() -> None:
    with pytest.raises(BudgetError, match=rf"1e\+06 requests a second within 50 ms need more than {MOST_SERVERS} servers"):
        servers_for(EXPONENTIAL, share=0.95, limit_ms=50, requests_s=1e6)


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_rates_and_times_that_mean_nothing_are_refused(value: float) -> None:
    with pytest.raises(ConfigError, match=r"requests_s = .* is not allowed; it is above 0 and finite") as error:
        percentile_ms(EXPONENTIAL, share=0.95, requests_s=value, servers=1)
    assert error.value.hint
    with pytest.raises(ConfigError, match="mean_ms = "):
        Service(mean_ms=value, deviation_ms=1)
    with pytest.raises(ConfigError, match="limit_ms = "):
        servers_for(EXPONENTIAL, share=0.95, limit_ms=value, requests_s=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"servers": 0}, "servers = 0 is not allowed; it is a whole number"),
        ({"servers": 1.5}, r"servers = 1\.5 is not allowed"),
        ({"servers": math.nan}, "servers = nan is not allowed"),
        ({"share": 1.0}, r"share = 1\.0 is not allowed; it lies between 0 and 1"),
        ({"share": 95}, "share = 95 is not allowed"),
        ({"burstiness": 0.5}, r"burstiness = 0\.5 is not allowed; it is 1 or more"),
        ({"burstiness": math.nan}, "burstiness = nan is not allowed"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        percentile_ms(EXPONENTIAL, **{"share": 0.95, "requests_s": 10, "servers": 1, **settings})


@pytest.mark.parametrize("deviation_ms", [-1, math.nan, math.inf])
def test_a_deviation_that_means_nothing_is_refused(deviation_ms: float) -> None:
    with pytest.raises(ConfigError, match=r"deviation_ms = .* is not allowed; it is 0 or more"):
        Service(mean_ms=1, deviation_ms=deviation_ms)


def test_a_service_of_two_kinds_is_refused() -> None:
    with pytest.raises(ConfigError, match="deviation_ms = 60 is more than 5 times mean_ms = 10") as error:
        Service(mean_ms=10, deviation_ms=60)
    assert "apart" in error.value.hint


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(ConfigError, match="shape 'normal' is unknown; known: log-normal, gamma"):
        Service(mean_ms=1, deviation_ms=1, shape="normal")  # type: ignore[arg-type]  # what a configuration may hold
