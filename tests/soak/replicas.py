"""Two replicas of the service behind HAProxy, which retries; one is killed: every call has one answer."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from postgres import Server

from delegation.client import Client
from delegation.tracker import Tracker
from soak.audit import audit
from soak.load import Callers, prepare
from soak.programs import find, free_ports, programs, until

ROOT = Path(__file__).parents[2]
CALLERS = 32


def replicas(seconds: float) -> dict[str, object]:
    """Run load through the balancer, kill one replica, go on, and compare."""
    server = Server()
    try:
        with programs() as place:
            url, ring = server.new_database(), place.folder / "ring.json"
            with Tracker.open(url, ring_file=ring, issuer="https://soak.example") as tracker:
                key = tracker.create_api_key("op", "operator")
            front, *ports = free_ports(3)
            place.user = {}  # the service reads a ring that only its user may read
            served = []
            for number, port in enumerate(ports):
                ready = place.folder / f"ready{number}.json"
                command = [
                    sys.executable, "-m", "delegation.cli", "serve", "--store", url, "--no-make-keys",
                    "--port", str(port), "--ready-file", str(ready), "--issuer", "https://soak.example",
                ]  # fmt: skip
                path = os.pathsep.join([str(ROOT), str(ROOT / "api")])
                served.append(
                    place.start(
                        f"serve{number}", command, DELEGATION_RING=str(ring), PYTHONPATH=path
                    )
                )
                until(f"replica {number}", ready.exists)
            config = place.folder / "haproxy.cfg"
            config.write_text(
                "defaults\n  mode http\n  timeout connect 1s\n  timeout client 30s\n  timeout server 30s\n"
                "  retries 2\n  option redispatch\n  retry-on conn-failure empty-response\n"
                f"frontend f\n  bind 127.0.0.1:{front}\n  default_backend b\n"
                "backend b\n  option httpchk GET /readyz\n"
                + "".join(
                    f"  server s{n} 127.0.0.1:{port} check inter 200ms fall 2 rise 1\n"
                    for n, port in enumerate(ports)
                )
            )
            place.start("haproxy", [find("haproxy"), "-f", str(config), "-db"])
            base = f"http://127.0.0.1:{front}"
            until("the balancer", lambda: _answers(base))
            with Client(base, api_key=key) as client:
                work = prepare(client, calls=10_000_000)
                callers = Callers(
                    work, lambda t, p, a, k: client.check(t, p, a, idempotency_key=k), CALLERS
                ).begin()
                try:
                    time.sleep(seconds)
                    os.kill(served[0].pid, signal.SIGKILL)
                    time.sleep(seconds)
                finally:
                    callers.end()
            found = audit(url, work.task, [callers.answered])
            return {
                "what": "one of two replicas killed behind a balancer that retries",
                "answered": found.answered,
                "stored": found.stored,
                "lost": found.lost,
                "p99_ms": round(callers.percentile(0.99), 1),
                "longest_ms": round(callers.percentile(1.0), 1),
                "repeated": sum(callers.faults.values()),
                "faults": found.faults()
                + [f for f in callers.faults if f.startswith(("unex", "given"))],
                "codes": dict(callers.codes),
            }
    finally:
        server.close()


def _answers(base: str) -> bool:
    try:
        with Client(base, attempts=1) as client:
            client.health()
    except Exception:  # noqa: BLE001  # not yet
        return False
    return True


def ready_url(file: Path) -> str:
    """Return the URL that a served process wrote when it listened."""
    return str(json.loads(file.read_text())["url"])
