"""Replicas from 1x to 1000x of a traffic: as foretold, and as simulated request by request; `make bench-plan-scale`.

What a request takes is stated here, not measured: the table is about queues alone.
"""

import numpy as np

from datasets import RESULTS
from leanrec.planner.serving import ReplicaPlan, Traffic, replicas_for
from leanrec.planner.simulation import Replicas, simulate
from rows import BenchmarkRow, write_rows

TRAFFIC = Traffic(requests_s=50.0, p95_ms=12.0, request_ms=2.2, deviation_ms=1.1)
SCALES = (1, 10, 100, 1000)
REQUESTS, SEEDS = 40_000, (0, 1, 2)


def main() -> None:
    """Foretell and simulate each size."""
    write_rows("plan_scale", [row for scale in SCALES for row in rows_of(scale)], RESULTS)


def rows_of(scale: int) -> list[BenchmarkRow]:
    """Replicas, the p95 foretold, that of one replica simulated, and that of all behind a balancer that deals in turn."""
    traffic = TRAFFIC.model_copy(update={"requests_s": TRAFFIC.requests_s * scale})
    found = replicas_for(traffic)
    case = f"{scale}x: {traffic.requests_s:g} requests/s"
    note = f"a request takes {TRAFFIC.request_ms:g} ms, deviation {TRAFFIC.deviation_ms:g} ms; {TRAFFIC.p95_ms:g} ms are allowed"
    dealt = {"p95 simulated, dealt out at random": (1, traffic.requests_s / found.replicas)}
    if found.replicas > 1:
        dealt["p95 simulated, dealt out in turn"] = (found.replicas, traffic.requests_s)
    return [
        BenchmarkRow(case=case, metric="replicas", value=float(found.replicas), note=note),
        BenchmarkRow(case=case, metric="share of the time that each is busy", value=found.utilisation),
        BenchmarkRow(case=case, metric="p95 foretold", value=found.p95_ms, unit="ms"),
        *(_simulated(case, metric, found, traffic, replicas=number, requests_s=rate) for metric, (number, rate) in dealt.items()),
    ]


def _simulated(case: str, metric: str, found: ReplicaPlan, traffic: Traffic, *, replicas: int, requests_s: float) -> BenchmarkRow:
    runs = [
        simulate(
            Replicas(replicas=replicas, routing="round-robin"),
            service=traffic.service,
            requests_s=requests_s,
            rng=np.random.default_rng(seed),
            num_requests=max(REQUESTS, 100 * replicas),
        ).p95_ms
        for seed in SEEDS
    ]
    mean = float(np.mean(runs))
    note = f"foretold is {found.p95_ms / mean - 1:+.1%}; low and high are the ends of {len(SEEDS)} seeds"
    return BenchmarkRow(case=case, metric=metric, value=mean, low=min(runs), high=max(runs), unit="ms", seeds=len(SEEDS), note=note)


if __name__ == "__main__":
    main()
