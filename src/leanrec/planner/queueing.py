"""Queueing: how long a request waits for one of several servers, and how many servers keep it short.

Requests come at random to one queue in front of equal servers. One finds all of them busy with the probability of Erlang's formula C;
it waits until the first is free and then a random number of turns, each of them a residual service shared by all servers: Tijms's
approximation of M/G/c (A First Course in Stochastic Models, 2003, section 9.6), whose mean is exact for one server and for
exponential service and tends to that of Allen and Cunneen (Allen, 1990) under heavy load, which alone is up to twice too long for
uneven service. Bursts make waiting likelier as Whitt says (Approximations for the GI/G/m queue, 1993, section 3), and turns longer by
(burstiness + cv²) / (1 + cv²), damped as by Kraemer and Langenbach-Belz (1976). The wait of those who wait is taken as two exponential
phases of its mean and variance (Whitt, 1982), and is added to a histogram of the service.

Measured against simulations with 1 to 64 servers, utilisation .3 to .95 and log-normal service, the 95th percentile is wrong by 0.6 %
on average and 5 % at worst up to a cv² of 1, and by 3 % and 11 % at a cv² of 4 (too short for one or two servers, too long for more);
with a burstiness of 2 to 4 by 2 % and 7 %. The mean wait, often a small part of that, is wrong by 3 % and 24 % up to a cv² of 1, by
13 % and 78 % at 4. Loops of exp, log and sqrt are all it needs, so that a page computes the same figures.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

from leanrec.errors import BudgetError, ConfigError

Shape = Literal["log-normal", "gamma"]
"""The family of service times; with a cv² of 1, `gamma` is the exponential distribution."""

NUM_CELLS = 128
"""Cells of the histogram of a service: its percentiles are then exact to two thousandths."""
REACH = 5.5
"""The histogram ends so many deviations of the logarithm from its middle: beyond lies one request in fifty million."""
LEAST_CV2 = 1e-6
"""A fixed service is taken to vary by a thousandth, so that every cell has a width."""
MOST_DEVIATION = 5.0
"""Times the mean: beyond, mean and deviation say too little of the service, and nothing here was checked."""
MOST_SERVERS = 4096
"""The search for servers ends here: no small team runs more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """The time that one request takes alone, without waiting, as measured or foretold; in milliseconds."""

    mean_ms: float
    deviation_ms: float
    """Standard deviation; 0: always the same."""
    shape: Shape = "log-normal"

    def __post_init__(self) -> None:
        _require_positive("mean_ms", self.mean_ms, hint="a request takes some time; measure a few hundred of them")
        if not 0 <= self.deviation_ms < math.inf:
            raise ConfigError(f"deviation_ms = {self.deviation_ms!r} is not allowed; it is 0 or more", hint="0 means always the same time")
        if self.deviation_ms > MOST_DEVIATION * self.mean_ms:
            raise ConfigError(
                f"deviation_ms = {self.deviation_ms:g} is more than {MOST_DEVIATION:g} times mean_ms = {self.mean_ms:g}",
                hint="leave out what was measured while something else ran, or plan the slow kind of request apart",
            )
        if self.shape not in get_args(Shape):
            raise ConfigError(f"shape {self.shape!r} is unknown; known: {', '.join(get_args(Shape))}", hint="leave it out for log-normal")

    @property
    def cv2(self) -> float:
        """Squared coefficient of variation: variance over squared mean; 0 fixed, 1 as exponential."""
        return (self.deviation_ms / self.mean_ms) ** 2

    def percentile_ms(self, share: float) -> float:
        """The time within which `share` of the requests are served when nobody waits."""
        _require_share(share)
        return self.mean_ms * _crossing(_histogram(self), _Wait(0.0, 1.0, 1.0), 1.0 - share)


def utilisation(service: Service, *, requests_s: float, servers: int) -> float:
    """Share of the time that a server is busy; 1 or more: requests pile up without end. `requests_s` is per second."""
    _require_load(requests_s, servers)
    return requests_s * service.mean_ms / 1000.0 / servers


