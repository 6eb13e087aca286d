"""Pairs public keys with the names that somebody claims for them."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from delegation import canonical, ed25519
from delegation.authority.agent_name import AGENT_NAME, WANTED
from delegation.authority.fields import matching_text
from delegation.errors import MalformedError

PREFIX = "ed25519:"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A holder's public key and what it is called.

    Args:
        name: The holder's name: a claim until (name, key) is registered.
        key: 32 bytes, an Ed25519 public key.

    Raises:
        MalformedError: The name has another form, or the bytes can be no key.
    """

    name: str
    key: bytes

    def __post_init__(self) -> None:
        matching_text("name", self.name, AGENT_NAME, WANTED)
        if not ed25519.is_usable_encoding(self.key):
            raise MalformedError("key", wanted="a usable Ed25519 public key of 32 bytes")

    @property
    def text(self) -> str:
        """The key as text: `ed25519:` and base64url."""
        return PREFIX + canonical.b64u(self.key)

    @property
    def fingerprint(self) -> str:
        """A short text to tell keys apart by eye."""
        return fingerprint(self.key)

    @classmethod
    def from_text(cls, name: str, text: str) -> PublicKey:
        """Return the key that `text` spells.

        Raises:
            MalformedError: It spells none.
        """
        if not text.startswith(PREFIX):
            raise MalformedError("key", wanted="ed25519: and base64url")
        return cls(name, canonical.unb64u(text.removeprefix(PREFIX), what="key"))


def public_key(what: str, value: object) -> PublicKey:
    """Return the public key that is given.

    Raises:
        MalformedError: It is something else; of a key pair it says which half is meant.
    """
    if isinstance(value, PublicKey):
        return value
    if isinstance(getattr(value, "public", None), PublicKey):
        raise MalformedError(
            what, wanted="the public half, key.public: the pair stays with its holder"
        )
    raise MalformedError(what, wanted="a PublicKey, such as key.public of a HolderKey")


def fingerprint(key: bytes) -> str:
    """Return 60 bits of the key's SHA-256 as three groups of four letters and digits.

    For eyes, never for decisions: keys are compared as 32 bytes.
    """
    text = base64.b32encode(hashlib.sha256(key).digest()).decode("ascii").lower()
    return "-".join((text[0:4], text[4:8], text[8:12]))
