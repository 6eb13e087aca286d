"""Signs and checks approvals: the service's word that people consented to one call, once, until a second.

An approval is evidence and never authority: it opens nothing that the chain does not hold. It is
bound to one link and one call, and verifies with public keys, without the store.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from delegation import canonical, sent_json
from delegation.authority.approval import APPROVER
from delegation.authority.chain import ISSUER, LINK_ID
from delegation.authority.fields import AUDIENCE, integer, list_of, matching_text, units
from delegation.authority.ids import LinkId
from delegation.canonical import Json
from delegation.errors import MalformedError, UnverifiedError
from delegation.identity.keyring import KeyRing, PublicRing
from delegation.identity.person import folded

TYP: Final = "dct-approval+jws"
APPROVAL_ID: Final = r"apr_[A-Za-z0-9_-]{22}"
MAX_SIGNED_APPROVERS: Final = 64
_BOUND: Final = ("issuer", "link", "tool", "arguments", "audience", "max_cost", "revisions")
_FIELDS: Final = frozenset({"v", "kid", "id", "approvers", "expires_at", *_BOUND})
EVENT_TYP: Final = "dct-approval-event+jws"
MAX_EVENT_AGE: Final = 300  # seconds for which an event is news
_OF_AN_EVENT: Final = frozenset({"v", "kid", "issuer", "id", "state", "at"})
_STATES: Final = "pending|granted|refused|used"


@dataclass(frozen=True, slots=True)
class Binding:
    """The one call that an approval is for; another spelling of it has the same canonical arguments.

    Args:
        issuer: The chain's issuer.
        link: The leaf. The same call under another link is another call.
        tool: The tool.
        arguments: `arguments_digest` of the canonical arguments.
        audience: Where it is executed.
        max_cost: The most that the holder agreed to pay, by unit.
        revisions: What it was judged by: `catalogue`, the revision that brought the tool's
            definition in force.
    """

    issuer: str
    link: LinkId
    tool: str
    arguments: str
    audience: str
    max_cost: Mapping[str, int]
    revisions: Mapping[str, int]

    def to_json(self) -> dict[str, Json]:
        """Return its JSON, the members that a statement carries."""
        return {
            "issuer": self.issuer,
            "link": self.link,
            "tool": self.tool,
            "arguments": self.arguments,
            "audience": self.audience,
            "max_cost": dict(self.max_cost),
            "revisions": dict(self.revisions),
        }

    def digest(self) -> bytes:
        """Return SHA-256("dct-approval-binding-v1" 0x00 canonical JSON), by which it is found."""
        return canonical.digest(b"dct-approval-binding-v1", canonical.encode(self.to_json()))


@dataclass(frozen=True, slots=True)
class Approval:
    """A statement of approval.

    Args:
        id: The request that was granted.
        binding: The call.
        approvers: Who consented, each person once.
        expires_at: Unix seconds from which on it no longer counts.
    """

    id: str
    binding: Binding
    approvers: tuple[str, ...]
    expires_at: int


def is_id(text: str) -> bool:
    """Return whether a text has the form of an approval's id."""
    return re.fullmatch(APPROVAL_ID, text) is not None


def arguments_digest(arguments: Mapping[str, Json]) -> str:
    """Return the base64url digest of canonical arguments that an approval carries.

    The digest, since arguments have up to 64 KiB and can be erased from the record.
    """
    body = sent_json.encode(dict(arguments), what="The arguments")
    return canonical.b64u(canonical.digest(b"dct-approval-arguments-v1", body))


def sign_approval(ring: KeyRing, approval: Approval) -> str:
    """Return the statement, signed with the ring's active `approval` key.

    Not checked here: that anybody consented; the command that calls this has counted them.

    Raises:
        KeyRingError: The ring has no active approval key, so approvals are off.
        MalformedError: More approvers than a statement carries.
    """
    if not 0 < len(approval.approvers) <= MAX_SIGNED_APPROVERS:
        raise MalformedError("approvers", wanted=f"1 to {MAX_SIGNED_APPROVERS} persons")
    said: dict[str, Json] = {
        "id": approval.id,
        "approvers": list(approval.approvers),
        "expires_at": approval.expires_at,
    }
    return ring.signed("approval", TYP, {**said, **approval.binding.to_json()})


