"""Steps 1 to 6: bytes and signatures, nothing else. docs/verification.md has the same numbers.

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
from collections.abc import Sequence
from dataclasses import dataclass, field

from delegation.authority.access import Access
from delegation.authority.chain import Chain
from delegation.authority.refusal import Refusal
from delegation.errors import MalformedError
from delegation.identity.keyring import KeyRing, PublicRing
from delegation.identity.proof import Proof, check_proof, token_digest
from delegation.tokens import biscuit, biscuit_wire, macaroon, macaroon_wire
from delegation.tokens.evidence import Format, LinkEvidence
from delegation.tokens.failed import Failed, fail
from delegation.tokens.links import (
    Cache,
    Issuing,
    Prefix,
    extend,
    longest_prefix,
    own_key,
    prefix_keys,
)
from delegation.tokens.prefix_cache import PrefixCache
from delegation.tokens.text import TokenBytes, read_text


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
    keys: tuple[tuple[str, int, bytes], ...] = field(repr=False)


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
    if isinstance(token := verify_token(text, ring, cache, at=at), Failed):
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
    except (MalformedError, UnicodeError) as error:
        return _shape(error)
    read = _biscuit if parts.format == "biscuit" else _macaroon
    if isinstance(found := read(text, parts, ring, cache, at), Failed):
        return found
    # Charged for its whole chain: it keeps the links alive after their own entries have gone.
    cache.put(whole, found, len(text) + 512 + Prefix(found.token.chain.links).size)
    return _still_served(found.token, ring, at)


def _whole_key(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else b""
    return hashlib.sha256(b"whole\x00" + data).digest()


def _is_believed(ring: KeyRing, used: tuple[str, int, bytes], at: int | None) -> bool:
    role, kid, secret = used
    key = ring.key(role, kid, at=at)  # type: ignore[arg-type]  # roles of this file
    return key is not None and secret == (key.public or key.seed)


def _still_served(token: VerifiedToken, ring: KeyRing, at: int | None) -> VerifiedToken | Failed:
    """Return the token unless a discharge ended or a holder's key became one of the service's."""
    if at is not None and token.serves_until and at >= token.serves_until:
        return _discharge_expired()
    for depth, link in enumerate(token.chain.links):
        if ring.is_ring_key(link.holder_key):
            return own_key(link, depth)
    return token


def _discharge_expired() -> Failed:
    return fail(3, "discharge_expired", "A discharge no longer serves.", "Fetch a fresh discharge.")


def _container_signature() -> Failed:
    return fail(
        3, "container_signature", "A signature of the container does not verify.",
        "Send the token exactly as received.",
    )  # fmt: skip


def _shape(error: Exception) -> Failed:
    wanted = error.wanted if isinstance(error, MalformedError) else "a token's text"
    return fail(
        1, "token_malformed", f"The token must be {wanted}.", "Send the token exactly as received."
    )


def _unknown_key() -> Failed:
    return fail(
        2, "key_unknown", "The token names a key that this service does not believe.",
        "Ask the issuer for a token under its present key.",
    )  # fmt: skip


def _biscuit(
    text: str, parts: TokenBytes, ring: KeyRing, cache: Cache, at: int | None
) -> _Known | Failed:
    try:
        wire = biscuit_wire.read(parts.body)
    except MalformedError as error:
        return _shape(error)
    if (key := ring.key(biscuit.ROLE, wire.kid, at=at)) is None:
        return _unknown_key()
    issuing = Issuing(key.public, ring.issuer, ring.is_ring_key)
    found = read_biscuit(parts.body, wire, issuing, cache)
    return _finished(found, text, parts.format, [(key.role, key.kid, key.public)])


def read_biscuit(
    data: bytes, wire: biscuit_wire.WireToken, issuing: Issuing, cache: Cache
) -> Prefix | Failed:
    """Return a biscuit's links after steps 3 to 5 under a root key, or the first failure."""
    entries = biscuit.entries(wire)
    keys = prefix_keys("biscuit", issuing, entries)
    prefix = longest_prefix(cache, keys)
    if not prefix.links and biscuit.is_verified_by_library(data, issuing.key):
        entries = biscuit.entries(wire, authors_verified=True)
        return extend(prefix, entries, keys, cache, issuing)
    if not biscuit.is_container_signed(wire, issuing.key, known=len(prefix.links)):
        return _container_signature()
    if prefix.links:
        return extend(prefix, entries, keys, cache, issuing)
    # The library refused and does not say why: our own reading tells the step, and only that. It
    # stores nothing and never accepts, also where another library would.
    found = extend(prefix, entries, keys, PrefixCache(), issuing)
    return found if isinstance(found, Failed) and found.step == 4 else _container_signature()  # noqa: PLR2004  # authors


