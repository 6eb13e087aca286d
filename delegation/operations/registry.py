"""Declares agents, tools, tokens and keys; checks, announcements, inspection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from delegation.authority.access import Access
from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.grant import Grant
from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.canonical import Json
from delegation.commands.plan import Inspection, Plan
from delegation.commands.work import Agent, ApiKey, OutcomeState
from delegation.errors import (
    ConflictError,
    ForbiddenError,
    IdempotencyError,
    NotFoundError,
    UnverifiedError,
)
from delegation.identity.keyring import PublicRing
from delegation.identity.principal import PublicKey
from delegation.identity.roles import EVERYONE, OPERATOR, PUBLIC, READERS, SERVICES, Role
from delegation.judge.decision import Decision
from delegation.lineage.entry import LinkEntry, TaskEntry
from delegation.lineage.feed import Revocation
from delegation.operations.operation import delete, get, post
from delegation.operations.parameters import Told
from delegation.tokens.evidence import Format
from delegation.tokens.token import Token

Before = tuple[Revocation, ...]
KEY = "ed25519:<base64url>"


def _issued(given: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `issue` sends: a holder's name and key are two members."""
    named = {name: value for name, value in sent.items() if name != "to"}
    return {**named, "holder_name": given["to"].name, "holder_key": sent["to"]}


class Registry:
    """Operations on agents, tools, tokens and keys."""

    @post(
        "/v1/agents",
        OPERATOR,
        status=201,
        body="AgentBody",
        is_repeatable=True,
        refuses=(ConflictError,),
    )
    def add_agent(
        self,
        name: Annotated[str, Told(max_length=2048)],
        *,
        owner: Annotated[str, Told(max_length=128)],
        keys: Annotated[Iterable[PublicKey], Told(KEY, min_length=1, max_length=64)],
        recertify_by: Annotated[
            int | None, Told("Unix seconds from which it is recognised no more.")
        ] = None,
    ) -> Agent:
        """Register an agent under its accountable owner; `recertify_by` is in Unix seconds."""

    @post(
        "/v1/agents/{name:path}/rotate",
        OPERATOR,
        status=201,
        body="RotateBody",
        refuses=(ConflictError,),
    )
    def rotate_key(
        self,
        name: str,
        *,
        old: Annotated[PublicKey, Told(KEY, max_length=64)],
        new: Annotated[PublicKey, Told(KEY, max_length=64)],
        effective_at: Annotated[
            int | None,
            Told("Unix seconds from which the old key is revoked; null: at once."),
        ] = None,
    ) -> Revocation:
        """Register an agent's new key and revoke its old one, at once or from an instant on."""

    @get("/v1/agents", READERS, member="agents", does=lambda reader, _: reader.agents())
    def agents(self) -> Sequence[Agent]:
        """List all registered agents by name."""

    @post(
        "/v1/tools",
        OPERATOR,
        status=201,
        body="ToolBody",
        member="revision",
        also={"ended": Before},
        is_repeatable=True,
        refuses=(ConflictError,),
    )
    def add_tool(self, tool: Tool) -> int:
        """Record a tool's definition and return the catalogue's revision."""

    @get(
        "/v1/tools/ended",
        READERS,
        member="ended",
        does=lambda reader, _: reader.ended_tools(),
    )
    def ended_tools(self) -> Sequence[Revocation]:
        """List the tools and systems that are ended, or will be, each with the change that ends it."""

    @get("/v1/tools", EVERYONE, does=lambda reader, _: reader.catalogue())
    def catalogue(self) -> Catalogue:
        """Return all tools with all their revisions."""

    @post(
        "/v1/resource-labels",
        OPERATOR,
        status=201,
        member="revision",
        body="ResourceLabelsBody",
        is_repeatable=True,
        refuses=(ConflictError,),
    )
    def label_resources(
        self,
        pattern: Annotated[str, Told("Pattern over resource names.", max_length=256)],
        labels: Annotated[Iterable[str], Told("None takes earlier ones back.", max_length=32)],
    ) -> int:
        """Declare labels of resources and return the catalogue's revision."""

    @post(
        "/v1/tokens",
        OPERATOR,
        status=201,
        member="token",
        also={"link": str, "task": str, "ended_before": Before},
        send=_issued,
        refuses=(NotFoundError, ConflictError),
    )
    def issue(
        self,
        task: TaskEntry | TaskId | str,
        *,
        to: PublicKey,
        grant: Grant | None = None,
        format: str = "biscuit",  # noqa: A002  # the word of the wire, keyword-only
    ) -> Token:
        """Issue a task's root to its first holder; the answer is verified with the public keys."""

    @post(
        "/v1/links/{link}/renew",
        OPERATOR,
        status=201,
        member="token",
        also={"link": str, "task": str, "renews": str, "ended_before": Before},
        refuses=(ConflictError,),
    )
    def renew(
        self,
        root: Annotated[LinkId | str, Told(name="link")],
        *,
        lasts: Annotated[
            int | None, Told("Seconds; null: as long as the earlier root.", ge=1)
        ] = None,
        format: Annotated[str, Told(wire=Format)] = "biscuit",  # noqa: A002
    ) -> Token:
        """Issue a root in place of an earlier one, for the same holder and grant; it is verified."""

    @get("/v1/keys/public", PUBLIC)
    def public_ring(self) -> PublicRing:
        """Return the issuer's public keys, with which anybody reads its tokens. Public by design."""

    @post(
        "/v1/api-keys",
        OPERATOR,
        status=201,
        member="secret",
        also={"name": str, "role": str},
        body="ApiKeyBody",
        refuses=(ConflictError,),
    )
    def create_api_key(
        self,
        name: Annotated[str, Told(max_length=64)],
        role: Role,
        audiences: Annotated[Iterable[str], Told(max_length=32)] = (),
        *,
        person: Annotated[str, Told("For an approver: who holds it.", max_length=128)] = "",
        approves_as: Annotated[
            Iterable[str], Told("For an approver: roles in approval rules.", max_length=32)
        ] = (),
    ) -> str:
        """Make an API key and return its secret, which is in this answer and nowhere else."""

    @get(
        "/v1/api-keys",
        OPERATOR,
        member="api_keys",
        does=lambda reader, _: reader.api_keys(),
    )
    def api_keys(self) -> Sequence[ApiKey]:
        """List all API keys by name, without their secrets."""

    @delete("/v1/api-keys/{name}", OPERATOR)
    def revoke_api_key(self, name: str) -> None:
        """Withdraw an API key."""