def waiting_probability(service: Service, *, requests_s: float, servers: int, burstiness: float = 1.0) -> float:
    """Probability that a request finds every server busy; 1 where they cannot keep up.

    `burstiness` is the squared coefficient of variation of the time between requests: 1 for people who come independently
    (Poisson), more for bursts.
    """
    busy = utilisation(service, requests_s=requests_s, servers=servers)
    _require_burstiness(burstiness)
    return 1.0 if busy >= 1 else _waiting_probability(service.cv2, busy, servers, burstiness)


def mean_wait_ms(service: Service, *, requests_s: float, servers: int, burstiness: float = 1.0) -> float:
    """Mean time in the queue, those who do not wait included; infinite where the servers cannot keep up.

    >>> fixed = Service(mean_ms=10, deviation_ms=0)
    >>> round(mean_wait_ms(fixed, requests_s=50, servers=1), 6)
    5.0
    """
    busy = utilisation(service, requests_s=requests_s, servers=servers)
    _require_burstiness(burstiness)
    if busy >= 1:
        return math.inf
    wait = _wait(service, busy, servers, burstiness)
    return service.mean_ms * wait.probability * wait.mean


def percentile_ms(service: Service, *, share: float, requests_s: float, servers: int, burstiness: float = 1.0) -> float:
    """The response time, waiting and service, that `share` of the requests keep; infinite where the servers cannot keep up.

    >>> exponential = Service(mean_ms=10, deviation_ms=10, shape="gamma")
    >>> round(percentile_ms(exponential, share=0.95, requests_s=50, servers=1), 1)  # -ln(.05) / (100 - 50) seconds
    59.9
    """
    busy = utilisation(service, requests_s=requests_s, servers=servers)
    _require_burstiness(burstiness)
    _require_share(share)
    if busy >= 1:
        return math.inf
    return service.mean_ms * _crossing(_histogram(service), _wait(service, busy, servers, burstiness), 1.0 - share)


def servers_for(service: Service, *, share: float, limit_ms: float, requests_s: float, burstiness: float = 1.0) -> int:
    """The fewest servers with which `share` of the requests are answered within `limit_ms`.

    Raises `BudgetError` when the service alone takes longer, so that no number of servers helps, or past `MOST_SERVERS`.
    """
    _require_positive("limit_ms", limit_ms, hint="say how long a request may take")
    alone = service.percentile_ms(share)
    if limit_ms <= alone:
        raise BudgetError(
            f"{share:.4g} of the requests cannot be answered within {limit_ms:.4g} ms: without any waiting they take {alone:.4g} ms",
            hint=f"allow more than {alone:.4g} ms, or make a request faster; more servers do not help",
        )

    def holds(servers: int) -> bool:
        return percentile_ms(service, share=share, requests_s=requests_s, servers=servers, burstiness=burstiness) <= limit_ms

    enough = fewest(holds, at_least=math.ceil(utilisation(service, requests_s=requests_s, servers=1)))
    if enough is None:
        raise BudgetError(
            f"{requests_s:.4g} requests a second within {limit_ms:.4g} ms need more than {MOST_SERVERS} servers",
            hint=f"allow more than {alone:.4g} ms by a wider margin, or make a request faster",
        )
    return enough


def fewest(holds: Callable[[int], bool], *, at_least: int) -> int | None:
    """The smallest number from `at_least` to `MOST_SERVERS` that holds, where every larger one does too; nothing where none does."""
    too_few, enough = at_least - 1, at_least
    while enough <= MOST_SERVERS and not holds(enough):
        too_few, enough = enough, 2 * enough
    if enough > MOST_SERVERS:
        if too_few >= MOST_SERVERS or not holds(MOST_SERVERS):
            return None
        enough = MOST_SERVERS
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if holds(middle) else (middle, enough)
    return enough


class _Histogram(NamedTuple):
    """Service times in units of their mean: between two edges they are taken as uniform."""

    edges: Sequence[float]
    weights: Sequence[float]


class _Wait(NamedTuple):
    """The queue in units of the mean service: who waits, and mean and cv² of the wait of those who do."""

    probability: float
    mean: float
    cv2: float


