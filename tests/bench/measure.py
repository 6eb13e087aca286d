"""Medians of calls that take turns, so that what else the machine does meets all of them alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping


def medians(
    subjects: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    calls: int = 1,
    waits: bool = False,
) -> dict[str, float]:
    """Return the median microseconds of one call of each subject.

    What only computes is timed by its thread's processor time, which other programs on the machine
    do not lengthen by taking its place; what waits for a database, by the clock on the wall.

    Args:
        subjects: The calls; in each round every subject has its turn.
        rounds: How many turns each gets, after some that are not counted.
        calls: Calls in a turn; its time is divided by them.
        waits: Whether the calls wait for something.
    """
    now = time.perf_counter_ns if waits else time.thread_time_ns
    taken: dict[str, list[float]] = {name: [] for name in subjects}
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for turn in range(-max(2, rounds // 20), rounds):
            for name, call in subjects.items():
                begun = now()
                for _ in range(calls):
                    call()
                ended = now()
                if turn >= 0:
                    taken[name].append((ended - begun) / calls / 1000)
            if turn % 50 == 0:
                gc.collect()
    finally:
        if was_on:
            gc.enable()
    return {name: statistics.median(values) for name, values in taken.items()}
