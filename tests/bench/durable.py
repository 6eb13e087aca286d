"""Checks in process with many in flight, each answered after its decision is committed."""

from __future__ import annotations

import time
from collections import deque

from bench.rates import Turn, filled
from bench.row import Row
from bench.scene import ACCESS, ISSUER, Held, chain, open_scene
from delegation.identity.keyring import KeyRing
from delegation.tracker import Tracker

_PORTION = 1000
WHAT = "check in process, decision durable"


def rows(stores: dict[str, str], *, rounds: int, calls: int, clients: tuple[int, ...]) -> list[Row]:
    """Return rows of durable checks with so many in flight, the stores in turns.

    Args:
        stores: Name of each engine, and the URL of an empty database.
        rounds: Turns of each store.
        calls: Calls in a turn.
        clients: How many calls are in flight.
    """
    taken: dict[tuple[str, int], list[Turn]] = {}
    trackers = {
        name: Tracker.open(url, ring=KeyRing.generate(ISSUER)) for name, url in stores.items()
    }
    try:
        held = {name: chain(t, open_scene(t), 4) for name, t in trackers.items()}
        for number in range(-1, rounds):
            for (name, tracker), window in ((i, w) for w in clients for i in trackers.items()):
                made = turn(tracker, held[name], calls, window)
                if number >= 0:
                    taken.setdefault((name, window), []).append(made)
    finally:
        for tracker in trackers.values():
            tracker.close()
    return [
        filled(Row("durable", WHAT, name, depth=4, clients=window), found)
        for (name, window), found in taken.items()
    ]  # fmt: skip


def turn(tracker: Tracker, held: Held, calls: int, window: int) -> Turn:
    """Make so many calls; one at a time is slow, so fewer of them are made."""
    passed, used, left = 0.0, 0.0, calls if window > 1 else max(1, calls // 10)
    made = left
    while left:
        # A proof lives for a minute: each portion is signed right before it is sent.
        proofs = [held.prove() for _ in range(min(left, _PORTION))]
        left -= len(proofs)
        begun, worked = time.perf_counter(), time.process_time()
        _send(tracker, held, proofs, window)
        passed += time.perf_counter() - begun
        used += time.process_time() - worked
    return Turn(made, passed, used)


def _send(tracker: Tracker, held: Held, proofs: list[str], window: int) -> None:
    access, text = ACCESS.to_json(), held.token.text
    flying: deque = deque()
    for proof in proofs:
        flying.append(tracker.begin_check(text, proof, access))
        if len(flying) >= window:
            _allowed(flying.popleft())
    while flying:
        _allowed(flying.popleft())


def _allowed(pending) -> None:
    decision = pending.result(timeout=30)
    if not decision:
        raise RuntimeError(str(decision))
