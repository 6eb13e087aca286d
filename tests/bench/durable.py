"""Checks in process with many in flight, each answered after its decision is committed."""

from __future__ import annotations

import statistics
import time
from collections import deque

from bench.row import Row, rounded
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
    rates: dict[tuple[str, int], list[float]] = {}
    trackers = {
        name: Tracker.open(url, ring=KeyRing.generate(ISSUER)) for name, url in stores.items()
    }
    try:
        held = {name: chain(t, open_scene(t), 4) for name, t in trackers.items()}
        for turn in range(-1, rounds):
            for (name, tracker), window in ((i, w) for w in clients for i in trackers.items()):
                rate = _turn(tracker, held[name], calls, window)
                if turn >= 0:
                    rates.setdefault((name, window), []).append(rate)
    finally:
        for tracker in trackers.values():
            tracker.close()
    return [
        Row("durable", WHAT, name, depth=4, clients=window, per_second=rounded(statistics.median(found)))
        for (name, window), found in rates.items()
    ]  # fmt: skip


def _turn(tracker: Tracker, held: Held, calls: int, window: int) -> float:
    """Return calls in a second; one at a time is slow, so fewer of them are made."""
    passed, left = 0.0, calls if window > 1 else max(1, calls // 10)
    made = left
    while left:
        # A proof lives for a minute: each portion is signed right before it is sent.
        proofs = [held.prove() for _ in range(min(left, _PORTION))]
        left -= len(proofs)
        passed += _sent(tracker, held, proofs, window)
    return made / passed


def _sent(tracker: Tracker, held: Held, proofs: list[str], window: int) -> float:
    access, text = ACCESS.to_json(), held.token.text
    flying: deque = deque()
    begun = time.perf_counter()
    for proof in proofs:
        flying.append(tracker.begin_check(text, proof, access))
        if len(flying) >= window:
            _allowed(flying.popleft())
    while flying:
        _allowed(flying.popleft())
    return time.perf_counter() - begun


def _allowed(pending) -> None:
    decision = pending.result(timeout=30)
    if not decision:
        raise RuntimeError(str(decision))
