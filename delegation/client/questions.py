"""Reviewers' questions to the service: calls as values, and the methods of both clients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeVar

from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.client.calls import Call, part
from delegation.lineage.extent import Counted, Extent

T = TypeVar("T")
Answer = dict[str, Any]


def _ask(path: str, **query: object) -> Call[Answer]:
    return Call("GET", path, dict, query=query, is_repeatable=True)


def _list(path: str, name: str, **query: object) -> Call[Sequence[Answer]]:
    return Call("GET", path, lambda a: list(a[name]), query=query, is_repeatable=True)


def _counted(path: str, name: str, **query: object) -> Call[Counted[Answer]]:
    def read(answer: Answer) -> Counted[Answer]:
        seen = answer["extent"]
        return Counted(answer[name], Extent(seen["looked"], seen["total"]))

    return Call("GET", path, read, query=query, is_repeatable=True)


def dismissal(finding: str, reason: str) -> Call[Answer]:
    """Record that a finding was looked at and stands."""
    path = f"/v1/findings/{part(finding)}/dismiss"
    return Call("POST", path, dict, body={"reason": reason}, is_repeatable=True)


class Questions(ABC):
    """The questions of reviewers, answered as JSON; part of `Client`."""

    @abstractmethod
    def _run(self, call: Call[T]) -> T:
        """Send one call and return its result."""

    def handovers(
        self, *, task: TaskId | str | None = None, at: int | None = None
    ) -> Counted[Answer]:
        """Return who delegated what to whom, aggregated; of open tasks unless one is named."""
        return self._run(_counted("/v1/handovers", "handovers", task=task, at=at))

    def owners(self, *, at: int | None = None) -> Counted[Answer]:
        """Return who answers for which open tasks, registered agents and links."""
        return self._run(_counted("/v1/owners", "owners", at=at))

    def could_do(self, holder: str, *, at: int | None = None) -> Answer:
        """Return what a holder could do: an agent's name, a key, its fingerprint, or a link's id."""
        return self._run(_ask("/v1/holders", holder=holder, at=at))

    def reach(self, link: LinkId | str, *, at: int | None = None) -> Answer:
        """Return what a link could do: tools, arguments, resources, and what is unknown."""
        return self._run(_ask(f"/v1/links/{part(link)}/reach", at=at))

    def ways(self, holder: str, tool: str, *, at: int | None = None) -> Answer:
        """Return how a holder could reach a tool, or why not."""
        return self._run(_ask("/v1/ways", holder=holder, tool=tool, at=at))

    def blast(self, holder: str) -> Answer:
        """Return what a thief of a holder's keys and tokens could do now."""
        return self._run(_ask("/v1/blast", holder=holder))

    def unused(self, link: LinkId | str) -> Answer:
        """Return what a link grants that was never used, with the grant without it as code."""
        return self._run(_ask(f"/v1/links/{part(link)}/unused"))

    def findings(self) -> Answer:
        """Return what the rules find in all open tasks."""
        return self._run(_ask("/v1/findings"))

    def dismiss(self, finding: str, *, reason: str) -> Answer:
        """Record that a finding was looked at and stands."""
        return self._run(dismissal(finding, reason))

    def risks(self, *, limit: int = 20) -> Counted[Answer]:
        """Return the riskiest links of open tasks, the highest score first."""
        return self._run(_counted("/v1/risks", "risks", limit=limit))

    def compare(
        self, *, vs: int, at: int | None = None, task: TaskId | str | None = None
    ) -> Answer:
        """Return what changed from the instant `vs` to the instant `at`, Unix seconds."""
        return self._run(_ask("/v1/compare", vs=vs, at=at, task=task))

    def survivors(self, kind: str, id: str) -> Answer:  # noqa: A002  # the word of the wire
        """Return what revoking a subject would come to now; nothing is changed."""
        return self._run(_ask("/v1/survivors", kind=kind, id=id))

    def account(self, decision: DecisionId | str) -> Answer:
        """Return a decision's fourteen steps with their values, and its claimed causes."""
        return self._run(_ask(f"/v1/decisions/{part(decision)}/account"))

    def find(self, text: str) -> Sequence[Answer]:
        """Return what a text names: ids, agents, keys by fingerprint, holders' names, tasks."""
        return self._run(_list("/v1/find", "hits", q=text))


class AsyncQuestions(ABC):
    """The same, part of `AsyncClient`."""

    @abstractmethod
    async def _run(self, call: Call[T]) -> T:
        """Send one call and return its result."""

    async def handovers(
        self, *, task: TaskId | str | None = None, at: int | None = None
    ) -> Counted[Answer]:
        """Return who delegated what to whom, aggregated; of open tasks unless one is named."""
        return await self._run(_counted("/v1/handovers", "handovers", task=task, at=at))

    async def owners(self, *, at: int | None = None) -> Counted[Answer]:
        """Return who answers for which open tasks, registered agents and links."""
        return await self._run(_counted("/v1/owners", "owners", at=at))

    async def could_do(self, holder: str, *, at: int | None = None) -> Answer:
        """Return what a holder could do: an agent's name, a key, its fingerprint, or a link's id."""
        return await self._run(_ask("/v1/holders", holder=holder, at=at))

    async def reach(self, link: LinkId | str, *, at: int | None = None) -> Answer:
        """Return what a link could do: tools, arguments, resources, and what is unknown."""
        return await self._run(_ask(f"/v1/links/{part(link)}/reach", at=at))

    async def ways(self, holder: str, tool: str, *, at: int | None = None) -> Answer:
        """Return how a holder could reach a tool, or why not."""
        return await self._run(_ask("/v1/ways", holder=holder, tool=tool, at=at))

    async def blast(self, holder: str) -> Answer:
        """Return what a thief of a holder's keys and tokens could do now."""
        return await self._run(_ask("/v1/blast", holder=holder))

    async def unused(self, link: LinkId | str) -> Answer:
        """Return what a link grants that was never used, with the grant without it as code."""
        return await self._run(_ask(f"/v1/links/{part(link)}/unused"))

    async def findings(self) -> Answer:
        """Return what the rules find in all open tasks."""
        return await self._run(_ask("/v1/findings"))

    async def dismiss(self, finding: str, *, reason: str) -> Answer:
        """Record that a finding was looked at and stands."""
        return await self._run(dismissal(finding, reason))

    async def risks(self, *, limit: int = 20) -> Counted[Answer]:
        """Return the riskiest links of open tasks, the highest score first."""
        return await self._run(_counted("/v1/risks", "risks", limit=limit))

    async def compare(
        self, *, vs: int, at: int | None = None, task: TaskId | str | None = None
    ) -> Answer:
        """Return what changed from the instant `vs` to the instant `at`, Unix seconds."""
        return await self._run(_ask("/v1/compare", vs=vs, at=at, task=task))

    async def survivors(self, kind: str, id: str) -> Answer:  # noqa: A002
        """Return what revoking a subject would come to now; nothing is changed."""
        return await self._run(_ask("/v1/survivors", kind=kind, id=id))

    async def account(self, decision: DecisionId | str) -> Answer:
        """Return a decision's fourteen steps with their values, and its claimed causes."""
        return await self._run(_ask(f"/v1/decisions/{part(decision)}/account"))

    async def find(self, text: str) -> Sequence[Answer]:
        """Return what a text names: ids, agents, keys by fingerprint, holders' names, tasks."""
        return await self._run(_list("/v1/find", "hits", q=text))
