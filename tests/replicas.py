"""Trackers as replicas of one service: each with its copy of the ring, on one store."""

from __future__ import annotations

import shutil
from pathlib import Path

from world import DESK, READ

from delegation import Access, Grant, HolderKey, Token, Tracker

BOSS = HolderKey.generate("boss")
CALL = Access("files.read", {"path": "/a"}, DESK)
NOW = 1_800_000_000


class Replica:
    """A tracker on a store, with its own copy of the ring; it looks when the test says so."""

    def __init__(self, url: str, ring: Path) -> None:
        self.url, self.ring = url, ring
        self.at = NOW
        self.running = 1000.0
        self.tracker = Tracker.open(url, ring_file=ring, clock=lambda: self.at)
        self.keys = self.tracker._desk.keys
        self.keys._running = lambda: self.running
        self.keys.look()

    def serve(self) -> Replica:
        """Say from now on what is held."""
        self.keys.keep()
        return self

    def look(self) -> None:
        """Look, as a service does each second."""
        self.running += 4
        self.keys.look()

    def issue(self, lasts: int = 1000, form: str = "biscuit") -> Token:
        """Open a task and issue its root."""
        ceiling = Grant([READ], audience=[DESK])
        task = self.tracker.open_task("T", owner="ana@acme.example", ceiling=ceiling, lasts=lasts)
        return self.tracker.issue(task, to=BOSS.public, format=form)

    def code(self, token: Token) -> str | None:
        """Check a call, and return why it is denied."""
        decision = self.tracker.check(token, BOSS.prove(token, CALL, at=self.at), CALL)
        return None if decision.denial is None else decision.denial.code


def reopened(gone: Replica, ring: Path | None = None) -> Replica:
    """Open another replica on the same store, with the same copy of the ring or another one."""
    return Replica(gone.url, ring or gone.ring)


def copy(source: Path, target: Path) -> None:
    """Copy a ring as an operator does: a file beside, renamed over the old one."""
    beside = target.with_suffix(".part")
    shutil.copy(source, beside)
    beside.chmod(0o600)
    beside.replace(target)


def kid(replica: Replica, role: str) -> int:
    """Return which key of a role signs at a replica."""
    return int(replica.keys.ring.active(role).kid)
