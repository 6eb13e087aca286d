"""Revoking: one recorded row that ends a link, task, agent or key and everything below it."""

from __future__ import annotations

import re
from typing import Final

from delegation.authority.access import Access
from delegation.authority.chain import LINK_ID
from delegation.authority.fields import matching_text
from delegation.authority.ids import LinkId
from delegation.identity.principal import fingerprint
from delegation.judge.facts import Subject
from delegation.tracker.check import Desk
from delegation.tracker.reserved import draft_of, raise_denial, verify_reserved
from delegation.tracker.work import Revocation, Store, Work

TOOL: Final = "delegation.revoke"
KINDS: Final = re.compile("link|task|agent|key")
REASON: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]{0,500}")
BY: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,128}")


def revoke(store: Store, subject: Subject, *, by: str, reason: str, at: int) -> Revocation:
    """Record a revocation; no call under the subject is allowed by a later transaction.

    Repeating one changes nothing and returns the first. There is no way back: a new link is made
    instead. Descendants are not rewritten: their standing is computed from their ancestors.

    Args:
        store: Where it is recorded.
        subject: What is revoked: `link`, `task`, `agent` or `key` and its id.
        by: Who revokes.
        reason: Why, at most 500 characters.
        at: Unix seconds.

    Raises:
        MalformedError: The kind, reason or revoker has another form.
        NotFoundError: No task or agent is recorded under that id. Links and keys may be revoked
            before they are ever seen, since they are made offline.
        StoreUnavailableError: It could not be recorded.
    """
    matching_text("kind", subject.kind, KINDS, "link, task, agent or key")
    matching_text("by", by, BY, "1 to 128 characters without control characters")
    matching_text("reason", reason, REASON, "at most 500 characters without control characters")
    with store.write(alone=True) as work:
        return work.revoke(subject, by=by, reason=reason, at=at)


def revocation_request(issuer: str, link: LinkId) -> Access:
    """Return the access that a holder proves in order to cut a link below its own.

    Raises:
        MalformedError: `link` is no link id.
    """
    matching_text("link", link, LINK_ID, "a link id")
    return Access(TOOL, {"link": link}, audience=issuer)


def revoke_below(desk: Desk, token: str, proof: str, link: LinkId, *, at: int) -> Revocation:
    """Cut a link strictly below the holder's own. Any holder may; the issuer is not asked.

    Links of a child task are below the link under which it was opened.

    Args:
        desk: Store, keys and cache.
        token: The holder's token text.
        proof: Proof over `revocation_request(issuer, link)`.
        link: The link to cut, as recorded.
        at: Unix seconds.

    Raises:
        MalformedError: `link` is no link id.
        UnverifiedError: Token or proof does not verify, the proof was used before, or the link is
            not below the holder's own; the denial is recorded.
        StoreUnavailableError: It could not be recorded.
    """
    access = revocation_request(desk.ring.issuer, link)
    verified = verify_reserved(desk, token, proof, access, at=at, client="")
    revocation = None
    with desk.store.write(alone=True) as work:
        ancestors = _above(work, link, at)
        denial = work.decide(draft_of(desk, verified, access, at=at, ancestors=ancestors)).denial
        if denial is None:
            by = fingerprint(verified.chain.leaf.holder_key)
            revocation = work.revoke(
                Subject("link", link), by=by, reason="by a holder above it", at=at
            )
    raise_denial(denial)
    if revocation is None:  # unreachable: `raise_denial` raised; kept so that None never leaves
        raise AssertionError
    return revocation


def _above(work: Work, link: LinkId, at: int) -> tuple[LinkId, ...]:
    """Return every link above one: its chain's, and those of whoever opened its task, and so on."""
    chain = list(work.ancestors(link, at=at))
    found = [entry.id for entry in chain[:-1]]
    while chain and chain[0].under is not None:
        chain = list(work.ancestors(chain[0].under, at=at))
        found += [entry.id for entry in chain]
    return tuple(found)
