"""Issues a task's root, and renews a root that ends."""

from __future__ import annotations

from delegation.authority.chain import LINK_ID, Link, Origin, parse_payload
from delegation.authority.fields import matching_text
from delegation.authority.fit import raise_unfit, refuse_unfit_grant
from delegation.authority.grant import Grant
from delegation.authority.ids import LinkId, TaskId
from delegation.authority.narrowing import refuse_freed, refuse_wider
from delegation.commands.named import found
from delegation.commands.retry import tried_again
from delegation.commands.work import Store, Work
from delegation.errors import ConflictError, WiderThanParentError
from delegation.identity.keyring import KeyRing
from delegation.identity.principal import PublicKey
from delegation.judge.subject import Subject
from delegation.tokens.issuer import issue_token
from delegation.tokens.token import Token


@tried_again
def issue(  # what a root link states
    store: Store,
    ring: KeyRing,
    task: TaskId,
    *,
    to: PublicKey,
    grant: Grant,
    token_format: str,
    at: int,
) -> Token:
    """Issue a task's root link to a holder and record it before it leaves.

    Args:
        store: Where it is recorded.
        ring: The service's keys.
        task: An open task.
        to: The first holder, usually the orchestrator.
        grant: What it gets; unset fields are copied from the ceiling, and times that are counted from
            the task's opening become instants.
        token_format: `biscuit` or `macaroon`.
        at: Unix seconds.

    Raises:
        NotFoundError: There is no such task.
        ConflictError: The task is closed, past its deadline, or may have no more links.
        WiderThanParentError: The grant is not within the task's ceiling. Nothing is clipped.
        UnfitError: The grant does not go with the catalogue that the root pins (`authority.fit`).
    """
    with store.write() as work:
        entry = found("task", task, work.task(task, at=at))
        if entry.state not in {"open", "active"}:
            raise ConflictError("The task is over; nothing is issued outside an open task.")
        complete = grant.opened(entry.opened_at).filled_from(entry.ceiling)
        refusal = refuse_wider(complete, entry.ceiling) or refuse_freed(complete, entry.ceiling)
        if refusal is not None:
            raise WiderThanParentError(
                refusal.code, refusal.field, refusal.message, remedy=refusal.remedy
            )
        # A child task speaks of the tools that its opener's root speaks of: pinned anew, a tool that
        # was redefined since would come back.
        catalogue = work.catalogue()
        revision = catalogue.revision if entry.pinned is None else entry.pinned
        raise_unfit(refuse_unfit_grant(complete, catalogue, revision, above=entry.ceiling))
        origin = Origin(ring.issuer, task, entry.under, revision)
        token = issue_token(
            work.signing_ring(ring, at=at), origin, to=to, grant=complete, token_format=token_format
        )
        work.record_root(token.chain, token.evidence, at=at)
    return token


@tried_again
def renew(  # what a renewal states
    store: Store, ring: KeyRing, root: LinkId, *, lasts: int | None, token_format: str, at: int
) -> Token:
    """Issue a root for the holder and grant of an earlier one, with a later end; recorded as such.

    A renewal is more time and nothing else: it speaks of the same catalogue revision, spends from
    the same budget, and lasts as long as what it renews unless told otherwise, at most to the end of
    the task's ceiling. Only what stands is renewed: where any link of the line is or will be revoked,
    or is suspended, or the task is over, none is. The old root stays as it is; revoking either ends
    both. Links below are made anew by their delegators, from the new root; that those renew earlier
    ones is told from their signatures.

    Args:
        store: Where it is recorded.
        ring: The service's keys.
        root: The earlier root; it may have expired.
        lasts: Seconds until the new root's end; None lasts as long as the earlier root did, or to the
            end of the task's ceiling where that comes first.
        token_format: `biscuit` or `macaroon`.
        at: Unix seconds.

    Raises:
        NotFoundError: There is no such link.
        MalformedError: The id is none, or the end is beyond what a grant can state.
        ConflictError: It is no root, does not stand, or its task is over.
        WiderThanParentError: The grant is not within the task's ceiling any more.
        UnfitError: The grant does not go with the catalogue that the earlier root pins.
    """
    matching_text("link", root, LINK_ID, "a link id")
    with store.write() as work:
        entry = found("link", root, work.link(root, at=at))
        payload = found("link", root, work.link_payload(root))
        if entry.parent is not None:
            raise ConflictError("Only a root is renewed here; its holder delegates again below it.")
        task = work.task(entry.task, at=at)
        if task is None or task.state not in {"open", "active"}:
            raise ConflictError("The task is over; nothing is issued outside an open task.")
        if entry.standing not in {"active", "expired"}:
            raise ConflictError("The link does not stand, so it is not renewed.")
        _refuse_ended(work, root)
        earlier = parse_payload(payload, root=True)
        held = earlier.grant
        begins = max(at, held.not_before)  # what has not begun does not begin earlier
        until = min(begins + held.expires_at - held.not_before, task.ceiling.expires_at)
        ends = until if lasts is None else at + lasts
        grant = Grant.from_json({**held.to_json(), "not_before": begins, "expires_at": ends})
        refusal = refuse_wider(grant, task.ceiling) or refuse_freed(grant, task.ceiling)
        if refusal is not None:
            raise WiderThanParentError(
                refusal.code, refusal.field, refusal.message, remedy=refusal.remedy
            )
        pinned = _pinned(earlier)
        raise_unfit(refuse_unfit_grant(grant, work.catalogue(), pinned, above=grant))
        # Pinned anew, a tool that was redefined since, or whose system was ended, would come back.
        origin = Origin(ring.issuer, entry.task, task.under, pinned)
        holder = PublicKey(earlier.holder_name, earlier.holder_key)
        token = issue_token(
            work.signing_ring(ring, at=at),
            origin,
            to=holder,
            grant=grant,
            token_format=token_format,
        )
        work.record_root(token.chain, token.evidence, at=at)
        work.record_renewal(token.chain.root.id, renews=root, at=at)
    return token


def _refuse_ended(work: Work, root: LinkId) -> None:
    """Refuse to renew what was ended at any link of its line, or will be.

    An expired link hides its suspension, and a line may have been ended at a link that is over.
    """
    for link in (root, *work.line(root)):
        changes = work.changes(Subject("link", link))
        if any(change.act == "revoke" for change in changes):
            raise ConflictError("The link, or one of its line, is revoked, so it is not renewed.")
        if changes and changes[-1].act == "suspend":
            raise ConflictError("The link, or one of its line, is suspended, so it is not renewed.")


def _pinned(root: Link) -> int:
    if root.origin is None:
        raise AssertionError(root.id)  # it was parsed as a root
    return root.origin.catalogue
