"""Finds what was already revoked or suspended: in the catalogue now, or when a link was recorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from delegation.authority.catalogue import Catalogue
from delegation.canonical import b64u
from delegation.judge.subject import (
    OF_TOOLS,
    Subject,
    agent_subjects,
    link_subjects,
    task_subjects,
    tool_subjects,
)
from delegation.lineage.feed import Revocation
from delegation.lineage.revocation_effect import holding
from delegation.records.lineage.links import parsed
from delegation.records.revocation import changes
from delegation.records.tables.records import AGENT_KEYS, AGENTS, LINKS, REVOCATIONS, TASKS

MOST: Final = 200  # earlier links of one holder in one task that are looked at, the newest
_CHUNK: Final = 400  # values in one IN list
_EVER: Final = 2**62


def ended_tools(connection: Connection) -> list[Revocation]:
    """Return of each tool and system that is ended, or will be, the change that ends it."""
    query = select(REVOCATIONS).where(
        REVOCATIONS.c.kind.in_(OF_TOOLS), REVOCATIONS.c.act.in_(changes.SUBJECT_ACTS)
    )
    return _held(connection.execute(query.order_by(REVOCATIONS.c.epoch)))


def ended_before(connection: Connection, link: str, catalogue: Catalogue) -> list[Revocation]:
    """Return what was ended, or was to be, of all that a link touches when it was first recorded.

    That is earlier links of its holder in its task, the holder's key, agent and owner, the task and
    its owner, and the tools and systems that it grants. A new link is new authority: it says of what
    it comes after.

    Args:
        connection: A snapshot.
        link: A link's id; of an unknown one nothing is known.
        catalogue: The newest.
    """
    row = connection.execute(select(LINKS).where(LINKS.c.id == link)).one_or_none()
    if row is None:
        return []
    wanted = _touched(connection, row, catalogue)
    found: list[Row[Any]] = []
    for kind in sorted({subject.kind for subject in wanted}):
        names = sorted(subject.id for subject in wanted if subject.kind == kind)
        for start in range(0, len(names), _CHUNK):
            query = select(REVOCATIONS).where(
                REVOCATIONS.c.kind == kind,
                REVOCATIONS.c.id.in_(names[start : start + _CHUNK]),
                REVOCATIONS.c.act.in_(changes.SUBJECT_ACTS),
                # Links from before their epoch was kept: by the second.
                REVOCATIONS.c.at <= row.at
                if row.epoch is None
                else REVOCATIONS.c.epoch <= row.epoch,
            )
            found += connection.execute(query).all()
    return _held(sorted(found, key=lambda change: change.epoch))


def _touched(connection: Connection, row: Row[Any], catalogue: Catalogue) -> set[Subject]:
    earlier = select(LINKS.c.id).where(
        LINKS.c.holder_key == row.holder_key,
        LINKS.c.task == row.task,
        LINKS.c.sequence < row.sequence,
    )
    newest = earlier.order_by(LINKS.c.sequence.desc()).limit(MOST)
    found = {Subject("link", name) for name in connection.execute(newest).scalars()}
    found.update(link_subjects(row.id, b64u(row.holder_key))[1:])  # itself is no earlier one
    owner = select(TASKS.c.owner).where(TASKS.c.id == row.task)
    for name in connection.execute(owner).scalars():
        found.update(task_subjects(row.task, name))
    held = select(AGENTS.c.name, AGENTS.c.owner).join(
        AGENT_KEYS, AGENT_KEYS.c.agent == AGENTS.c.name
    )
    for agent in connection.execute(held.where(AGENT_KEYS.c.key == row.holder_key)):
        found.update(agent_subjects(agent.name, agent.owner))
    granted = [c.tool for c in parsed(row.payload, root=row.parent is None).grant.capabilities]
    for tool in catalogue.history:
        if any(pattern.matches(tool) for pattern in granted):
            found.update(tool_subjects(catalogue, tool))
    return found


def _held(rows: Iterable[Row[Any]]) -> list[Revocation]:
    """Return of each subject the change that ends it at last, in the order of their numbers."""
    told: dict[Subject, list[Revocation]] = {}
    for row in rows:
        change = changes.change_of(row)
        told.setdefault(change.subject, []).append(change)
    held = (holding(made, at=_EVER) for made in told.values())
    return sorted((one for one in held if one is not None), key=lambda one: one.epoch)
