"""Reads records from the store: tools, agents, tasks, links, decisions, revocations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypedDict, Unpack

from delegation.authority.amounts import amounts_of
from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.authority.resource_labels import ResourceLabels
from delegation.commands.questions import found
from delegation.commands.retry import tried_again
from delegation.commands.work import Agent, DecisionDetail, Reader, Store
from delegation.graph.view import LineageView
from delegation.identity.principal import PublicKey
from delegation.lineage.entry import DecisionEntry, LinkEntry, TaskEntry
from delegation.lineage.feed import Revocation
from delegation.lineage.filter import DecisionFilter, LinkFilter, TaskFilter
from delegation.lineage.news import Cursor, News
from delegation.lineage.outline import TaskOutline
from delegation.lineage.rhythm import Rhythm

PAGE: Final = 100  # entries of a listing, unless told otherwise


class Review:
    """The questions of reviewers; every answer comes from one snapshot and changes nothing.

    `at`, where a question takes it, is a past instant in Unix seconds: the answer is what it would
    have been at the end of that second. Left out, it is the present.

    Args:
        store: Where everything is kept.
        clock: Returns Unix seconds.
    """

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        """Ask this store."""
        self._store = store
        self._clock = clock

    def _seen(self, at: int | None) -> _Seen:
        """Return the instant to look at, and whether it is a past one."""
        return {"at": self._clock() if at is None else at, "past": at is not None}

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
            return found("task", task, reader.task(TaskId(task), at=self._clock()))

    def tasks(
        self,
        *,
        owner: str | None = None,
        is_open: bool | None = None,
        after: str | None = None,
        limit: int = PAGE,
    ) -> Sequence[TaskEntry]:
        """Return tasks, newest first, after the one with this id."""
        with self._store.read() as reader:
            return reader.tasks(
                TaskFilter(owner, is_open), after=after, limit=limit, at=self._clock()
            )

    def child_tasks(
        self, task: TaskEntry | TaskId | str, *, at: int | None = None
    ) -> Sequence[TaskEntry]:
        """Return the tasks that agents opened below a task, parents before children.

        Raises:
            NotFoundError: There is no such task.
        """
        with self._store.read() as reader:
            found("task", task_id(task), reader.task(task_id(task), at=self._clock()))
            return reader.child_tasks(task_id(task), **self._seen(at))

    def lineage(self, task: TaskEntry | TaskId | str, *, at: int | None = None) -> LineageView:
        """Return a task's links and decisions with those of the tasks below it, ready to be drawn.

        Raises:
            NotFoundError: There is no such task, or there was none then.
        """
        with self._store.read() as reader:
            lineage = reader.lineage(task_id(task), **self._seen(at))
        return LineageView(found("task", task_id(task), lineage))

    def link(self, link: LinkId | str, *, at: int | None = None) -> LinkEntry:
        """Return a recorded link.

        Raises:
            NotFoundError: There is none, or there was none then.
        """
        with self._store.read() as reader:
            return found("link", link, reader.link(LinkId(link), **self._seen(at)))

    def is_recorded(self, link: LinkId | str) -> bool:
        """Return whether a link was ever seen here: one may be revoked before it is."""
        with self._store.read() as reader:
            return "\x00" not in link and reader.link_payload(LinkId(link)) is not None

    def outline(self, task: TaskEntry | TaskId | str, *, at: int | None = None) -> TaskOutline:
        """Return a task with outlines of its links: what a map needs of thousands of them.

        Raises:
            NotFoundError: There is no such task, or there was none then.
        """
        with self._store.read() as reader:
            return found("task", task_id(task), reader.outline(task_id(task), **self._seen(at)))

    def news(self, task: TaskId | str, *, after: Cursor | None, limit: int = PAGE) -> News:
        """Return what was recorded of a task, and of those below it, since then.

        Nothing but the newest cursor without one.
        """
        name = TaskId(task)
        with self._store.read() as reader:
            newest = self._cursor(reader)
            if after is None:
                return News(newest)
            added = reader.links_after(name, after.link, limit=limit)
            made = reader.decisions_after(name, after.decision, limit=limit)
            return News(
                newest,
                tuple(LinkId(link) for _, link in added),
                tuple(made),
                after.epoch != newest.epoch,
                after.approval != newest.approval,
                reader.expired(name, after=after.at, until=newest.at),
            )

    def news_of_all(self, *, after: Cursor | None) -> News:
        """Return what is new in the store since then, counted; only the newest cursor without one."""
        with self._store.read() as reader:
            newest = self._cursor(reader)
            if after is None:
                return News(newest)
            return News(
                newest,
                revoked=after.epoch != newest.epoch,
                approvals=after.approval != newest.approval,
                expired=reader.expired(None, after=after.at, until=newest.at),
                more_links=max(0, newest.link - after.link),
                more_decisions=max(0, newest.decision - after.decision),
            )

    def waiting(self) -> int:
        """Return how many calls wait for approval now."""
        with self._store.read() as reader:
            return reader.waiting(at=self._clock())

    def rhythm(self, *, task: TaskId | str | None = None) -> Rhythm:
        """Return how the newest decisions came over time, up to now."""
        with self._store.read() as reader:
            return reader.rhythm(None if task is None else TaskId(task), now=self._clock())

    def _cursor(self, reader: Reader) -> Cursor:
        numbers = reader.numbers()
        told = numbers["approval"] + reader.answers()
        return Cursor(numbers["link"], numbers["decision"], numbers["epoch"], told, self._clock())

    def numbers(self) -> Mapping[str, int]:
        """Return the numbers that only grow: whoever sees none of them move missed nothing."""
        with self._store.read() as reader:
            return {**reader.numbers(), "answers": reader.answers()}

    def revocations_of(self, subjects: Sequence[str]) -> Sequence[Revocation]:
        """Return the revocations of these ids of links, tasks, agents and keys, oldest first."""
        with self._store.read() as reader:
            return reader.revocations_of(subjects)

    def links(
        self,
        *,
        task: TaskId | str | None = None,
        parent: LinkId | str | None = None,
        holder: str | None = None,
        key: PublicKey | None = None,
        after: LinkId | str | None = None,
        limit: int = PAGE,
        at: int | None = None,
    ) -> Sequence[LinkEntry]:
        """Return links in the order they were recorded, filtered."""
        wanted = LinkFilter(
            None if task is None else TaskId(task),
            None if parent is None else LinkId(parent),
            holder,
            None if key is None else key.key,
        )
        start = None if after is None else LinkId(after)
        with self._store.read() as reader:
            return reader.links(wanted, after=start, limit=limit, **self._seen(at))

    def ancestors(self, link: LinkId | str, *, at: int | None = None) -> Sequence[LinkEntry]:
        """Return a link's ancestors, root first, itself last.

        Raises:
            NotFoundError: There is no such link, or there was none then.
        """
        with self._store.read() as reader:
            ancestors = reader.ancestors(LinkId(link), **self._seen(at))
        return found("link", link, ancestors or None)

    def descendants(
        self, link: LinkId | str, *, limit: int = 1000, at: int | None = None
    ) -> Sequence[LinkEntry]:
        """Return the links below a link, parents before children.

        Links of the tasks that were opened under any of them hang below it as well.

        Raises:
            NotFoundError: There is no such link, or there was none then.
        """
        seen = self._seen(at)
        with self._store.read() as reader:
            found("link", link, reader.link(LinkId(link), **seen))
            return reader.descendants(LinkId(link), limit=limit, **seen)

    def decisions(
        self,
        *,
        after: int = 0,
        limit: int = PAGE,
        **wanted: Unpack[DecisionFilter],
    ) -> Sequence[DecisionEntry]:
        """Return decisions in commit order, filtered; `since` counts, `until` does not any more."""
        with self._store.read() as reader:
            return reader.decisions(wanted, after=after, limit=limit)

    def recent_decisions(
        self,
        *,
        link: LinkId | str | None = None,
        allowed: bool | None = None,
        until: int | None = None,
        limit: int = PAGE,
    ) -> Sequence[DecisionEntry]:
        """Return decisions made before `until`, newest first, filtered."""
        wanted = DecisionFilter(link=link, allowed=allowed, until=until)
        with self._store.read() as reader:
            return reader.decisions(wanted, after=0, limit=limit, newest=True)

    def decision(self, decision: DecisionId | str) -> DecisionDetail:
        """Return one decision with everything that was kept of it.

        Raises:
            NotFoundError: There is none.
        """
        with self._store.read() as reader:
            detail = found("decision", decision, reader.decision(DecisionId(decision)))
            known = reader.catalogue()
        made, sent = detail.decision, (detail.access or {}).get("arguments")
        arguments = made.arguments or (sent if isinstance(sent, dict) else None)
        amounts = amounts_of(known, made.tool, detail.catalogue, arguments)
        return replace(detail, amounts=amounts)


class _Seen(TypedDict):
    at: int
    past: bool


def task_id(task: TaskEntry | TaskId | str) -> TaskId:
    """Return a task's id, whichever way it was named."""
    return task.id if isinstance(task, TaskEntry) else TaskId(task)


class Tools:
    """Tools and labels of resources.

    Args:
        store: Where their revisions are kept.
        clock: Returns Unix seconds.
    """

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        """Keep them in this store."""
        self._store = store
        self._clock = clock

    @tried_again
    def add_tool(self, tool: Tool) -> int:
        """Record a tool's definition and return the catalogue's revision.

        Raises:
            ConflictError: The name is reserved.
        """
        with self._store.write() as work:
            work.catalogue().with_tool(tool)
            return work.add_tool(tool, at=self._clock())

    @tried_again
    def label_resources(self, pattern: str, labels: Iterable[str]) -> int:
        """Declare labels of resources and return the catalogue's revision.

        Args:
            pattern: Pattern over resource names, such as `db:crm/customers/**`.
            labels: Labels that calls on such resources bring into their task's history.

        Raises:
            MalformedError: Pattern or label has another form.
            ConflictError: Too many patterns have labels.
        """
        with self._store.write() as work:
            return work.label_resources(ResourceLabels(pattern, labels), at=self._clock())

    def known_catalogue(self) -> Catalogue:
        """Return the newest catalogue that this process knows, without asking the store."""
        return self._store.catalogue_hint()
