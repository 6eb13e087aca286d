"""Spells the text of a token: `dct.b1.<base64url>`, or `dct.m1.<macaroon>[.<discharge>...]`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from delegation import canonical
from delegation.errors import MalformedError
from delegation.tokens.bounds import MAX_DISCHARGES, MAX_TEXT_BYTES
from delegation.tokens.evidence import Format
from delegation.tokens.formats import FORMATS

_TAGGED: Final = {known.TAG: name for name, known in FORMATS.items()}
_WANTED: Final = " or ".join(f"dct.{tag}." for tag in _TAGGED)


@dataclass(frozen=True, slots=True)
class TokenBytes:
    """A token's text, decoded.

    Args:
        format: Which back-end reads it.
        body: The biscuit or macaroon.
        discharges: Bound discharges of a macaroon, in caveat order.
    """

    format: Format
    body: bytes = field(repr=False)
    discharges: tuple[bytes, ...] = field(default=(), repr=False)

    def to_text(self) -> str:
        """Return the text."""
        parts = [
            "dct",
            FORMATS[self.format].TAG,
            *map(canonical.b64u, (self.body, *self.discharges)),
        ]
        return ".".join(parts)


def read_text(text: str) -> TokenBytes:
    """Return what a token's text holds.

    Raises:
        MalformedError: Too long, another prefix, discharges behind a biscuit, more than 8, or
            base64url that does not re-encode to itself.
    """
    if not isinstance(text, str) or len(text) > MAX_TEXT_BYTES:
        raise MalformedError("The token", wanted=f"a text of at most {MAX_TEXT_BYTES} bytes")
    parts = text.split(".", MAX_DISCHARGES + 4)
    if len(parts) < 3 or parts[0] != "dct" or parts[1] not in _TAGGED:  # noqa: PLR2004  # dct, tag, body
        raise MalformedError("The token", wanted=f"{_WANTED} and base64url")
    token_format = _TAGGED[parts[1]]
    if len(parts) > 3 + FORMATS[token_format].DISCHARGES:
        raise MalformedError("The token", wanted=f"followed by at most {MAX_DISCHARGES} discharges")
    body, *discharges = [canonical.unb64u(part, what="The token") for part in parts[2:]]
    return TokenBytes(token_format, body, tuple(discharges))
