"""Reads news for open pages: answers to requests for approval, and expiries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection, and_, case, func, or_, select

from delegation.authority.ids import TaskId
from delegation.lineage.rhythm import MOST, Rhythm
from delegation.lineage.rhythm import rhythm as spread
from delegation.records.tables.approvals import ACTS, APPROVALS
from delegation.records.tables.records import DECISIONS, LINKS, TASKS

_CHUNK: Final = 400  # values in one IN list


def answers(connection: Connection) -> int:
    """Return how many answers were ever given to requests for approval; none is taken back."""
    return int(connection.execute(select(func.count()).select_from(ACTS)).scalar_one())


def waiting(connection: Connection, *, at: int) -> int:
    """Return how many requests for approval wait now."""
    query = select(func.count()).where(APPROVALS.c.state == "pending", APPROVALS.c.expires_at > at)
    return int(connection.execute(query).scalar_one())


def rhythm(connection: Connection, task: TaskId | None, *, now: int) -> Rhythm:
    """Return how the newest decisions, of a task or of the store, came over time."""
    query = select(DECISIONS.c.at, DECISIONS.c.allowed).order_by(DECISIONS.c.sequence.desc())
    if task is not None:
        query = query.where(DECISIONS.c.task == task)
    found = [(row.at, bool(row.allowed)) for row in connection.execute(query.limit(MOST + 1))]
    return replace(spread(found[:MOST], now=now), is_complete=len(found) <= MOST)


def expired(connection: Connection, of: Sequence[str] | None, *, after: int, until: int) -> int:
    """Return how many ends by time fall into (after, until].

    Of some tasks: their links, themselves, and their requests. Of the store: tasks and requests; its
    links are too many to be looked through again and again, and each is told on its own task's pages.
    """
    requests = select(func.count()).where(
        APPROVALS.c.state.in_(("pending", "granted")),
        APPROVALS.c.expires_at > after,
        APPROVALS.c.expires_at <= until,
    )
    called = TASKS.c.last_call_at
    idle_at = case((called > TASKS.c.opened_at, called), else_=TASKS.c.opened_at) + TASKS.c.idle
    tasks = select(func.count()).where(
        TASKS.c.state == "open",
        or_(
            and_(TASKS.c.deadline > after, TASKS.c.deadline <= until),
            and_(TASKS.c.idle.is_not(None), idle_at > after, idle_at <= until),
        ),
    )
    if of is None:
        return sum(connection.execute(query).scalar_one() for query in (requests, tasks))
    ends = LINKS.c.expires_at
    links = select(func.count()).where(ends > after, ends <= until)
    found = 0
    for start in range(0, len(of), _CHUNK):
        part = of[start : start + _CHUNK]
        mine = (
            requests.where(APPROVALS.c.task.in_(part)),
            tasks.where(TASKS.c.id.in_(part)),
            links.where(LINKS.c.task.in_(part)),
        )
        found += sum(connection.execute(query).scalar_one() for query in mine)
    return found
