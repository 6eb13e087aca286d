"""Adds third-party caveats: a macaroon is then useless without the word of an outside authority.

The caveat's id is a sealed box that only that authority opens: its key, and what it is asked to see
to. A sealed box is anonymous, so it says nothing about who asked. It only subtracts, and stands for
no approval: whoever adds a caveat knows its key and could discharge it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Final

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from delegation import canonical
from delegation.authority.fields import closed_object, integer, matching_text
from delegation.errors import MalformedError, UnverifiedError
from delegation.tokens import macaroon

KEY_BYTES: Final = 32
CONDITION: Final = r"[^\x00-\x1f\x7f-\x9f]{1,300}"
_PREFIX: Final = b"dct-caveat-v1."
_FIELDS: Final = frozenset({"v", "key", "condition"})


@dataclass(frozen=True, slots=True)
class ThirdPartyCaveat:
    """A caveat for `Token.with_third_party_caveat`.

    Args:
        key: 32 secret bytes that the holder and the authority share.
        caveat_id: What the authority opens; it travels in the token.
    """

    key: bytes = field(repr=False)
    caveat_id: bytes


def third_party_caveat(authority: bytes, condition: str) -> ThirdPartyCaveat:
    """Return a new caveat that this authority can discharge. Offline; each has a key of its own.

    Args:
        authority: The authority's 32-byte X25519 public key.
        condition: What it is asked to see to, in words that it understands; 1 to 300 characters.

    Raises:
        MalformedError: The key has another length, or the condition another form.
    """
    if len(authority) != KEY_BYTES:
        raise MalformedError("authority", wanted="an X25519 public key of 32 bytes")
    matching_text("condition", condition, CONDITION, "1 to 300 characters, none a control one")
    key = secrets.token_bytes(KEY_BYTES)
    inside = canonical.encode({"v": 1, "key": canonical.b64u(key), "condition": condition})
    try:
        sealed = SealedBox(PublicKey(authority)).encrypt(inside)
    except CryptoError:
        raise MalformedError("authority", wanted="an X25519 public key") from None
    return ThirdPartyCaveat(key, _PREFIX + canonical.b64u(sealed).encode("ascii"))


def condition_of(secret: bytes, caveat_id: bytes) -> str:
    """Return what a caveat asks its authority to see to.

    Args:
        secret: The authority's 32-byte X25519 private key.
        caveat_id: As the holder sent it.

    Raises:
        MalformedError: The id has another form.
        UnverifiedError: It was not sealed for this authority.
    """
    return _opened(secret, caveat_id)[1]


def discharge_caveat(secret: bytes, caveat_id: bytes, *, before: int) -> bytes:
    """Return the discharge of a caveat, unbound, as the authority hands it out.

    Not checked here: the condition. The authority reads it with `condition_of` first.

    Args:
        secret: The authority's 32-byte X25519 private key.
        caveat_id: As the holder sent it.
        before: Unix seconds from which on the discharge no longer serves.

    Raises:
        MalformedError: The id has another form.
        UnverifiedError: It was not sealed for this authority.
    """
    key, _ = _opened(secret, caveat_id)
    return macaroon.discharge(caveat_key=key, caveat_id=caveat_id, before=before)


def _opened(secret: bytes, caveat_id: bytes) -> tuple[bytes, str]:
    if not caveat_id.startswith(_PREFIX) or len(caveat_id) > macaroon.MAX_CAVEAT_ID:
        raise MalformedError("The caveat's id", wanted="dct-caveat-v1. and base64url")
    text = caveat_id.removeprefix(_PREFIX).decode("ascii", "replace")
    sealed = canonical.unb64u(text, what="The caveat's id")
    try:
        inside = SealedBox(PrivateKey(secret)).decrypt(sealed)
    except (CryptoError, ValueError, TypeError):
        # `from None`: nothing of what was sealed may travel in a traceback.
        raise UnverifiedError(
            "caveat_not_ours", "The caveat was not sealed for this authority."
        ) from None
    said = canonical.decode(inside, max_bytes=macaroon.MAX_CAVEAT_ID, what="The caveat")
    body = closed_object("The caveat", said, _FIELDS)
    integer("v", body["v"], 1, 1)
    key = canonical.unb64u(matching_text("key", body["key"], r"[A-Za-z0-9_-]{43}", "32 bytes"))
    return key, matching_text("condition", body["condition"], CONDITION, "a condition")