@lru_cache(maxsize=64)
def _histogram(service: Service) -> _Histogram:
    cv2 = max(service.cv2, LEAST_CV2)
    variance = math.log(1.0 + cv2)
    width = 2.0 * REACH / NUM_CELLS
    logs = [math.sqrt(variance) * (width * cell - REACH) - variance / 2.0 for cell in range(NUM_CELLS + 1)]
    gamma = service.shape == "gamma" and cv2 > LEAST_CV2

    def density(log: float) -> float:  # of the logarithm of the time, up to a factor
        return math.exp((log + 1.0 - math.exp(log)) / cv2) if gamma else math.exp(-((log + variance / 2.0) ** 2) / (2.0 * variance))

    weights = [_gamma_below(math.exp(logs[0]), cv2) if gamma else 0.0]
    for low, high in pairwise(logs):  # Simpson's rule
        weights.append((density(low) + 4.0 * density((low + high) / 2.0) + density(high)) * (high - low) / 6.0)
    edges = [0.0, *(math.exp(log) for log in logs)]
    total = sum(weights)
    mean = sum(weight * (low + high) / 2.0 for weight, low, high in zip(weights, edges, edges[1:])) / total
    return _Histogram([edge / mean for edge in edges], [weight / total for weight in weights])


def _gamma_below(end: float, cv2: float) -> float:
    """Integral of the gamma's density up to `end`, by its series of positive terms (Abramowitz and Stegun, 6.5.29)."""
    term, total, number = cv2, 0.0, 0
    while term > 1e-17 * total:
        total += term
        number += 1
        term *= end / cv2 / (1.0 / cv2 + number)
    return total * math.exp((math.log(end) + 1.0 - end) / cv2)


def _waiting_probability(cv2: float, busy: float, servers: int, burstiness: float) -> float:
    blocked = 1.0  # Erlang's formula B, by its recursion in the number of servers
    for server in range(1, servers + 1):
        blocked = busy * servers * blocked / (server + busy * servers * blocked)
    erlang_c = blocked / (1.0 - busy + busy * blocked)
    if burstiness == 1.0 or erlang_c == 0.0:
        return erlang_c
    slack = (1.0 - busy) * math.sqrt(servers)
    heavy = min(1.0, erlang_c * _normal_ratio(slack, (1.0 + cv2) / (burstiness + cv2)))
    light = min(1.0, erlang_c * _normal_ratio(slack, 2.0 / (1.0 + burstiness)))
    return busy**2 * heavy + (1.0 - busy**2) * light


def _normal_ratio(slack: float, factor: float) -> float:
    """How much likelier a normal value exceeds `factor` x `slack` than `slack`; tails as Abramowitz and Stegun, 7.1.13."""

    def tail(end: float) -> float:
        return 2.0 / (end + math.sqrt(end * end + 8.0 / math.pi))

    return math.exp(min(700.0, slack * slack * (1.0 - factor * factor) / 2.0)) * tail(factor * slack) / tail(slack)


def _wait(service: Service, busy: float, servers: int, burstiness: float) -> _Wait:
    cv2 = service.cv2
    third = (1.0 + cv2) ** 3 if service.shape == "log-normal" else (1.0 + cv2) * (1.0 + 2.0 * cv2)  # E[S³] / E[S]³
    first, first_square = ((1.0 + cv2) / 2.0, third / 3.0) if servers == 1 else _first_free(_histogram(service), servers)
    damping = math.exp(-(1.0 - busy) * (burstiness - 1.0) / (burstiness + 4.0 * cv2))
    turn = (burstiness + cv2) / 2.0 / servers * damping
    turn_variance = (third / 3.0 - ((1.0 + cv2) / 2.0) ** 2) / servers**2
    turns = busy / (1.0 - busy)
    mean = first + turns * turn
    variance = first_square - first**2 + turns * turn_variance + turns / (1.0 - busy) * turn**2
    return _Wait(_waiting_probability(cv2, busy, servers, burstiness), mean, variance / mean**2)


def _first_free(histogram: _Histogram, servers: int) -> tuple[float, float]:
    """Mean and mean square of the time until the first of `servers` busy servers is free."""
    mean = square = 0.0
    later = later_residual = 0.0  # shares of services, and of residual services, that end after the cell
    power = servers + 1
    for low, high, weight in reversed(list(zip(histogram.edges, histogram.edges[1:], histogram.weights))):
        width = high - low
        residual = later_residual + width * (later + weight / 2.0)
        slope = (residual - later_residual) / width
        area = (residual**power - later_residual**power) / (power * slope)
        mean += area
        moment = ((residual ** (power + 1) - later_residual ** (power + 1)) / ((power + 1) * slope) - width * later_residual**power) / (power * slope)
        square += 2.0 * (low * area + moment)
        later, later_residual = later + weight, residual
    return mean, square


