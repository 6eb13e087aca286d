"""Reads what a revocation would end: the subject's links and their descendants that are active now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, or_, select

from delegation import canonical
from delegation.authority.catalogue import Catalogue
from delegation.authority.ids import LinkId, TaskId
from delegation.errors import MalformedError
from delegation.judge.subject import EVERYTHING, OF_TOOLS, Subject, grants, tools_of
from delegation.lineage.entry import LinkEntry
from delegation.lineage.feed import Preview
from delegation.records.lineage import links
from delegation.records.lineage.renewals import line
from delegation.records.tables.records import AGENT_KEYS, AGENTS, LINKS, TASKS

MOST: Final = 2000  # links that one preview looks at
_CHUNK: Final = 400  # values in one IN list


def preview(
    connection: Connection, subject: Subject, catalogue: Catalogue, *, at: int, most: int = MOST
) -> Preview:
    """Return what would end with a subject and what would go on.

    Args:
        connection: A snapshot.
        subject: What would be revoked or suspended.
        catalogue: For tools and systems: which links grant them.
        at: Unix seconds.
        most: How many links are looked at.
    """
    named = held_up(connection, subject, most + 1)
    ending = _active(connection, named[:most], at)
    if subject.kind in OF_TOOLS:
        tools = tools_of(catalogue, subject)
        ending = [entry for entry in ending if grants(entry.grant, tools)]
    tasks = sorted({entry.task for entry in ending})
    beside = _ids(connection, LINKS.c.task.in_(tasks[:_CHUNK]), most) if tasks else []
    gone = {entry.id for entry in ending}
    return Preview(
        subject,
        tuple(entry.id for entry in ending),
        tuple(TaskId(task) for task in tasks),
        tuple(sorted({entry.holder_fingerprint for entry in ending})),
        sum(entry.id not in gone for entry in _active(connection, beside, at)),
        len(named) <= most,
    )


def _active(connection: Connection, names: Sequence[str], at: int) -> list[LinkEntry]:
    known = links.entries(connection, links.with_ancestors(connection, names), at=at)
    found = (known.get(LinkId(name)) for name in names)
    return [entry for entry in found if entry is not None and entry.standing == "active"]


def _ids(connection: Connection, wanted: ColumnElement[bool], most: int) -> list[str]:
    query = select(LINKS.c.id).where(wanted).order_by(LINKS.c.sequence).limit(most)
    return list(connection.execute(query).scalars())


def held_up(connection: Connection, subject: Subject, most: int) -> list[str]:
    """Return the links that a subject holds up, and those below them, at most so many."""
    if subject == EVERYTHING or subject.kind in OF_TOOLS:
        open_tasks = select(TASKS.c.id).where(TASKS.c.state == "open")
        return _ids(connection, LINKS.c.task.in_(open_tasks), most)
    seeds = [subject.id, *line(connection, subject.id)][:most] if subject.kind == "link" else []
    if not seeds:
        named = LINKS.c.task == subject.id if subject.kind == "task" else _held(subject)
        seeds = _ids(connection, named, most)
    return [*seeds, *links.below(connection, seeds, most - len(seeds))]


def _held(subject: Subject) -> ColumnElement[bool]:
    if subject.kind == "key":
        try:
            return LINKS.c.holder_key == canonical.unb64u(subject.id, what="id")
        except MalformedError:
            return LINKS.c.holder_key == b""
    by: Column[Any] = AGENTS.c.name if subject.kind == "agent" else AGENTS.c.owner
    keys = (
        select(AGENT_KEYS.c.key)
        .join(AGENTS, AGENTS.c.name == AGENT_KEYS.c.agent)
        .where(by == subject.id)
    )
    held = LINKS.c.holder_key.in_(keys)
    if subject.kind == "agent":
        return held
    return or_(held, LINKS.c.task.in_(select(TASKS.c.id).where(TASKS.c.owner == subject.id)))
