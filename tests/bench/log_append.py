"""The tamper-evident log: leaves through the sequencer, how far a checkpoint is behind, what it costs."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.durable import turn
from bench.rates import Turn, beside, filled
from bench.row import Row, bounded, rounded
from bench.scene import ACCESS, ISSUER, Held, chain, open_scene
from delegation.records.settling import batch
from delegation.tracker import Tracker

PLACED = "leaves given their places, written as tiles and signed"
BEHIND = "from a decision's answer to the checkpoint over it"
WITHOUT = "check, decision durable, no leaf written"
KEPT = "the same with its leaf, log kept up to date"
_LOOK = 0.005  # seconds between two looks at the newest checkpoint
_FLOOR = "one second"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Args:
        leaves: Decisions that wait for their places.
        rate: Decisions in a second while lag is measured.
        seconds: Of that.
        rounds: Turns with and without the log.
        calls: In a turn.
        clients: Of them in flight.
    """

    leaves: int
    rate: float
    seconds: float
    rounds: int
    calls: int
    clients: int = 64


def rows(stores: dict[str, str], plan: Plan) -> list[Row]:
    """Return the rows of each engine.

    Args:
        stores: Name of each engine, and the URL of an empty database.
        plan: How much.
    """
    result: list[Row] = []
    for engine, url in stores.items():
        with tempfile.TemporaryDirectory(prefix="delegation-bench-") as place:
            folder = Path(place)
            with Tracker.open(
                url, ring_file=folder / "ring.json", issuer=ISSUER, log_dir=folder / "log"
            ) as tracker:
                held = chain(tracker, open_scene(tracker), 4)
                result += _cost(tracker, held, engine, plan)
                result.append(_sequenced(tracker, held, engine, plan))
                result += _lag(tracker, held, engine, plan)
    return result


def _cost(tracker: Tracker, held: Held, engine: str, plan: Plan) -> list[Row]:
    """Return decisions in a second without leaves, and with them while the log is kept."""
    taken: dict[str, list[Turn]] = {WITHOUT: [], KEPT: []}
    for number in range(-1, plan.rounds):
        for what, found in taken.items():
            with _no_leaves() if what == WITHOUT else _keeping(tracker):
                made = turn(tracker, held, plan.calls, plan.clients)
            if number >= 0:
                found.append(made)
    row = Row("log", WITHOUT, engine, clients=plan.clients)
    return [
        filled(row, taken[WITHOUT]),
        beside(replace(row, what=KEPT), taken[KEPT], WITHOUT, taken[WITHOUT]),
    ]


@contextmanager
def _no_leaves() -> Iterator[None]:
    """Leave out what no setting turns off: the leaf beside each decision."""
    real = batch.log_decisions
    batch.log_decisions = lambda *_: None
    try:
        yield
    finally:
        batch.log_decisions = real


@contextmanager
def _keeping(tracker: Tracker) -> Iterator[None]:
    """Keep the log up to date, twice a second as a service does."""
    ends = threading.Event()

    def keep() -> None:
        while not ends.wait(0.5):
            tracker.update_log()

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        yield
    finally:
        ends.set()
        keeper.join()


def _sequenced(tracker: Tracker, held: Held, engine: str, plan: Plan) -> Row:
    """Return how many waiting leaves a second go through sequencer, tiles and signature."""
    tracker.update_log()
    turn(tracker, held, plan.leaves, plan.clients)
    begun = time.perf_counter()
    status = tracker.update_log()
    taken = time.perf_counter() - begun
    if status.waiting or status.signed != status.size:
        raise RuntimeError(f"{engine}: {status.waiting} leaves were left")
    return Row("log", PLACED, engine, per_second=rounded(plan.leaves / taken))


def _lag(tracker: Tracker, held: Held, engine: str, plan: Plan) -> list[Row]:
    """Return how long after its answer a decision is under a checkpoint, at a steady rate."""
    tracker.update_log()
    base, signed = tracker.log_status().signed, [(0.0, tracker.log_status().signed)]
    ends = threading.Event()

    def look() -> None:
        while not ends.wait(_LOOK):
            size = tracker.log_checkpoint().size
            if size != signed[-1][1]:
                signed.append((time.perf_counter(), size))

    tracker.keep_log()
    looker = threading.Thread(target=look)
    looker.start()
    answered = list(_steady(tracker, held, plan))
    for _ in range(2000):
        if signed[-1][1] >= base + len(answered):
            break
        time.sleep(_LOOK)
    ends.set()
    looker.join()
    lags = sorted(_lags(answered, base, signed))
    if len(lags) != len(answered):
        raise RuntimeError(f"{engine}: {len(answered) - len(lags)} decisions under no checkpoint")
    p99 = lags[len(lags) * 99 // 100]
    row = Row(
        "log", f"{BEHIND}, {plan.rate:g} a second", engine, median_us=rounded(statistics.median(lags) * 1e6),
        p99_us=rounded(p99 * 1e6), floor=_FLOOR, ratio_to_floor=rounded(p99 / 1.0),
    )  # fmt: skip
    return [bounded(row, "<= 1.0")]


def _steady(tracker: Tracker, held: Held, plan: Plan) -> Iterator[float]:
    """Make calls one after the other, so that their places are in their order; yield their answers."""
    begun = time.perf_counter()
    for number in range(int(plan.rate * plan.seconds)):
        time.sleep(max(0.0, begun + number / plan.rate - time.perf_counter()))
        if not tracker.check(held.token.text, held.prove(), ACCESS):
            raise RuntimeError("a call was denied")
        yield time.perf_counter()


def _lags(answered: list[float], base: int, signed: list[tuple[float, int]]) -> Iterator[float]:
    """Yield the seconds from each answer to the first checkpoint that covers its decision."""
    place = 0
    for number, at in enumerate(answered, start=base + 1):
        while place < len(signed) and signed[place][1] < number:
            place += 1
        if place == len(signed):
            return
        yield max(0.0, signed[place][0] - at)
