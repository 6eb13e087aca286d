"""Holds the data of an export, within a bound."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from delegation.errors import ExportTooLargeError


@dataclass(frozen=True, slots=True)
class ExportData:
    """What an export is made of.

    Args:
        at: The instant that was looked at, Unix seconds.
        epoch: The newest revocation that is known.
        shown: How many links, rows or events it has.
        total: How many there are in the scope: the task, or the store.
        entries: They themselves, in order; for lineage its tasks. Read once, while the snapshot is
            open.
        is_complete: Whether all links of the scope were looked at.
    """

    at: int
    epoch: int
    shown: int
    total: int
    entries: Iterable[Any]
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much one export may be.

    Args:
        rows: Most rows of a listing, or events.
        links: Most links of what is drawn, or is one document.
        tell: Called now and then with how many entries were read, and of how many; what it raises
            ends the reading.
    """

    rows: int
    links: int
    tell: Callable[[int, int], None] = lambda _done, _total: None

    def refuse(self, number: int, most: int) -> None:
        """Refuse what is too much.

        Raises:
            ExportTooLargeError: It is.
        """
        if number > most:
            raise ExportTooLargeError(number, most)
