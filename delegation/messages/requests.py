"""Bodies that the service accepts."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Body(BaseModel):
    """The base of every body: no unknown member, no coercion."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class OpenTaskBody(Body):
    """Open a task."""

    title: str = Field(max_length=200)
    owner: str = Field(max_length=128)
    ceiling: dict[str, Any] = Field(description="A grant; fields may be left out.")
    lasts: int = Field(default=3600, description="Seconds until the deadline.")
    inferred: bool = False
    unsafe_wildcards: bool = False
    idle: int | None = Field(
        default=None, description="Seconds without an allowed call after which it is over."
    )
    limits: dict[str, int] | None = Field(
        default=None, description="Limits of growth and pace, where lower than the service's."
    )


class OpenChildTaskBody(Body):
    """An agent opens a task under its own link."""

    token: str
    proof: str
    opening: dict[str, Any] = Field(description="The arguments that the proof covers.")


class CloseTaskBody(Body):
    """Close a task."""

    state: Literal["completed", "failed", "aborted"] = "completed"


class AgentBody(Body):
    """Register an agent."""

    name: str = Field(max_length=2048)
    owner: str = Field(max_length=128)
    keys: list[str] = Field(min_length=1, max_length=64, description="ed25519:<base64url>")
    recertify_by: int | None = Field(
        default=None, description="Unix seconds from which it is recognised no more."
    )


class ToolBody(Body):
    """Record a tool's definition."""

    tool: dict[str, Any]


class ResourceLabelsBody(Body):
    """Declare labels of resources."""

    pattern: str = Field(max_length=256, description="Pattern over resource names.")
    labels: list[str] = Field(max_length=32, description="None takes earlier ones back.")


class IssueBody(Body):
    """Issue a task's root."""

    task: str = Field(max_length=64)
    holder_name: str = Field(max_length=2048)
    holder_key: str = Field(max_length=64, description="ed25519:<base64url>")
    grant: dict[str, Any] = Field(default_factory=dict, description="Fields may be left out.")
    format: Literal["biscuit", "macaroon"] = "biscuit"


class CheckBody(Body):
    """Ask for a decision on one call. What is inside the three members is judged, not validated."""

    token: str
    proof: str | None = Field(description="Not looked at in a dry run.")
    access: dict[str, Any] | None = Field(description="Null only in a dry run.")
    idempotency_key: str | None = Field(
        default=None,
        pattern=r"^[!-~]{1,128}$",
        description="The caller's name for this request; sent again, it gets the first answer.",
    )
    at_least_epoch: int = Field(
        default=0, ge=0, le=2**53, description="The newest change of what stands that was seen."
    )
    receipt: bool = Field(default=False, description="Whether a signed receipt is wanted.")
    dry_run: bool = Field(
        default=False, description="Plan only: nothing is recorded, charged or allowed."
    )
    grant: dict[str, Any] | None = Field(
        default=None, description="In a dry run: the grant of a link that might be made."
    )


class OutcomeBody(Body):
    """Report what became of an allowed call."""

    state: Literal["executed", "failed", "not_executed"]
    detail: str = Field(default="", max_length=500)
    cost: dict[str, int] | None = Field(
        default=None, description="What the call has cost, in exactly the reserved units."
    )


class AnnounceBody(Body):
    """Show a token before it is used."""

    token: str
    proof: str


class InspectBody(Body):
    """Ask what a token holds."""

    token: str


class RevokeBody(Body):
    """End a subject and everything below it, for good."""

    kind: Literal["link", "task", "agent", "key", "owner", "tool", "system"]
    id: str = Field(max_length=2048)
    reason: str = Field(default="", max_length=500)
    effective_at: int | None = Field(
        default=None, description="Unix seconds from which it holds; null: at once."
    )
    wait: bool = Field(
        default=False, description="Answer when every registered verifier has applied it."
    )


class SuspendBody(Body):
    """End a subject and everything below it until it is resumed; everything is `*`: a freeze."""

    kind: Literal["link", "task", "agent", "key", "owner", "tool", "system", "everything"]
    id: str = Field(max_length=2048)
    reason: str = Field(default="", max_length=500)
    wait: bool = Field(
        default=False, description="Answer when every registered verifier has applied it."
    )


