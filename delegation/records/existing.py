"""Which rows of counters and paces are there: so that they are made before any is locked.

Locking those that are there, then making those that are not, then locking again let two batches wait
in a circle: one held an old row and made a new one that the other had made and held, waiting for the
old. Made first and then locked, in one order, they take turns.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

Key = TypeVar("Key", bound=tuple[str, ...])

_MOST: Final = 65_536  # keys that a process remembers


class Existing:
    """Rows that this process found committed. They are never deleted, but a database may be restored."""

    def __init__(self) -> None:
        """Begin with none."""
        self._found: set[tuple[str, ...]] = set()

    def unknown(self, keys: Iterable[Key]) -> list[Key]:
        """Return those that may have to be made, in the one order for all processes."""
        return sorted(set(keys) - self._found)

    def found(self, keys: Iterable[tuple[str, ...]]) -> None:
        """Remember rows that were there without being made by the transaction that asks."""
        fresh: set[tuple[str, ...]] = {*keys} - self._found
        if fresh:
            # Another set: one that another thread looks at does not change under it.
            self._found = fresh if len(self._found) >= _MOST else {*self._found, *fresh}
