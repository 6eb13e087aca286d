"""Reads values that mean nothing to us and are compared as they are: ids, bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from delegation import canonical
from delegation.authority.arguments.argument_type import (
    NoCanonicalFormError,
    PlainType,
    text_in,
)
from delegation.authority.arguments.character import character_found
from delegation.authority.fields import integer
from delegation.canonical import Json
from delegation.errors import MalformedError

MAX_OPAQUE: Final = 256
MAX_BYTES: Final = 32_768
_NO_OPAQUE: Final = re.compile(r"[^A-Za-z0-9._~:@+-]", re.ASCII)
_OPAQUE: Final = re.compile(r"[A-Za-z0-9._~:@+-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class OpaqueType(PlainType):
    """An identifier of ASCII letters, digits and `._~:@+-`: nothing that a path or query reads.

    Args:
        max: Most characters, 1 to 256.
    """

    name: ClassVar[str] = "opaque"
    max: int = MAX_OPAQUE

    def __post_init__(self) -> None:
        integer("opaque max", self.max, 1, MAX_OPAQUE)

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return f"1 to {self.max} letters, digits and . _ ~ : @ + -, not dots alone"

    def canonicalise(self, value: Json) -> Json:
        """Return the identifier as it is."""
        value = text_in(value, "an identifier")
        if len(value) > self.max or _OPAQUE.fullmatch(value) is None or not value.strip("."):
            odd = _NO_OPAQUE.search(value)
            what = f"it holds {character_found(value, odd)}" if odd else "it has another length"
            raise NoCanonicalFormError(
                "opaque_form",
                "it is made of dots alone" if value and not value.strip(".") else what,
            )
        return value


@dataclass(frozen=True, slots=True)
class BytesType(PlainType):
    """Bytes as unpadded base64url that re-encodes to itself.

    Args:
        max: Most bytes after decoding.
    """

    name: ClassVar[str] = "bytes"
    max: int = MAX_BYTES

    def __post_init__(self) -> None:
        integer("bytes max", self.max, 0, MAX_BYTES)

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return f"at most {self.max} bytes as base64url without padding"

    def canonicalise(self, value: Json) -> Json:
        """Return the text as it is."""
        value = text_in(value, "base64url text")
        try:
            data = canonical.unb64u(value)
        except MalformedError as error:
            raise NoCanonicalFormError("bytes_form", "it is no unpadded base64url") from error
        if len(data) > self.max:
            raise NoCanonicalFormError("bytes_too_long", f"it has {len(data)} bytes")
        return value
