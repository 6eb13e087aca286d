"""Decides whether one more root may be recorded, in its task and in all tasks above."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from delegation.authority.chain import Chain
from delegation.authority.ids import LinkId
from delegation.authority.refusal import Refusal
from delegation.judge.limits import UNLIMITED, Limits
from delegation.judge.line import Line
from delegation.records.lineage.caches import Caches
from delegation.records.lineage.known_rows import TaskRowFact, read_tasks, task_chain
from delegation.records.lineage.links import RecordedLink
from delegation.records.settling.creation_limits import Bound, CreationLimits, Newcomer, bounds_of

_PLANNED: Final = LinkId("")  # the root of a task that is not opened yet; no link's id


def admit_root(connection: Connection, caches: Caches, found: RecordedLink) -> CreationLimits:
    """Return what a root that is being issued adds to its task and those above, or why it may not.

    Args:
        connection: A transaction that writes.
        caches: What this process keeps.
        found: The root; its task is recorded.
    """
    growth = CreationLimits()
    rows, bounds = _bounds(connection, caches, found.task)
    under = rows[found.task].under
    growth.admit(connection, [Newcomer(found.link.id, under, 0, found.root, found.at, bounds)])
    return growth


def refuse_child(
    connection: Connection, caches: Caches, chain: Chain, limits: Limits | None, *, at: int
) -> Refusal | None:
    """Return why the root of a child task may not hang on a chain's leaf, or None.

    Args:
        connection: A transaction that holds the gate alone, so that nobody else records links.
        caches: What this process keeps.
        chain: The opener's chain, which need not be recorded yet: its links count as well.
        limits: The child task's own limits, where its opener sets any.
        at: Unix seconds.
    """
    rows, bounds = _bounds(connection, caches, chain.origin.task)
    if not bounds:
        return None  # the task is not known, and so denied
    row, growth = rows[chain.origin.task], CreationLimits()
    unseen = [
        Newcomer(link.id, link.parent or row.under, depth, row.root, at, bounds)
        for depth, link in enumerate(Line(chain).links)
    ]
    own = (limits or UNLIMITED).within(caches.limits)
    below = (Bound("", own, 0), *(b._replace(above=b.above + len(unseen)) for b in bounds))
    unseen.append(Newcomer(_PLANNED, chain.leaf.id, 0, row.root, at, below))
    growth.admit(connection, unseen)
    return growth.refused.get(_PLANNED)


def _bounds(
    connection: Connection, caches: Caches, task: str
) -> tuple[dict[str, TaskRowFact], tuple[Bound, ...]]:
    """Return a task's row and those above, and the bounds of links in it."""
    rows = read_tasks(connection, [task], caches.limits)
    tasks = task_chain(rows, task, None, 0)  # no breaker is asked about
    unders = [under for one in tasks if (under := rows[one.id].under) is not None]
    held = caches.openers.read(connection, unders)
    above = [held[under] for under in unders if under in held]
    return rows, bounds_of(task, tasks, above)
