"""What is recorded, asked of the store: catalogue, agents, tasks, links, decisions, revocations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from delegation.authority.catalogue import Catalogue
from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.errors import NotFoundError
from delegation.graph.view import LineageView
from delegation.lineage.entry import DecisionEntry, LinkEntry, TaskEntry
from delegation.lineage.guardrails import Assessment, Guardrail, parse_guardrails
from delegation.tracker.guardrails import assert_guardrails
from delegation.tracker.work import Agent, DecisionDetail, Revocation, Store

_T = TypeVar("_T")
PAGE: Final = 100  # entries of a listing, unless told otherwise


class Review:
    """The questions of reviewers; every answer comes from one snapshot and changes nothing.

    Args:
        store: Where everything is kept.
        clock: Returns Unix seconds.
    """

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        """Ask this store."""
        self._store = store
        self._clock = clock

    def catalogue(self) -> Catalogue:
        """Return all tools with all their revisions."""
        with self._store.read() as reader:
            return reader.catalogue()

    def agents(self) -> Sequence[Agent]:
        """Return all registered agents by name."""
        with self._store.read() as reader:
            return reader.agents()

    def task(self, task: TaskId | str) -> TaskEntry:
        """Return a task.

        Raises:
            NotFoundError: There is none.
        """
        with self._store.read() as reader:
            return found("task", task, reader.task(TaskId(task)))

    def tasks(self, *, after: str | None = None, limit: int = PAGE) -> Sequence[TaskEntry]:
        """Return tasks, newest first, after the one with this id."""
        with self._store.read() as reader:
            return reader.tasks(after=after, limit=limit)

    def revocations(self, *, after: int = 0, limit: int = PAGE) -> Sequence[Revocation]:
        """Return revocations with an epoch above `after`, oldest first."""
        with self._store.read() as reader:
            return reader.revocations(after=after, limit=limit)

    def lineage(self, task: TaskEntry | TaskId | str) -> LineageView:
        """Return a task's links and decisions, ready to be drawn.

        Raises:
            NotFoundError: There is no such task.
        """
        with self._store.read() as reader:
            lineage = reader.lineage(task_id(task), at=self._clock())
        return LineageView(found("task", task_id(task), lineage))

    def link(self, link: LinkId | str) -> LinkEntry:
        """Return a recorded link.

        Raises:
            NotFoundError: There is none.
        """
        with self._store.read() as reader:
            return found("link", link, reader.link(LinkId(link), at=self._clock()))

    def links(
        self,
        *,
        task: TaskId | None = None,
        parent: LinkId | None = None,
        after: LinkId | None = None,
        limit: int = PAGE,
    ) -> Sequence[LinkEntry]:
        """Return links in the order they were recorded, filtered."""
        with self._store.read() as reader:
            return reader.links(
                task=task, parent=parent, after=after, limit=limit, at=self._clock()
            )

    def ancestors(self, link: LinkId | str) -> Sequence[LinkEntry]:
        """Return a link's ancestors, root first, itself last.

        Raises:
            NotFoundError: There is no such link.
        """
        with self._store.read() as reader:
            ancestors = reader.ancestors(LinkId(link), at=self._clock())
        return found("link", link, ancestors or None)

    def descendants(self, link: LinkId | str, *, limit: int = 1000) -> Sequence[LinkEntry]:
        """Return the links below a link, parents before children.

        Raises:
            NotFoundError: There is no such link.
        """
        with self._store.read() as reader:
            found("link", link, reader.link(LinkId(link), at=self._clock()))
            return reader.descendants(LinkId(link), limit=limit, at=self._clock())

    def decisions(
        self,
        *,
        task: TaskId | None = None,
        link: LinkId | None = None,
        allowed: bool | None = None,
        after: int = 0,
        limit: int = PAGE,
    ) -> Sequence[DecisionEntry]:
        """Return decisions in commit order, filtered."""
        with self._store.read() as reader:
            return reader.decisions(task=task, link=link, allowed=allowed, after=after, limit=limit)

    def decision(self, decision: DecisionId | str) -> DecisionDetail:
        """Return one decision with everything that was kept of it.

        Raises:
            NotFoundError: There is none.
        """
        with self._store.read() as reader:
            return found("decision", decision, reader.decision(DecisionId(decision)))

    def assert_guardrails(
        self,
        guardrails: Sequence[Guardrail] | str,
        *,
        task: TaskEntry | TaskId | str | None = None,
        ended: bool = False,
    ) -> Assessment:
        """Return what becomes of guardrails; see `tracker.guardrails`. True only if all hold.

        Args:
            guardrails: The rules, or the TOML that states them.
            task: Only the root task of this one, with its child tasks.
            ended: Whether links that no longer stand are looked at as well.

        Raises:
            MalformedError: The TOML is not well formed; it names the place.
            NotFoundError: There is no such task.
        """
        rules = parse_guardrails(guardrails) if isinstance(guardrails, str) else guardrails
        return assert_guardrails(
            self._store,
            rules,
            task=None if task is None else task_id(task),
            ended=ended,
            at=self._clock(),
        )


def task_id(task: TaskEntry | TaskId | str) -> TaskId:
    """Return a task's id, whichever way it was named."""
    return task.id if isinstance(task, TaskEntry) else TaskId(task)


def found(kind: str, name: str, value: _T | None) -> _T:
    """Return the value.

    Raises:
        NotFoundError: It is None.
    """
    if value is None:
        raise NotFoundError(kind, name)
    return value
