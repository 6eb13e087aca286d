"""Signs and verifies by Ed25519 on libsodium, and tells which 32 bytes may be a key at all.

Source: RFC 8032; small-order and non-canonical encodings after libsodium's own list. Verification
is PyNaCl's and never another library's: `cryptography` accepted a forged signature under the
identity key (measured, see docs/adr).
"""

from __future__ import annotations

from typing import Final

from nacl import bindings
from nacl.exceptions import BadSignatureError, CryptoError

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

_P: Final = 2**255 - 19
_SIGN_BIT: Final = 1 << 255
# y coordinates of the eight small-order points; with either sign bit none may be a key.
_SMALL_ORDER_Y: Final = frozenset(
    {
        0,
        1,
        _P - 1,
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
    }
)


def public_of(seed: bytes) -> bytes:
    """Return the 32-byte public key of a 32-byte seed."""
    return bytes(bindings.crypto_sign_seed_keypair(seed)[0])


def sign(seed: bytes, message: bytes) -> bytes:
    """Return the 64-byte signature of the message under a 32-byte seed."""
    secret = bindings.crypto_sign_seed_keypair(seed)[1]
    return bytes(bindings.crypto_sign(message, secret)[:SIGNATURE_BYTES])


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether the signature is the key's over the message.

    Never raises: wrong lengths are simply not a signature. Not checked here: whether the key may
    be one at all (`is_usable_encoding`).
    """
    if len(public) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        bindings.crypto_sign_open(signature + message, public)
    except (BadSignatureError, CryptoError):
        return False
    return True


def is_usable_encoding(public: bytes) -> bool:
    """Return whether 32 bytes may be a key: canonical (y < p) and not of small order.

    By table, 1 us, for the hot path. Not checked here: whether the bytes are a point in the prime
    subgroup at all (`is_valid_point`, when a key is registered); mixed-order keys pass until then
    (docs/adr/0003-key-checks.md).
    """
    if len(public) != KEY_BYTES:
        return False
    y = int.from_bytes(public, "little") & ~_SIGN_BIT
    return y < _P and y not in _SMALL_ORDER_Y


def is_valid_point(public: bytes) -> bool:
    """Return whether 32 bytes are a canonical point of the prime-order subgroup (about 45 us)."""
    return len(public) == KEY_BYTES and bool(bindings.crypto_core_ed25519_is_valid_point(public))
