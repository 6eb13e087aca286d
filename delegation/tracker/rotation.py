"""Rotates the service's own keys: announced to every running process, then switched for all at once."""

from __future__ import annotations

from contextlib import suppress

from delegation.authority.fields import matching_text
from delegation.commands import check
from delegation.commands.ring import Rotation
from delegation.errors import DelegationError, KeyRingError
from delegation.identity.keyring import ROLES, RingRole
from delegation.tracker.held_ring import LOOK_SECONDS, HeldRing
from delegation.tracker.review import Review


class RingReview(Review):
    """The ring of a process that runs; part of `Tracker`."""

    _desk: check.CheckContext

    def keep_ring(self) -> None:
        """Look in a thread, until `close`, whether the ring's file or its keys' states changed.

        From then on no key begins to sign before this process holds it. A service does so; what is
        opened for a moment looks when it signs.

        Raises:
            StoreUnavailableError: The store does not answer.
        """
        keys = self._desk.keys
        if isinstance(keys, HeldRing):
            keys.keep()
            self._store.keep("ring", LOOK_SECONDS, keys.look)

    def leave_ring(self) -> None:
        """Say that this process runs no more, so that nobody waits for it."""
        keys = self._desk.keys
        if isinstance(keys, HeldRing):
            with suppress(DelegationError):  # a store that is gone forgets it by itself
                keys.leave()

    def announce_key(self, role: RingRole) -> Rotation:
        """Add a key to the ring's file that all verify with and none signs with yet.

        Called again, it finds the key that was announced before.

        Args:
            role: Whose key is to be replaced.

        Raises:
            MalformedError: There is no such role.
            KeyFileError: The file cannot be read or written, or is an older copy than another.
            KeyRingError: The ring has room for no other key, or is kept in memory alone.
            StoreUnavailableError: The store does not answer.
        """
        matching_text("role", role, "|".join(ROLES), f"one of {', '.join(ROLES)}")
        return self._held().announce(role)

    def switch_key(self, role: RingRole, kid: int, *, keep: int) -> Rotation:
        """Let an announced key sign if every running process has held it long enough.

        Args:
            role: Its role.
            kid: Its id.
            keep: Seconds for which what the key before signed is believed at least. It is believed
                until the last root ends that it signed, and for ten minutes, whatever is asked.

        Returns:
            How far it is, and who is waited for.

        Raises:
            KeyFileError: The file cannot be read or written.
            StoreUnavailableError: The store does not answer.
        """
        return self._held().switch(role, kid, keep=keep)

    def _held(self) -> HeldRing:
        keys = self._desk.keys
        if not isinstance(keys, HeldRing):
            raise KeyRingError("The ring of a store in memory is gone with it, and is not rotated.")
        return keys
