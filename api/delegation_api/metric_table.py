"""Declares each metric once: name, kind, unit, labels and a sentence, for docs and program alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram"]
Of = Literal["workers", "service", "store"]
SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Args:
        name: As it is exposed; a counter's ends in `_total`.
        kind: As Prometheus has it.
        unit: Of its values; a noun in the plural where things are counted.
        sentence: What it tells.
        of: `workers`, added up over those of a service; `service`, told by whichever worker is asked
            of all; `store`, the same whichever worker or replica is asked.
        labels: Each label with what its values are. Closed sets: no caller can make series.
        at_first: Values of its labels that it begins with, at 0: what is first seen at 1 is an
            increase that Prometheus does not see.
    """

    name: str
    kind: Kind
    unit: str
    sentence: str
    of: Of = "workers"
    labels: Mapping[str, str] = field(default_factory=dict)
    at_first: tuple[tuple[str, ...], ...] = ()


_ROUTE: Final = {"route": "a declared route such as `/v1/check`, or `unknown`"}
_WORKER: Final = {"worker": "a worker's place, from 0 on; who replaces it has the same"}
_PORT: Final = ("head", "target", "body", "slow", "unread", "malformed", "client", "connections")


def _writer(name: str, unit: str, sentence: str) -> Metric:
    return Metric(f"delegation_writer_{name}_total", "counter", unit, sentence)


