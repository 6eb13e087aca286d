"""Writes and verifies macaroons: one first-party caveat a link, signed by its author inside the MAC.

The only file that calls pymacaroons. Its exceptions never leave. The MAC proves that the issuer's
service minted it and that nothing was taken away; the Ed25519 signature in each caveat proves who
wrote it, and stays provable from the record without the MAC key.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pymacaroons import MACAROON_V2, Macaroon, Verifier

from delegation import canonical, ed25519
from delegation.authority.chain import ISSUER, LINK_TAG
from delegation.authority.fields import closed_object, integer, matching_text
from delegation.errors import MalformedError
from delegation.identity.keyring import MAX_KID, KeyRing, PublicRing, RingRole
from delegation.tokens import macaroon_wire
from delegation.tokens.bounds import MAX_DISCHARGES, SIGNATURE_CHARACTERS
from delegation.tokens.evidence import LinkEvidence
from delegation.tokens.failed import (
    Failed,
    container_signature,
    discharge_expired,
    fail,
    unknown_key,
)
from delegation.tokens.links import (
    Cache,
    Entry,
    Issuing,
    Prefix,
    Proven,
    extend,
    longest_prefix,
    prefix_keys,
)
from delegation.tokens.macaroon_wire import WireMacaroon

MAC_ROLE: Final = "macaroon"
STATEMENT_ROLE: Final = "statement"
TAG: Final = "m1"
ROLES: Final[tuple[RingRole, ...]] = (STATEMENT_ROLE, MAC_ROLE)
DISCHARGES: Final = MAX_DISCHARGES
IS_PUBLIC: Final = False
_PREFIX: Final = LINK_TAG + b"."
_BEFORE: Final = re.compile(r"before (0|[1-9][0-9]{0,15})")
_IDENTIFIER: Final = frozenset({"v", "issuer", "key", "statement"})
_MAX_IDENTIFIER: Final = 1024
MAX_CAVEAT_ID: Final = _MAX_IDENTIFIER
_FOREIGN: Final = Entry(b"", None, LinkEvidence("macaroon", b"", b""), lambda _: False)


@dataclass(frozen=True, slots=True)
class Identifier:
    """What a macaroon's identifier states: which keys to look up. Covered by the MAC.

    Args:
        issuer: The issuer's URL.
        key: Id of the MAC key.
        statement: Id of the key that signed the root link.
    """

    issuer: str
    key: int
    statement: int

    def to_bytes(self) -> bytes:
        """Return its canonical JSON."""
        return canonical.encode(
            {"v": 1, "issuer": self.issuer, "key": self.key, "statement": self.statement}
        )


def read_identifier(data: bytes) -> Identifier:
    """Return what an identifier states.

    Raises:
        MalformedError: It is not canonical JSON of its fields.
    """
    value = canonical.decode(data, max_bytes=_MAX_IDENTIFIER, what="The identifier")
    body = closed_object("The identifier", value, _IDENTIFIER)
    integer("v", body["v"], 1, 1)
    return Identifier(
        matching_text("issuer", body["issuer"], ISSUER, "an http(s) URL"),
        integer("key", body["key"], 0, MAX_KID),
        integer("statement", body["statement"], 0, MAX_KID),
    )


def caveat_of(payload: bytes, seed: bytes) -> bytes:
    """Return the caveat `dct-link-v1.<signature>.<payload>` by the author with this seed."""
    signature = ed25519.sign(seed, LINK_TAG + b"\x00" + payload)
    return _PREFIX + canonical.b64u(signature).encode("ascii") + b"." + payload


def issue(payload: bytes, ring: KeyRing) -> bytes:
    """Return a macaroon of one link, by the ring's active MAC and statement keys."""
    mac, statement = ring.active(MAC_ROLE), ring.active(STATEMENT_ROLE)
    identifier = Identifier(ring.issuer, mac.kid, statement.kid)
    return mint(payload, identifier, mac_key=mac.seed, statement_seed=statement.seed)


def mint(payload: bytes, identifier: Identifier, *, mac_key: bytes, statement_seed: bytes) -> bytes:
    """Return a macaroon whose first caveat is the root link.

    One without any caveat is never made visible: its MAC would let its owner append any first link.

    Args:
        payload: The root link's payload.
        identifier: Which keys these are.
        mac_key: 32 secret bytes.
        statement_seed: The issuer's statement seed, which signs the root link.

    Raises:
        MalformedError: The key has another length (the library mints unsigned ones without a key).
    """
    if len(mac_key) != ed25519.KEY_BYTES:
        raise MalformedError("A MAC key", wanted="32 bytes")
    return _with_caveat(
        Macaroon(location="", identifier=identifier.to_bytes(), key=mac_key, version=MACAROON_V2),
        caveat_of(payload, statement_seed),
    )


