"""Enforces creation limits of tasks: admits links before they are recorded, and counts them.

New links are recorded by one process at a time (their row of numbers is locked), so what is counted
after that lock is exact. The counts stand in the rows of their task and of each task above, so that
a task's count has its child tasks in it; rows are written last and in one order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, and_, bindparam, case, func, not_, or_, select, update

from delegation.authority.chain import Chain
from delegation.authority.ids import LinkId
from delegation.authority.refusal import Refusal
from delegation.judge.creation_limits import (
    BREAK_SECONDS,
    DAY,
    WINDOW,
    counts_as_denial,
    refuse_link,
)
from delegation.judge.decision import Decision
from delegation.judge.facts import TaskFact
from delegation.judge.limits import MAX_LIMIT, Limits
from delegation.judge.line import heights, limit_above
from delegation.records.engine.numbers import take_number
from delegation.records.lineage.renewals import whole_lines
from delegation.records.tables.records import LINKS, TASKS

_COUNTS: Final = select(TASKS.c.id, TASKS.c.links, TASKS.c.link_minute, TASKS.c.minute_links).where(
    TASKS.c.id.in_(bindparam("ids", expanding=True))
)
_RECORDED: Final = select(LINKS.c.id).where(LINKS.c.id.in_(bindparam("ids", expanding=True)))
_SIBLINGS: Final = (
    select(LINKS.c.parent.label("parent"), func.count().label("n"))
    .where(
        LINKS.c.root.in_(bindparam("roots", expanding=True)),
        LINKS.c.parent.in_(bindparam("parents", expanding=True)),
    )
    .group_by(LINKS.c.parent)
)
_OPENED: Final = (
    select(TASKS.c.under.label("parent"), func.count().label("n"))
    .where(
        TASKS.c.under.in_(bindparam("parents", expanding=True)),
        TASKS.c.id.not_in(bindparam("but", expanding=True)),
    )
    .group_by(TASKS.c.under)
)
_DENIED: Final = case(
    (TASKS.c.denial_minute == bindparam("minute"), TASKS.c.denials), else_=0
) + bindparam("denied")
# Reports of denials elsewhere may come late: an older minute does not begin the count anew; unless the
# newer one is of a clock that was more than a day ahead, which would keep the breaker from counting.
_LATE: Final = and_(
    bindparam("minute") < TASKS.c.denial_minute,
    TASKS.c.denial_minute <= bindparam("minute") + DAY // WINDOW,
)
_NONE: Final = or_(bindparam("denied") == 0, _LATE)
_WRITE: Final = (
    update(TASKS)
    .where(TASKS.c.id == bindparam("of_task"))
    .values(
        links=TASKS.c.links + bindparam("more"),
        minute_links=case(
            (TASKS.c.link_minute == bindparam("seen"), TASKS.c.minute_links + bindparam("more")),
            (bindparam("more") == 0, TASKS.c.minute_links),
            else_=bindparam("more"),
        ),
        link_minute=case((bindparam("more") == 0, TASKS.c.link_minute), else_=bindparam("seen")),
        denials=case((_NONE, TASKS.c.denials), else_=_DENIED),
        denial_minute=case((_NONE, TASKS.c.denial_minute), else_=bindparam("minute")),
        broken_until=case(
            (and_(not_(_NONE), bindparam("most") <= _DENIED), bindparam("until")),
            else_=TASKS.c.broken_until,
        ),
        last_call_at=case(
            (
                or_(
                    bindparam("called") > func.coalesce(TASKS.c.last_call_at, 0),
                    and_(bindparam("called") > 0, TASKS.c.last_call_at > bindparam("called") + DAY),
                ),
                bindparam("called"),
            ),
            else_=TASKS.c.last_call_at,
        ),
    )
)


class Bound(NamedTuple):
    """One task on the line of a new link, whose limits that link must keep.

    Args:
        task: The task.
        limits: Its limits.
        above: Links from that task's root down to the root of the new link's own task, which is not
            counted; 0 for that task itself.
    """

    task: str
    limits: Limits
    above: int


class Newcomer(NamedTuple):
    """A link that is not recorded yet, as far as growth asks.

    Args:
        id: The link.
        parent: The link above it, or the one under which its task was opened; None for neither.
        depth: Its place in its own chain.
        root: The root task.
        at: When it is first seen, Unix seconds.
        bounds: Its task and those above, nearest first.
        counts: Whether it uses up what its tasks may grow; not under what is over for good.
    """

    id: LinkId
    parent: str | None
    depth: int
    root: str
    at: int
    bounds: tuple[Bound, ...]
    counts: bool = True

    @property
    def task(self) -> str:
        """Its task."""
        return self.bounds[0].task


@dataclass(slots=True)
class _Change:
    """What a batch changes in one task's row."""

    more: int = 0
    seen: int = 0
    denied: int = 0
    minute: int = 0
    called: int = 0
    limits: Limits = field(default_factory=Limits)


