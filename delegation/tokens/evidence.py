"""Evidence: what re-verifies one link's author later, from the record, without any secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from delegation import ed25519
from delegation.authority.chain import LINK_TAG
from delegation.tokens import biscuit_wire

Format: TypeAlias = Literal["biscuit", "macaroon"]


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


def check_evidence(payload: bytes, signer: bytes, evidence: LinkEvidence) -> bool:
    """Return whether the evidence shows that this key signed this payload.

    Args:
        payload: The link's canonical payload.
        signer: The issuer's key for a root, the parent's holder key below it.
        evidence: As it was recorded.
    """
    if evidence.format == "macaroon":
        message = LINK_TAG + b"\x00" + payload
        if evidence.block != payload:
            return False
    elif evidence.previous_signature is None:
        message = evidence.block
        block = biscuit_wire.block_of(payload, third_party=False)
        tail = message[len(block) :]
        if not message.startswith(block) or len(tail) != 4 + ed25519.KEY_BYTES:
            return False
    else:
        if evidence.block != biscuit_wire.block_of(payload, third_party=True):
            return False
        message = biscuit_wire.external_message(evidence.block, evidence.previous_signature)
    return ed25519.verify(signer, message, evidence.signature)
