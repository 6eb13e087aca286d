"""What a webhook is told: that something happened to a request. Ids only, signed by the service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from delegation.authority.fields import integer, matching_text
from delegation.canonical import Json
from delegation.errors import MalformedError, UnverifiedError
from delegation.identity.approval import APPROVAL_ID
from delegation.identity.keyring import KeyRing, PublicRing
from delegation.statement import open_statement, read_statement, sign_statement

TYP: Final = "dct-approval-event+jws"
MAX_AGE: Final = 300  # seconds for which an event is news
_FIELDS: Final = frozenset({"v", "kid", "issuer", "id", "state", "at"})
_STATES: Final = "pending|granted|refused|used"


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
    key = ring.active("service")
    payload: dict[str, Json] = {
        "v": 1,
        "kid": key.kid,
        "issuer": ring.issuer,
        "id": event.id,
        "state": event.state,
        "at": event.at,
    }
    return sign_statement(TYP, payload, key.seed)


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
    said, _, _ = read_statement(TYP, text)
    kid = said.get("kid")
    key = ring.key("service", kid) if type(kid) is int else None
    if key is None or (key.state == "retired" and 0 < key.not_after <= at):
        raise UnverifiedError("event_key", "The event's key is not known or no longer believed.")
    payload = open_statement(TYP, text, key.key)
    if payload.keys() != _FIELDS:
        raise MalformedError("An event", wanted="exactly the fields of version 1")
    integer("v", payload["v"], 1, 1)
    event = ApprovalEvent(
        matching_text("id", payload["id"], APPROVAL_ID, "an approval's id"),
        matching_text("state", payload["state"], _STATES, "a state"),
        integer("at", payload["at"], 0),
    )
    if payload["issuer"] != ring.issuer:
        raise UnverifiedError("event_issuer", "The event is another issuer's.")
    if not at - MAX_AGE <= event.at <= at + MAX_AGE:
        raise UnverifiedError("event_stale", "The event is no news.")
    return event
