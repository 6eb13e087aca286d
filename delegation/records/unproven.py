"""The gate for denials at steps 1 to 6: stored one by one up to a rate, only counted above it.

Nobody has shown to hold anything at those steps, so whoever reaches the desk could fill the disk.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Final

PER_SECOND: Final = 10  # records for one client; more tell a reviewer nothing new
MAX_CLIENTS: Final = 1024  # clients that are told apart; beyond, the oldest is forgotten


class UnprovenGate:
    """Counts each client's unproven denials within the present second."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._lock = Lock()
        self._seen: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def admits(self, client: str, at: int) -> bool:
        """Return whether this client's next denial is still stored as a record of its own."""
        with self._lock:
            second, count = self._seen.pop(client, (at, 0))
            count = count + 1 if second == at else 1
            self._seen[client] = (at, count)
            while len(self._seen) > MAX_CLIENTS:
                self._seen.popitem(last=False)
            return count <= PER_SECOND
