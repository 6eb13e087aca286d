"""Starts: the processor time of a first store, and of the program beside the libraries it prints with."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.row import Row, bounded, rounded

FLOOR = "python -c 'import typer, rich'"
_OPEN = """
import time
from delegation.tracker import Tracker
imported = time.process_time_ns()
tracker = Tracker.open("sqlite://")
print(imported / 1000, (time.process_time_ns() - imported) / 1000)
tracker.close()
"""
_PROGRAM = str(Path(sys.executable).with_name("delegation"))
_IMPORT = "python -c 'from delegation.tracker import Tracker'"
_COMMANDS = {
    FLOOR: (sys.executable, "-c", "import typer, rich"),
    "delegation --help": (_PROGRAM, "--help"),
    "delegation --version": (_PROGRAM, "--version"),
}
_STORE = "Tracker.open('sqlite://')"


def rows(rounds: int) -> list[Row]:
    """Return the rows of starts, each a new process that takes its turn beside the floor's.

    Args:
        rounds: Turns of each.
    """
    taken: dict[str, list[float]] = {name: [] for name in (*_COMMANDS, _IMPORT, _STORE)}
    for turn in range(-1, rounds):  # the first finds no file in memory yet
        found = [_cpu_us(*words) for words in _COMMANDS.values()]
        found += map(float, subprocess.check_output([sys.executable, "-c", _OPEN]).split())
        if turn >= 0:
            for times, used in zip(taken.values(), found, strict=True):
                times.append(used)
    return [_row(name, times, taken[FLOOR]) for name, times in taken.items()]


def _row(name: str, times: Sequence[float], base: Sequence[float]) -> Row:
    what = "a first store, imports left aside" if name == _STORE else "a process"
    row = Row("start", what, name, cpu_us=rounded(statistics.median(times)))
    if name == _STORE:
        return bounded(row, "<= 30 ms CPU")
    if name == FLOOR:
        return row
    pairs = [used / other for used, other in zip(times, base, strict=True)]
    row = replace(row, floor=FLOOR, ratio_to_floor=rounded(statistics.median(pairs)))
    return row if name == _IMPORT else bounded(row, "<= 3.0")


def _cpu_us(*words: str) -> float:
    """Return the processor time of a process, from its start to its end."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{words} ended with {process.returncode}")
    return (used.ru_utime + used.ru_stime) * 1e6
