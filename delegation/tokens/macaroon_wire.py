"""Reads the bytes of a macaroon (binary v2) strictly, before the library sees them.

The library's parser is quadratic and accepts trailing bytes and foreign characters. This one reads
once, counts, and leaves the MAC to the library. Source: docs/reference/token-format.md section 5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from delegation.authority.chain import MAX_LINKS
from delegation.errors import MalformedError
from delegation.tokens.bounds import MAX_CAVEAT_BYTES, MAX_CAVEATS

_VERSION: Final = 2
_END, _LOCATION, _IDENTIFIER, _VID, _SIGNATURE = 0, 1, 2, 4, 6
VID_BYTES: Final = 72
SIGNATURE_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class WireCaveat:
    """One caveat.

    Args:
        id: What it says.
        vid: The encrypted key of a third-party caveat, None on a first-party one.
    """

    id: bytes
    vid: bytes | None


@dataclass(frozen=True, slots=True)
class WireMacaroon:
    """A macaroon, taken apart. The signature is a bearer secret: it is never shown."""

    identifier: bytes
    caveats: tuple[WireCaveat, ...]
    signature: bytes = field(repr=False)


def _malformed() -> MalformedError:
    return MalformedError("The token", wanted="a binary v2 macaroon in its one spelling")


class _Cursor:
    """A position in the bytes."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def byte(self) -> int:
        if self.at >= len(self.data):
            raise _malformed()
        self.at += 1
        return self.data[self.at - 1]

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004  # the continuation bit
                if shift and byte == 0:
                    raise _malformed()
                return value
            shift += 7
            if shift > 14:  # noqa: PLR2004  # three bytes count to 2 MiB, beyond any text
                raise _malformed()

    def value(self) -> bytes:
        length = self.number()
        end = self.at + length
        if end > len(self.data):
            raise _malformed()
        found = self.data[self.at : end]
        self.at = end
        return found

    def section(self, allowed: tuple[int, ...]) -> dict[int, bytes]:
        """Read fields of ascending type up to the end mark."""
        fields: dict[int, bytes] = {}
        last = 0
        while True:
            if (kind := self.byte()) == _END:
                return fields
            if kind <= last or kind not in allowed:
                raise _malformed()
            fields[kind] = self.value()
            last = kind


def read(data: bytes) -> WireMacaroon:
    """Return a macaroon's parts.

    Raises:
        MalformedError: Another version or spelling, a location (nobody signs it), more caveats
            than a chain has, or a longer one than the longest payload's.
    """
    cursor = _Cursor(data)
    if cursor.byte() != _VERSION:
        raise _malformed()
    header = cursor.section((_LOCATION, _IDENTIFIER))
    if header.get(_LOCATION) != b"" or _IDENTIFIER not in header:
        raise _malformed()
    caveats: list[WireCaveat] = []
    while cursor.at < len(data) and data[cursor.at] != _END:
        if len(caveats) == MAX_CAVEATS:
            raise MalformedError("The token", wanted=f"a macaroon of at most {MAX_CAVEATS} caveats")
        fields = cursor.section((_LOCATION, _IDENTIFIER, _VID))
        vid = fields.get(_VID)
        is_odd = fields.get(_LOCATION, b"") != b"" or _IDENTIFIER not in fields
        if is_odd or (vid is not None and len(vid) != VID_BYTES):
            raise _malformed()
        if len(fields[_IDENTIFIER]) > MAX_CAVEAT_BYTES:
            raise MalformedError("The token", wanted=f"of caveats up to {MAX_CAVEAT_BYTES} bytes")
        caveats.append(WireCaveat(fields[_IDENTIFIER], vid))
    if cursor.byte() != _END or cursor.byte() != _SIGNATURE:
        raise _malformed()
    signature = cursor.value()
    if len(signature) != SIGNATURE_BYTES or cursor.at != len(data):
        raise _malformed()
    if sum(caveat.vid is None for caveat in caveats) > MAX_LINKS:
        raise MalformedError("The token", wanted=f"a chain of at most {MAX_LINKS} links")
    return WireMacaroon(header[_IDENTIFIER], tuple(caveats), signature)
