"""Reads the runs in which tables of code points are written."""

from __future__ import annotations


def character_class(runs: str) -> str:
    """Return a table's code points as the inside of a regular expression's brackets.

    Args:
        runs: Hexadecimal pairs: how many code points to skip, how many follow.
    """
    numbers = [int(word, 16) for word in runs.split()]
    ranges, start = [], 0
    for skip, count in zip(numbers[::2], numbers[1::2], strict=True):
        start += skip
        ranges.append(f"\\U{start:08x}-\\U{start + count - 1:08x}")
        start += count
    return "".join(ranges)
