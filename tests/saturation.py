"""Benign calls while busy loops take every processor: how many were refused, and how long they took."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from hogs import saturated
from load import Caller, call
from under_fault import Place
from writing import scalar

from delegation import HolderKey, Token
from delegation.tracker import Tracker

CALLERS = 6
_CHARGED = "SELECT coalesce(sum(used), 0) FROM counter WHERE scope = 'task' AND unit = 'calls'"


@dataclass
class Found:
    """What became of the calls."""

    calls: int = 0
    charged: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)

    def share(self, part: float) -> float:
        """Return the time within which this part of the calls was answered, in seconds."""
        return sorted(self.times)[min(len(self.times) - 1, int(part * len(self.times)))]


def embedded(place: Place, calls: int, *, seconds: float) -> Found:
    """Let three callers call at each of two trackers on one store."""
    world = place.world
    second = Tracker.open(place.url, ring=world.tracker._desk.ring, clock=world.tracker._clock)

    def ask(number: int, token: Token, holder: HolderKey) -> str:
        tracker = (world.tracker, second)[number % 2]
        access = world.access()
        made = tracker.check(token, holder.prove(token, access), access)
        return "" if made else str(made.denial and made.denial.code)

    try:
        return _asked(place, calls, ask, seconds=seconds)
    finally:
        second.close()


def served(place: Place, calls: int, *, seconds: float) -> Found:
    """Let six callers call at a service; each call is sent once."""
    service = place.serving(workers=1 if place.url.startswith("sqlite") else 2)
    service.start()
    callers = [Caller(service.port, place.key) for _ in range(CALLERS)]

    def ask(number: int, token: Token, holder: HolderKey) -> str:
        answer = callers[number].send(call(token, holder))
        return "" if answer.allowed else f"{answer.status} {answer.body.get('code', answer.code)}"

    try:
        found = _asked(place, calls, ask, seconds=seconds)
    finally:
        for caller in callers:
            caller.close()
    assert service.end() == 0
    return found


def _asked(
    place: Place, calls: int, ask: Callable[[int, Token, HolderKey], str], *, seconds: float
) -> Found:
    place.task = place.world.open(budget={"calls": calls})
    leaves, found = place.leaves(calls, *[calls] * CALLERS), Found()
    before, left, lock = scalar(place.world, _CHARGED), [calls], threading.Lock()
    ends = time.monotonic() + seconds

    def run(number: int) -> None:
        while time.monotonic() < ends:
            with lock:
                if left[0] == 0:
                    return
                left[0] -= 1
            begun = time.monotonic()
            try:
                said = ask(number, *leaves[number])
            except Exception as error:  # noqa: BLE001  # counted
                said = type(error).__name__
            with lock:
                found.calls += 1
                found.times.append(time.monotonic() - begun)
                if said:
                    found.refused[said] += 1

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CALLERS)]
    with saturated(seconds, times=3):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found.charged = scalar(place.world, _CHARGED) - before
    return found
