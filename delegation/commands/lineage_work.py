"""What whole tasks ask of a store, with what hangs below them: part of the unit of work.

An agent opens a child task under a link of its own. So what hangs below a task are its links, and
the tasks that were opened under any of them with theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from delegation.authority.ids import TaskId
from delegation.lineage.entry import DecisionEntry, Lineage, TaskEntry
from delegation.lineage.outline import TaskOutline


class LineageReader(Protocol):
    """Questions about one task and the tasks below it, answered from one snapshot."""

    def child_tasks(self, task: TaskId, *, at: int, past: bool = False) -> Sequence[TaskEntry]:
        """Return the tasks opened below a task, however deep, parents before children."""

    def lineage(self, task: TaskId, *, at: int, past: bool = False) -> Lineage | None:
        """Return a task with its links and decisions and those of the tasks below it, or None."""

    def outline(self, task: TaskId, *, at: int, past: bool = False) -> TaskOutline | None:
        """Return a task with outlines of its links and of those of the tasks below it, or None."""

    def links_after(self, task: TaskId, sequence: int, *, limit: int) -> Sequence[tuple[int, str]]:
        """Return (sequence, id) of links at or below a task recorded after that one, in order."""

    def expired(self, task: TaskId | None, *, after: int, until: int) -> int:
        """Return how many ends by time fall into (after, until]: at or below a task, or of all."""

    def decisions_after(
        self, task: TaskId, sequence: int, *, limit: int
    ) -> Sequence[DecisionEntry]:
        """Return decisions made in a task or below it after that one, in commit order."""
