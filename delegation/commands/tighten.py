"""Asserts guardrails over all recorded chains, and proposes narrower grants from use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from delegation.authority.access import Access
from delegation.authority.alias import RESERVED_PREFIX
from delegation.authority.catalogue import Catalogue
from delegation.authority.chain import Chain, Link, parse_payload
from delegation.authority.fields import integer
from delegation.authority.grant import Grant
from delegation.authority.ids import LinkId, TaskId
from delegation.authority.refusal import Refusal
from delegation.commands.named import found
from delegation.commands.work import DecisionDetail, Reader, Store
from delegation.errors import MalformedError, NotFoundError
from delegation.lineage.entry import LinkEntry
from delegation.lineage.filter import DecisionFilter, LinkFilter, TaskFilter
from delegation.lineage.guardrails import (
    Assessment,
    Guardrail,
    RecordedLinks,
    assess,
    refuse_unfit_rules,
)
from delegation.lineage.tightening import (
    MINIMUM,
    Proposal,
    Tightening,
    TightenKind,
    Use,
    propose,
)

MAX_USES: Final = 50_000  # calls that one proposal looks at; more are refused, not left out
MAX_LINKS_OF_AGENT: Final = 100
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Question:
    """What use is looked at, and how much of it is needed.

    Args:
        since: Only calls made at this instant or later, Unix seconds.
        minimum: How many calls must be there.
        ignore: Leave out what occurs in no more calls than this.
        with_budget: Whether to lower budgets to what was used.
    """

    since: int | None = None
    minimum: int = MINIMUM
    ignore: int = 0
    with_budget: bool = False


def tighten(
    store: Store, kind: TightenKind, subject: str, question: Question, *, at: int
) -> Sequence[Tightening]:
    """Return a proposal for a link, for each link that an agent holds, or for a task's ceiling.

    Calls under a link count those of the links below it, and of the tasks that were opened under
    any of them: they used its authority, too.

    Args:
        store: Where use is recorded.
        kind: `link`, `agent` or `task`.
        subject: Its id or registered name.
        question: What is looked at.
        at: Unix seconds.

    Raises:
        MalformedError: A number is out of its bounds, a budget is asked for with `since`, or more
            than 50,000 calls would have to be looked at.
        NotFoundError: There is no such link, agent or task.
    """
    integer("minimum", question.minimum, 0)
    integer("ignore", question.ignore, 0)
    if question.since is not None:
        integer("since", question.since, 0)
    if question.with_budget and question.since is not None:
        # What was used in a part of the time would be proposed for the whole of it.
        raise MalformedError("since", wanted="left out where budgets are to be lowered")
    with store.read() as reader:
        asked = _Reading(reader, reader.catalogue(), question)
        if kind == "task":
            return [asked.of_task(TaskId(subject), at)]
        if kind == "link":
            return [asked.of_link(found("link", subject, reader.link(LinkId(subject), at=at)), at)]
        if kind != "agent":
            raise MalformedError("kind", wanted="link, agent or task")
        if not any(agent.name == subject for agent in reader.agents()):
            raise NotFoundError("agent", subject)
        held = reader.links(LinkFilter(holder=subject), after=None, limit=MAX_LINKS_OF_AGENT, at=at)
        held = [entry for entry in held if entry.registered and entry.holder_name == subject]
        return [asked.of_link(entry, at) for entry in held]


class _Reading:
    """Reads uses from one snapshot."""

    def __init__(self, reader: Reader, catalogue: Catalogue, question: Question) -> None:
        self._reader = reader
        self._catalogue = catalogue
        self._question = question
        self._links: dict[LinkId, Link] = {}

    def of_task(self, task: TaskId, at: int) -> Tightening:
        entry = found("task", task, self._reader.task(task, at=at))
        # A ceiling has one delegation more than the root that it is issued as.
        uses = [
            self._use(detail, detail.decision.links[:1], entry.ceiling, len(detail.decision.links))
            for detail in self._details(DecisionFilter(task=task))
        ]
        hung: dict[TaskId, tuple[tuple[LinkId, ...], int]] = {}  # the root above, links on the way
        for child in self._reader.child_tasks(task, at=at):
            way = None if child.under is None else self._reader.path(child.under, at=at)
            if way is None or child.parent is None:
                raise NotFoundError("link", str(child.under))
            root, above = hung.get(child.parent, (way.links[:1], 0))
            hung[child.id] = root, above + len(way.links)
            uses += [
                self._use(
                    detail, root, entry.ceiling, hung[child.id][1] + len(detail.decision.links)
                )
                for detail in self._details(DecisionFilter(task=child.id))
            ]
        return Tightening("task", task, "", self._propose(entry.ceiling, uses))

    def of_link(self, entry: LinkEntry, at: int) -> Tightening:
        below = self._reader.descendants(entry.id, limit=MAX_USES, at=at)
        details = [
            detail
            for link in (entry, *below)
            for detail in self._details(DecisionFilter(task=link.task, link=link.id))
        ]
        details.sort(key=lambda detail: detail.sequence)
        # A call of a child task used the opener's authority, and what is above that: its own chain
        # hangs below this one, and its root took a delegation like any link.
        held = tuple(link.id for link in self._reader.ancestors(entry.id, at=at))
        hung = {entry.id: 0}
        for link in below:
            hung[link.id] = hung.get(link.above or entry.id, 0) + 1
        uses = [
            self._use(detail, held, None, hung[detail.decision.links[-1]]) for detail in details
        ]
        return Tightening("link", entry.id, entry.claimed_name, self._propose(entry.grant, uses))

    def _propose(self, held: Grant, uses: Sequence[Use]) -> Proposal:
        asked = self._question
        return propose(
            held,
            uses,
            self._catalogue,
            minimum=asked.minimum,
            ignore=asked.ignore,
            with_budget=asked.with_budget,
        )

    def _details(self, wanted: DecisionFilter) -> Iterator[DecisionDetail]:
        asked: DecisionFilter = {**wanted, "allowed": True, "since": self._question.since}
        last, count = 0, 0
        while page := self._reader.details(asked, after=last, limit=_PAGE):
            last = page[-1].sequence
            count += len(page)
            if count > MAX_USES:
                raise MalformedError("since", wanted=f"such that at most {MAX_USES} calls follow")
            yield from (d for d in page if not d.decision.tool.startswith(RESERVED_PREFIX))

    def _use(
        self, detail: DecisionDetail, held: Sequence[LinkId], ceiling: Grant | None, below: int
    ) -> Use:
        made = detail.decision
        links = [self._link(link, n) for n, link in enumerate(held)]
        if ceiling is not None:
            links[-1] = replace(links[-1], grant=ceiling)
        # What was sent may name the tool by an alias; what was decided names the tool.
        sent = None if detail.access is None else dict(detail.access)
        access = None if sent is None else Access.from_json(sent).by_name(made.tool)
        tool = self._catalogue.tool(made.tool)
        touched = () if tool is None or access is None else tool.resources_of(made.arguments)
        return Use(
            decision=made.id,
            at=made.at,
            chain=Chain(tuple(links)),
            below=below,
            access=access,
            arguments=made.arguments,
            resources=() if isinstance(touched, Refusal) else touched,
            cost=made.cost,
        )

    def _link(self, link: LinkId, depth: int) -> Link:
        if link not in self._links:
            payload = found("link", link, self._reader.link_payload(link))
            self._links[link] = parse_payload(payload, root=depth == 0)
        return self._links[link]


def assert_guardrails(
    store: Store,
    guardrails: Sequence[Guardrail],
    *,
    task: TaskId | None,
    ended: bool,
    at: int,
) -> Assessment:
    """Return what becomes of each guardrail over all recorded links.

    Links that were never announced, checked or issued here are not known and not looked at.

    Args:
        store: Where links are recorded.
        guardrails: The rules.
        task: Only the root task of this one, with its child tasks; None for all.
        ended: Whether links that no longer stand are looked at as well.
        at: Unix seconds.

    Raises:
        NotFoundError: There is no such task.
        UnfitError: A rule names what the catalogue does not have.
    """
    with store.read() as reader:
        catalogue = reader.catalogue()
        refuse_unfit_rules(guardrails, catalogue)
        roots = _tasks_by_root(reader, at)
        if task is not None:
            above = next((root for root, tasks in roots.items() if task in tasks), None)
            root = found("task", task, above)
            roots = {root: roots[root]}
        forests = (
            _forest(reader, tasks, catalogue, ended=ended, at=at) for tasks in roots.values()
        )
        return assess(guardrails, forests)


def _tasks_by_root(reader: Reader, at: int) -> dict[TaskId, list[TaskId]]:
    """Return every root task with itself and its child tasks, which share its history."""
    under: dict[TaskId, LinkId | None] = {}
    last: str | None = None
    while page := reader.tasks(TaskFilter(), after=last, limit=_PAGE, at=at):
        under |= {entry.id: entry.under for entry in page}
        last = page[-1].id
    opener: dict[LinkId, TaskId] = {}
    roots: dict[TaskId, list[TaskId]] = {}
    for task in under:
        root = task
        for _ in range(len(under)):  # a circle cannot be recorded; nor is one followed for ever
            link = under.get(root)
            if link is None:
                break
            if link not in opener:
                found = reader.link(link, at=0)
                opener[link] = root if found is None else found.task
            root = opener[link]
        roots.setdefault(root, []).append(task)
    return roots


def _forest(
    reader: Reader, tasks: Sequence[TaskId], catalogue: Catalogue, *, ended: bool, at: int
) -> RecordedLinks:
    links = [link for task in tasks for link in _links(reader, task, at)]
    pinned: dict[LinkId, int] = {}
    for link in links:
        payload = reader.link_payload(link.id) if link.parent is None else None
        origin = None if payload is None else parse_payload(payload, root=True).origin
        if origin is not None:
            pinned[link.id] = origin.catalogue
    links.sort(key=lambda link: link.depth)
    return RecordedLinks(links, pinned, catalogue, ended=ended)


def _links(reader: Reader, task: TaskId, at: int) -> Iterator[LinkEntry]:
    last: LinkId | None = None
    while page := reader.links(LinkFilter(task=task), after=last, limit=_PAGE, at=at):
        yield from page
        last = page[-1].id