TABLE: Final = (
    Metric(
        "delegation_http_requests_total", "counter", "requests", "Requests by route and status.",
        labels={**_ROUTE, "status": "the answer's status, 0 where the client left before"},
        at_first=(("/v1/check", "200"), ("/v1/check", "500"), ("/v1/check", "503")),
    ),
    Metric(
        "delegation_http_seconds", "histogram", "seconds",
        "Seconds from the first byte of a request to the last of its answer.",
        labels=_ROUTE, at_first=(("/v1/check",),),
    ),
    Metric(
        "delegation_decisions_total", "counter", "decisions",
        "Calls decided, by outcome and code; one that is answered again under its key counts again.",
        labels={
            "outcome": "`allowed`, `denied`, or `undecided` where it could not be recorded",
            "code": "of a denial or an error, as in errors.md; `none` of an allowed call",
        },
        at_first=(
            ("allowed", "none"), ("undecided", "store_unavailable"), ("undecided", "outcome_unknown"),
        ),
    ),
    Metric(
        "delegation_port_refused_total", "counter", "connections",
        "Connections ended by a bound of the port, by which.",
        labels={"kind": ", ".join(f"`{kind}`" for kind in _PORT)},
        at_first=tuple((kind,) for kind in _PORT),
    ),
    Metric(
        "delegation_connections_open", "gauge", "connections", "Connections that are open.",
    ),
    Metric(
        "delegation_connections_limit", "gauge", "connections",
        "Connections that may be open; beyond, the client with the most makes room.",
    ),
    Metric(
        "delegation_streams_open", "gauge", "streams", "Open pages that are told what is recorded.",
    ),
    Metric(
        "delegation_polls_waiting", "gauge", "requests", "Long polls that wait.",
        labels={"kind": "`approvals` or `revocations`: what they wait for"},
        at_first=(("approvals",), ("revocations",)),
    ),
    Metric(
        "delegation_writer_waiting", "gauge", "decisions", "Decisions that wait to be recorded.",
    ),
    Metric(
        "delegation_writer_waiting_limit", "gauge", "decisions",
        "Decisions that may wait; beyond, calls are refused.",
    ),
    _writer("batches", "batches", "Committed batches."),
    _writer("decisions", "decisions", "Decisions in them."),
    _writer("seconds", "seconds", "Seconds spent in them."),
    _writer("retries", "attempts", "Attempts at a batch after the first."),
    _writer("reused_markers", "batches", "Batches found committed after a doubtful COMMIT."),
    _writer("refused", "decisions", "Decisions refused: queue full, or the writer ended."),
    _writer("failed", "decisions", "Decisions whose batch could not be committed."),
    _writer(
        "shortened", "decisions",
        "Denials recorded without arguments and proof, which came too fast.",
    ),
    Metric(
        "delegation_webhook_events_total", "counter", "events",
        "Events for webhooks: delivered; failed after the last attempt; dropped, since too many wait.",
        labels={"outcome": "`delivered`, `failed` or `dropped`"},
        at_first=(("delivered",), ("failed",), ("dropped",)),
    ),
    Metric(
        "delegation_retention_runs_total", "counter", "runs",
        "Times that old arguments and proofs were to be erased.",
        labels={"outcome": "`done`, `failed`, or `refused` where the clock is not to be believed"},
        at_first=(("done",), ("failed",), ("refused",)),
    ),
    Metric(
        "delegation_retention_erased_total", "counter", "decisions",
        "Decisions whose arguments and proofs were erased.",
    ),
    Metric(
        "delegation_workers", "gauge", "processes", "Workers that live.", "service",
    ),
    Metric(
        "delegation_workers_limit", "gauge", "processes", "Workers that there should be.", "service",
    ),
    Metric(
        "delegation_worker_cpu_seconds_total", "counter", "seconds",
        "Processor time of a worker, from its start on.", "service", _WORKER,
    ),
    Metric(
        "delegation_worker_resident_memory_bytes", "gauge", "bytes",
        "Memory of a worker.", "service", _WORKER,
    ),
    Metric(
        "delegation_worker_open_fds", "gauge", "files", "Files that a worker has open.",
        "service", _WORKER,
    ),
    Metric(
        "delegation_worker_max_fds", "gauge", "files", "Files that a worker may open.",
        "service", _WORKER,
    ),
    Metric(
        "delegation_worker_start_time_seconds", "gauge", "seconds",
        "When a worker started, Unix time.", "service", _WORKER,
    ),
    Metric(
        "process_cpu_seconds_total", "counter", "seconds",
        "Processor time of all processes of the service, of those that ended too.", "service",
    ),
    Metric(
        "process_resident_memory_bytes", "gauge", "bytes",
        "Memory of all its processes; what they share counts in each.", "service",
    ),
    Metric(
        "process_open_fds", "gauge", "files", "Files that all its processes have open.", "service",
    ),
    Metric(
        "process_max_fds", "gauge", "files", "Files that all its processes may open.", "service",
    ),
    Metric(
        "process_start_time_seconds", "gauge", "seconds",
        "When the first of its processes started, Unix time.", "service",
    ),
    Metric(
        "delegation_build_info", "gauge", "", "What runs; always 1.", "service",
        {"version": "of this program", "python": "its version"},
    ),
    Metric(
        "delegation_ready", "gauge", "",
        "1 while calls are decided, as `GET /readyz` says; 0 if not.", "service",
    ),
    Metric(
        "delegation_store_up", "gauge", "",
        "1 if the store answered within two seconds; if not 0, and what it is asked is left out.",
        "service",
    ),
    Metric(
        "delegation_log_entries", "gauge", "entries", "Entries of the log that have a place.", "store",
    ),
    Metric(
        "delegation_log_signed_entries", "gauge", "entries",
        "Entries under the newest checkpoint.", "store",
    ),
    Metric(
        "delegation_log_waiting", "gauge", "records",
        "Records that have no place in the log yet.", "store",
    ),
    Metric(
        "delegation_log_checkpoint_age_seconds", "gauge", "seconds",
        "Seconds since the newest checkpoint; before the first, since the first record.", "store",
    ),
    Metric(
        "delegation_log_stopped", "gauge", "",
        "1 when the log is stopped and nothing is signed.", "store",
    ),
    Metric(
        "delegation_approvals_waiting", "gauge", "requests",
        "Requests for approval that wait for people.", "store",
    ),
)  # fmt: skip
DECLARED: Final[Mapping[str, Metric]] = {one.name: one for one in TABLE}
