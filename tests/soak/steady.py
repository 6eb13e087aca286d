"""Mixed load for a long time on one service: calls, denials, delegation, revocation, reading; memory flat."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from postgres import Server
from world import DESK

from delegation import Access, Grant, HolderKey
from delegation.client import Client
from delegation.errors import DelegationError
from delegation.tracker import Tracker
from soak.audit import audit
from soak.load import Callers, Work, prepare
from soak.programs import children, programs, until
from soak.replicas import ROOT, ready_url

CALLERS, PAUSE = 8, 0.05
WARM = 0.25  # part of the time after which memory has to be flat
MAY_GROW = 1.10  # ratio of the last quarter's median to the second quarter's


def rss(pid: int) -> int:
    """Return the memory of a process and its children, bytes."""
    total = 0
    for one in (pid, *children(pid)):
        with suppress(OSError):
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * os.sysconf(
                "SC_PAGE_SIZE"
            )
    return total


def steady(seconds: float) -> dict[str, object]:
    """Run mixed load and return counts and memory over time."""
    server = Server()
    try:
        with programs() as place:
            place.user = {}
            url, ring = server.new_database(), place.folder / "ring.json"
            with Tracker.open(url, ring_file=ring, issuer="https://soak.example") as tracker:
                key = tracker.create_api_key("op", "operator")
            ready = place.folder / "ready.json"
            command = [
                sys.executable, "-m", "delegation.cli", "serve", "--store", url, "--no-make-keys",
                "--port", "0", "--ready-file", str(ready), "--issuer", "https://soak.example",
                "--workers", "2",
            ]  # fmt: skip
            path = os.pathsep.join([str(ROOT), str(ROOT / "api")])
            served = place.start("serve", command, DELEGATION_RING=str(ring), PYTHONPATH=path)
            until("the service", ready.exists)
            with Client(ready_url(ready), api_key=key) as client:
                work = prepare(client, calls=100_000_000, lasts=int(seconds) + 3600)
                callers = Callers(
                    work,
                    lambda t, p, a, k: client.check(t, p, a, idempotency_key=k),
                    CALLERS,
                    PAUSE,
                ).begin()
                other = Mixed(client, work)
                other.begin()
                samples: list[tuple[float, int]] = []
                begun = time.monotonic()
                try:
                    while time.monotonic() - begun < seconds:
                        time.sleep(min(5.0, seconds / 40))
                        samples.append((time.monotonic() - begun, rss(served.pid)))
                finally:
                    other.end()
                    callers.end()
            found = audit(url, work.task, [callers.answered])
            second = _median(samples, seconds * WARM, seconds * 2 * WARM)
            last = _median(samples, seconds * (1 - WARM), seconds)
            grown = last / second if second else 0.0
            faults = found.faults()
            faults += [f for f in callers.faults if f.startswith(("unex", "given"))]
            faults += [f"{n} {what}" for what, n in other.faults.items()]
            if grown > MAY_GROW:
                faults.append(f"memory grew to {grown:.2f} of what it was when warm")
            return {
                "what": f"mixed load for {seconds / 60:.0f} minutes, two workers",
                "answered": found.answered,
                "other_requests": other.done,
                "lost": found.lost,
                "p99_ms": round(callers.percentile(0.99), 1),
                "memory_mb": round(last / 1e6),
                "memory_ratio": round(grown, 3),
                "repeated": sum(callers.faults.values()),
                "faults": faults,
                "codes": dict(callers.codes),
            }
    finally:
        server.close()


def _median(samples: list[tuple[float, int]], since: float, until_: float) -> float:
    found = sorted(value for at, value in samples if since <= at <= until_)
    return float(found[len(found) // 2]) if found else 0.0


class Mixed(threading.Thread):
    """Everything but plain calls: garbage, refused calls, new tasks, long chains, cuts, reading."""

    def __init__(self, client: Client, work: Work) -> None:
        super().__init__()
        self.done = 0
        self.faults: dict[str, int] = {}
        self._client, self._work = client, work
        self._over = threading.Event()
        self._random = random.Random(7)  # a fixed mix

    def begin(self) -> None:
        """Start."""
        self.start()

    def end(self) -> None:
        """Stop after the request that runs."""
        self._over.set()
        self.join(60)

    def run(self) -> None:
        """Choose and send, until it is over."""
        kinds = (self._garbage, self._refused, self._chain, self._read, self._plan)
        while not self._over.wait(0.05):
            try:
                self._random.choice(kinds)()
                self.done += 1
            except DelegationError as error:
                name = f"{type(error).__name__} {error.code}"
                self.faults[name] = self.faults.get(name, 0) + 1

    def _garbage(self) -> None:
        access = Access("files.read", {"path": "/a"}, DESK)
        assert not self._client.check("dct.b1.AAAA", None, access)

    def _refused(self) -> None:
        access = Access("ops.restart", {"host": "h.example"}, DESK, purpose="desk")
        proof = self._work.holder.prove(self._work.token, access)
        assert not self._client.check(self._work.token, proof, access)

    def _chain(self) -> None:
        work = prepare(self._client, calls=5, lasts=60)
        access = Access("files.read", {"path": "/a"}, DESK, purpose="desk")
        assert self._client.check(work.token, work.holder.prove(work.token, access), access)
        self._client.revoke("link", work.token.id, reason="soak")
        assert not self._client.check(work.token, work.holder.prove(work.token, access), access)
        self._client.close_task(work.task)

    def _read(self) -> None:
        after = max(0, 10 * self.done)
        self._client.decisions(after=after, limit=100)
        self._client.ancestors(self._work.token.id)
        self._client.tasks(limit=20)

    def _plan(self) -> None:
        self._client.plan(self._work.token, grant=Grant(budget={"calls": 1}))
        HolderKey.generate("x")
