"""Bounds tokens before any cryptography, each bound with its reason."""

from __future__ import annotations

from typing import Final

from delegation import ed25519
from delegation.authority.chain import LINK_TAG, MAX_LINKS, MAX_PAYLOAD_BYTES

# A token's text: 16 links of some 2 kB each and room; a flood of larger ones costs nothing.
MAX_TEXT_BYTES: Final = 64 * 1024
# Discharges behind a macaroon: more than any chain of outside authorities needs.
MAX_DISCHARGES: Final = 8
# Caveats of a macaroon; the library's parser is quadratic in them.
MAX_CAVEATS: Final = MAX_LINKS + MAX_DISCHARGES
# A signature in base64url without padding.
SIGNATURE_CHARACTERS: Final = -(-ed25519.SIGNATURE_BYTES * 8 // 6)
# A macaroon's caveat that holds the longest payload: tag, signature, payload, and two dots.
MAX_CAVEAT_BYTES: Final = len(LINK_TAG) + 1 + SIGNATURE_CHARACTERS + 1 + MAX_PAYLOAD_BYTES
# What a biscuit's template adds to the longest payload: tags, version, three-byte lengths.
BLOCK_OVERHEAD: Final = 27
# A biscuit's block that holds the longest payload.
MAX_BLOCK_BYTES: Final = BLOCK_OVERHEAD + MAX_PAYLOAD_BYTES
