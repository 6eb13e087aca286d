"""Tells Prometheus what is looked at when it asks: the service's processes, and its store."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from delegation import __version__
from delegation.errors import DelegationError
from delegation.tracker import Tracker
from delegation_api.metric_table import DECLARED
from delegation_api.workers import Figures, Workers, figures

STORE_SECONDS: Final = 2.0  # a store that is silent for longer is down; Prometheus waits for ten
Labelled = list[tuple[list[str], float]]


class _View(Collector):
    """Metrics of which nothing is kept."""

    def describe(self) -> list[Metric]:
        """Return nothing: to register it must not ask anybody."""
        return []


def _family(name: str, samples: float | Labelled) -> Metric:
    """Return a declared metric with its samples."""
    one = DECLARED[name]
    kind = CounterMetricFamily if one.kind == "counter" else GaugeMetricFamily
    made = kind(name.removesuffix("_total"), one.sentence, labels=list(one.labels))
    for labels, value in [([], samples)] if isinstance(samples, (int, float)) else samples:
        made.add_metric(labels, value)
    return made


class ServiceView(_View):
    """The processes of a service, each worker and all together.

    Args:
        workers: Their places.
        wanted: How many there should be.
    """

    def __init__(self, workers: Workers, wanted: int) -> None:
        """Look at nothing yet."""
        self._workers = workers
        self._wanted = wanted

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this moment."""
        living = self._workers.living()
        yield _family("delegation_build_info", [([__version__, platform.python_version()], 1)])
        yield _family("delegation_workers", len(living))
        yield _family("delegation_workers_limit", self._wanted)
        each = {place: found for place, pid in living.items() if (found := figures(pid))}

        def of_each(name: str, read: Callable[[Figures], float]) -> Metric:
            return _family(name, [([str(place)], read(one)) for place, one in sorted(each.items())])

        yield of_each("delegation_worker_cpu_seconds_total", lambda one: one.cpu)
        yield of_each("delegation_worker_resident_memory_bytes", lambda one: one.memory)
        yield of_each("delegation_worker_open_fds", lambda one: one.files)
        yield of_each("delegation_worker_max_fds", lambda one: one.most_files)
        yield of_each("delegation_worker_start_time_seconds", lambda one: one.started)
        every = [found for pid in self._workers.processes() if (found := figures(pid))]
        if every:
            cpu = sum(one.cpu + one.cpu_of_children for one in every)
            yield _family("process_cpu_seconds_total", cpu)
            yield _family("process_resident_memory_bytes", sum(one.memory for one in every))
            yield _family("process_open_fds", sum(one.files for one in every))
            yield _family("process_max_fds", sum(one.most_files for one in every))
            yield _family("process_start_time_seconds", min(one.started for one in every))


class StoreView(_View):
    """What the store says of its log and of people, and whether it answers.

    A store that does not answer leaves its own out: the rest of the page must still be read then.

    Args:
        tracker: Whose store is asked.
    """

    def __init__(self, tracker: Tracker) -> None:
        """Ask nothing yet."""
        self._tracker = tracker
        self._asking: Thread | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this moment."""
        told = self._asked()
        found, is_ready = ({}, False) if told is None else told
        yield _family("delegation_ready", int(is_ready))
        yield _family("delegation_store_up", int(bool(found)))
        for name, value in found.items():
            yield _family(f"delegation_{name}", value)

    def _asked(self) -> tuple[dict[str, float], bool] | None:
        """Return what the store says, if it does so in time; one that hangs is asked once."""
        if self._asking is not None and self._asking.is_alive():
            return None
        answers: SimpleQueue[tuple[dict[str, float], bool]] = SimpleQueue()
        self._asking = Thread(
            target=lambda: answers.put(self._ask()), name="delegation-metrics-store", daemon=True
        )
        self._asking.start()
        with suppress(Empty):
            return answers.get(timeout=STORE_SECONDS)
        return None

    def _ask(self) -> tuple[dict[str, float], bool]:
        tracker = self._tracker
        found: dict[str, float] = {}
        with suppress(DelegationError):
            log, waiting = tracker.log_status(), tracker.waiting_approvals()
            found = {
                "log_entries": log.size,
                "log_signed_entries": log.signed,
                "log_waiting": log.waiting,
                "log_checkpoint_age_seconds": log.age(tracker.now()),
                "log_stopped": int(bool(log.stopped)),
                "approvals_waiting": waiting,
            }
        try:
            tracker.health()
        except DelegationError:
            return found, False
        return found, True
