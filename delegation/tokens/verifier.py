"""Verifies bytes and signatures: steps 1 to 6, numbered as in docs/explanation/verification.md.

    1 shape      bounds, text, container in its one spelling
    2 key        the issuer's key is in the ring and still believed
    3 container  biscuit signatures; macaroon MAC and discharges
    4 links      each payload's form, parent and author, root first
    5 narrowing  each grant within the one above
    6 proof      the leaf's holder wants this one call, now

Steps 7 and on judge the call; whether a proof was used before is found at step 14.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from delegation.authority.access import Access
from delegation.authority.chain import Chain
from delegation.authority.refusal import Refusal
from delegation.errors import MalformedError
from delegation.identity.keyring import KeyRing, PublicRing, RingRole
from delegation.identity.proof import Proof, check_proof, token_digest
from delegation.tokens.evidence import Format, LinkEvidence
from delegation.tokens.failed import Failed, discharge_expired, fail
from delegation.tokens.formats import FORMATS
from delegation.tokens.links import Cache, Proven, own_key
from delegation.tokens.text import read_text


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A token after steps 1 to 5: its chain is authentic. Nobody has shown to hold it yet.

    Args:
        format: `biscuit` or `macaroon`.
        chain: The links, root first.
        digest: `token_digest` of its text, which a proof must cover.
        evidence: For each link, what re-verifies it later.
        serves_until: Unix seconds from which on a discharge no longer serves; 0 without discharges.
    """

    format: Format
    chain: Chain
    digest: bytes = field(repr=False)
    evidence: tuple[LinkEvidence, ...] = field(repr=False)
    serves_until: int = 0


@dataclass(frozen=True, slots=True)
class Verified:
    """A call after steps 1 to 6: the leaf's holder wants it. Whether it may is not decided yet.

    Args:
        token: The token.
        proof: The holder's proof over it and the call.
    """

    token: VerifiedToken
    proof: Proof

    @property
    def chain(self) -> Chain:
        """The links, root first."""
        return self.token.chain

    @property
    def evidence(self) -> tuple[LinkEvidence, ...]:
        """For each link, what re-verifies it later."""
        return self.token.evidence


@dataclass(frozen=True, slots=True)
class _Known:
    """A whole token that verified before, and the keys that must still be believed.

    Args:
        token: The result.
        keys: Role, id and secret or public bytes of each ring key that it rests on.
    """

    token: VerifiedToken
    keys: tuple[tuple[RingRole, int, bytes], ...] = field(repr=False)


def verify(
    text: str, proof: str | None, access: Access, *, ring: KeyRing, at: int, cache: Cache
) -> Verified | Failed:
    """Return the call after steps 1 to 6, or the first failure. Raises for nothing a caller sends.

    Args:
        text: The token's text.
        proof: The proof's text, None if there is none.
        access: The call, as it came.
        ring: The service's keys.
        at: Unix seconds.
        cache: Prefixes that verified before.
    """
    token = verify_token(text, ring, cache, at=at)
    if isinstance(token, Failed):
        return token
    leaf = token.chain.leaf
    checked = check_proof(
        proof,
        holder=leaf.holder_key,
        token=token.digest,
        access=access,
        issuer=token.chain.origin.issuer,
        at=at,
    )
    if isinstance(checked, Refusal):
        return Failed(6, checked, leaf.id, len(token.chain.links) - 1)
    return Verified(token, checked)


def verify_token(
    text: str, ring: KeyRing, cache: Cache, *, at: int | None = None
) -> VerifiedToken | Failed:
    """Return the token after steps 1 to 5, or the first failure.

    Not checked here: proof, time of the grants, standing.

    Args:
        text: The token's text.
        ring: The service's keys; their state is looked at on every call, cached or not.
        cache: Prefixes that verified before.
        at: Unix seconds; None leaves discharges' and retired keys' ends aside.
    """
    whole = _whole_key(text)
    known = cache.get(whole) if whole else None
    if isinstance(known, _Known) and all(_is_believed(ring, key, at) for key in known.keys):
        return _still_served(known.token, ring, at)
    try:
        parts = read_text(text)
        proven = FORMATS[parts.format].verify(parts.body, parts.discharges, ring, cache, at)
    except (MalformedError, UnicodeError) as error:
        return _shape(error)
    if isinstance(proven, Failed):
        return proven
    token = _verified(text, parts.format, proven)
    # Charged for its whole chain: it keeps the links alive after their own entries have gone.
    cache.put(whole, _Known(token, proven.keys), len(text) + 512 + proven.prefix.size)
    return _still_served(token, ring, at)


def _whole_key(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else b""
    return hashlib.sha256(b"whole\x00" + data).digest()


def _is_believed(ring: KeyRing, used: tuple[RingRole, int, bytes], at: int | None) -> bool:
    role, kid, secret = used
    key = ring.key(role, kid, at=at)
    return key is not None and secret == (key.public or key.seed)


def _still_served(token: VerifiedToken, ring: KeyRing, at: int | None) -> VerifiedToken | Failed:
    """Return the token unless a discharge ended or a holder's key became one of the service's."""
    if at is not None and token.serves_until and at >= token.serves_until:
        return discharge_expired()
    for depth, link in enumerate(token.chain.links):
        if ring.is_ring_key(link.holder_key):
            return own_key(link, depth)
    return token


def _shape(error: Exception) -> Failed:
    wanted = error.wanted if isinstance(error, MalformedError) else "a token's text"
    return fail(
        1, "token_malformed", f"The token must be {wanted}.", "Send the token exactly as received."
    )


def _verified(text: str, token_format: Format, proven: Proven) -> VerifiedToken:
    links = proven.prefix
    return VerifiedToken(
        token_format, Chain(links.links), token_digest(text), links.evidence, proven.until
    )


def read_public(
    text: str, ring: PublicRing, cache: Cache, *, at: int | None = None
) -> VerifiedToken | Failed:
    """Return a token as far as public keys verify it: a biscuit whole, of a macaroon the authors.

    Not checked here: a macaroon's MAC and discharges, so links may have been stripped from its end;
    time, standing, proof.

    Args:
        text: The token's text.
        ring: The issuer's public keys.
        cache: Prefixes that verified before.
        at: Unix seconds; None leaves retired keys' ends aside.
    """
    try:
        parts = read_text(text)
        proven = FORMATS[parts.format].verify_public(parts.body, ring, cache, at)
    except (MalformedError, UnicodeError) as error:
        return _shape(error)
    return proven if isinstance(proven, Failed) else _verified(text, parts.format, proven)
