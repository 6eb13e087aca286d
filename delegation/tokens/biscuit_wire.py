"""Reads and writes the bytes of a biscuit: strict reading, exact writing.

The library accepts many spellings of one token and prints blocks unfaithfully, so decisions are made
on bytes: a container has one spelling, and a block is the single fact `link(hex:payload)`, compared
byte for byte with its template. Source: docs/reference/token-format.md section 4; biscuit specification v3.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from delegation import ed25519
from delegation.authority.chain import MAX_LINKS, MAX_PAYLOAD_BYTES
from delegation.errors import MalformedError
from delegation.tokens.bounds import MAX_BLOCK_BYTES

MAX_KID: Final = 2**32 - 1  # the library truncates longer ids to 32 bits
_MAX_VARINT: Final = 5
_KEY_FIELD: Final = b"\x12\x24\x08\x00\x12\x20"  # nextKey: Ed25519, 32 bytes
_SIGNATURE_FIELD: Final = b"\x1a\x40"
_EXTERNAL_FIELD: Final = b"\x22\x68\x0a\x40"
_VERSION_FIELD: Final = b"\x28\x01"
_PROOF_FIELD: Final = b"\x22\x22\x0a\x20"
_ED25519: Final = b"\x00\x00\x00\x00"  # algorithm 0, four bytes little-endian
_SIGNATURE: Final = ed25519.SIGNATURE_BYTES
_KEY: Final = ed25519.KEY_BYTES


@dataclass(frozen=True, slots=True)
class WireBlock:
    """One signed block.

    Args:
        raw: All its bytes.
        block: The Datalog block: the signed payload in its template.
        next_key: The ephemeral key that signs the next block.
        signature: By the key before it.
        external_signature: By the third party; None on a first-party block.
        external_key: The third party's key.
    """

    raw: bytes
    block: bytes
    next_key: bytes
    signature: bytes
    external_signature: bytes | None
    external_key: bytes | None


@dataclass(frozen=True, slots=True)
class WireToken:
    """A container, taken apart.

    Args:
        kid: The unsigned id of the root key: only ever used to look a key up.
        blocks: Authority block first.
        seed: The secret of the last next key. It authenticates nothing.
    """

    kid: int
    blocks: tuple[WireBlock, ...]
    seed: bytes


def _malformed() -> MalformedError:
    return MalformedError("The token", wanted="a biscuit in its one spelling")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a minimal varint and the position after it."""
    value = 0
    for index in range(_MAX_VARINT):
        if at + index >= len(data):
            raise _malformed()
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004  # the continuation bit
            if index and byte == 0:
                raise _malformed()
            return value, at + index + 1
    raise _malformed()


def varint(value: int) -> bytes:
    """Return the minimal varint of a non-negative integer."""
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004  # seven bits a byte
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(data: bytes, at: int, tag: int) -> tuple[bytes, int]:
    """Return the bytes of a length-delimited field with this tag and the position after it."""
    if data[at : at + 1] != bytes((tag,)):
        raise _malformed()
    length, start = _varint(data, at + 1)
    end = start + length
    if end > len(data):
        raise _malformed()
    return data[start:end], end


def read(data: bytes) -> WireToken:
    """Return a container's parts.

    Raises:
        MalformedError: Any other spelling than the one that `WireToken` has: a field unknown,
            repeated or out of order, a long varint, a sealed token, more than 16 blocks, a block
            longer than the longest payload's.
    """
    if data[:1] != b"\x08":
        raise _malformed()
    kid, at = _varint(data, 1)
    if kid > MAX_KID:
        raise _malformed()
    authority, at = _field(data, at, 0x12)
    blocks = [_block(authority, third_party=False)]
    while data[at : at + 1] == b"\x1a":
        if len(blocks) == MAX_LINKS:
            raise MalformedError("The token", wanted=f"a chain of at most {MAX_LINKS} links")
        raw, at = _field(data, at, 0x1A)
        blocks.append(_block(raw, third_party=True))
    if data[at : at + len(_PROOF_FIELD)] != _PROOF_FIELD or len(data) != at + 4 + _KEY:
        raise _malformed()
    return WireToken(kid, tuple(blocks), data[at + 4 :])