class _Cell(NamedTuple):
    """How the share of requests that still go on falls within a cell of the histogram."""

    later: float
    """Share of services that end after the cell's start."""
    density: float
    waiting: float
    """Probability of waiting."""
    still: Sequence[float]
    """Of services that ended before the cell, the share that would still wait at its start: a part for each phase."""
    limits: Sequence[float]
    means: Sequence[float]

    def parts(self, past: float) -> list[float]:
        """`still` so long after the cell's start."""
        return [part * math.exp(-past / mean) - limit * math.expm1(-past / mean) for part, limit, mean in zip(self.still, self.limits, self.means)]

    def going_on(self, past: float) -> float:
        """Share of the requests that take longer than so long after the cell's start."""
        return self.later - self.density * past + self.waiting * sum(self.parts(past))


def _phases(wait: _Wait) -> tuple[tuple[float, float], tuple[float, float]]:
    """Weights and means of two exponentials: side by side and balanced for a cv² above 1, one after the other below."""
    if wait.cv2 >= 1.0:
        share = (1.0 + math.sqrt((wait.cv2 - 1.0) / (wait.cv2 + 1.0))) / 2.0
        return (share, 1.0 - share), (wait.mean / (2.0 * share), wait.mean / (2.0 * (1.0 - share)))
    gap = math.sqrt(max(0.01, 2.0 * wait.cv2 - 1.0))  # two in a row reach no cv² below one half, and equal ones divide by 0
    slow, fast = wait.mean * (1.0 + gap) / 2.0, wait.mean * max(1e-12, 1.0 - gap) / 2.0
    return (slow / (slow - fast), -fast / (slow - fast)), (slow, fast)


def _crossing(histogram: _Histogram, wait: _Wait, beyond: float) -> float:
    """The response time that a share `beyond` of the requests exceed, in units of the mean service."""
    weights, means = _phases(wait)
    later, still = 1.0, [0.0, 0.0]
    for low, high, weight in zip(histogram.edges, histogram.edges[1:], histogram.weights):
        density = weight / (high - low)
        cell = _Cell(later, density, wait.probability, still, [density * share * mean for share, mean in zip(weights, means)], means)
        later, still = later - weight, cell.parts(high - low)
        if later + wait.probability * sum(still) <= beyond:
            return low + _bisect(cell, high - low, beyond)
    cell, width = _Cell(0.0, 0.0, wait.probability, still, (0.0, 0.0), means), means[0]
    while cell.going_on(width) > beyond:
        width *= 2.0
    return histogram.edges[-1] + _bisect(cell, width, beyond)


def _bisect(cell: _Cell, width: float, beyond: float) -> float:
    low, high = 0.0, width
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if cell.going_on(middle) > beyond else (low, middle)
    return high


def _require_positive(name: str, value: float, *, hint: str) -> None:
    if not 0 < value < math.inf:  # also refuses what is no number
        raise ConfigError(f"{name} = {value!r} is not allowed; it is above 0 and finite", hint=hint)


def _require_load(requests_s: float, servers: int) -> None:
    _require_positive("requests_s", requests_s, hint="say how many requests come in a second, at the busiest hour")
    if not 1 <= servers <= MOST_SERVERS or servers != int(servers):
        raise ConfigError(f"servers = {servers!r} is not allowed; it is a whole number from 1 to {MOST_SERVERS}", hint="begin with 1")


def _require_burstiness(burstiness: float) -> None:
    if not 1 <= burstiness < math.inf:
        raise ConfigError(f"burstiness = {burstiness!r} is not allowed; it is 1 or more", hint="1 is for people who come independently")


def _require_share(share: float) -> None:
    if not 0 < share < 1:
        raise ConfigError(f"share = {share!r} is not allowed; it lies between 0 and 1", hint="0.95 asks for the 95th percentile")
