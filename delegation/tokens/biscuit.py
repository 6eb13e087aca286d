"""Writes and verifies biscuits: block 0 by the issuer, block k a third-party block by holder k-1.

The only file that calls biscuit-python. Its exceptions, panics included, never leave.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, TypeVar

from biscuit_auth import Algorithm, Biscuit, BiscuitBuilder, PrivateKey, PublicKey

from delegation import ed25519
from delegation.errors import MalformedError
from delegation.identity.keyring import KeyRing, PublicRing, RingRole
from delegation.tokens import biscuit_wire
from delegation.tokens.biscuit_wire import WireBlock, WireToken
from delegation.tokens.evidence import LinkEvidence
from delegation.tokens.failed import Failed, container_signature, unknown_key
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
from delegation.tokens.prefix_cache import PrefixCache

ROLE: Final = "issuer"
TAG: Final = "b1"
ROLES: Final[tuple[RingRole, ...]] = (ROLE,)
DISCHARGES: Final = 0
IS_PUBLIC: Final = True
_ED25519: Final = Algorithm.Ed25519
_Result = TypeVar("_Result")


def issue(payload: bytes, ring: KeyRing) -> bytes:
    """Return a token of one block, signed by the ring's active issuer key."""
    key = ring.active(ROLE)
    return mint(payload, kid=key.kid, seed=key.seed)


def mint(payload: bytes, *, kid: int, seed: bytes) -> bytes:
    """Return a token of one block, signed by the issuer's key.

    Args:
        payload: The root link's payload.
        kid: Id of the issuer's key.
        seed: The issuer's 32-byte seed.

    Raises:
        MalformedError: The library made another block than the template (another library version).
    """

    def build() -> bytes:
        builder = BiscuitBuilder("link({payload})", {"payload": payload})
        builder.set_root_key_id(kid)
        return bytes(builder.build(PrivateKey.from_bytes(seed, _ED25519)).to_bytes())

    if (data := _guarded(build)) is None:
        raise MalformedError("The token", wanted="one that the biscuit library can build")
    token = biscuit_wire.read(data)
    block = biscuit_wire.block_of(payload, third_party=False)
    # Pins the library's output: a release that signs the authority block otherwise stops here.
    if token.blocks[0].block != block or not _root_is_signed(
        token.blocks[0], ed25519.public_of(seed)
    ):
        raise MalformedError("The token", wanted="a block that equals the template")
    return data


def append(data: bytes, payload: bytes, *, holder_seed: bytes) -> bytes:
    """Return the token with one more link, authored by the last link's holder, offline.

    Args:
        data: The token so far.
        payload: The new link's payload.
        holder_seed: The holder's 32-byte seed.

    Raises:
        MalformedError: `data` is no token of ours.
    """
    token = biscuit_wire.read(data)
    longer = biscuit_wire.appended(
        token, payload, holder_seed=holder_seed, next_seed=secrets.token_bytes(32)
    )
    return biscuit_wire.write(longer)


def last_payload(data: bytes) -> bytes | None:
    """Return the last block's payload, nothing of it verified."""
    return entries(biscuit_wire.read(data), authors_verified=True)[-1].payload


def verify(
    data: bytes,
    discharges: Sequence[bytes],  # noqa: ARG001  # biscuits have none
    ring: KeyRing,
    cache: Cache,
    at: int | None,
) -> Proven | Failed:
    """Return a biscuit's links after steps 2 to 5, or the first failure."""
    wire = biscuit_wire.read(data)
    key = ring.key(ROLE, wire.kid, at=at)
    if key is None:
        return unknown_key()
    found = _read(data, wire, Issuing(key.public, ring.issuer, ring.is_ring_key), cache)
    if isinstance(found, Failed):
        return found
    return Proven(found, ((key.role, key.kid, key.public),))


def verify_public(data: bytes, ring: PublicRing, cache: Cache, at: int | None) -> Proven | Failed:
    """Return a biscuit's links, verified whole, or the first failure."""
    wire = biscuit_wire.read(data)
    key = ring.key(ROLE, wire.kid, at=at)
    if key is None:
        return unknown_key()
    found = _read(data, wire, Issuing(key.key, ring.issuer, ring.holds), cache)
    return found if isinstance(found, Failed) else Proven(found)


