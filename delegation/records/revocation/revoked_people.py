"""Finds owners who are revoked or suspended, whatever the spelling of their name."""

from __future__ import annotations

from sqlalchemy import Connection, select

from delegation.identity.person import folded
from delegation.judge.subject import Subject
from delegation.lineage.feed import Revocation
from delegation.lineage.revocation_effect import holding
from delegation.records.revocation import changes
from delegation.records.tables.people import API_KEYS
from delegation.records.tables.records import AGENTS, REVOCATIONS, TASKS


def ended_people(connection: Connection, *, at: int) -> dict[str, Revocation]:
    """Return the changes that end owners then, by their folded names.

    Args:
        connection: A snapshot, or a transaction that writes.
        at: Unix seconds; a far one asks for what will end as well.
    """
    query = select(REVOCATIONS).where(
        REVOCATIONS.c.kind == "owner", REVOCATIONS.c.act.in_(changes.SUBJECT_ACTS)
    )
    told: dict[Subject, list[Revocation]] = {}
    for row in connection.execute(query.order_by(REVOCATIONS.c.epoch)):
        change = changes.change_of(row)
        told.setdefault(change.subject, []).append(change)
    held = (holding(made, at=at) for made in told.values())
    return {folded(change.subject.id): change for change in held if change is not None}


def spellings(connection: Connection, owner: str) -> list[str]:
    """Return how a person is spelled here, as an owner or an approver; nothing for somebody unknown."""
    found: set[str] = set()
    for column in (AGENTS.c.owner, TASKS.c.owner, API_KEYS.c.person):
        found.update(connection.execute(select(column).distinct()).scalars())
    return sorted(name for name in found if folded(name) == folded(owner))
