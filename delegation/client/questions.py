"""Reviewers' questions to the service: calls as values, and the methods of both clients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeVar

from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.client.calls import Call, part
from delegation.judge.facts import SubjectKind
from delegation.lineage.ability import HolderAbility, LinkAbility
from delegation.lineage.blast import Blast
from delegation.lineage.compare import Comparison
from delegation.lineage.extent import Counted, Extent
from delegation.lineage.findings import Dismissal, Findings
from delegation.lineage.handover import Handover
from delegation.lineage.owners import Owner
from delegation.lineage.pathway import Ways
from delegation.lineage.risk import Risk
from delegation.lineage.search import Hit
from delegation.lineage.steps import Account
from delegation.lineage.survival import Survival
from delegation.lineage.unused import Unused
from delegation.messages.answers import read_answer

T = TypeVar("T")


def _ask(kind: type[T], path: str, /, **query: object) -> Call[T]:
    return Call("GET", path, lambda a: read_answer(kind, a), query=query, is_repeatable=True)


def _list(kind: type[T], path: str, name: str, /, **query: object) -> Call[Sequence[T]]:
    def read(answer: dict[str, object]) -> Sequence[T]:
        return read_answer(tuple[kind, ...], answer[name])  # type: ignore[valid-type]  # at run time

    return Call("GET", path, read, query=query, is_repeatable=True)


def _counted(kind: type[T], path: str, name: str, /, **query: object) -> Call[Counted[T]]:
    def read(answer: dict[str, object]) -> Counted[T]:
        rows: tuple[T, ...] = read_answer(tuple[kind, ...], answer[name])  # type: ignore[valid-type]
        return Counted(rows, read_answer(Extent, answer["extent"]))

    return Call("GET", path, read, query=query, is_repeatable=True)


def dismissal(finding: str, reason: str) -> Call[Dismissal]:
    """Record that a finding was looked at and stands."""
    path = f"/v1/findings/{part(finding)}/dismiss"
    return Call(
        "POST",
        path,
        lambda a: read_answer(Dismissal, a),
        body={"reason": reason},
        is_repeatable=True,
    )


class Questions(ABC):
    """The questions of reviewers, part of `Client`."""

    @abstractmethod
    def _run(self, call: Call[T]) -> T:
        """Send one call and return its result."""

    def handovers(
        self, *, task: TaskId | str | None = None, at: int | None = None
    ) -> Counted[Handover]:
        """Return who delegated what to whom, aggregated; of open tasks unless one is named."""
        return self._run(_counted(Handover, "/v1/handovers", "handovers", task=task, at=at))

    def owners(self, *, at: int | None = None) -> Counted[Owner]:
        """Return who answers for which open tasks, registered agents and links."""
        return self._run(_counted(Owner, "/v1/owners", "owners", at=at))

    def could_do(self, holder: str, *, at: int | None = None) -> HolderAbility:
        """Return what a holder could do: an agent's name, a key, its fingerprint, or a link's id."""
        return self._run(_ask(HolderAbility, "/v1/holders", holder=holder, at=at))

    def reach(self, link: LinkId | str, *, at: int | None = None) -> LinkAbility:
        """Return what a link could do: tools, arguments, resources, and what is unknown."""
        return self._run(_ask(LinkAbility, f"/v1/links/{part(link)}/reach", at=at))

    def ways(self, holder: str, tool: str, *, at: int | None = None) -> Ways:
        """Return how a holder could reach a tool, or why not."""
        return self._run(_ask(Ways, "/v1/ways", holder=holder, tool=tool, at=at))

    def blast(self, holder: str) -> Blast:
        """Return what a thief of a holder's keys and tokens could do now."""
        return self._run(_ask(Blast, "/v1/blast", holder=holder))

    def unused(self, link: LinkId | str) -> Unused:
        """Return what a link grants that was never used, with the grant without it as code."""
        return self._run(_ask(Unused, f"/v1/links/{part(link)}/unused"))

    def findings(self) -> Findings:
        """Return what the rules find in all open tasks."""
        return self._run(_ask(Findings, "/v1/findings"))

    def dismiss(self, finding: str, *, reason: str) -> Dismissal:
        """Record that a finding was looked at and stands."""
        return self._run(dismissal(finding, reason))

    def risks(self, *, limit: int = 20) -> Counted[Risk]:
        """Return the riskiest links of open tasks, the highest score first."""
        return self._run(_counted(Risk, "/v1/risks", "risks", limit=limit))

    def compare(
        self, *, vs: int, at: int | None = None, task: TaskId | str | None = None
    ) -> Comparison:
        """Return what changed from the instant `vs` to the instant `at`, Unix seconds."""
        return self._run(_ask(Comparison, "/v1/compare", vs=vs, at=at, task=task))

    def survivors(self, kind: SubjectKind, id: str) -> Survival:  # noqa: A002  # the word of the wire
        """Return what revoking a subject would come to now; nothing is changed."""
        return self._run(_ask(Survival, "/v1/survivors", kind=kind, id=id))

    def account(self, decision: DecisionId | str) -> Account:
        """Return a decision's fourteen steps with their values, and its claimed causes."""
        return self._run(_ask(Account, f"/v1/decisions/{part(decision)}/account"))

    def find(self, text: str) -> Sequence[Hit]:
        """Return what a text names: ids, agents, keys by fingerprint, holders' names, tasks."""
        return self._run(_list(Hit, "/v1/find", "hits", q=text))


