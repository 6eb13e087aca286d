"""Load: callers who repeat what was not answered under the same idempotency key, and remember answers."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from world import DESK, OWNER, READ, TOOLS

from delegation import Access, Grant, HolderKey, Token
from delegation.errors import DelegationError, OutsideError
from delegation.judge.decision import Decision

Ask = Callable[[str, str, Access, str], Decision]  # token, proof, access, idempotency key
MAX_AGE = 50.0  # seconds; a proof is fresh for 60


@dataclass(frozen=True)
class Work:
    """What the callers hold: one chain of three links under a task with a ledger."""

    task: str
    token: Token
    holder: HolderKey


def prepare(desk, calls: int, lasts: int = 7200) -> Work:
    """Open a task of so many calls and delegate its root twice; `desk` is a tracker or a client."""
    for tool in TOOLS:
        desk.add_tool(tool)
    ceiling = Grant(
        [READ], audience=[DESK], purpose="desk", delegations_left=4, budget={"calls": calls}
    )
    task = desk.open_task("Soak", owner=OWNER, ceiling=ceiling, lasts=lasts)
    keys = [HolderKey.generate(name) for name in ("boss", "a", "b")]
    token = desk.issue(task, to=keys[0].public)
    for by, to in ((0, 1), (1, 2)):
        token = token.delegate(by=keys[by], to=keys[to].public, grant=Grant())
    return Work(task.id, token, keys[2])


@dataclass
class Callers:
    """Threads that call until they are told to stop.

    Args:
        work: What they hold.
        ask: Has one call decided.
        count: How many threads.
        pause: Seconds between two calls of one thread.
    """

    work: Work
    ask: Ask
    count: int
    pause: float = 0.0
    answered: dict[str, tuple[str, bool]] = field(default_factory=dict)  # by key: decision, allowed
    times: list[tuple[float, float]] = field(default_factory=list)  # when answered, seconds taken
    faults: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> Callers:
        """Start the threads."""
        self._threads = [threading.Thread(target=self._run) for _ in range(self.count)]
        for thread in self._threads:
            thread.start()
        return self

    def end(self) -> None:
        """Let every caller finish its last call, and wait for that."""
        self._stop.set()
        for thread in self._threads:
            thread.join(120)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._call()
            if self.pause:
                self._stop.wait(self.pause)

    def _call(self) -> None:
        access = Access("files.read", {"path": "/a"}, DESK, purpose="desk")
        proof = self.work.holder.prove(self.work.token, access)
        key, begun = secrets.token_hex(16), time.monotonic()
        while time.monotonic() - begun < MAX_AGE:
            try:
                decision = self.ask(self.work.token.text, proof, access, key)
            except OutsideError as error:  # undecided or unknown: asked again under the same key
                self.faults[error.code] += 1
                time.sleep(0.1)
                continue
            except DelegationError as error:
                self.faults[f"unexpected {error.code}"] += 1
                return
            now = time.monotonic()
            self.times.append((now, now - begun))
            self.answered[key] = (decision.id, decision.allowed)
            self.codes["allowed" if decision.denial is None else decision.denial.code] += 1
            return
        self.faults["given up"] += 1

    def longest_silence(self) -> float:
        """Return the longest time between two answers, seconds."""
        at = sorted(when for when, _ in self.times)
        return max((b - a for a, b in pairwise(at)), default=0.0)

    def percentile(self, part: float) -> float:
        """Return how long calls took at most, for this part of them, milliseconds."""
        taken = sorted(seconds for _, seconds in self.times)
        return 1000 * taken[min(len(taken) - 1, int(part * len(taken)))] if taken else 0.0
