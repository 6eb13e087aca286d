"""Keeps a clock that stands until it is set, and keys that prove by it."""

from __future__ import annotations

from typing import Final

from delegation.authority.access import Access
from delegation.identity.keys import HolderKey, Provable

START: Final = 1_800_000_000  # 2027-01-15; no test of yours depends on the day it runs


class Clock:
    """Unix seconds that change only when told to.

    Args:
        at: Where it begins.
    """

    def __init__(self, at: int = START) -> None:
        """Stand at this second."""
        self.at = at

    def __call__(self) -> int:
        """Return the present second."""
        return self.at

    def set(self, at: int) -> None:
        """Stand at another second, an earlier one too."""
        self.at = at

    def advance(self, seconds: int) -> None:
        """Let so many seconds pass."""
        self.at += seconds


class ClockedKey(HolderKey):
    """A holder key whose proofs are made at a clock's second, where none is given."""

    __slots__ = ("_clock",)

    def __init__(self, name: str, seed: bytes, clock: Clock) -> None:
        """Make the key pair of a 32-byte seed."""
        super().__init__(name, seed)
        self._clock = clock

    def prove(self, token: Provable, access: Access, *, at: int | None = None) -> str:
        """Return a proof; see `HolderKey.prove`."""
        return super().prove(token, access, at=self._clock() if at is None else at)
