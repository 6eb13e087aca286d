"""Holds a token in its holder's hands: read, delegated offline, never printed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Self

from delegation.authority.catalogue import Catalogue
from delegation.authority.chain import MAX_LINKS, SALT_BYTES, Chain, child_payload
from delegation.authority.fit import raise_unfit, refuse_unfit_grant
from delegation.authority.grant import Grant
from delegation.authority.ids import LinkId, TaskId
from delegation.authority.narrowing import refuse_wider
from delegation.errors import (
    MalformedError,
    NotHolderError,
    UnfitError,
    UnverifiedError,
    WiderThanParentError,
)
from delegation.identity.keyring import PublicRing
from delegation.identity.keys import HolderKey
from delegation.identity.principal import PublicKey, public_key
from delegation.tokens import macaroon
from delegation.tokens.bounds import MAX_TEXT_BYTES
from delegation.tokens.evidence import Format, LinkEvidence
from delegation.tokens.failed import Failed
from delegation.tokens.formats import FORMATS
from delegation.tokens.prefix_cache import PrefixCache
from delegation.tokens.text import TokenBytes, read_text
from delegation.tokens.verifier import VerifiedToken, read_public


@dataclass(frozen=True, slots=True)
class Token:
    """A token whose chain is authentic as far as public keys show; made by `read` or by issuing.

    Args:
        text: What travels. Whoever also has the leaf's key can use it.
        format: `biscuit` or `macaroon`.
        chain: The links, root first.
        ring: The issuer's public keys.
        evidence: For each link, what re-verifies it later.
    """

    text: str = field(repr=False)
    format: Format
    chain: Chain = field(repr=False)
    ring: PublicRing = field(repr=False)
    evidence: tuple[LinkEvidence, ...] = field(repr=False)

    @classmethod
    def read(cls, text: str, issuer: PublicRing) -> Self:
        """Return the token that a text carries, verified with public keys.

        A biscuit is verified whole. Of a macaroon every link's author is verified, but not its MAC,
        which only the issuer can check.

        Not checked here: time, standing, whether it is ours to use.

        Args:
            text: The token's text.
            issuer: The issuer's public keys.

        Raises:
            UnverifiedError: A step from 1 to 5 fails; `reason` is its code.
        """
        if isinstance(found := read_public(text, issuer, PrefixCache()), Failed):
            refusal = found.refusal
            raise UnverifiedError(refusal.code, refusal.message, remedy=refusal.remedy)
        return cls.of(text, found, issuer)

    @classmethod
    def of(cls, text: str, verified: VerifiedToken, ring: PublicRing) -> Self:
        """Return the token of a text that was verified just now."""
        return cls(text, verified.format, verified.chain, ring, verified.evidence)

    @property
    def id(self) -> LinkId:
        """The leaf link's id."""
        return self.chain.leaf.id

    @property
    def grant(self) -> Grant:
        """The leaf's grant: all that this token is good for."""
        return self.chain.leaf.grant

    @property
    def holder(self) -> PublicKey:
        """The leaf's holder, as its delegator calls it."""
        leaf = self.chain.leaf
        return PublicKey(leaf.holder_name, leaf.holder_key)

    @property
    def task(self) -> TaskId:
        """The task under which it stands."""
        return self.chain.origin.task

    @property
    def depth(self) -> int:
        """How many links it has."""
        return len(self.chain.links)

    def __repr__(self) -> str:
        """Return ids and depth, never the text."""
        return f"<Token {self.format} {self.id} of {self.task}, {self.depth} links>"

    def delegate(
        self, *, by: HolderKey, to: PublicKey, grant: Grant, catalogue: Catalogue | None = None
    ) -> Self:
        """Return a longer token for another holder. Offline: no service and no issuer is asked.

        Not checked here without a catalogue: that the grant goes with the tools it names. The service
        denies each call that meets what does not (step 8).

        Args:
            by: The leaf holder's key, which signs the new link.
            to: The new holder's public key.
            grant: What is passed on, within this token's grant; unset fields are copied.
            catalogue: All revisions, as a client or tracker gave them earlier (`client.catalogue()`):
                what does not go with the tools that the root speaks of is refused (`authority.fit`).

        Raises:
            NotHolderError: `by` is not the leaf's holder.
            WiderThanParentError: The grant holds more than this token's. Nothing is clipped.
            UnfitError: The grant does not go with the catalogue's tools, or it is older than the root.
            MalformedError: The token would have more than 16 links or 64 KiB, a third-party
                caveat's discharges are bound already, or `to` is one of the issuer's own keys.
        """
        leaf = self.chain.leaf
        if not isinstance(by, HolderKey):
            raise MalformedError("by", wanted="the HolderKey that signs: no other key can")
        if by.public.key != leaf.holder_key:
            raise NotHolderError(
                "Only the leaf's holder may delegate this token.",
                remedy="Use the key that the last link names.",
            )
        if self.ring.holds(public_key("to", to).key):
            raise MalformedError("to", wanted="a holder's key, not one of the issuer's own")
        if self.depth >= MAX_LINKS:
            raise MalformedError("The token", wanted=f"a chain of at most {MAX_LINKS} links")
        complete = grant.filled_from(leaf.grant)
        if (refusal := refuse_wider(complete, leaf.grant)) is not None:
            raise WiderThanParentError(
                refusal.code, refusal.field, refusal.message, remedy=refusal.remedy
            )
        if catalogue is not None:
            pinned, held = self.chain.origin.catalogue, leaf.grant
            if pinned > catalogue.revision:
                raise UnfitError(
                    "catalogue_unknown",
                    "catalogue",
                    "The catalogue is older than the revision that the root pins.",
                    remedy="Ask the service for its catalogue again.",
                )
            raise_unfit(refuse_unfit_grant(complete, catalogue, pinned, above=held))
        payload = child_payload(
            leaf.id,
            holder_key=to.key,
            holder_name=to.name,
            grant=complete,
            salt=secrets.token_bytes(SALT_BYTES),
            least=leaf.version,
        )
        parts = read_text(self.text)
        if parts.discharges:
            raise MalformedError("The token", wanted="without discharges: bind them last")
        body = FORMATS[self.format].append(parts.body, payload, holder_seed=by.secret_seed())
        text = TokenBytes(self.format, body).to_text()
        if len(text) > MAX_TEXT_BYTES:
            raise MalformedError("The token", wanted=f"at most {MAX_TEXT_BYTES} bytes of text")
        return self.read(text, self.ring)

    def with_third_party_caveat(self, *, key: bytes, caveat_id: bytes) -> Self:
        """Return a macaroon that also needs the discharge of an outside authority. It only subtracts.

        Args:
            key: 32 secret bytes shared with that authority.
            caveat_id: What the authority reads, 1 to 1024 bytes.

        Raises:
            MalformedError: This is no macaroon, or an argument has another length.
        """
        parts = read_text(self.text)
        if self.format != "macaroon" or parts.discharges:
            raise MalformedError("The token", wanted="a macaroon without discharges")
        body = macaroon.add_third_party(parts.body, caveat_key=key, caveat_id=caveat_id)
        return self.read(TokenBytes("macaroon", body).to_text(), self.ring)

    def with_discharges(self, discharges: list[bytes]) -> Self:
        """Return the macaroon with discharges bound to it, ready to be proven and sent.

        Args:
            discharges: One for each third-party caveat, in their order, as the authorities made them.

        Raises:
            MalformedError: This is no macaroon, or one of them is none.
        """
        parts = read_text(self.text)
        if self.format != "macaroon":
            raise MalformedError("The token", wanted="a macaroon")
        bound = tuple(macaroon.bind(parts.body, discharges))
        return self.read(TokenBytes("macaroon", parts.body, bound).to_text(), self.ring)
