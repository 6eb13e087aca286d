"""Wraps statements: a JWS whose header is a constant, over canonical JSON.

One envelope and one parser for proofs, receipts and approvals, told apart by `typ`. Nothing in the
header is read: it is compared as bytes, so there is no `alg` to confuse and no `kid` to follow.
Source: RFC 7515 (compact serialisation), docs/reference/token-format.md section 6.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from delegation import canonical, ed25519
from delegation.canonical import Json
from delegation.errors import MalformedError, UnverifiedError

MAX_STATEMENT_BYTES: Final = 16 * 1024  # a proof is some 500 bytes; a bound before any decoding


@lru_cache(maxsize=16)
def header(typ: str) -> str:
    """Return the constant first part of a statement of this `typ`."""
    return canonical.b64u(b'{"alg":"EdDSA","typ":"' + typ.encode("ascii") + b'"}')


def sign_statement(typ: str, payload: dict[str, Json], seed: bytes) -> str:
    """Return the signed statement.

    Args:
        typ: What it states, such as `dct-proof+jws`.
        payload: Its members; canonical JSON is made of them.
        seed: The signer's 32-byte Ed25519 seed.

    Raises:
        MalformedError: The payload has no canonical form.
    """
    body = header(typ) + "." + canonical.b64u(canonical.encode(payload, what="the statement"))
    return body + "." + canonical.b64u(ed25519.sign(seed, body.encode("ascii")))


def open_statement(typ: str, text: str, public: bytes) -> dict[str, Json]:
    """Return the payload of a statement that this key signed.

    Not checked here: what the payload says, when it was made, and whether the key may say it.

    Args:
        typ: The only accepted `typ`.
        text: The compact serialisation.
        public: The signer's 32-byte public key.

    Raises:
        MalformedError: The text is no statement of this `typ` (`read_statement`).
        UnverifiedError: The signature is not this key's.
    """
    payload, message, signature = read_statement(typ, text)
    if not ed25519.verify(public, message, signature):
        raise UnverifiedError("statement_signature", "The statement's signature does not verify.")
    return payload


def read_statement(typ: str, text: str) -> tuple[dict[str, Json], bytes, bytes]:
    """Return payload, signed bytes and signature of a statement that nobody has verified yet.

    Raises:
        MalformedError: Too long, another header, not three parts, or a payload that is not a
            canonical JSON object.
    """
    if len(text) > MAX_STATEMENT_BYTES:
        raise MalformedError("The statement", wanted=f"at most {MAX_STATEMENT_BYTES} bytes")
    parts = text.split(".")
    if len(parts) != 3 or parts[0] != header(typ):  # noqa: PLR2004  # a JWS has three parts
        raise MalformedError(
            "The statement", wanted=f"a compact JWS with the constant {typ} header"
        )
    data = canonical.unb64u(parts[1], what="The statement's payload")
    payload = canonical.decode(data, max_bytes=MAX_STATEMENT_BYTES, what="The statement's payload")
    if not isinstance(payload, dict):
        raise MalformedError("The statement's payload", wanted="an object")
    signature = canonical.unb64u(parts[2], what="The statement's signature")
    return payload, (parts[0] + "." + parts[1]).encode("ascii"), signature
