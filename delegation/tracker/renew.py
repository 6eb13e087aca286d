"""Renewing: a root made in place of one that ends, for the same holder, within the same task."""

from __future__ import annotations

from delegation.authority.chain import LINK_ID, Origin, parse_payload
from delegation.authority.fields import matching_text
from delegation.authority.grant import Grant
from delegation.authority.ids import LinkId
from delegation.authority.narrowing import refuse_wider
from delegation.errors import ConflictError, NotFoundError, WiderThanParentError
from delegation.identity.keyring import KeyRing
from delegation.identity.principal import PublicKey
from delegation.judge.facts import Subject
from delegation.tokens.issuer import issue_token
from delegation.tokens.token import Token
from delegation.tracker.patience import tried_again
from delegation.tracker.work import Store


@tried_again
def renew(  # what a renewal states
    store: Store, ring: KeyRing, root: LinkId, *, lasts: int | None, token_format: str, at: int
) -> Token:
    """Issue a root for the holder and grant of an earlier one, with a later end; recorded as such.

    Only what stands is renewed: a revoked or suspended root, or one whose task is over, is not. The
    old root stays as it is; revoking either ends both. Links below are made anew by their
    delegators, from the new root; that those renew earlier ones is told from their signatures.

    Args:
        store: Where it is recorded.
        ring: The service's keys.
        root: The earlier root; it may have expired.
        lasts: Seconds until the new root's end; None lasts as long as the task's ceiling.
        token_format: `biscuit` or `macaroon`.
        at: Unix seconds.

    Raises:
        NotFoundError: There is no such link.
        MalformedError: The id is none, or the end is beyond what a grant can state.
        ConflictError: It is no root, does not stand, or its task is over.
        WiderThanParentError: The grant is not within the task's ceiling any more.
    """
    matching_text("link", root, LINK_ID, "a link id")
    with store.write() as work:
        entry, payload = work.link(root, at=at), work.link_payload(root)
        if entry is None or payload is None:
            raise NotFoundError("link", root)
        if entry.parent is not None:
            raise ConflictError("Only a root is renewed here; its holder delegates again below it.")
        task = work.task(entry.task, at=at)
        if task is None or task.state not in {"open", "active"}:
            raise ConflictError("The task is over; nothing is issued outside an open task.")
        if entry.standing not in {"active", "expired"}:
            raise ConflictError("The link does not stand, so it is not renewed.")
        if any(change.act == "revoke" for change in work.changes(Subject("link", root))):
            # It stands until then; its renewal would stand for longer.
            raise ConflictError("The link is revoked from an instant on, so it is not renewed.")
        earlier = parse_payload(payload, root=True)
        ends = task.ceiling.expires_at if lasts is None else at + lasts
        grant = Grant.from_json({**earlier.grant.to_json(), "not_before": at, "expires_at": ends})
        refusal = refuse_wider(grant, task.ceiling)
        if refusal is not None:
            raise WiderThanParentError(
                refusal.code, refusal.field, refusal.message, remedy=refusal.remedy
            )
        pinned = work.catalogue().revision if task.pinned is None else task.pinned
        origin = Origin(ring.issuer, entry.task, task.under, pinned)
        holder = PublicKey(earlier.holder_name, earlier.holder_key)
        token = issue_token(ring, origin, to=holder, grant=grant, token_format=token_format)
        work.record_root(token.chain, token.evidence, at=at)
        work.record_renewal(token.chain.root.id, renews=root, at=at)
    return token