def append(data: bytes, payload: bytes, *, holder_seed: bytes) -> bytes:
    """Return the macaroon with one more link, authored by the last link's holder, offline.

    Raises:
        MalformedError: `data` is no macaroon of ours, or the payload no UTF-8.
    """
    return _with_caveat(_parsed(data), caveat_of(payload, holder_seed))


def _with_caveat(made: Macaroon, caveat: bytes) -> bytes:
    try:
        made.add_first_party_caveat(caveat)
    except ValueError:
        # `from None`: the library's error quotes the caveat.
        raise MalformedError("A caveat", wanted="UTF-8 text") from None
    return canonical.unb64u(made.serialize())


def add_third_party(data: bytes, *, caveat_key: bytes, caveat_id: bytes) -> bytes:
    """Return the macaroon with a third-party caveat: its discharge is needed as well from now on.

    It only subtracts. Whoever adds it knows its key and can discharge it, so it stands for no
    approval.

    Args:
        data: The macaroon.
        caveat_key: 32 secret bytes shared with the third party.
        caveat_id: What the third party reads, 1 to 1024 bytes.

    Raises:
        MalformedError: `data` is no macaroon of ours, or an argument has another length.
    """
    if len(caveat_key) != ed25519.KEY_BYTES or not 0 < len(caveat_id) <= _MAX_IDENTIFIER:
        raise MalformedError("A third-party caveat", wanted="a 32-byte key and a short id")
    made = _parsed(data)
    made.add_third_party_caveat("", caveat_key, caveat_id)
    return canonical.unb64u(made.serialize())


def discharge(*, caveat_key: bytes, caveat_id: bytes, before: int) -> bytes:
    """Return an unbound discharge, as the third party makes it.

    Args:
        caveat_key: The key it shares with whoever added the caveat.
        caveat_id: The caveat's id.
        before: Unix seconds from which on it no longer serves.
    """
    made = Macaroon(location="", identifier=caveat_id, key=caveat_key, version=MACAROON_V2)
    return _with_caveat(made, f"before {integer('before', before, 0)}".encode())


def bind(data: bytes, discharges: Sequence[bytes]) -> list[bytes]:
    """Return the discharges bound to this very macaroon; delegate first, bind last.

    Raises:
        MalformedError: One is no macaroon.
    """
    root = _parsed(data)
    bound = [root.prepare_for_request(_parsed(one)) for one in discharges]
    return [canonical.unb64u(one.serialize()) for one in bound]


def last_payload(data: bytes) -> bytes | None:
    """Return the last link's payload, nothing of it verified."""
    return entries(macaroon_wire.read(data))[-1].payload


def verify(
    data: bytes, discharges: Sequence[bytes], ring: KeyRing, cache: Cache, at: int | None
) -> Proven | Failed:
    """Return a macaroon's links after steps 2 to 5, or the first failure."""
    wire = macaroon_wire.read(data)
    identifier = read_identifier(wire.identifier)
    bound = [macaroon_wire.read(one) for one in discharges]
    mac = ring.key(MAC_ROLE, identifier.key, at=at)
    statement = ring.key(STATEMENT_ROLE, identifier.statement, at=at)
    if mac is None or statement is None or identifier.issuer != ring.issuer:
        return unknown_key()
    if not are_discharges_complete(wire, bound):
        return fail(
            3, "discharge_mismatch", "The discharges are not one for each third-party caveat.",
            "Bind exactly one discharge for each third-party caveat, in order.",
        )  # fmt: skip
    if not is_mac_valid(data, discharges, mac.seed):
        return container_signature()
    # 0 means without end: a discharge that ended in 1970 must not.
    until = max(1, min(deadline(one) or 0 for one in bound)) if bound else 0
    if at is not None and until and at >= until:
        return discharge_expired()
    found = _read(wire, Issuing(statement.public, ring.issuer, ring.is_ring_key), cache)
    if isinstance(found, Failed):
        return found
    keys = ((mac.role, mac.kid, mac.seed), (statement.role, statement.kid, statement.public))
    return Proven(found, keys, until)


def verify_public(data: bytes, ring: PublicRing, cache: Cache, at: int | None) -> Proven | Failed:
    """Return a macaroon's links, their authors verified, or the first failure; no MAC is looked at."""
    wire = macaroon_wire.read(data)
    key = ring.key(STATEMENT_ROLE, read_identifier(wire.identifier).statement, at=at)
    if key is None:
        return unknown_key()
    found = _read(wire, Issuing(key.key, ring.issuer, ring.holds), cache)
    return found if isinstance(found, Failed) else Proven(found)


