"""Signs receipts of a freeze: the last call that was allowed, and who confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from delegation.canonical import Json
from delegation.errors import MalformedError, UnverifiedError
from delegation.identity.keyring import KeyRing, PublicRing
from delegation.statement import open_statement, read_statement

TYP: Final = "dct-freeze+jws"
_FIELDS: Final = frozenset(
    {"v", "kid", "issuer", "epoch", "at", "by", "last_allowance", "confirmed", "silent"}
)


def sign_freeze(  # what a receipt states
    ring: KeyRing,
    *,
    epoch: int,
    at: int,
    by: str,
    last_allowance: Json,
    confirmed: Sequence[str],
    silent: Sequence[str],
) -> str:
    """Return a receipt, signed with the ring's active `service` key.

    Args:
        ring: The service's keys.
        epoch: The freeze.
        at: When it was recorded, Unix seconds.
        by: Who froze.
        last_allowance: The last call that was allowed before: decision, sequence, at; None if none.
        confirmed: Verifiers outside the store that have applied it.
        silent: Those that have not said so; time has ended their leases where it was waited for.

    Raises:
        KeyRingError: The ring has no active service key.
    """
    said: dict[str, Json] = {
        "epoch": epoch,
        "at": at,
        "by": by,
        "last_allowance": last_allowance,
        "confirmed": list(confirmed),
        "silent": list(silent),
    }
    return ring.signed("service", TYP, said)


def check_freeze(text: str, ring: PublicRing) -> dict[str, Json]:
    """Return what a receipt states, if it is this issuer's.

    Args:
        text: The receipt.
        ring: The issuer's public keys.

    Raises:
        MalformedError: The text is no such receipt.
        UnverifiedError: Another issuer's, or it does not verify.
    """
    said, _, _ = read_statement(TYP, text)
    kid = said.get("kid")
    if said.keys() != _FIELDS or said["v"] != 1 or type(kid) is not int:
        raise MalformedError("The receipt", wanted="an object of its fields")
    key = ring.key("service", kid)
    if said["issuer"] != ring.issuer or key is None:
        raise UnverifiedError(
            "receipt_key", "The receipt's key is not known or no longer believed."
        )
    return open_statement(TYP, text, key.key)
