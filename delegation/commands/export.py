"""Gathers an export's data in one snapshot; `delegation.export` writes it.

What is counted is counted in the same snapshot that is read: an export is whole or refused, never
cut. Entries of long listings are read while they are written, a page at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar, cast

from delegation.authority.chain import MAX_LINKS
from delegation.authority.ids import LinkId, TaskId
from delegation.commands import questions
from delegation.commands.export_data import Bounds, ExportData
from delegation.commands.named import found
from delegation.commands.question_work import ApprovalFilter
from delegation.commands.questions import Moment
from delegation.commands.work import Reader
from delegation.errors import NotFoundError
from delegation.identity.principal import PublicKey
from delegation.lineage.analysis.cutting import Cutting, cutting
from delegation.lineage.analysis.owners import handovers, owners
from delegation.lineage.analysis.risk import ranked
from delegation.lineage.analysis.timeline import Event, ending_of, subjects_of, timeline
from delegation.lineage.approval import ApprovalState
from delegation.lineage.entry import Called, DecisionEntry, LinkEntry, TaskEntry, chain_of
from delegation.lineage.feed import Revocation
from delegation.lineage.filter import DecisionFilter, LinkFilter, TaskFilter
from delegation.lineage.outline import TaskOutline
from delegation.lineage.selection import Selection
from delegation.lineage.survey import Ground

PAGE: Final = 500
T = TypeVar("T")


def gather(reader: Reader, wanted: Selection, when: Moment, bounds: Bounds) -> ExportData:
    """Return what an export is made of.

    Args:
        reader: A snapshot; it must stay open until the entries were read.
        wanted: What is asked for.
        when: The instant.
        bounds: How much it may be.

    Raises:
        ExportTooLargeError: There is more than the bounds allow.
        NotFoundError: The task or link is not there, or was not then.
    """
    return _Gathering(reader, wanted, when, bounds).made()


@dataclass(frozen=True, slots=True)
class _Gathering:
    reader: Reader
    wanted: Selection
    when: Moment
    bounds: Bounds

    def made(self) -> ExportData:
        match self.wanted.view:
            case "lineage":
                return self._lineage()
            case "links":
                return self._links()
            case "decisions":
                return self._decisions()
            case "tasks":
                return self._tasks()
            case "timeline":
                return self._timeline()
            case "approvals":
                return self._approvals()
            case "endings":
                return self._ended()
            case _:
                return self._questions()

    # Lineage

    def _lineage(self) -> ExportData:
        scope = self._scope()
        number = sum(
            self.reader.count_links(LinkFilter(task=one), at=self.when.at, past=self.when.past)
            for one in self._with_children(scope)
        )
        self.bounds.refuse(number, self.bounds.links)
        if scope is not None:
            found = list(self._cuttings(scope, number))
            shown = sum(len(one.lineage.links) for one in found)
            return self._made(shown, number, found)
        shown = number
        if self.wanted.filters or self.when.past:  # counted first, so as not to hold all at once
            every = self._cuttings(None, number, tells=False)
            shown = sum(len(one.lineage.links) for one in every)
        return self._made(shown, number, self._cuttings(None, number))

    def _cuttings(
        self, scope: TaskId | None, number: int, *, tells: bool = True
    ) -> Iterator[Cutting]:
        """Yield what the filters leave of each task; one at a time is held."""
        done = 0
        for task in self._task_ids(scope):
            outline = self.reader.outline(task, at=self.when.at, past=self.when.past)
            lineage = self.reader.lineage(task, at=self.when.at, past=self.when.past)
            if outline is None or lineage is None:
                if scope is not None:
                    raise NotFoundError("task", task)
                continue  # it was opened later
            cut = cutting(lineage, outline, self.wanted)
            if cut is not None:
                yield replace(cut, endings=self._endings(cut, outline))
            done += len(lineage.links)
            self.bounds.tell(done if tells else 0, number)

    def _scope(self) -> TaskId | None:
        if self.wanted.task is not None:
            return TaskId(self.wanted.task)
        if self.wanted.link is None:
            return None
        name = LinkId(self.wanted.link)
        link = self.reader.link(name, at=self.when.at, past=self.when.past)
        scope = found("link", name, link).task
        for _ in range(MAX_LINKS):  # its way up may begin in a task above
            task = self.reader.task(scope, at=self.when.at)
            if task is None or task.parent is None:
                break
            scope = task.parent
        return scope

    def _task_ids(self, scope: TaskId | None) -> Iterator[TaskId]:
        if scope is not None:
            yield scope
            return
        # A child task is part of the task that it was opened in.
        yield from (task.id for task in self._every_task(TaskFilter()) if task.parent is None)

    def _with_children(self, task: TaskId | None) -> Iterator[TaskId | None]:
        yield task
        if task is not None:
            below = self.reader.child_tasks(task, at=self.when.at, past=self.when.past)
            yield from (one.id for one in below)

    def _every_task(self, wanted: TaskFilter) -> Iterator[TaskEntry]:
        def page(last: TaskEntry | None) -> Sequence[TaskEntry]:
            after = None if last is None else last.id
            return self.reader.tasks(wanted, after=after, limit=PAGE, at=self.when.at)

        return _pages(page)

    def _every_decision(self, wanted: DecisionFilter) -> Iterator[DecisionEntry]:
        def page(last: DecisionEntry | None) -> Sequence[DecisionEntry]:
            after = 0 if last is None else last.sequence
            return self.reader.decisions(wanted, after=after, limit=PAGE)

        return _pages(page)

    def _endings(self, cut: Cutting, outline: TaskOutline) -> tuple[Revocation, ...]:
        """Return the last change of each thing that ended a link which is left."""
        ended = {
            link.ended_by for link in cut.lineage.links if link.standing in {"revoked", "suspended"}
        }
        last: dict[str, Revocation] = {}
        for change in self._changes(outline) if ended else ():
            if change.subject.id in ended and change.act in {"revoke", "suspend"}:
                last[change.subject.id] = change
        return tuple(last.values())

    def _changes(self, outline: TaskOutline) -> Sequence[Revocation]:
        found = self.reader.revocations_of(subjects_of(outline))
        return [one for one in found if not self.when.past or one.at <= self.when.at]

    # Listings

    def _links(self) -> ExportData:
        asked = self.wanted
        task = None if asked.task is None else TaskId(asked.task)
        key = None if asked.key is None else PublicKey.from_text("holder", asked.key).key
        parent = None if asked.parent is None else LinkId(asked.parent)
        wanted = LinkFilter(task, parent, asked.holder, key)
        at, past = self.when.at, self.when.past

        def page(last: LinkEntry | None) -> Sequence[LinkEntry]:
            after = None if last is None else last.id
            return self.reader.links(wanted, after=after, limit=PAGE, at=at, past=past)

        shown = self.reader.count_links(wanted, at=at, past=past)
        total = self.reader.count_links(LinkFilter(task=task), at=at, past=past)
        self.bounds.refuse(shown, self.bounds.links if past else self.bounds.rows)
        found: Iterable[LinkEntry] = self._told(_pages(page, to_the_end=past), shown)
        if past:  # what a clock elsewhere recorded before its parent is counted, and not listed
            found = list(found)
            shown = len(found)
        return self._made(shown, total, found)

    def _decisions(self) -> ExportData:
        asked = self.wanted
        until = asked.until
        if asked.at is not None:
            until = asked.at + 1 if until is None else min(until, asked.at + 1)
        named = DecisionFilter.__annotations__.keys() & asked.given.keys()
        given = {name: asked.given[name] for name in named}
        wanted = cast("DecisionFilter", {**given, "until": until})
        scope = DecisionFilter(task=asked.task, until=None if asked.at is None else asked.at + 1)
        shown = self.reader.count_decisions(wanted)
        self.bounds.refuse(shown, self.bounds.rows)
        found: Iterator[Any] = self._told(self._every_decision(wanted), shown)
        if asked.form == "ocsf":
            found = self._called(found)
        return self._made(shown, self.reader.count_decisions(scope), found)

    def _called(self, made: Iterable[DecisionEntry]) -> Iterator[Called]:
        catalogue = self.reader.catalogue()
        waiting: list[DecisionEntry] = []

        def placed() -> Iterator[Called]:
            leaves = list(dict.fromkeys(one.link for one in waiting if one.link is not None))
            known = self.reader.chains(leaves, at=self.when.at, past=self.when.past)
            for one in waiting:
                tool = catalogue.tool(one.tool)
                effect = None if tool is None else tool.effect
                yield Called(one, chain_of(one.link, known), effect)
            waiting.clear()

        for decision in made:
            waiting.append(decision)
            if len(waiting) == PAGE:
                yield from placed()
        yield from placed()

    def _tasks(self) -> ExportData:
        asked = self.wanted
        found = list(self._within(self._every_task(TaskFilter(asked.owner, asked.is_open))))
        return self._made(len(found), self.reader.count_tasks(), found)

    def _approvals(self) -> ExportData:
        asked = self.wanted
        task = None if asked.task is None else TaskId(asked.task)
        link = None if asked.link is None else LinkId(asked.link)

        def listed(wanted: ApprovalFilter) -> Iterator[Any]:
            return _pages(
                lambda last: self.reader.approvals(
                    wanted,
                    after=0 if last is None else last.sequence,
                    limit=PAGE,
                    at=self.when.at,
                )
            )

        state = cast("ApprovalState | None", asked.state)
        found = list(self._within(listed(ApprovalFilter(state, task, link))))
        every = ApprovalFilter(task=task)
        total = len(found) if not asked.filters else sum(1 for _ in self._within(listed(every)))
        return self._made(len(found), total, found)

    def _ended(self) -> ExportData:
        def page(last: Revocation | None) -> Sequence[Revocation]:
            after = 0 if last is None else last.epoch
            return self.reader.feed(after=after, limit=PAGE, history=True).changes

        every = self._within(_pages(page, to_the_end=True))
        found = [one for one in every if not self.when.past or one.at <= self.when.at]
        return self._made(len(found), len(found), found)

    def _timeline(self) -> ExportData:
        task = TaskId(self.wanted.task or "")
        seen = self.reader.outline(task, at=self.when.at, past=self.when.past)
        outline = found("task", task, seen)
        until = self.when.at + 1 if self.when.past else None
        tasks = [outline.task.id, *(one.id for one in outline.below)]
        of_each = [DecisionFilter(task=one, until=until) for one in tasks]
        number = sum(map(self.reader.count_decisions, of_each)) + len(outline.links)
        self.bounds.refuse(number, self.bounds.rows)
        every = (one for wanted in of_each for one in self._every_decision(wanted))
        made = sorted(self._told(every, number), key=lambda decision: decision.sequence)
        endings = [ending_of(change) for change in self._changes(outline)]
        events: Sequence[Event] = timeline(outline, made, endings)
        return self._made(len(events), len(events), enumerate(events, start=1))

    # Questions

    def _questions(self) -> ExportData:
        asked = self.wanted
        if asked.view == "agents":
            listed = self.reader.agents()
            agents = [a for a in listed if asked.at is None or a.registered_at <= asked.at]
            return self._made(len(agents), len(agents), agents)
        if asked.view == "findings":
            told = questions.findings(self.reader, self.when)
            every = [(one, None) for one in told.open] + list(told.dismissed)
            fit = [
                pair
                for pair in every
                if asked.rule in {None, pair[0].rule} and asked.severity in {None, pair[0].severity}
            ]
            return self._made(len(fit), len(every), fit, is_complete=told.is_complete)
        survey = questions.survey_of(
            self.reader, Ground(is_open=asked.task is None, task=asked.task), self.when
        )
        if asked.view == "risks":
            risks = ranked(survey)
            return self._made(len(risks), len(risks), risks, is_complete=survey.is_complete)
        if asked.view == "owners":
            answering = owners(survey)
            number = len(answering)
            return self._made(number, number, answering, is_complete=survey.is_complete)
        if asked.task is not None:
            found("task", asked.task, self.reader.task(TaskId(asked.task), at=self.when.at))
        pairs = handovers(survey)
        return self._made(len(pairs), len(pairs), pairs, is_complete=survey.is_complete)

    def _made(
        self, shown: int, total: int, entries: Iterable[Any], *, is_complete: bool = True
    ) -> ExportData:
        epoch = self.reader.numbers()["epoch"]
        return ExportData(self.when.at, epoch, shown, total, entries, is_complete)

    def _told(self, entries: Iterable[T], total: int) -> Iterator[T]:
        """Yield entries, and tell how many were read at the end of each page."""
        done = 0
        for entry in entries:
            yield entry
            done += 1
            if done % PAGE == 0:
                self.bounds.tell(done, total)
        self.bounds.tell(done, total)

    def _within(self, entries: Iterable[T]) -> Iterator[T]:
        """Yield entries that nobody counted before, as long as there are not too many."""
        for done, entry in enumerate(entries, start=1):
            self.bounds.refuse(done, self.bounds.rows)
            if done % PAGE == 0:
                self.bounds.tell(done, done)
            yield entry


def _pages(page: Callable[[T | None], Sequence[T]], *, to_the_end: bool = False) -> Iterator[T]:
    """Yield what is on the pages that follow the last entry of the page before.

    Args:
        page: Returns the page behind an entry; the first one behind None.
        to_the_end: Whether a page that is not full may have others behind it.
    """
    last: T | None = None
    while True:
        found = page(last)
        yield from found
        if not found or (len(found) < PAGE and not to_the_end):
            return
        last = found[-1]
