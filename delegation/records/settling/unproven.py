"""Limits the denials at steps 1 to 6 that are stored one by one; above a rate they are counted.

Nobody has shown to hold anything at those steps, so whoever reaches the desk could fill the disk. But
from step 4 on the token is one that was issued: somebody holds what was stolen or forged a link below
it. That has a rate of its own for each code, and beyond that for each link, which garbage uses up nothing of.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Final

from delegation.judge.decision import Denial

PER_SECOND: Final = 10  # records for one client and kind; more tell a reviewer nothing new
LINKS_PER_SECOND: Final = 20  # links beyond that, each once
AUTHENTIC: Final = 4  # the step from which the issuer's own signature has verified
MAX_CLIENTS: Final = 4096  # clients and kinds that are told apart; beyond, the oldest is forgotten


class UnprovenGate:
    """Counts each client's unproven denials within the present second."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._lock = Lock()
        self._seen: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()
        self._links: tuple[int, set[tuple[str, str, str]]] = (0, set())

    def admits(self, client: str, denial: Denial, at: int) -> bool:
        """Return whether this client's next denial is still stored as a record of its own.

        Args:
            client: Who sent it; empty for agents themselves.
            denial: Why it is denied.
            at: Unix seconds.
        """
        is_authentic = denial.step >= AUTHENTIC
        with self._lock:
            key = (client, denial.code if is_authentic else "")
            second, count = self._seen.pop(key, (at, 0))
            count = count + 1 if second == at else 1
            self._seen[key] = (at, count)
            while len(self._seen) > MAX_CLIENTS:
                self._seen.popitem(last=False)
            if not is_authentic or denial.link is None:
                return count <= PER_SECOND
            return self._is_new_link((client, denial.code, denial.link), at) or count <= PER_SECOND

    def _is_new_link(self, seen: tuple[str, str, str], at: int) -> bool:
        if self._links[0] != at:
            self._links = (at, set())
        links = self._links[1]
        if seen in links or len(links) >= PER_SECOND + LINKS_PER_SECOND:
            return False
        links.add(seen)
        return True
