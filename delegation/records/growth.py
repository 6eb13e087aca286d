"""How tasks grow and fail: links admitted before they are recorded, and what batches leave behind.

New links are recorded by one process at a time (their row of numbers is locked), so what is counted
after that lock is exact. The counts stand in the task's row, which is written last and in one order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from sqlalchemy import Connection, and_, bindparam, case, func, not_, or_, select, update

from delegation import canonical
from delegation.authority.ids import LinkId
from delegation.authority.refusal import Refusal
from delegation.judge.decision import Decision
from delegation.judge.growth import BREAK_SECONDS, WINDOW, counts_as_denial, refuse_link
from delegation.judge.limits import MAX_LIMIT, Limits
from delegation.records.links import RecordedLink
from delegation.records.numbers import take_number
from delegation.records.renewals import whole_lines
from delegation.records.tables import LINKS, TASKS

_COUNTS: Final = select(TASKS.c.id, TASKS.c.links, TASKS.c.link_minute, TASKS.c.minute_links).where(
    TASKS.c.id.in_(bindparam("ids", expanding=True))
)
_SIBLINGS: Final = (
    select(LINKS.c.parent, func.count().label("n"))
    .where(
        LINKS.c.root.in_(bindparam("roots", expanding=True)),
        LINKS.c.parent.in_(bindparam("parents", expanding=True)),
    )
    .group_by(LINKS.c.parent)
)
_DENIED: Final = case(
    (TASKS.c.denial_minute == bindparam("minute"), TASKS.c.denials), else_=0
) + bindparam("denied")
# Reports of denials elsewhere may come late: an older minute does not begin the count anew.
_NONE: Final = or_(bindparam("denied") == 0, bindparam("minute") < TASKS.c.denial_minute)
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
            (bindparam("called") > func.coalesce(TASKS.c.last_call_at, 0), bindparam("called")),
            else_=TASKS.c.last_call_at,
        ),
    )
)


@lru_cache(maxsize=1024)
def limits_of(text: str | None, defaults: Limits) -> Limits:
    """Return a task's limits: its own where they are tighter than the service's."""
    return defaults if text is None else Limits.from_json(canonical.parse(text)).within(defaults)


@dataclass(slots=True)
class _Change:
    """What a batch changes in one task's row."""

    more: int = 0
    seen: int = 0
    denied: int = 0
    minute: int = 0
    called: int = 0
    limits: Limits = field(default_factory=Limits)


class Growth:
    """What one batch adds to its tasks."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.refused: dict[LinkId, Refusal] = {}
        self._changes: dict[str, _Change] = {}

    def admit(
        self, connection: Connection, found: Sequence[RecordedLink], limits: Mapping[str, Limits]
    ) -> list[RecordedLink]:
        """Return those links that may be recorded; of the others say why not.

        Args:
            connection: A transaction that writes, with the gate taken.
            found: Links that are not recorded yet, parents before children.
            limits: Those of each task.
        """
        fresh = {new.link.id: new for new in found}
        if not fresh:
            return []
        take_number(connection, "link", 0)  # locked: nobody else records links until COMMIT
        tasks = {new.task for new in fresh.values()}
        rows = {row.id: row for row in connection.execute(_COUNTS, {"ids": list(tasks)})}
        parents = [new.link.parent for new in fresh.values() if new.link.parent is not None]
        roots = [new.root for new in fresh.values()]
        siblings: Counter[str] = Counter()
        lines: Mapping[str, str] = {}
        if parents:
            # A renewal is no second parent: what hangs below any link of a line is counted together.
            lines = whole_lines(connection, parents)
            asked = {"roots": list(set(roots)), "parents": list({*parents, *lines})}
            for row in connection.execute(_SIBLINGS, asked):
                siblings[lines.get(row.parent, row.parent)] += row.n
        admitted: list[RecordedLink] = []
        for new in fresh.values():
            parent, row, minute = new.link.parent, rows[new.task], new.at // WINDOW
            change = self._changes.setdefault(new.task, _Change(limits=limits[new.task]))
            if parent in self.refused:
                continue  # its chain is denied at the link above
            refusal = refuse_link(
                limits[new.task],
                depth=new.depth,
                siblings=siblings[lines.get(parent or "", parent or "")],
                in_task=row.links + change.more,
                in_minute=change.more + (row.minute_links if row.link_minute == minute else 0),
            )
            if refusal is not None:
                self.refused[new.link.id] = refusal
                continue
            admitted.append(new)
            change.more += 1
            change.seen = minute
            siblings[lines.get(parent or "", parent or "")] += 1
        return admitted

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
