"""Counts for Prometheus: requests, decisions, and the state of the decision writer.

Labels come from closed sets only (routes, statuses, steps, codes): no caller can make series.
"""

from __future__ import annotations

import os
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from delegation.errors import StoreUnavailableError
from delegation.tracker import Tracker

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"  # where several workers add up their counts
_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """Counts of one worker; several workers of one service share a folder and are added up.

    Args:
        tracker: Whose writer is looked at when Prometheus asks.
    """

    def __init__(self, tracker: Tracker) -> None:
        """Begin at nothing."""
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "delegation_http_requests",
            "Requests by route and status.",
            ("route", "status"),
            registry=self._registry,
        )
        self.seconds = Histogram(
            "delegation_http_seconds",
            "Seconds from the first byte of a request to the last of its answer.",
            ("route",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._refused = Counter(
            "delegation_port_refused",
            "Connections ended by a bound of the port, by which.",
            ("kind",),
            registry=self._registry,
        )
        self._registry.register(_WriterCollector(tracker))
        self._store = _StoreCollector(tracker)
        self._registry.register(self._store)

        self._series: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def note(self, route: str, status: int, seconds: float) -> None:
        """Count one request of a declared route."""
        series = self._series.get((route, status))
        if series is None:
            made = self.requests.labels(route, str(status)), self.seconds.labels(route)
            series = self._series.setdefault((route, status), made)
        series[0].inc()
        series[1].observe(seconds)

    def refuse(self, kind: str) -> None:
        """Count one connection that a bound of the port ended."""
        self._refused.labels(kind).inc()

    def text(self) -> bytes:
        """Return the exposition format."""
        if not os.environ.get(_SHARED):
            return generate_latest(self._registry)
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]  # it ships none
        shared.register(self._store)  # of the store, whichever worker is asked
        return generate_latest(shared)


class _WriterCollector(Collector):
    """The writer's own numbers, read when they are asked for."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def collect(self) -> list[Metric]:
        """Return the metrics of this moment."""
        depth, stats = self._tracker.writer_stats()
        waiting = GaugeMetricFamily("delegation_writer_waiting", "Decisions that wait.", depth)
        counts = (
            ("batches", "Committed batches.", stats.batches),
            ("decisions", "Decisions in them.", stats.drafts),
            ("seconds", "Seconds spent in them.", stats.seconds),
            ("retries", "Attempts at a batch after the first.", stats.retries),
            ("reused_markers", "Batches found committed after a doubtful COMMIT.",
             stats.reused_markers),
            ("refused", "Decisions refused: queue full, or the writer ended.", stats.refused),
            ("failed", "Decisions whose batch could not be committed.", stats.failed),
            ("shortened", "Denials recorded without arguments and proof, which came too fast.",
             stats.shortened),
        )  # fmt: skip
        return [
            waiting,
            *(CounterMetricFamily(f"delegation_writer_{n}", h, v) for n, h, v in counts),
        ]


class _StoreCollector(Collector):
    """What the store says of its log and of people, asked when Prometheus asks.

    A store that does not answer leaves these out: the rest of the page must still be read then.
    """

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def describe(self) -> list[Metric]:
        """Return nothing: to register it must not ask the store."""
        return []

    def collect(self) -> list[Metric]:
        """Return the metrics of this moment."""
        try:
            log, waiting = self._tracker.log_status(), self._tracker.waiting_approvals()
        except StoreUnavailableError:
            return []
        age = max(0, self._tracker.now() - log.signed_at) if log.signed_at else 0
        gauges = (
            ("log_entries", "Entries of the log that have a place.", log.size),
            ("log_signed_entries", "Entries under the newest checkpoint.", log.signed),
            ("log_waiting", "Records that have no place in the log yet.", log.waiting),
            ("log_checkpoint_age_seconds", "Seconds since the newest checkpoint; 0 without one.",
             age),
            ("log_stopped", "1 when the log is stopped and nothing is signed.",
             int(bool(log.stopped))),
            ("approvals_waiting", "Requests for approval that wait for people.", waiting),
        )  # fmt: skip
        return [GaugeMetricFamily(f"delegation_{n}", h, v) for n, h, v in gauges]
