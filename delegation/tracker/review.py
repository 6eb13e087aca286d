"""Answers questions from one snapshot: about agents, tasks, links, decisions and the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.ids import LinkId, TaskId
from delegation.authority.resource_labels import ResourceLabels
from delegation.commands.log import LogDesk
from delegation.commands.named import found, task_id
from delegation.commands.questions import Moment
from delegation.commands.retry import tried_again
from delegation.commands.work import Reader, Store
from delegation.lineage.entry import DecisionEntry, TaskEntry
from delegation.lineage.feed import Revocation
from delegation.lineage.filter import DecisionFilter
from delegation.lineage.news import Cursor, News
from delegation.lineage.outline import TaskOutline
from delegation.lineage.rhythm import Rhythm
from delegation.operations.log import Log
from delegation.operations.operation import Operation, Sync
from delegation.operations.records import Records
from delegation.operations.registry import Registry
from delegation.operations.tasks import Tasks

T = TypeVar("T")
PAGE: Final = 100  # entries of a listing, unless told otherwise


class Review(Tasks, Registry, Records, Log, Sync):
    """The questions that `delegation.operations` declares; each answer comes from one snapshot.

    `at`, where a question takes it, is a past instant in Unix seconds: the answer is what it would
    have been at the end of that second. Left out, it is the present.

    Args:
        store: Where everything is kept.
        clock: Returns Unix seconds.
    """

    _log: LogDesk

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        """Ask this store."""
        self._store = store
        self._clock = clock

    def _perform(self, operation: Operation[Any, T], /, *args: Any, **named: Any) -> T:
        given = operation.signature.bind(*args, **named)
        given.apply_defaults()
        asked = dict(given.arguments)
        when = self._moment(asked.pop("at", None))
        if operation.does is None:  # a question that nobody answers is no question
            raise AssertionError
        source = self._log.reading() if operation.of_log else self._store.read()
        with source as reader:
            answer: T = operation.does(reader, when, **asked)
        return answer

    def _moment(self, at: int | None) -> Moment:
        return Moment(self._clock() if at is None else at, at is not None)

    def is_recorded(self, link: LinkId | str) -> bool:
        """Return whether a link was ever seen here: one may be revoked before it is."""
        with self._store.read() as reader:
            return "\x00" not in link and reader.link_payload(LinkId(link)) is not None

    def outline(self, task: TaskEntry | TaskId | str, *, at: int | None = None) -> TaskOutline:
        """Return a task with outlines of its links: what a map needs of thousands of them.

        Raises:
            NotFoundError: There is no such task, or there was none then.
        """
        name, when = task_id(task), self._moment(at)
        with self._store.read() as reader:
            return found("task", name, reader.outline(name, at=when.at, past=when.past))

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


class Tools(Review):
    """Tools and labels of resources."""

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
