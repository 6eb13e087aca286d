"""Says which key of a ring signs: what a store knows of the keys goes before what a copy of a file says.

Copies of a ring lie on several machines, and none of them knows what the others hold. So the store
keeps the public half of the question: which keys there are, since when each signs, until when it is
believed. A file holds the secrets. All functions are pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from delegation import canonical
from delegation.identity.keyring import KeyRing, RingKey, RingRole

LEAST_KEEP: Final = 600  # seconds: consent lasts so long, events and receipts for less
LOG_KEEP: Final = 30 * 86400  # checkpoints bear the old signature as well: an auditor has a month


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key as a store knows it, without the secret.

    Args:
        role: What it signs.
        kid: Its id.
        digest: `digest_of` it: two keys under one id are told apart.
        signs_since: Unix seconds; 0 for one that is announced and does not sign yet.
        not_after: First second at which it is no longer believed; 0 is no end.
        by: Who announced it.
    """

    role: RingRole
    kid: int
    digest: bytes
    signs_since: int
    not_after: int
    by: str = ""

    @property
    def name(self) -> str:
        """How people call it."""
        return f"{self.role} key {self.kid}"


def digest_of(key: RingKey) -> bytes:
    """Return what names a key in a store: nobody finds 32 random bytes by their digest."""
    return canonical.digest(b"dct-ring-key-v1", key.public or key.seed)


def signing(known: Sequence[KnownKey]) -> dict[RingRole, KnownKey]:
    """Return the key of each role that signs: the newest that ever did, so no copy switches back."""
    found: dict[RingRole, KnownKey] = {}
    for key in known:
        if key.signs_since and (key.role not in found or found[key.role].kid < key.kid):
            found[key.role] = key
    return found


def pending(known: Sequence[KnownKey], role: RingRole) -> KnownKey | None:
    """Return the newest key of a role that is announced and does not sign yet, or None."""
    now = signing(known).get(role)
    found = [k for k in known if k.role == role and not k.signs_since]
    newest = max(found, key=lambda key: key.kid, default=None)
    return newest if newest is None or now is None or now.kid < newest.kid else None


def under(ring: KeyRing, known: Sequence[KnownKey]) -> KeyRing:
    """Return a ring as its keys stand in a store; keys of which that knows nothing do not sign there.

    A revoked key stays revoked, and the earlier of two ends holds. A store that knows no key of a role
    that signs leaves that role as the file has it.

    Args:
        ring: As a file holds it.
        known: What the store knows.
    """
    signs, by_id = signing(known), {(key.role, key.kid): key for key in known}
    keys = []
    for key in ring.keys:
        now, told = signs.get(key.role), by_id.get((key.role, key.kid))
        if now is None or key.state == "revoked":
            keys.append(key)
        elif key.kid == now.kid:
            keys.append(replace(key, state="active", not_after=0))
        elif told is not None and told.signs_since:
            own = key.not_after if key.state == "retired" else 0
            ends = [end for end in (told.not_after, own) if end]
            keys.append(replace(key, state="retired", not_after=min(ends, default=0)))
        elif key.state == "active":
            keys.append(replace(key, state="coming"))
        else:
            keys.append(key)
    return KeyRing(ring.issuer, keys)


def foreign(ring: KeyRing, known: Sequence[KnownKey]) -> KnownKey | None:
    """Return a known key of which the ring has another under the same role and id, or None."""
    held = {(key.role, key.kid): digest_of(key) for key in ring.keys}
    return next((k for k in known if held.get((k.role, k.kid), k.digest) != k.digest), None)


def lacking(ring: KeyRing, known: Sequence[KnownKey], *, at: int) -> KnownKey | None:
    """Return a key that signs, or is still believed, and is not in the ring; or None.

    Args:
        ring: As a file holds it.
        known: What the store knows.
        at: Unix seconds.
    """
    held = {(key.role, key.kid) for key in ring.keys}
    signs = {(key.role, key.kid) for key in signing(known).values()}
    for key in known:
        if (key.role, key.kid) in held or not key.signs_since:
            continue
        if (key.role, key.kid) in signs or key.not_after == 0 or at < key.not_after:
            return key
    return None


def announced(ring: KeyRing, role: RingRole, known: Sequence[KnownKey]) -> KeyRing:
    """Return the ring with one more key, which verifies and does not sign yet.

    Raises:
        KeyRingError: The ring has room for no other.
    """
    kid = max([0, *(key.kid for key in ring.keys), *(key.kid for key in known)]) + 1
    return ring.grown(role, kid, "coming")


def kept_until(role: RingRole, *, at: int, keep: int, needed: int) -> int:
    """Return until when the key is believed that signed so far.

    Args:
        role: Its role.
        at: When another begins to sign, Unix seconds.
        keep: Seconds that were asked for.
        needed: The latest end of what it signed, as far as that is recorded; 0 for nothing.
    """
    least = LOG_KEEP if role == "log" else LEAST_KEEP
    return max(at + max(keep, least), needed)
