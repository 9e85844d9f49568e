"""Telemetry: counts and latencies for Prometheus."""

from collections.abc import Iterable
from typing import TypeVar, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from leanrec.serving.messages import Recommended
from leanrec.serving.store import Store

Metric = TypeVar("Metric", Counter, Histogram)

LATENCY_BUCKETS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1.0)
STAGE_BUCKETS = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Telemetry:
    """The figures of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._children: dict[tuple[Counter | Histogram, tuple[str, ...]], Counter | Histogram] = {}
        self._seconds = Histogram("leanrec_request_seconds", "Time to answer", ["route"], buckets=LATENCY_BUCKETS, registry=self._registry)
        self._requests = Counter("leanrec_requests", "Answers by route and status", ["route", "status"], registry=self._registry)
        self._stage_seconds = Histogram("leanrec_stage_seconds", "Time in a stage", ["stage"], buckets=STAGE_BUCKETS, registry=self._registry)
        self._events = Counter("leanrec_events", "Events received", ["outcome"], registry=self._registry)
        self._swaps = Counter("leanrec_model_swaps", "New model versions", ["outcome"], registry=self._registry)
        self._cold = Counter("leanrec_cold_answers", "Answers to users of whom nothing was known", registry=self._registry)
        self._stored = Gauge("leanrec_store_size", "What the store holds", ["what"], registry=self._registry)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """One request was answered."""
        self._child(self._seconds, route).observe(seconds)
        self._child(self._requests, route, str(status)).inc()

    def recommended(self, answer: Recommended) -> None:
        """One list went out."""
        for stage, milliseconds in answer.timings_ms.items():
            self._child(self._stage_seconds, stage).observe(milliseconds / 1000)
        if answer.cold:
            self._cold.inc()

    def stored(self, *, accepted: int, duplicates: int) -> None:
        """A batch of events was stored."""
        self._events.labels("accepted").inc(accepted)
        self._events.labels("duplicate").inc(duplicates)

    def swapped(self, *, is_accepted: bool) -> None:
        """A new model version was taken, or refused."""
        self._swaps.labels("accepted" if is_accepted else "refused").inc()

    def _child(self, metric: Metric, *labels: str) -> Metric:
        """The metric of these labels; remembered, since looking it up takes longer than counting."""
        found = self._children.get((metric, labels))
        if found is None:
            found = self._children[metric, labels] = metric.labels(*labels)
        return cast(Metric, found)

    def text(self, store: Store) -> bytes:
        """All figures in Prometheus' text format."""
        size = store.size()
        figures: Iterable[tuple[str, int]] = (
            ("events", size.num_events),
            ("item_changes", size.num_items),
            ("bytes", size.num_bytes),
        )
        for what, figure in figures:
            self._stored.labels(what).set(figure)
        return generate_latest(self._registry)
