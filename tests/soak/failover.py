"""The leader is killed under load, its standbys' receivers frozen first: nothing answered is lost."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from delegation.identity.keyring import KeyRing
from delegation.tracker import Tracker
from soak.audit import audit
from soak.cluster import Cluster
from soak.load import Callers, prepare
from soak.programs import programs

CALLERS = 64


def failover(seconds: float, *, frozen: bool) -> dict[str, object]:
    """Run load, kill the leader, go on with the next one, and compare.

    Args:
        seconds: Load before and after.
        frozen: Whether the standbys' receivers of WAL stop 1.5 s before, so that what would be
            acknowledged without them would be lost.
    """
    with programs() as place:
        cluster = Cluster(place)
        leader = cluster.ready()
        with Tracker.open(cluster.url, ring=KeyRing.generate("https://soak.example")) as tracker:
            work = prepare(tracker, calls=10_000_000)
            callers = Callers(
                work, lambda t, p, a, k: tracker.check(t, p, a, idempotency_key=k), CALLERS
            ).begin()
            try:
                time.sleep(seconds)
                stopped = cluster.freeze_receivers() if frozen else []
                before = len(callers.answered)
                time.sleep(1.5 if frozen else 0)
                while_frozen = len(callers.answered) - before
                cluster.kill(leader)
                for pid in stopped:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGCONT)
                following = cluster.leader()
                time.sleep(seconds)
            finally:
                callers.end()
        found = audit(cluster.url, work.task, [callers.answered])
        return {
            "what": "leader killed" + (", receivers frozen first" if frozen else ""),
            "answered": found.answered,
            "answered_while_frozen": while_frozen,
            "lost": found.lost,
            "silence_s": round(callers.longest_silence(), 1),
            "repeated": sum(callers.faults.values()),
            "faults": found.faults()
            + [f for f in callers.faults if f.startswith(("unex", "given"))],
            "moved": following.name != leader.name,
        }
