"""Counts for Prometheus, of all workers of a service whichever of them is asked.

Labels come from closed sets only (routes, statuses, outcomes, codes): no caller can make series. What
there is stands in `metric_table`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.core import Metric as Family
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from delegation.errors import DelegationError
from delegation.judge.decision import Decision
from delegation.records.settling.writer import CAPACITY
from delegation.tracker import Tracker
from delegation_api.metric_table import DECLARED, SECONDS, TABLE, Metric
from delegation_api.metric_views import ServiceView, StoreView
from delegation_api.workers import Workers

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
PUBLISH_SECONDS: Final = 1.0  # how old what a worker counts elsewhere may be when another is asked
MOST_CODES: Final = 512  # the program knows fewer; should one ever come from outside, it stops here
_SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"  # where several workers add up their counts


class Metrics:
    """Counts of one worker; several workers of one service share a folder and are added up.

    Args:
        tracker: Whose decisions are counted, and whose store is looked at when Prometheus asks.
        workers: How many there should be.
    """

    def __init__(self, tracker: Tracker, *, workers: int = 1) -> None:
        """Begin at nothing, or where a dead worker ended whose place this one takes."""
        shared = os.environ.get(_SHARED)
        self._workers = Workers(Path(shared) if shared else None)
        if shared:
            place = self._workers.place
            values.ValueClass = values.MultiProcessValue(lambda: place)  # type: ignore[no-untyped-call]  # as its documentation has it
        self._counted = CollectorRegistry()
        self._made = {m.name: _made(m, self._counted) for m in TABLE if m.of == "workers"}
        self._asked = CollectorRegistry()
        self._asked.register(ServiceView(self._workers, workers))
        self._asked.register(StoreView(tracker))
        self._requests: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._decided: dict[tuple[str, str], Counter] = {}
        self._watched: list[Callable[[], None]] = []
        self._publishing = Lock()
        self._closing = Event()
        self._watch_tracker(tracker)
        if shared:
            Thread(target=self._publish_often, name="delegation-metrics", daemon=True).start()

    def note(self, route: str, status: int, seconds: float) -> None:
        """Count one request of a declared route."""
        series = self._requests.get((route, status))
        if series is None:
            made = (
                self._made["delegation_http_requests_total"].labels(route, str(status)),
                self._made["delegation_http_seconds"].labels(route),
            )
            series = self._requests.setdefault((route, status), made)
        series[0].inc()
        series[1].observe(seconds)

    def decide(self, decided: Decision | BaseException) -> None:
        """Count one decision, or what kept it from being recorded."""
        if not isinstance(decided, Decision):
            outcome, code = "undecided", "internal"
            if isinstance(decided, DelegationError):
                code = decided.code
        elif decided.denial is None:
            outcome, code = "allowed", "none"
        else:
            outcome, code = "denied", decided.denial.code
        series = self._decided.get((outcome, code))
        if series is None:
            if len(self._decided) >= MOST_CODES:
                code = "other"
            made = self._made["delegation_decisions_total"].labels(outcome, code)
            series = self._decided.setdefault((outcome, code), made)
        series.inc()

    def refuse(self, kind: str) -> None:
        """Count one connection that a bound of the port ended."""
        self.count("delegation_port_refused_total", kind=kind)

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a declared counter."""
        one = self._made[name]
        (one.labels(**labels) if labels else one).inc(amount)

    def watch(self, name: str, read: Callable[[], float], **labels: str) -> None:
        """Take over a declared metric from who keeps it, now and then and whenever Prometheus asks.

        Args:
            name: Of a gauge, or of a counter that is kept as a number which only grows.
            read: Returns the number; called from any thread.
            **labels: Of the series.
        """
        one = self._made[name]
        series = one.labels(**labels) if labels else one
        if DECLARED[name].kind == "gauge":
            self._watched.append(lambda: series.set(read()))
            return
        known = 0.0

        def grown() -> None:
            nonlocal known
            now = read()
            series.inc(max(0.0, now - known))
            known = now

        self._watched.append(grown)

    def text(self) -> bytes:
        """Return the exposition format."""
        self._publish()
        counted = self._counted
        if self._workers.folder is not None:
            self._workers.living()  # the gauges of the dead go away
            counted = CollectorRegistry()
            MultiProcessCollector(counted, str(self._workers.folder))  # type: ignore[no-untyped-call]  # it ships none
        return generate_latest(_Plain(counted)) + generate_latest(self._asked)

    def close(self) -> None:
        """Publish for the last time, so that the others tell what this worker counted."""
        self._closing.set()
        self._publish()

    def _watch_tracker(self, tracker: Tracker) -> None:
        tracker.on_decision(self.decide)
        watch = self.watch
        watch("delegation_writer_waiting", lambda: tracker.writer_stats()[0])
        watch("delegation_writer_waiting_limit", lambda: CAPACITY)
        for name, field in (
            ("batches", "batches"), ("decisions", "drafts"), ("seconds", "seconds"),
            ("retries", "retries"), ("reused_markers", "reused_markers"), ("refused", "refused"),
            ("failed", "failed"), ("shortened", "shortened"),
        ):  # fmt: skip
            watch(f"delegation_writer_{name}_total", _field(tracker, field))
        erasing = tracker.erasing
        for outcome in ("done", "failed", "refused"):
            watch(
                "delegation_retention_runs_total",
                lambda outcome=outcome: getattr(erasing, outcome),  # type: ignore[misc]  # bound now
                outcome=outcome,
            )
        watch("delegation_retention_erased_total", lambda: erasing.erased)

    def _publish(self) -> None:
        with self._publishing:
            for take_over in self._watched:
                take_over()

    def _publish_often(self) -> None:
        while not self._closing.wait(PUBLISH_SECONDS):
            self._publish()


def _field(tracker: Tracker, field: str) -> Callable[[], float]:
    return lambda: float(getattr(tracker.writer_stats()[1], field))


def _made(metric: Metric, registry: CollectorRegistry) -> Any:
    """Return the library's own metric of a declared one, with the series that it begins with."""
    labels = tuple(metric.labels)
    if metric.kind == "counter":
        made: Any = Counter(metric.name, metric.sentence, labels, registry=registry)
    elif metric.kind == "gauge":
        made = Gauge(
            metric.name, metric.sentence, labels, registry=registry, multiprocess_mode="livesum"
        )
    else:
        made = Histogram(metric.name, metric.sentence, labels, registry=registry, buckets=SECONDS)
    for first in metric.at_first:
        made.labels(*first)
    return made


class _Plain(Collector):
    """A registry without the times since when each series is counted, which nobody declared."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Family]:
        """Yield its metrics."""
        for family in self._registry.collect():
            family.samples = [one for one in family.samples if not one.name.endswith("_created")]
            yield family
