"""Holds what re-verifies one link's author later, from the record, without any secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

Format: TypeAlias = Literal["biscuit", "macaroon"]
NAMED: Final = " or ".join(get_args(Format))
"""The formats as a sentence names them."""


@dataclass(frozen=True, slots=True)
class LinkEvidence:
    """The signature over one link, with what else it covers.

    Args:
        format: Which format's rules made the signed bytes.
        block: Biscuit root: block, algorithm and next key; biscuit child: the block; macaroon:
            the payload.
        signature: The author's 64-byte signature.
        previous_signature: For a biscuit child: the signature of the block before it, which its
            author signed too; None otherwise.
    """

    format: Format
    block: bytes
    signature: bytes
    previous_signature: bytes | None = None