class CreationLimits:
    """What one batch adds to its tasks."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.refused: dict[LinkId, Refusal] = {}
        self._changes: dict[str, _Change] = {}

    def admit(self, connection: Connection, found: Sequence[Newcomer]) -> set[LinkId]:
        """Return those links that may be recorded; of the others say why not.

        A link counts in its task and in each task above, so that child tasks grow within what their
        openers' tasks may; a task that was opened under a link counts as one delegated from it.

        Args:
            connection: A transaction that writes, with the gate taken.
            found: Links that are not recorded yet, parents before children.
        """
        if not found:
            return set()
        take_number(connection, "link", 0)  # locked: nobody else records links until COMMIT
        tasks = {bound.task for new in found for bound in new.bounds}
        rows = {row.id: row for row in connection.execute(_COUNTS, {"ids": list(tasks)})}
        lines, siblings = _siblings(connection, found)
        # Seen first by another process, and recorded before this one came to the lock.
        asked = {"ids": [new.id for new in found]}
        admitted = {LinkId(name) for name in connection.execute(_RECORDED, asked).scalars()}
        for new in found:
            if new.id in admitted:
                continue
            parent = lines.get(new.parent or "", new.parent or "")
            if new.parent in self.refused:
                continue  # its chain is denied at the link above
            refusal = self._refusal(new, rows, siblings[parent])
            if refusal is not None:
                self.refused[new.id] = refusal
                continue
            admitted.add(new.id)
            siblings[parent] += 1
            for bound in new.bounds if new.counts else ():
                change = self._changes.setdefault(bound.task, _Change(limits=bound.limits))
                change.more += 1
                change.seen = new.at // WINDOW
        return admitted

    def _refusal(self, new: Newcomer, rows: Mapping[str, Any], siblings: int) -> Refusal | None:
        minute = new.at // WINDOW
        for bound in new.bounds:
            row, change = rows.get(bound.task), self._changes.get(bound.task)
            more = 0 if change is None else change.more
            in_minute = row.minute_links if row is not None and row.link_minute == minute else 0
            refusal = refuse_link(
                bound.limits,
                depth=new.depth + bound.above,
                siblings=siblings,
                in_task=more + (0 if row is None else row.links) if new.counts else 0,
                in_minute=more + in_minute if new.counts else 0,
            )
            if refusal is not None:
                return refusal if bound.task == new.task else limit_above(refusal, bound.task)
        return None

    def decided(self, decision: Decision, tasks: Sequence[tuple[str, Limits, bool]]) -> None:
        """Note what a decision changes: when a task last called, and what its breaker counts.

        Args:
            decision: As it will be recorded.
            tasks: Its task and those above: id, limits, and whether it may be idle only so long.
        """
        failed = counts_as_denial(decision.denial)
        for task, limits, is_timed in tasks:
            if failed and limits.denials_per_minute is not None:
                change = self._changes.setdefault(task, _Change(limits=limits))
                change.denied += 1
                change.minute = decision.at // WINDOW
            elif decision.denial is None and is_timed:
                change = self._changes.setdefault(task, _Change(limits=limits))
                change.called = max(change.called, decision.at)

    def denied(self, task: str) -> int:
        """Return how many denials of a task this batch has so far."""
        change = self._changes.get(task)
        return 0 if change is None else change.denied

    def called(self, task: str) -> int:
        """Return when this batch last allowed a call of a task; 0 for never."""
        change = self._changes.get(task)
        return 0 if change is None else change.called

    def write(self, connection: Connection) -> None:
        """Write what changed, in one order for all processes."""
        rows = [
            {
                "of_task": task,
                "more": change.more,
                "seen": change.seen,
                "denied": change.denied,
                "minute": change.minute,
                "most": change.limits.denials_per_minute or MAX_LIMIT + 1,
                "until": change.minute * WINDOW + WINDOW + BREAK_SECONDS,
                "called": change.called,
            }
            for task, change in sorted(self._changes.items())
            if change.more or change.denied or change.called
        ]
        if rows:
            connection.execute(_WRITE, rows)


def bounds_of(task: str, tasks: Sequence[TaskFact], above: Sequence[Chain]) -> tuple[Bound, ...]:
    """Return the bounds of new links of a task; none where the tasks above are not known whole.

    Args:
        task: The task.
        tasks: It and those above, nearest first.
        above: The chains under which they were opened, nearest first.
    """
    if not tasks or tasks[0].id != task or len(tasks) != len(above) + 1:
        return ()
    found = zip(tasks, heights(above), strict=True)
    return tuple(Bound(one.id, one.limits, height) for one, height in found)


def _siblings(
    connection: Connection, found: Sequence[Newcomer]
) -> tuple[Mapping[str, str], Counter[str]]:
    """Count what the newcomers' parents have already: links, and tasks opened under them.

    A renewal is no second parent: descendants of any link of its line are counted together, under
    the first of that line. The other answer names that first link, for each link of such a line.
    """
    parents = list({new.parent for new in found if new.parent is not None})
    counted: Counter[str] = Counter()
    lines: Mapping[str, str] = {}
    if parents:
        lines = whole_lines(connection, parents)
        whole = list({*parents, *lines})
        asked = {"roots": list({new.root for new in found}), "parents": whole}
        # A root's own task is recorded before it.
        own = [new.task for new in found if new.depth == 0] or [""]
        hanging = (
            *connection.execute(_SIBLINGS, asked),
            *connection.execute(_OPENED, {"parents": whole, "but": own}),
        )
        for row in hanging:
            counted[lines.get(row.parent, row.parent)] += row.n
    return lines, counted