def _macaroon(
    text: str, parts: TokenBytes, ring: KeyRing, cache: Cache, at: int | None
) -> _Known | Failed:
    try:
        wire = macaroon_wire.read(parts.body)
        identifier = macaroon.read_identifier(wire.identifier)
        discharges = [macaroon_wire.read(one) for one in parts.discharges]
    except (MalformedError, UnicodeError) as error:
        return _shape(error)
    mac = ring.key(macaroon.MAC_ROLE, identifier.key, at=at)
    statement = ring.key(macaroon.STATEMENT_ROLE, identifier.statement, at=at)
    if mac is None or statement is None or identifier.issuer != ring.issuer:
        return _unknown_key()
    if not macaroon.are_discharges_complete(wire, discharges):
        return fail(
            3, "discharge_mismatch", "The discharges are not one for each third-party caveat.",
            "Bind exactly one discharge for each third-party caveat, in order.",
        )  # fmt: skip
    if not macaroon.is_mac_valid(parts.body, parts.discharges, mac.seed):
        return _container_signature()
    # 0 means without end: a discharge that ended in 1970 must not.
    until = max(1, min(macaroon.deadline(one) or 0 for one in discharges)) if discharges else 0
    if at is not None and until and at >= until:
        return _discharge_expired()
    found = read_macaroon(wire, Issuing(statement.public, ring.issuer, ring.is_ring_key), cache)
    keys = [(mac.role, mac.kid, mac.seed), (statement.role, statement.kid, statement.public)]
    return _finished(found, text, parts.format, keys, until=until)


def read_macaroon(
    wire: macaroon_wire.WireMacaroon, issuing: Issuing, cache: Cache
) -> Prefix | Failed:
    """Return a macaroon's links after steps 4 and 5, authors proven, or the first failure.

    Not checked here: the MAC (step 3).
    """
    entries = macaroon.entries(wire)
    keys = prefix_keys("macaroon", issuing, entries)
    return extend(longest_prefix(cache, keys), entries, keys, cache, issuing)


def _finished(
    found: Prefix | Failed,
    text: str,
    token_format: Format,
    keys: Sequence[tuple[str, int, bytes]],
    *,
    until: int = 0,
) -> _Known | Failed:
    """Return the links as a verified token, with the keys it rests on."""
    if isinstance(found, Failed):
        return found
    chain = Chain(found.links)
    token = VerifiedToken(token_format, chain, token_digest(text), found.evidence, until)
    return _Known(token, tuple(keys))


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
        if parts.format == "biscuit":
            wire = biscuit_wire.read(parts.body)
            key = ring.key(biscuit.ROLE, wire.kid, at=at)
        else:
            sealed = macaroon_wire.read(parts.body)
            key = ring.key(
                macaroon.STATEMENT_ROLE,
                macaroon.read_identifier(sealed.identifier).statement,
                at=at,
            )
    except (MalformedError, UnicodeError) as error:
        return _shape(error)
    if key is None:
        return _unknown_key()
    issuing = Issuing(key.key, ring.issuer, ring.holds)
    found = (
        read_biscuit(parts.body, wire, issuing, cache)
        if parts.format == "biscuit"
        else read_macaroon(sealed, issuing, cache)
    )
    known = _finished(found, text, parts.format, ())
    return known if isinstance(known, Failed) else known.token
