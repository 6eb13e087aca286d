"""Containers written by hand, whatever their signatures are worth."""

from __future__ import annotations

import hmac

from world import World

from delegation import HolderKey, Token, ed25519
from delegation.tokens import biscuit_wire, macaroon, macaroon_wire
from delegation.tokens.failed import Failed
from delegation.tokens.prefix_cache import PrefixCache
from delegation.tokens.text import TokenBytes, read_text
from delegation.tokens.verifier import verify_token


def text_of(data: bytes, token_format: str = "biscuit") -> str:
    """Return the text of a container."""
    return TokenBytes(token_format, data).to_text()  # type: ignore[arg-type]


def rebuilt(
    found: macaroon_wire.WireMacaroon,
    caveats: list[bytes],
    signature: bytes | None = None,
    tail: bytes = b"",
) -> str:
    """Write a macaroon by hand."""

    def field(kind: int, data: bytes) -> bytes:
        return bytes([kind]) + biscuit_wire.varint(len(data)) + data

    out = b"\x02" + field(1, b"") + field(2, found.identifier) + b"\x00"
    out += b"".join(field(2, c) + b"\x00" for c in caveats)
    return text_of(
        out + b"\x00" + field(6, found.signature if signature is None else signature) + tail,
        "macaroon",
    )


def outcome(world: World, text: str) -> tuple[int, str] | None:
    """Return step and code of a token's failure, None if it verifies."""
    found = verify_token(text, world.tracker._desk.ring, PrefixCache(), at=world.at)
    return (found.step, found.refusal.code) if isinstance(found, Failed) else None


def wire(token: Token) -> biscuit_wire.WireToken:
    """Return a biscuit's parts."""
    return biscuit_wire.read(read_text(token.text).body)


def bearer_append(
    token: Token | str,
    payload: bytes,
    *,
    named: HolderKey,
    by: HolderKey,
    previous: Token | None = None,
) -> str:
    """Append a link as any bearer can: authored in one key's name, signed by another.

    Args:
        token: The token that is extended.
        payload: The link's bytes.
        named: The key that the block names as its author.
        by: The key that really signs.
        previous: The token whose end the author signs behind; the extended token's by default.
    """
    text = token if isinstance(token, str) else token.text
    parts = read_text(text)
    seed = by.secret_seed()
    if parts.format == "macaroon":
        sealed = macaroon_wire.read(parts.body)
        caveat = macaroon.caveat_of(payload, seed)
        tag = hmac.digest(sealed.signature, caveat, "sha256")
        return rebuilt(sealed, [*(c.id for c in sealed.caveats), caveat], tag)
    found = biscuit_wire.read(parts.body)
    end = found.blocks[-1].signature
    behind = wire(previous).blocks[-1].signature if previous else end
    block = biscuit_wire.block_of(payload, third_party=True)
    external = ed25519.sign(seed, biscuit_wire.external_message(block, behind))
    following = bytes(range(32))
    key, author = ed25519.public_of(following), named.public.key
    draft = biscuit_wire.WireBlock(b"", block, key, b"", external, author)
    signature = ed25519.sign(found.seed, biscuit_wire.block_message(draft, end))

    def field(tag: int, data: bytes) -> bytes:
        return bytes([tag << 3 | 2]) + biscuit_wire.varint(len(data)) + data

    def spelled(key: bytes) -> bytes:
        return b"\x08\x00" + field(2, key)

    signed = field(1, external) + field(2, spelled(author))
    raw = (
        field(1, block)
        + field(2, spelled(key))
        + field(3, signature)
        + field(4, signed)
        + b"\x28\x01"
    )
    made = biscuit_wire.WireBlock(raw, block, key, signature, external, author)
    return text_of(
        biscuit_wire.write(biscuit_wire.WireToken(found.kid, (*found.blocks, made), following))
    )
