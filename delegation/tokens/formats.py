"""Lists the formats of tokens: what one must do, each a module of this package, and one line here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from delegation import ed25519
from delegation.errors import MalformedError
from delegation.identity.keyring import KeyRing, PublicRing, RingRole
from delegation.tokens import biscuit, macaroon
from delegation.tokens.evidence import NAMED, Format, LinkEvidence
from delegation.tokens.failed import Failed
from delegation.tokens.links import Cache, Proven


class TokenFormat(Protocol):
    """What a module does that reads and writes one format."""

    @property
    def TAG(self) -> str:  # noqa: N802  # a module's constant, as those below
        """What stands behind `dct.` in a token's text."""

    @property
    def ROLES(self) -> Sequence[RingRole]:  # noqa: N802
        """The roles of the ring's keys without which none can be issued."""

    @property
    def DISCHARGES(self) -> int:  # noqa: N802
        """How many discharges may stand behind the container."""

    @property
    def IS_PUBLIC(self) -> bool:  # noqa: N802
        """Whether public keys verify it whole."""

    def issue(self, payload: bytes, ring: KeyRing) -> bytes:
        """Return a container of one link, signed by the ring's active keys.

        Raises:
            KeyRingError: The ring has no active key for it.
        """

    def append(self, data: bytes, payload: bytes, *, holder_seed: bytes) -> bytes:
        """Return the container with one more link, authored by the last link's holder, offline.

        Raises:
            MalformedError: `data` is no container of this format.
        """

    def last_payload(self, data: bytes) -> bytes | None:
        """Return the last link's payload, nothing of it verified; None where there is none.

        Raises:
            MalformedError: `data` is no container of this format.
        """

    def verify(
        self, data: bytes, discharges: Sequence[bytes], ring: KeyRing, cache: Cache, at: int | None
    ) -> Proven | Failed:
        """Return the links after steps 2 to 5, or the first failure.

        Raises:
            MalformedError, UnicodeError: It is not the container in its one spelling (step 1).
        """

    def verify_public(
        self, data: bytes, ring: PublicRing, cache: Cache, at: int | None
    ) -> Proven | Failed:
        """Return the links as far as public keys verify them, or the first failure.

        Raises:
            MalformedError, UnicodeError: It is not the container in its one spelling (step 1).
        """

    def signed_bytes(self, payload: bytes, evidence: LinkEvidence) -> bytes | None:
        """Return what evidence says was signed; None where that is not this payload."""


FORMATS: Final[Mapping[Format, TokenFormat]] = MappingProxyType(
    {
        "biscuit": biscuit,
        "macaroon": macaroon,
    }
)
PUBLIC: Final = frozenset(name for name, one in FORMATS.items() if one.IS_PUBLIC)


def format_named(name: str) -> Format:
    """Return the format of this name.

    Raises:
        MalformedError: There is none.
    """
    for known in FORMATS:
        if known == name:
            return known
    raise MalformedError("format", wanted=NAMED)


def check_evidence(payload: bytes, signer: bytes, evidence: LinkEvidence) -> bool:
    """Return whether the evidence shows that this key signed this payload.

    Args:
        payload: The link's canonical payload.
        signer: The issuer's key for a root, the parent's holder key below it.
        evidence: As it was recorded; that of an unknown format shows nothing.
    """
    known = FORMATS.get(evidence.format)
    message = None if known is None else known.signed_bytes(payload, evidence)
    return message is not None and ed25519.verify(signer, message, evidence.signature)
