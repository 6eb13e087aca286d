"""Refusals of the same call in the same tree of tasks: what people must know who are asked again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, select

from delegation import canonical
from delegation.authority.ids import LinkId, TaskId
from delegation.lineage.approval import EarlierRefusal
from delegation.records.tables.approvals import ACTS, APPROVALS
from delegation.records.tables.records import TASKS


def refused_before(
    connection: Connection, rows: Sequence[Row[Any]]
) -> dict[str, tuple[EarlierRefusal, ...]]:
    """Return by request the refusals of the same call, the newest first; nothing for most.

    The same call has the same tool and the same digest of canonical arguments, whatever the link,
    the audience, the cost and the catalogue. What ended after the request itself did is left out.

    Args:
        connection: A snapshot.
        rows: Requests.
    """
    if not rows:
        return {}
    roots = _roots(connection, {row.task for row in rows})
    query = (
        select(APPROVALS, TASKS.c.root, ACTS.c.shown_as, ACTS.c.reason, ACTS.c.at.label("said_at"))
        .join(TASKS, TASKS.c.id == APPROVALS.c.task)
        .join(ACTS, and_(ACTS.c.approval == APPROVALS.c.id, ACTS.c.verdict == "refuse"))
        .where(
            TASKS.c.root.in_(sorted(set(roots.values()))),
            APPROVALS.c.state == "refused",
            APPROVALS.c.tool.in_(sorted({row.tool for row in rows})),
        )
        .order_by(ACTS.c.at.desc(), APPROVALS.c.sequence.desc())
    )
    refused: dict[tuple[str, str, str], list[Row[Any]]] = {}
    for row in connection.execute(query):
        refused.setdefault((row.root, row.tool, _arguments(row)), []).append(row)
    if not refused:
        return {}
    found = {}
    for row in rows:
        same = refused.get((roots[row.task], row.tool, _arguments(row)), ())
        ends = row.ended_at
        found[row.id] = tuple(
            _refusal(other)
            for other in same
            if other.id != row.id and (ends is None or other.said_at <= ends)
        )
    return found


def _roots(connection: Connection, tasks: set[str]) -> dict[str, str]:
    query = select(TASKS.c.id, TASKS.c.root).where(TASKS.c.id.in_(sorted(tasks)))
    return {row.id: row.root for row in connection.execute(query)}


def _arguments(row: Row[Any]) -> str:
    """Return the digest of a request's canonical arguments, which stays when they are erased."""
    bound: Any = canonical.parse(row.bound)
    return str(bound["arguments"])


def _refusal(row: Row[Any]) -> EarlierRefusal:
    return EarlierRefusal(
        row.id,
        LinkId(row.link),
        TaskId(row.task),
        row.audience,
        row.shown_as,
        row.reason,
        row.said_at,
    )
