"""Signs and checks receipts: the service's word that it allowed one call, for its executor.

A receipt is bound to the decision, the service that asked, the canonical arguments and an expiry, so
that it serves for that one execution and can be matched with the record afterwards.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from delegation import canonical, sent_json
from delegation.canonical import Json
from delegation.errors import MalformedError, UnverifiedError
from delegation.identity.keyring import KeyRing, PublicRing

TYP: Final = "dct-receipt+jws"
_FIELDS: Final = frozenset(
    {"v", "kid", "issuer", "decision", "tool", "audience", "arguments", "expires_at"}
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A verified receipt.

    Args:
        decision: Id of the decision.
        tool: The tool that may be called.
        audience: The service that may call it.
        expires_at: Unix seconds from which on it must not be acted on.
    """

    decision: str
    tool: str
    audience: str
    expires_at: int


def arguments_digest(arguments: Mapping[str, Json]) -> str:
    """Return the base64url digest of canonical arguments that a receipt carries."""
    body = sent_json.encode(dict(arguments), what="The arguments")
    return canonical.b64u(canonical.digest(b"dct-receipt-arguments-v1", body))


def sign_receipt(
    ring: KeyRing,
    *,
    decision: str,
    tool: str,
    audience: str,
    arguments: Mapping[str, Json],
    expires_at: int,
) -> str:
    """Return a receipt, signed with the ring's active `service` key.

    Args:
        ring: The service's keys.
        decision: Id of an allowed decision.
        tool: Its tool.
        audience: The service that asked.
        arguments: The canonical arguments that were returned.
        expires_at: The decision's `valid_until`, Unix seconds.

    Raises:
        KeyRingError: The ring has no active service key.
    """
    said: dict[str, Json] = {
        "decision": decision,
        "tool": tool,
        "audience": audience,
        "arguments": arguments_digest(arguments),
        "expires_at": expires_at,
    }
    return ring.signed("service", TYP, said)


def check_receipt(
    text: str, ring: PublicRing, *, arguments: Mapping[str, Json], at: int
) -> Receipt:
    """Return what a receipt states, for exactly these arguments, now.

    Not checked here: that the caller is the audience, and that it was not acted on before.

    Args:
        text: The receipt.
        ring: The issuer's public keys.
        arguments: The canonical arguments that are about to be executed.
        at: Unix seconds.

    Raises:
        MalformedError: The text is no receipt.
        UnverifiedError: Unknown key, wrong signature, other arguments, another issuer, or expired.
    """
    return check_receipt_digest(text, ring, digest=arguments_digest(arguments), at=at)


def check_receipt_digest(text: str, ring: PublicRing, *, digest: str, at: int) -> Receipt:
    """Return what a receipt states, for arguments of which only the digest is known.

    Args:
        text: The receipt.
        ring: The issuer's public keys.
        digest: What `arguments_digest` returned of the canonical arguments.
        at: The instant of the execution, Unix seconds.

    Raises:
        MalformedError: The text is no receipt.
        UnverifiedError: As for `check_receipt`.
    """
    payload = ring.opened(
        "service",
        TYP,
        text,
        at=at,
        unknown=UnverifiedError(
            "receipt_key", "The receipt's key is not known or no longer believed."
        ),
    )
    if payload.keys() != _FIELDS or payload["v"] != 1:
        raise MalformedError("A receipt", wanted="exactly the fields of version 1")
    until = payload["expires_at"]
    texts = [payload[name] for name in ("decision", "tool", "audience", "arguments", "issuer")]
    if type(until) is not int or not all(isinstance(one, str) for one in texts):
        raise MalformedError("A receipt", wanted="fields of their types")
    if payload["issuer"] != ring.issuer:
        raise UnverifiedError("receipt_issuer", "The receipt is another issuer's.")
    if at >= until:
        raise UnverifiedError("receipt_expired", "The receipt may no longer be acted on.")
    if not hmac.compare_digest(str(payload["arguments"]).encode(), digest.encode()):
        raise UnverifiedError("receipt_arguments", "The receipt is for other arguments.")
    return Receipt(str(payload["decision"]), str(payload["tool"]), str(payload["audience"]), until)
