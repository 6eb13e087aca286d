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

    name: str = Field(max_length=80)
    owner: str = Field(max_length=128)
    keys: list[str] = Field(min_length=1, max_length=64, description="ed25519:<base64url>")


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
    holder_name: str = Field(max_length=80)
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


class AnnounceBody(Body):
    """Show a token before it is used."""

    token: str
    proof: str


class InspectBody(Body):
    """Ask what a token holds."""

    token: str


class RevokeBody(Body):
    """End a link, task, agent or key and everything below it."""

    kind: Literal["link", "task", "agent", "key"]
    id: str = Field(max_length=128)
    reason: str = Field(default="", max_length=500)


class RevokeBelowBody(Body):
    """A holder cuts a link below its own."""

    token: str
    proof: str
    link: str = Field(max_length=64)


class ApiKeyBody(Body):
    """Make an API key."""

    name: str = Field(max_length=64)
    role: Literal["operator", "service", "reviewer"]
    audiences: list[str] = Field(default_factory=list, max_length=32)
