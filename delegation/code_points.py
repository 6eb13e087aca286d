"""Reads the runs in which tables of code points are written."""

from __future__ import annotations

from collections.abc import Iterator


def character_class(runs: str) -> str:
    """Return a table's code points as the inside of a regular expression's brackets.

    Args:
        runs: Hexadecimal pairs: how many code points to skip, how many follow.
    """
    return "".join(f"\\U{run.start:08x}-\\U{run.stop - 1:08x}" for run in _ranges(runs))


def code_points(runs: str) -> Iterator[int]:
    """Yield a table's code points, in order."""
    for run in _ranges(runs):
        yield from run


def _ranges(runs: str) -> Iterator[range]:
    numbers = [int(word, 16) for word in runs.split()]
    start = 0
    for skip, count in zip(numbers[::2], numbers[1::2], strict=True):
        start += skip
        yield range(start, start + count)
        start += count