def check_approval(
    text: str, ring: PublicRing, *, at: int, arguments: Mapping[str, Json] | None = None
) -> Approval:
    """Return what an approval states, if it still counts.

    Not checked here: whether it was used (only the store knows), whether the call is within the
    chain's grant (the fourteen steps), and, without `arguments`, for which ones it was given.

    Args:
        text: The statement.
        ring: The issuer's public keys.
        at: Unix seconds.
        arguments: The canonical arguments that are about to be executed.

    Raises:
        MalformedError: The text is no approval.
        UnverifiedError: Unknown key, wrong signature, another issuer, expired, or other arguments.
    """
    approval = _read(
        ring.opened(
            "approval",
            TYP,
            text,
            at=at,
            unknown=UnverifiedError(
                "approval_key", "The approval's key is not known or no longer believed."
            ),
        )
    )
    if approval.binding.issuer != ring.issuer:
        raise UnverifiedError("approval_issuer", "The approval is another issuer's.")
    if at >= approval.expires_at:
        raise UnverifiedError("approval_expired", "The approval no longer counts.")
    if arguments is not None and not hmac.compare_digest(
        approval.binding.arguments.encode(), arguments_digest(arguments).encode()
    ):
        raise UnverifiedError("approval_arguments", "The approval is for other arguments.")
    return approval


def _read(payload: Mapping[str, Json]) -> Approval:
    if payload.keys() != _FIELDS:
        raise MalformedError("An approval", wanted="exactly the fields of version 1")
    integer("v", payload["v"], 1, 1)
    approvers = [
        matching_text("approvers", name, APPROVER, "names")
        for name in list_of("approvers", payload["approvers"], MAX_SIGNED_APPROVERS)
    ]
    if not approvers or len({folded(name) for name in approvers}) != len(approvers):
        raise MalformedError("approvers", wanted="each person once")
    binding = Binding(
        matching_text("issuer", payload["issuer"], ISSUER, "an http(s) URL"),
        LinkId(matching_text("link", payload["link"], LINK_ID, "a link id")),
        matching_text("tool", payload["tool"], r"[!-~]{1,512}", "a tool's name"),
        matching_text("arguments", payload["arguments"], r"[A-Za-z0-9_-]{43}", "a digest"),
        matching_text("audience", payload["audience"], AUDIENCE, "a printable ASCII text"),
        units("max_cost", payload["max_cost"]),
        units("revisions", payload["revisions"]),
    )
    return Approval(
        matching_text("id", payload["id"], APPROVAL_ID, "an approval's id"),
        binding,
        tuple(approvers),
        integer("expires_at", payload["expires_at"], 0),
    )


@dataclass(frozen=True, slots=True)
class ApprovalEvent:
    """Something that happened to a request.

    Args:
        id: The request.
        state: `pending`, `granted`, `refused` or `used`.
        at: Unix seconds.
    """

    id: str
    state: str
    at: int


def sign_event(ring: KeyRing, event: ApprovalEvent) -> str:
    """Return the body that a webhook is sent, signed with the ring's active `service` key.

    Raises:
        KeyRingError: The ring has no active service key.
    """
    return ring.signed("service", EVENT_TYP, {"id": event.id, "state": event.state, "at": event.at})


def check_event(text: str, ring: PublicRing, *, at: int) -> ApprovalEvent:
    """Return what a webhook was told. A hint to ask the service, never evidence of consent.

    Args:
        text: The request's whole body.
        ring: The issuer's public keys.
        at: Unix seconds.

    Raises:
        MalformedError: The text is no event.
        UnverifiedError: Unknown key, wrong signature, another issuer, or more than five minutes old.
    """
    payload = ring.opened(
        "service",
        EVENT_TYP,
        text,
        at=at,
        unknown=UnverifiedError("event_key", "The event's key is not known or no longer believed."),
    )
    if payload.keys() != _OF_AN_EVENT:
        raise MalformedError("An event", wanted="exactly the fields of version 1")
    integer("v", payload["v"], 1, 1)
    event = ApprovalEvent(
        matching_text("id", payload["id"], APPROVAL_ID, "an approval's id"),
        matching_text("state", payload["state"], _STATES, "a state"),
        integer("at", payload["at"], 0),
    )
    if payload["issuer"] != ring.issuer:
        raise UnverifiedError("event_issuer", "The event is another issuer's.")
    if not at - MAX_EVENT_AGE <= event.at <= at + MAX_EVENT_AGE:
        raise UnverifiedError("event_stale", "The event is no news.")
    return event
