"""Defines bodies that are not one member for each parameter of their operation."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from delegation.tokens.evidence import Format


class Body(BaseModel):
    """The base of every body: no unknown member, no coercion."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class IssueBody(Body):
    """Issue a task's root."""

    task: str = Field(max_length=64)
    holder_name: str = Field(max_length=2048)
    holder_key: str = Field(max_length=64, description="ed25519:<base64url>")
    grant: dict[str, Any] = Field(default_factory=dict, description="Fields may be left out.")
    format: Format = "biscuit"


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
        default=0, ge=0, le=2**53, description="The newest change of standing that was seen."
    )
    receipt: bool = Field(default=False, description="Whether a signed receipt is wanted.")
    dry_run: bool = Field(
        default=False, description="Plan only: nothing is recorded, charged or allowed."
    )
    grant: dict[str, Any] | None = Field(
        default=None, description="In a dry run: the grant of a link that might be made."
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


class ExportBody(Body):
    """Ask for an export that is made beside the caller."""

    view: str = Field(max_length=16)
    form: str = Field(max_length=16)
    filters: dict[str, StrictBool | StrictInt | StrictStr] = Field(
        default={},
        max_length=20,
        description="Those that the view has; see docs/how-to/exports.md.",
    )
