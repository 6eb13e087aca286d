"""Medians of calls that take turns, so that what else the machine does meets all of them alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timed:
    """What the turns of one subject came to.

    Args:
        us: Median microseconds of one call.
        share: Of a core, what its turns used; the median.
    """

    us: float
    share: float


def medians(
    subjects: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    calls: int = 1,
    waits: bool = False,
) -> dict[str, float]:
    """Return the median microseconds of one call of each subject; see `timed`."""
    found = timed(subjects, rounds=rounds, calls=calls, waits=waits)
    return {name: one.us for name, one in found.items()}


def timed(
    subjects: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    calls: int = 1,
    waits: bool = False,
) -> dict[str, Timed]:
    """Return what calls of each subject take, and how busy they were.

    What only computes is timed by its thread's processor time, which other programs on the machine
    do not lengthen by taking its place; what waits for a database, by the clock on the wall.

    Args:
        subjects: The calls; in each round every subject has its turn.
        rounds: How many turns each gets, after some that are not counted.
        calls: Calls in a turn; its time is divided by them.
        waits: Whether the calls wait for something.
    """
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in subjects}
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for turn in range(-max(2, rounds // 20), rounds):
            for name, call in subjects.items():
                begun, worked = time.perf_counter_ns(), time.thread_time_ns()
                for _ in range(calls):
                    call()
                used, passed = time.thread_time_ns() - worked, time.perf_counter_ns() - begun
                if turn >= 0:
                    taken[name].append(((passed if waits else used) / calls / 1000, used / passed))
            if turn % 50 == 0:
                gc.collect()
    finally:
        if was_on:
            gc.enable()
    return {
        name: Timed(*map(statistics.median, zip(*found, strict=True)))
        for name, found in taken.items()
    }