def _read(wire: WireMacaroon, issuing: Issuing, cache: Cache) -> Prefix | Failed:
    """Return a macaroon's links after steps 4 and 5, authors proven, or the first failure."""
    found = entries(wire)
    keys = prefix_keys("macaroon", issuing, found)
    return extend(longest_prefix(cache, keys), found, keys, cache, issuing)


def signed_bytes(payload: bytes, evidence: LinkEvidence) -> bytes | None:
    """Return what the author of a caveat signed, if it holds this payload."""
    return LINK_TAG + b"\x00" + payload if evidence.block == payload else None


def entries(token: WireMacaroon) -> list[Entry]:
    """Return the first-party caveats as links that are not verified yet; at least one entry.

    A caveat that is no link has no payload, and is refused at its place: every caveat must be
    understood, and a first-party step with foreign bytes could stand for a third-party one.
    """
    # The root link comes first: without it, or with a third-party caveat before it, nothing would
    # be authored yet, and whoever has the MAC's tail could append any root.
    if not token.caveats or token.caveats[0].vid is not None:
        return [_FOREIGN]
    return [_entry(caveat.id) for caveat in token.caveats if caveat.vid is None]


def _entry(caveat: bytes) -> Entry:
    head = len(_PREFIX) + SIGNATURE_CHARACTERS
    if not caveat.startswith(_PREFIX) or caveat[head : head + 1] != b".":
        return _FOREIGN
    try:
        signature = canonical.unb64u(caveat[len(_PREFIX) : head].decode("ascii"))
    except (MalformedError, UnicodeDecodeError):
        return _FOREIGN
    payload = caveat[head + 1 :]
    evidence = LinkEvidence("macaroon", payload, signature)
    message = LINK_TAG + b"\x00" + payload
    return Entry(caveat, payload, evidence, lambda key: ed25519.verify(key, message, signature))


def are_discharges_complete(root: WireMacaroon, discharges: Sequence[WireMacaroon]) -> bool:
    """Return whether there is exactly one plain discharge for each third-party caveat, in order.

    Checked before the library looks: it skips surplus ones, recurses into nested ones, and silently
    uses the first of two.
    """
    wanted = [caveat.id for caveat in root.caveats if caveat.vid is not None]
    return (
        len(wanted) <= MAX_DISCHARGES
        and len(set(wanted)) == len(wanted)
        and [one.identifier for one in discharges] == wanted
        and all(deadline(one) is not None for one in discharges)
    )


def deadline(one: WireMacaroon) -> int | None:
    """Return until when a discharge serves, None if it has any caveat but one `before`."""
    if len(one.caveats) != 1 or one.caveats[0].vid is not None:
        return None
    match = _BEFORE.fullmatch(one.caveats[0].id.decode("latin-1"))
    return None if match is None else int(match[1])


def is_mac_valid(data: bytes, discharges: Sequence[bytes], mac_key: bytes) -> bool:
    """Return whether the MACs of a macaroon and its bound discharges verify.

    All caveats are hashed and none is judged: the library skips a caveat that no callback meets, so
    one that was inserted without a signature would pass unseen.
    """
    seen: list[str] = []

    def collect(caveat: str) -> bool:
        seen.append(caveat)
        return True

    try:
        root, bound = _parsed(data), [_parsed(one) for one in discharges]
        verifier = Verifier()
        verifier.callbacks = [collect]
        expected = sum(c.first_party() for one in (root, *bound) for c in one.caveats)
        return bool(verifier.verify(root, mac_key, bound)) and len(seen) == expected
    except Exception:  # noqa: BLE001  # the library lets nacl, struct, Unicode and others through
        return False


def _parsed(data: bytes) -> Macaroon:
    """Return the library's macaroon of bytes that were read strictly and re-serialise to themselves.

    Raises:
        MalformedError: They do not.
    """
    macaroon_wire.read(data)
    text = canonical.b64u(data)
    try:
        made = Macaroon.deserialize(text)
        same = made.version == MACAROON_V2 and made.serialize() == text
    except Exception:  # noqa: BLE001  # see `is_mac_valid`
        # `from None`: the library's messages may quote the bytes.
        raise MalformedError("The token", wanted="a binary v2 macaroon") from None
    if not same:
        raise MalformedError("The token", wanted="a binary v2 macaroon in its one spelling")
    return made
