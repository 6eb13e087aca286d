"""What is asked about one call or one token: checks, plans, outcomes, announcements, inspection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from delegation.authority.access import Access
from delegation.authority.grant import Grant
from delegation.authority.ids import DecisionId
from delegation.canonical import Json
from delegation.commands.inspect import Inspection
from delegation.commands.plan import Plan
from delegation.commands.work import OutcomeState
from delegation.errors import (
    ConflictError,
    ForbiddenError,
    IdempotencyError,
    UnverifiedError,
)
from delegation.judge.decision import Decision
from delegation.lineage.entry import LinkEntry
from delegation.operations.operation import post
from delegation.operations.parameters import Told
from delegation.operations.roles import PUBLIC, READERS, SERVICES
from delegation.tokens.token import Token


def _planned(given: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `plan` sends: a check that is none."""
    del given
    return {"access": None, **sent, "proof": None, "dry_run": True}


class Desk:
    """What is done with calls and tokens."""

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
            at_least_epoch: The newest change of what stands that the caller has seen.

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