class FreezeBody(Body):
    """Suspend everything, or end that."""

    reason: str = Field(default="", max_length=500)
    wait: bool = Field(
        default=True, description="Answer when every registered verifier has applied it."
    )


class RotateBody(Body):
    """An agent's new key in place of an old one."""

    old: str = Field(max_length=64, description="ed25519:<base64url>")
    new: str = Field(max_length=64, description="ed25519:<base64url>")
    effective_at: int | None = Field(
        default=None, description="Unix seconds from which the old key is revoked; null: at once."
    )


class RenewBody(Body):
    """A root in place of an earlier one."""

    lasts: int | None = Field(
        default=None, ge=1, description="Seconds; null: as long as the earlier root."
    )
    format: Literal["biscuit", "macaroon"] = "biscuit"


class ResumeBody(Body):
    """End a suspension."""

    kind: Literal["link", "task", "agent", "key", "owner", "tool", "system", "everything"]
    id: str = Field(max_length=2048)
    reason: str = Field(default="", max_length=500)


class PollBody(Body):
    """A verifier outside the store says what it has applied and asks for what came since."""

    after: int = Field(ge=0, le=2**53, description="The newest epoch that was applied.")
    limit: int = Field(default=1000, ge=1, le=1000)
    wait: float = Field(default=0, ge=0, le=300, description="Seconds to wait for news.")
    history: bool = Field(
        default=False, description="Leave out closings and registrations, at the first polls."
    )


class ReportBody(Body):
    """A decision that a verifier outside the store made."""

    decision: str = Field(max_length=64)
    token: str
    proof: str
    access: dict[str, Any]
    at: int = Field(ge=0, le=2**53, description="Unix seconds.")
    epoch: int = Field(ge=0, le=2**53, description="The newest change that was known.")
    catalogue: int = Field(ge=0, le=2**53, description="The revision it was judged by.")
    denied: str | None = Field(default=None, max_length=64, description="The code of a denial.")


class ReportsBody(Body):
    """Decisions that a verifier outside the store made."""

    reports: list[ReportBody] = Field(min_length=1, max_length=100)


class HolderBody(Body):
    """Who holds a link of a chain."""

    key: str = Field(max_length=64, description="base64url")
    name: str = Field(max_length=80)


class StandingBody(Body):
    """Ask what step 10 asks about a root."""

    root: str = Field(max_length=64)
    holders: list[HolderBody] = Field(default_factory=list, max_length=16)


class DismissBody(Body):
    """Let a finding stand."""

    reason: str = Field(min_length=1, max_length=500)


class RevokeBelowBody(Body):
    """A holder cuts a link below its own."""

    token: str
    proof: str
    link: str = Field(max_length=64)


class GuardrailsBody(Body):
    """Assert guardrails over all chains."""

    guardrails: str = Field(max_length=262_144, description="TOML, see docs/guardrails.md.")
    task: str | None = Field(default=None, max_length=64)
    ended: bool = False


class TightenBody(Body):
    """Ask for narrower grants that recorded use speaks for."""

    kind: Literal["link", "agent", "task"]
    id: str = Field(max_length=2048)
    since: int | None = Field(default=None, ge=0, le=2**53, description="Unix seconds.")
    minimum: int = Field(default=10, ge=0, le=2**31)
    ignore: int = Field(default=0, ge=0, le=2**31)
    with_budget: bool = False


class ApiKeyBody(Body):
    """Make an API key."""

    name: str = Field(max_length=64)
    role: Literal["operator", "service", "reviewer", "approver"]
    audiences: list[str] = Field(default_factory=list, max_length=32)
    person: str = Field(default="", max_length=128, description="For an approver: who holds it.")
    approves_as: list[str] = Field(
        default_factory=list, max_length=32, description="For an approver: roles in approval rules."
    )


class AnswerBody(Body):
    """Consent to a call, or refuse it."""

    reason: str = Field(min_length=1, max_length=500)
    binding: str | None = Field(
        default=None,
        max_length=64,
        description="The digest that was shown; if the request is another, nothing is recorded.",
    )


class WaitBody(Body):
    """A holder asks how its request for approval stands."""

    token: str
    proof: str = Field(description="Over the access delegation.approval {request}.")
    wait: float = Field(default=0, ge=0, le=30, strict=False, description="Seconds to wait.")