def _read(data: bytes, wire: WireToken, issuing: Issuing, cache: Cache) -> Prefix | Failed:
    """Return a biscuit's links after steps 3 to 5 under a root key, or the first failure."""
    found = entries(wire)
    keys = prefix_keys("biscuit", issuing, found)
    prefix = longest_prefix(cache, keys)
    if not prefix.links and is_verified_by_library(data, issuing.key):
        return extend(prefix, entries(wire, authors_verified=True), keys, cache, issuing)
    if not is_container_signed(wire, issuing.key, known=len(prefix.links)):
        return container_signature()
    if prefix.links:
        return extend(prefix, found, keys, cache, issuing)
    # The library refused and does not say why: our own reading tells the step, and only that. It
    # stores nothing and never accepts, also where another library would.
    read = extend(prefix, found, keys, PrefixCache(), issuing)
    return read if isinstance(read, Failed) and read.step == 4 else container_signature()  # noqa: PLR2004  # authors


def signed_bytes(payload: bytes, evidence: LinkEvidence) -> bytes | None:
    """Return what the author of a block signed, if the block is this payload's."""
    block, previous = evidence.block, evidence.previous_signature
    if previous is not None:
        is_whole = block == biscuit_wire.block_of(payload, third_party=True)
        return biscuit_wire.external_message(block, previous) if is_whole else None
    head = biscuit_wire.block_of(payload, third_party=False)
    is_whole = block.startswith(head) and len(block) == len(head) + 4 + ed25519.KEY_BYTES
    return block if is_whole else None


def entries(token: WireToken, *, authors_verified: bool = False) -> list[Entry]:
    """Return the container's blocks as links.

    Args:
        token: The container's parts.
        authors_verified: Whether the library verified all external signatures already, so that
            only whose they are remains to be asked.
    """
    return [_entry(token.blocks, index, authors_verified) for index in range(len(token.blocks))]


def _entry(blocks: Sequence[WireBlock], index: int, authors_verified: bool) -> Entry:  # noqa: FBT001  # private, two callers
    block = blocks[index]
    payload = biscuit_wire.payload_of(block.block, third_party=index > 0)
    if index == 0:
        evidence = LinkEvidence("biscuit", biscuit_wire.authority_message(block), block.signature)
        # Step 3 checked this very signature under the issuer's key.
        return Entry(block.raw, payload, evidence, lambda _: True)
    external, previous = block.external_signature or b"", blocks[index - 1].signature

    def is_signed_by(key: bytes) -> bool:
        # A first-party block has no external key and so no author: any bearer can have made it.
        return block.external_key == key and (
            authors_verified
            or ed25519.verify(key, biscuit_wire.external_message(block.block, previous), external)
        )

    evidence = LinkEvidence("biscuit", block.block, external, previous)
    return Entry(block.raw, payload, evidence, is_signed_by)


def is_verified_by_library(data: bytes, root: bytes) -> bool:
    """Return whether the library verifies all signatures, the authors' included.

    The fastest way to verify a token that nothing is known of. It does not say what is wrong.
    """
    return _guarded(lambda: Biscuit.from_bytes(data, _public(root))) is not None


def is_container_signed(token: WireToken, root: bytes, *, known: int) -> bool:
    """Return whether the container holds together (step 3): its root and each block's successor.

    Not checked here: who authored the blocks (step 4). Any bearer can append a block that names an
    innocent author; that is the same fault as in a macaroon, and must meet the same step.

    Args:
        token: The container's parts.
        root: The issuer's 32-byte key.
        known: How many blocks from the front verified before, byte for byte, under this key.
    """
    blocks = token.blocks
    if known == 0 and not _root_is_signed(blocks[0], root):
        return False
    for index in range(max(known, 1), len(blocks)):
        before = blocks[index - 1]
        message = biscuit_wire.block_message(blocks[index], before.signature)
        if not ed25519.verify(before.next_key, message, blocks[index].signature):
            return False
    return ed25519.public_of(token.seed) == blocks[-1].next_key


def _root_is_signed(block: WireBlock, root: bytes) -> bool:
    return ed25519.verify(root, biscuit_wire.authority_message(block), block.signature)


@lru_cache(maxsize=64)
def _public(key: bytes) -> PublicKey:
    return PublicKey.from_bytes(key, _ED25519)


def _guarded(call: Callable[[], _Result]) -> _Result | None:
    """Return the call's result, or None if the library refused or panicked.

    Its panics are `BaseException`s, which `except Exception` lets through.
    """
    try:
        return call()
    except Exception:  # noqa: BLE001  # whatever a foreign library raises is a refusal
        return None
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            return None
        raise