def _planned(given: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `plan` sends: a check that is none."""
    del given
    return {"access": None, **sent, "proof": None, "dry_run": True}


class Desk:
    """Operations on calls and tokens."""

    @post(
        "/v1/check",
        SERVICES,
        is_repeatable=True,
        also={"receipt": str | None},
        or_else=(Plan,),
        refuses=(ForbiddenError, IdempotencyError),
    )
    def check(
        self,
        token: Token | str,
        proof: str | None,
        access: Access | Json,
        *,
        idempotency_key: str | None = None,
        at_least_epoch: int = 0,
    ) -> Decision:
        """Decide one call and record the decision; a denial is an answer, not a problem.

        True only if the call is allowed.

        Args:
            token: The token, or its text.
            proof: The holder's proof over token and access.
            access: The call.
            idempotency_key: Names this request; a new one is made if left out.
            at_least_epoch: The newest change of standing that the caller has seen.

        Raises:
            ServiceError: No decision came back, so the call is not allowed.
        """

    @post("/v1/check", SERVICES, is_repeatable=True, send=_planned, of="check", written=Plan)
    def plan(
        self, token: Token | str, *, access: Access | None = None, grant: Grant | None = None
    ) -> dict[str, Any]:
        """Return what a call or a narrower link would come to, as JSON; nothing is recorded."""

    @post(
        "/v1/decisions/{decision}/outcome",
        SERVICES,
        status=204,
        body="OutcomeBody",
        is_repeatable=True,
        refuses=(ConflictError,),
    )
    def report_outcome(
        self,
        decision: DecisionId | str,
        state: OutcomeState,
        *,
        detail: Annotated[str, Told(max_length=500)] = "",
        cost: Annotated[
            Mapping[str, int] | None,
            Told("What the call has cost, in exactly the reserved units."),
        ] = None,
    ) -> None:
        """Say what became of a call that this service was allowed to execute, and what it has cost."""

    @post("/v1/links", PUBLIC, status=201, refuses=(UnverifiedError, ConflictError))
    def announce(self, token: Token | str, proof: str) -> LinkEntry:
        """Record a token that its holder shows. Public: the proof is the authority."""

    @post("/v1/inspect", READERS, is_repeatable=True, only_asks=True, written=Inspection)
    def inspect(self, token: Token | str) -> dict[str, Any]:
        """Return what a token says and how its links stand, as JSON; records nothing."""
