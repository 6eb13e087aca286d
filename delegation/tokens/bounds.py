"""Bounds that are checked before any cryptography, each with its reason."""

from __future__ import annotations

from typing import Final

from delegation.authority.chain import MAX_LINKS, MAX_PAYLOAD_BYTES

MAX_TEXT_BYTES: Final = 64 * 1024
"""A token's text: 16 links of some 2 kB each and room; a flood of larger ones costs nothing."""

MAX_DISCHARGES: Final = 8
"""Discharges behind a macaroon: more than any chain of outside authorities needs."""

MAX_CAVEATS: Final = MAX_LINKS + MAX_DISCHARGES
"""Caveats of a macaroon; the library's parser is quadratic in them."""

__all__ = ["MAX_CAVEATS", "MAX_DISCHARGES", "MAX_LINKS", "MAX_PAYLOAD_BYTES", "MAX_TEXT_BYTES"]
