"""Containers written by hand, whatever their signatures are worth."""

from __future__ import annotations

from world import World

from delegation import Token
from delegation.tokens import biscuit_wire, macaroon_wire
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