class AsyncQuestions(ABC):
    """The same, part of `AsyncClient`."""

    @abstractmethod
    async def _run(self, call: Call[T]) -> T:
        """Send one call and return its result."""

    async def handovers(
        self, *, task: TaskId | str | None = None, at: int | None = None
    ) -> Counted[Handover]:
        """Return who delegated what to whom, aggregated; of open tasks unless one is named."""
        return await self._run(_counted(Handover, "/v1/handovers", "handovers", task=task, at=at))

    async def owners(self, *, at: int | None = None) -> Counted[Owner]:
        """Return who answers for which open tasks, registered agents and links."""
        return await self._run(_counted(Owner, "/v1/owners", "owners", at=at))

    async def could_do(self, holder: str, *, at: int | None = None) -> HolderAbility:
        """Return what a holder could do: an agent's name, a key, its fingerprint, or a link's id."""
        return await self._run(_ask(HolderAbility, "/v1/holders", holder=holder, at=at))

    async def reach(self, link: LinkId | str, *, at: int | None = None) -> LinkAbility:
        """Return what a link could do: tools, arguments, resources, and what is unknown."""
        return await self._run(_ask(LinkAbility, f"/v1/links/{part(link)}/reach", at=at))

    async def ways(self, holder: str, tool: str, *, at: int | None = None) -> Ways:
        """Return how a holder could reach a tool, or why not."""
        return await self._run(_ask(Ways, "/v1/ways", holder=holder, tool=tool, at=at))

    async def blast(self, holder: str) -> Blast:
        """Return what a thief of a holder's keys and tokens could do now."""
        return await self._run(_ask(Blast, "/v1/blast", holder=holder))

    async def unused(self, link: LinkId | str) -> Unused:
        """Return what a link grants that was never used, with the grant without it as code."""
        return await self._run(_ask(Unused, f"/v1/links/{part(link)}/unused"))

    async def findings(self) -> Findings:
        """Return what the rules find in all open tasks."""
        return await self._run(_ask(Findings, "/v1/findings"))

    async def dismiss(self, finding: str, *, reason: str) -> Dismissal:
        """Record that a finding was looked at and stands."""
        return await self._run(dismissal(finding, reason))

    async def risks(self, *, limit: int = 20) -> Counted[Risk]:
        """Return the riskiest links of open tasks, the highest score first."""
        return await self._run(_counted(Risk, "/v1/risks", "risks", limit=limit))

    async def compare(
        self, *, vs: int, at: int | None = None, task: TaskId | str | None = None
    ) -> Comparison:
        """Return what changed from the instant `vs` to the instant `at`, Unix seconds."""
        return await self._run(_ask(Comparison, "/v1/compare", vs=vs, at=at, task=task))

    async def survivors(self, kind: SubjectKind, id: str) -> Survival:  # noqa: A002
        """Return what revoking a subject would come to now; nothing is changed."""
        return await self._run(_ask(Survival, "/v1/survivors", kind=kind, id=id))

    async def account(self, decision: DecisionId | str) -> Account:
        """Return a decision's fourteen steps with their values, and its claimed causes."""
        return await self._run(_ask(Account, f"/v1/decisions/{part(decision)}/account"))

    async def find(self, text: str) -> Sequence[Hit]:
        """Return what a text names: ids, agents, keys by fingerprint, holders' names, tasks."""
        return await self._run(_list(Hit, "/v1/find", "hits", q=text))