def _block(raw: bytes, *, third_party: bool) -> WireBlock:
    block, at = _field(raw, 0, 0x0A)
    if len(block) > MAX_BLOCK_BYTES:
        raise MalformedError("The token", wanted=f"of payloads up to {MAX_PAYLOAD_BYTES} bytes")
    next_key, at = _fixed(raw, at, _KEY_FIELD, _KEY)
    signature, at = _fixed(raw, at, _SIGNATURE_FIELD, _SIGNATURE)
    if at == len(raw):
        return WireBlock(raw, block, next_key, signature, None, None)
    external, at = _fixed(raw, at, _EXTERNAL_FIELD, _SIGNATURE)
    key, at = _fixed(raw, at, _KEY_FIELD, _KEY)
    if not third_party or raw[at:] != _VERSION_FIELD:
        raise _malformed()
    return WireBlock(raw, block, next_key, signature, external, key)


def _fixed(data: bytes, at: int, prefix: bytes, length: int) -> tuple[bytes, int]:
    start = at + len(prefix)
    end = start + length
    if data[at:start] != prefix or end > len(data):
        raise _malformed()
    return data[start:end], end


def write(token: WireToken) -> bytes:
    """Return the container's bytes."""
    out = [b"\x08", varint(token.kid)]
    for index, block in enumerate(token.blocks):
        out += [b"\x12" if index == 0 else b"\x1a", varint(len(block.raw)), block.raw]
    return b"".join((*out, _PROOF_FIELD, token.seed))


def block_of(payload: bytes, *, third_party: bool) -> bytes:
    """Return the Datalog block that is exactly the fact `link(hex:payload)`."""
    term = b"\x2a" + varint(len(payload)) + payload
    predicate = b"\x08\x80\x08\x12" + varint(len(term)) + term
    fact = b"\x0a" + varint(len(predicate)) + predicate
    version = b"\x05" if third_party else b"\x03"
    return b"\x0a\x04link\x18" + version + b"\x22" + varint(len(fact)) + fact


def payload_of(block: bytes, *, third_party: bool) -> bytes | None:
    """Return the payload of a block that equals its template, else None.

    No second fact, rule, check, scope, context, spare symbol or unknown field can hide: the whole
    block is rebuilt from the payload and compared.
    """
    try:
        fact, at = _field(block, 8, 0x22)
        predicate, _ = _field(fact, 0, 0x0A)
        term, _ = _field(predicate, 3, 0x12)
        payload, _ = _field(term, 0, 0x2A)
    except MalformedError:
        return None
    if at != len(block) or len(payload) > MAX_PAYLOAD_BYTES:
        return None
    return payload if block_of(payload, third_party=third_party) == block else None


def external_message(block: bytes, previous_signature: bytes) -> bytes:
    """Return what a third party signs: its block, tied to one token and one place in it."""
    return (
        b"\x00EXTERNAL\x00\x00VERSION\x00\x01\x00\x00\x00\x00PAYLOAD\x00"
        + block
        + b"\x00PREVSIG\x00"
        + previous_signature
    )


def block_message(block: WireBlock, previous_signature: bytes) -> bytes:
    """Return what the ephemeral key before a block signs, whoever wrote it."""
    if block.external_signature is None:
        return authority_message(block)  # a first-party block without a version field: version 0
    return (
        b"\x00BLOCK\x00\x00VERSION\x00\x01\x00\x00\x00\x00PAYLOAD\x00"
        + block.block
        + b"\x00ALGORITHM\x00"
        + _ED25519
        + b"\x00NEXTKEY\x00"
        + block.next_key
        + b"\x00PREVSIG\x00"
        + previous_signature
        + b"\x00EXTERNALSIG\x00"
        + block.external_signature
    )


def authority_message(block: WireBlock) -> bytes:
    """Return what the issuer signs: the authority block and the key that continues it."""
    return block.block + _ED25519 + block.next_key


def appended(
    token: WireToken, payload: bytes, *, holder_seed: bytes, next_seed: bytes
) -> WireToken:
    """Return the token with one more third-party block.

    Args:
        token: The token so far.
        payload: The new link's payload.
        holder_seed: The seed of the last link's holder, who authors the block.
        next_seed: 32 fresh random bytes for the ephemeral key that may continue it.
    """
    previous = token.blocks[-1].signature
    block = block_of(payload, third_party=True)
    external = ed25519.sign(holder_seed, external_message(block, previous))
    draft = WireBlock(
        b"", block, ed25519.public_of(next_seed), b"", external, ed25519.public_of(holder_seed)
    )
    signature = ed25519.sign(token.seed, block_message(draft, previous))
    raw = b"".join(
        (
            b"\x0a",
            varint(len(block)),
            block,
            _KEY_FIELD,
            draft.next_key,
            _SIGNATURE_FIELD,
            signature,
            _EXTERNAL_FIELD,
            external,
            _KEY_FIELD,
            draft.external_key or b"",
            _VERSION_FIELD,
        )
    )
    return WireToken(token.kid, (*token.blocks, _block(raw, third_party=True)), next_seed)
