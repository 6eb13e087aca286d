"""Proves possession: the holder's signature over one token and one call, once, now."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from delegation import canonical, ed25519
from delegation.authority.access import Access
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.statement import read_statement, sign_statement

PROOF_TYP: Final = "dct-proof+jws"
PROOF_TAG: Final = b"dct-token-v1"
MAX_AGE: Final = 60  # seconds; nonces are kept twice as long, so none is forgotten too early
MAX_AHEAD: Final = 5  # seconds that a holder's clock may be ahead
NONCE_BYTES: Final = 16
NONCE_SECONDS: Final = 2 * MAX_AGE + MAX_AHEAD  # longer than any proof of that nonce stays fresh
_FIELDS: Final = frozenset(
    {"v", "issuer", "token", "access", "purpose", "max_cost", "cause", "jti", "iat"}
)


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof whose signature, token, access and time were checked.

    Args:
        text: As it came, kept as evidence.
        jti: The nonce, 16 bytes; not yet known to be unused (step 14).
        iat: When it was signed, Unix seconds.
    """

    text: str
    jti: bytes
    iat: int


def nonces_are_known(at: int, nonces_before: int) -> bool:
    """Return whether every proof that is fresh at this time still has its nonce, if it was used.

    Args:
        at: Unix seconds.
        nonces_before: Nonces that were used before this instant may be forgotten.
    """
    return at - MAX_AGE - MAX_AHEAD >= nonces_before


def token_digest(text: str) -> bytes:
    """Return SHA-256("dct-token-v1" 0x00 token text): discharges included, exact bytes."""
    return canonical.digest(PROOF_TAG, text.encode("utf-8", "surrogatepass"))


def make_proof(
    seed: bytes, token: str, access: Access, *, issuer: str, at: int, jti: bytes | None = None
) -> str:
    """Return a signed proof.

    Args:
        seed: The holder's 32-byte seed.
        token: The token's exact text.
        access: The call, as it will be sent.
        issuer: The token's issuer.
        at: Unix seconds.
        jti: 16 bytes; drawn at random if left out.
    """
    payload: dict[str, Json] = {
        "v": 1,
        "issuer": issuer,
        "token": canonical.b64u(token_digest(token)),
        "access": canonical.b64u(access.digest()),
        "purpose": access.purpose,
        "max_cost": dict(access.max_cost),
        "cause": access.cause,
        "jti": canonical.b64u(jti or secrets.token_bytes(NONCE_BYTES)),
        "iat": at,
    }
    return sign_statement(PROOF_TYP, payload, seed)


def check_proof(  # what a proof binds
    text: str | None,
    *,
    holder: bytes,
    token: bytes,
    access: Access,
    issuer: str,
    at: int,
) -> Proof | Refusal:
    """Return the proof if it covers exactly this token and call, else why not (step 6).

    Not checked here: whether it was used before (step 14), and what the call may do.

    Args:
        text: The proof as it came.
        holder: The leaf holder's 32-byte key.
        token: `token_digest` of the token's text.
        access: The call as it came.
        issuer: The chain's issuer.
        at: The service's clock, Unix seconds.
    """
    if not text:
        return _refusal("proof_missing", "The call carries no proof.", "Sign a proof.")
    try:
        payload, message, signature = read_statement(PROOF_TYP, text)
        proof = Proof(text, _jti(payload), _iat(payload))
    except (MalformedError, UnicodeError):
        return _refusal("proof_malformed", "The proof is not well formed.", "Sign a new proof.")
    if not ed25519.verify(holder, message, signature):
        return _refusal(
            "proof_signature",
            "The proof is not signed by the leaf's holder.",
            "Sign with the key that the last link names.",
        )
    if payload["issuer"] != issuer:
        return _refusal(
            "proof_other_issuer", "The proof is for another issuer.", "Sign a new proof."
        )
    if payload["token"] != canonical.b64u(token):
        return _refusal(
            "proof_other_token", "The proof covers another token.", "Sign over this token's text."
        )
    if payload["access"] != canonical.b64u(access.digest()) or not _agrees(payload, access):
        return _refusal(
            "proof_other_access",
            "The proof covers another call than the one that was sent.",
            "Sign over the call exactly as it is sent.",
        )
    if proof.iat < at - MAX_AGE:
        return _refusal("proof_stale", "The proof is too old.", "Sign a new proof for each call.")
    if proof.iat > at + MAX_AHEAD:
        return _refusal(
            "proof_from_future", "The proof is from the future.", "Set the holder's clock."
        )
    return proof


def _refusal(code: str, message: str, remedy: str) -> Refusal:
    return Refusal(code, message, "proof", remedy=remedy)


def _jti(payload: Mapping[str, Json]) -> bytes:
    version = payload.get("v")
    if payload.keys() != _FIELDS or version is True or version != 1:
        raise MalformedError("A proof", wanted="an object of its fields")
    jti = payload["jti"]
    data = canonical.unb64u(jti) if isinstance(jti, str) else b""
    if len(data) != NONCE_BYTES:
        raise MalformedError("jti", wanted=f"{NONCE_BYTES} bytes of base64url")
    return data


def _iat(payload: Mapping[str, Json]) -> int:
    iat = payload["iat"]
    if type(iat) is not int or iat < 0:
        raise MalformedError("iat", wanted="Unix seconds")
    return iat


def _agrees(payload: Mapping[str, Json], access: Access) -> bool:
    """Return whether the fields stated beside the digest say the same as the access."""
    return (
        payload["purpose"] == access.purpose
        and canonical.same(payload["max_cost"], dict(access.max_cost))
        and payload["cause"] == access.cause
    )
