"""Announcing: a holder shows the service its token before it is ever used, so that reviewers see it."""

from __future__ import annotations

from delegation.authority.access import Access
from delegation.authority.chain import Chain
from delegation.authority.ids import LinkId
from delegation.commands.check import CheckContext
from delegation.commands.reserved import open_reserved
from delegation.commands.retry import tried_again
from delegation.errors import AuthorityError
from delegation.lineage.entry import LinkEntry

TOOL = "delegation.announce"


def announcement(issuer: str) -> Access:
    """Return the access that a holder proves in order to announce its token."""
    return Access(TOOL, {}, audience=issuer)


def announce(context: CheckContext, token: str, proof: str, *, at: int) -> LinkEntry:
    """Record the links of a token that its holder shows, and return the leaf.

    From then on the leaf's id may be sent in the token's place. Steps 1 to 6 and 14 only: it charges
    nothing and works after expiry. A link that is seen for the first time under what was ended is
    refused; of one that was recorded before, the entry's standing says what ended it.

    Args:
        context: Store, keys and cache.
        token: Token text.
        proof: Proof over `announcement(issuer)`.
        at: Unix seconds.

    Raises:
        UnverifiedError: Token or proof does not verify, the proof was used before, or the link was
            not recorded before what it stands on was ended.
        AuthorityError: The store does not know the link that it was just given.
        StoreUnavailableError: It could not be recorded.
    """
    verified = open_reserved(context, token, proof, announcement(context.ring.issuer), at=at)
    entry = _kept(context, token, verified.chain, at=at)
    if entry is None:
        raise AuthorityError("The link is not recorded.")
    return entry


@tried_again
def _kept(context: CheckContext, token: str, chain: Chain, *, at: int) -> LinkEntry | None:
    """Keep the text and return the leaf; on its own, since the proof is spent by now."""
    leaf: LinkId = chain.leaf.id
    with context.store.write() as work:
        entry = work.link(leaf, at=at)
        # The text of what is over for good can be sent in nobody's place.
        if entry is not None and entry.standing in {"active", "suspended"}:
            expires_at = min(link.grant.expires_at for link in chain.links)
            work.keep_announced(token, leaf, expires_at=expires_at)
        return entry
