"""An asynchronous client of the service. Delegating and proving stay offline.

Needs the extra `client`. No redirect is followed and no proxy of the environment is used: whoever
answers at this URL decides about calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from delegation.authority.access import Access
from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.grant import Grant
from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.canonical import Json
from delegation.client import calls, key_calls, outcome, oversight
from delegation.client.approvals import AsyncApprovals
from delegation.client.calls import Call
from delegation.client.exchange import (
    ATTEMPTS,
    TIMEOUT,
    read_answer,
    refuse_problem,
    request_of,
    retries,
    settings_of,
    unreachable,
)
from delegation.client.exports import AsyncExportClient
from delegation.client.log import AsyncLogClient
from delegation.client.questions import AsyncQuestions
from delegation.client.standing import AsyncStanding
from delegation.client.tasks import AsyncTasks
from delegation.errors import MissingExtraError
from delegation.graph.view import LineageView
from delegation.identity.keyring import PublicRing
from delegation.identity.principal import PublicKey
from delegation.judge.decision import Decision
from delegation.lineage.entry import DecisionEntry, LinkEntry, TaskEntry
from delegation.lineage.tightening import MINIMUM, TightenKind
from delegation.tokens.token import Token
from delegation.tracker.work import Agent, ApiKey, DecisionDetail, OutcomeState, Role

try:
    import httpx2
    import tenacity
except ImportError as error:
    raise MissingExtraError("client", "The HTTP client") from error

T = TypeVar("T")


class AsyncClient(
    AsyncStanding, AsyncQuestions, AsyncLogClient, AsyncTasks, AsyncApprovals, AsyncExportClient
):
    """The service at a URL, called with one API key; the same methods as the embedded `Tracker`.

    What may be sent twice is tried again when the service is out of reach or answers 502 to 504:
    reads, and checks, each of which carries an idempotency key. Errors are those of `delegation.errors`.

    Args:
        url: Where the service listens.
        api_key: Secret of an API key; empty for what is public.
        timeout: Seconds for one attempt.
        attempts: How often what may be repeated is sent at most.
        transport: Another transport, such as one to an application in this process.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str = "",
        timeout: float = TIMEOUT,
        attempts: int = ATTEMPTS,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """Make a client; nothing is sent yet."""
        self._http = httpx2.AsyncClient(
            **settings_of(url, api_key=api_key, timeout=timeout), transport=transport
        )
        self._attempts = attempts
        self._ring: PublicRing | None = None

    async def __aenter__(self) -> Self:
        """Return the client; it is closed when the block ends."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _send(self, call: Call[Any]) -> httpx2.Response:
        try:
            answer = await self._http.request(**request_of(call))
        except httpx2.HTTPError as error:
            raise unreachable(error) from None
        refuse_problem(answer)
        return answer

    async def _run(self, call: Call[T]) -> T:
        """Send one call and return its result.

        Raises:
            ServiceError: The service refused, did not answer, or answered with something else.
        """
        if not call.is_repeatable:
            return read_answer(await self._send(call), call)
        async for attempt in tenacity.AsyncRetrying(**retries(self._attempts)):
            with attempt:
                return read_answer(await self._send(call), call)
        raise AssertionError  # the loop returns or raises

    async def public_ring(self) -> PublicRing:
        """Return the issuer's public keys; asked once for each client."""
        return self._ring or await self.fresh_ring()

    async def fresh_ring(self) -> PublicRing:
        """Return the issuer's public keys as they are now."""
        self._ring = await self._run(calls.public_ring())
        return self._ring

    async def issue(
        self,
        task: TaskEntry | TaskId | str,
        *,
        to: PublicKey,
        grant: Grant | None = None,
        format: str = "biscuit",  # noqa: A002  # the word of the wire, keyword-only
    ) -> Token:
        """Have a task's root issued to a holder; the answer is verified with the public keys."""
        text = await self._run(calls.issue(task, to=to, grant=grant, token_format=format))
        return Token.read(text, await self.public_ring())

    async def check(
        self,
        token: Token | str,
        proof: str | None,
        access: Access | Json,
        *,
        idempotency_key: str | None = None,
        at_least_epoch: int = 0,
    ) -> Decision:
        """Have one call decided and recorded. True only if it is allowed.

        Args:
            token: The token, or its text.
            proof: The holder's proof over token and access.
            access: The call.
            idempotency_key: Names this request; a new one is made if left out.
            at_least_epoch: The newest change of what stands that the caller has seen.

        Raises:
            ServiceError: No decision came back, so the call is not allowed.
        """
        return await self._run(
            calls.check(
                token,
                proof,
                access,
                idempotency_key=idempotency_key,
                at_least_epoch=at_least_epoch,
            )
        )

    async def drawing(self, task: TaskEntry | TaskId | str, form: str) -> bytes:
        """Return a task's lineage drawn by the service: svg, dot, mmd, txt, png or pdf."""
        call = Call("GET", calls.drawing_path(task, form), calls.nothing)
        return (await self._send(call)).content

    async def health(self) -> None:
        """Ask whether the service can decide."""
        return await self._run(calls.health())

    async def add_tool(self, tool: Tool) -> int:
        """Record a tool's definition and return the catalogue's revision."""
        return await self._run(calls.add_tool(tool))

    async def label_resources(self, pattern: str, labels: Iterable[str]) -> int:
        """Declare labels of resources and return the catalogue's revision."""
        return await self._run(calls.label_resources(pattern, labels))

    async def catalogue(self) -> Catalogue:
        """Return all tools with all their revisions."""
        return await self._run(calls.catalogue())

    async def add_agent(
        self,
        name: str,
        *,
        owner: str,
        keys: Iterable[PublicKey],
        recertify_by: int | None = None,
    ) -> Agent:
        """Register an agent under its accountable owner; `recertify_by` is in Unix seconds."""
        return await self._run(
            calls.add_agent(name, owner=owner, keys=keys, recertify_by=recertify_by)
        )

    async def agents(self) -> Sequence[Agent]:
        """Return all registered agents by name."""
        return await self._run(calls.agents())

    async def create_api_key(
        self,
        name: str,
        role: Role,
        audiences: Iterable[str] = (),
        *,
        person: str = "",
        approves_as: Iterable[str] = (),
    ) -> str:
        """Make an API key and return its secret, which is shown this once."""
        call = key_calls.create_api_key(
            name, role, audiences, person=person, approves_as=approves_as
        )
        return await self._run(call)

    async def revoke_api_key(self, name: str) -> None:
        """Withdraw an API key."""
        return await self._run(key_calls.revoke_api_key(name))

    async def api_keys(self) -> Sequence[ApiKey]:
        """Return all API keys by name, without their secrets."""
        return await self._run(key_calls.api_keys())

    async def announce(self, token: Token | str, proof: str) -> LinkEntry:
        """Show a token to the service before it is used."""
        return await self._run(calls.announce(token, proof))

    async def inspect(self, token: Token | str) -> dict[str, Any]:
        """Return what a token says and how its links stand, as JSON."""
        return await self._run(calls.inspect(token))

    async def plan(
        self, token: Token | str, *, access: Access | None = None, grant: Grant | None = None
    ) -> dict[str, Any]:
        """Return what a call or a narrower link would come to, as JSON; nothing is recorded."""
        return await self._run(calls.plan(token, access=access, grant=grant))

    async def report_outcome(
        self,
        decision: DecisionId | str,
        state: OutcomeState,
        *,
        detail: str = "",
        cost: Mapping[str, int] | None = None,
    ) -> None:
        """Say what became of a call that this service was allowed to execute, and what it cost."""
        return await self._run(outcome.report_outcome(decision, state, detail=detail, cost=cost))

    async def assert_guardrails(
        self,
        guardrails: str,
        *,
        task: TaskEntry | TaskId | str | None = None,
        ended: bool = False,
    ) -> dict[str, Any]:
        """Return what becomes of guardrails, as JSON; `holds` is true only if all hold."""
        return await self._run(oversight.assert_guardrails(guardrails, task=task, ended=ended))

    async def tighten(
        self,
        kind: TightenKind,
        id: str,  # noqa: A002  # the word of the wire
        *,
        since: int | None = None,
        minimum: int = MINIMUM,
        ignore: int = 0,
        with_budget: bool = False,
    ) -> Sequence[dict[str, Any]]:
        """Return proposals of narrower grants with their evidence, as JSON."""
        return await self._run(
            oversight.tighten(
                kind, id, since=since, minimum=minimum, ignore=ignore, with_budget=with_budget
            )
        )

    async def lineage(
        self, task: TaskEntry | TaskId | str, *, at: int | None = None
    ) -> LineageView:
        """Return a task's links and decisions, ready to be drawn; `at` is a past instant, Unix seconds."""
        return await self._run(calls.lineage(task, at=at))

    async def link(self, link: LinkId | str, *, at: int | None = None) -> LinkEntry:
        """Return a recorded link."""
        return await self._run(calls.link(link, at=at))

    async def links(
        self,
        *,
        task: TaskId | str | None = None,
        parent: LinkId | str | None = None,
        holder: str | None = None,
        key: PublicKey | None = None,
        after: LinkId | str | None = None,
        limit: int = 100,
        at: int | None = None,
    ) -> Sequence[LinkEntry]:
        """Return links in the order they were recorded, filtered."""
        return await self._run(
            calls.links(
                task=task,
                parent=parent,
                holder=holder,
                key=key,
                after=after,
                limit=limit,
                at=at,
            )
        )

    async def ancestors(self, link: LinkId | str, *, at: int | None = None) -> Sequence[LinkEntry]:
        """Return a link's ancestors, root first, itself last."""
        return await self._run(calls.ancestors(link, at=at))

    async def descendants(
        self, link: LinkId | str, *, limit: int = 1000, at: int | None = None
    ) -> Sequence[LinkEntry]:
        """Return the links below a link, parents before children."""
        return await self._run(calls.descendants(link, limit=limit, at=at))

    async def decisions(
        self,
        *,
        task: TaskId | str | None = None,
        link: LinkId | str | None = None,
        tool: str | None = None,
        allowed: bool | None = None,
        code: str | None = None,
        since: int | None = None,
        until: int | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[DecisionEntry]:
        """Return decisions in commit order, filtered."""
        return await self._run(
            calls.decisions(
                task=task,
                link=link,
                tool=tool,
                allowed=allowed,
                code=code,
                since=since,
                until=until,
                after=after,
                limit=limit,
            )
        )

    async def decision(self, decision: DecisionId | str) -> DecisionDetail:
        """Return one decision with everything that was kept of it."""
        return await self._run(calls.decision(decision))
