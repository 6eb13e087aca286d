"""Names the keys that sign for a store: those of its newest root, else of its first ring."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, select

from delegation import canonical
from delegation.identity.keyring import KeyRing
from delegation.records.engine.database import upsert
from delegation.records.engine.numbers import read_numbers
from delegation.records.lineage.links import with_ancestors
from delegation.records.tables.records import EVIDENCE, LINKS, NUMBERS
from delegation.tokens.evidence import LinkEvidence
from delegation.tokens.formats import check_evidence

_NAME: Final = "ring"
_SIGNERS: Final = frozenset({"issuer", "statement"})  # roles of a ring that sign roots


def signs_for(connection: Connection, ring: KeyRing) -> bool | None:
    """Return whether a ring signs for the store; None if the store says nothing of any.

    An older copy of the ring, without the key that signed the newest root, does not.
    """
    newest = select(LINKS.c.id).order_by(LINKS.c.sequence.desc()).limit(1)
    line = with_ancestors(connection, [*connection.execute(newest).scalars()])
    roots = [row for row in line if row.parent is None]
    if not roots:
        held = read_numbers(connection).get(_NAME)
        return None if held is None else held == _mark(ring)
    root = roots[-1]
    kept = connection.execute(select(EVIDENCE).where(EVIDENCE.c.link == root.id)).all()
    return any(
        check_evidence(
            root.payload,
            key.public,
            LinkEvidence(row.format, row.block, row.signature, row.previous_signature),
        )
        for row in kept
        for key in ring.keys
        if key.role in _SIGNERS
    )


def note_ring(connection: Connection, ring: KeyRing) -> None:
    """Keep whose keys sign for a store that has no root yet; the first that is noted holds.

    Args:
        connection: A transaction that writes.
        ring: The ring.
    """
    noted = upsert(connection, NUMBERS).on_conflict_do_nothing()
    connection.execute(noted, {"name": _NAME, "n": _mark(ring)})


def _mark(ring: KeyRing) -> int:
    """Return 48 bits of the oldest key's digest: keys are added to a ring, and none is taken out."""
    oldest = min(ring.keys, key=lambda key: key.kid)
    told = canonical.digest(b"dct-ring-v1", oldest.public or oldest.seed)
    return int.from_bytes(told[:6], "big")
