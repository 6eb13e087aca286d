"""Declares the keys of a process as commands ask for them, and who else holds a copy of the ring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from delegation.errors import StoreUnavailableError
from delegation.identity.keyring import KeyRing
from delegation.identity.ring_state import KnownKey
from delegation.tokens.failed import Failed

_UNKNOWN: Final = "key_unknown"  # the refusal that a newer copy of the ring may turn
T = TypeVar("T")


class RingSource(Protocol):
    """Where a process has its keys from; they may change while it runs."""

    @property
    def ring(self) -> KeyRing:
        """The keys as they were seen last, each with the state that the store gives it."""

    def signing(self) -> KeyRing:
        """Return the keys to sign with outside a transaction; looked at again after a long sleep.

        Raises:
            StoreUnavailableError: The store does not answer, or the ring is behind what it knows.
        """

    def newer(self, than: KeyRing) -> bool:
        """Return whether there are others by now, before a key is called unknown.

        Args:
            than: The keys under which it was.

        Raises:
            StoreUnavailableError: That cannot be known now, or the ring lacks a key that signs.
        """


class RingWork(Protocol):
    """What a transaction knows of the ring."""

    def signing_ring(self, ring: KeyRing, *, at: int) -> KeyRing:
        """Return a ring to sign roots and consent with in this transaction.

        No other key begins to sign before it ends: what it signs is counted by the old key's end, or
        signed with the new one.

        Raises:
            StoreUnavailableError: The ring lacks a key that signs.
        """


@dataclass(frozen=True, slots=True)
class FixedRing:
    """Keys that do not change: of a store in memory, of tests."""

    ring: KeyRing

    def signing(self) -> KeyRing:
        """Return them."""
        return self.ring

    def newer(self, than: KeyRing) -> bool:  # see the protocol
        """Return that there are no others."""
        return False


@dataclass(frozen=True, slots=True)
class RingHolder:
    """A running process that verifies and signs.

    Args:
        name: Its machine, process and file.
        held: Digests of the keys that it holds, in hexadecimal.
        since: Milliseconds since these changed.
        silent: Milliseconds since it was heard.
        problem: Why it could not read its file; empty while it can.
    """

    name: str
    held: frozenset[str] = field(repr=False)
    since: int
    silent: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Rotation:
    """How far a new key is.

    Args:
        key: The key, with when it signs and who announced it.
        lacking: Who does not hold it yet.
        settling: Who holds it for too short a time: verifiers that ask them may not know it yet.
        ended: The keys that signed until then, with their ends; empty until it signs.
    """

    key: KnownKey
    lacking: Sequence[RingHolder] = ()
    settling: Sequence[RingHolder] = ()
    ended: Sequence[KnownKey] = ()

    @property
    def is_done(self) -> bool:
        """Whether the key signs."""
        return self.key.signs_since > 0


def behind(key: KnownKey) -> StoreUnavailableError:
    """Return the error of a ring that lacks a key which signs, or is believed, elsewhere."""
    return StoreUnavailableError(
        f"This replica's key ring lacks the {key.name}, which others sign with.",
        remedy="Copy the newest ring file to it, with mode 0600; it is read within a second.",
    )


def again_if_unknown(source: RingSource, ask: Callable[[KeyRing], T | Failed]) -> T | Failed:
    """Return what verifying finds, under newer keys if one was unknown and there are others by now.

    Args:
        source: The keys.
        ask: Verifies under a ring.

    Raises:
        StoreUnavailableError: Whether there are others cannot be known now: nothing is denied.
    """
    found = ask(ring := source.ring)
    if isinstance(found, Failed) and found.refusal.code == _UNKNOWN and source.newer(ring):
        return ask(source.ring)
    return found
