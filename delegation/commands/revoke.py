"""Revokes and suspends: one recorded row ends a subject and all its descendants."""

from __future__ import annotations

import re
from typing import Final, get_args

from delegation.authority.access import Access
from delegation.authority.agent_name import AGENT_NAME, WANTED
from delegation.authority.chain import LINK_ID
from delegation.authority.fields import integer, matching_text
from delegation.authority.ids import LinkId
from delegation.commands.announce import draft_of, raise_denial, verify_reserved
from delegation.commands.check import CheckContext
from delegation.commands.retry import tried_again
from delegation.commands.tasks import MAX_LASTS
from delegation.commands.work import Reader, Store
from delegation.errors import MalformedError
from delegation.identity.principal import fingerprint
from delegation.judge.subject import EVERYTHING, Subject, SubjectKind
from delegation.lineage.feed import LastUse, Preview, Revocation

TOOL: Final = "delegation.revoke"
KINDS: Final = re.compile("|".join(get_args(SubjectKind)))
SUBJECT_ID: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,512}")  # a tool's name is no longer
REASON: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]{0,500}")
BY: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,128}")


@tried_again
def revoke(  # what a revocation states
    store: Store,
    subject: Subject,
    *,
    by: str,
    reason: str,
    at: int,
    effective_at: int | None = None,
) -> Revocation:
    """Record a revocation; no call under the subject is allowed by a later transaction.

    Repeating one changes nothing and returns the first. There is no way back: a new link is made
    instead. Descendants are not rewritten: their standing is computed from their ancestors.
    Verifiers outside the store follow within the bound of their lease (`judge.lease`).

    Args:
        store: Where it is recorded.
        subject: What is revoked. Everything at once is suspended, never revoked.
        by: Who revokes.
        reason: Why, at most 500 characters.
        at: Unix seconds.
        effective_at: Unix seconds from which it holds; at once if left out or past.

    Raises:
        MalformedError: The kind, reason, revoker or instant has another form.
        NotFoundError: Nothing is recorded under that id. Links and keys may be revoked before they
            are ever seen, since they are made offline.
        StoreUnavailableError: It could not be recorded.
    """
    if subject.kind == "everything":
        raise MalformedError("kind", wanted="another kind; everything is frozen by suspending it")
    _refuse_odd(subject, by, reason)
    if effective_at is not None:
        integer("effective_at", effective_at, 0, at + MAX_LASTS)
    with store.write(alone=True) as work:
        return work.revoke(subject, by=by, reason=reason, at=at, effective_at=effective_at)


@tried_again
def suspend(store: Store, subject: Subject, *, by: str, reason: str, at: int) -> Revocation:
    """Record a suspension: as a revocation, but an operator may end it.

    Everything may be suspended: a freeze, under which no call is allowed at all. Suspensions and
    their ends are ordered by epoch; revoking is final whatever came before.

    Args:
        store: Where it is recorded.
        subject: What is suspended.
        by: Who suspends.
        reason: Why, at most 500 characters.
        at: Unix seconds.

    Raises:
        MalformedError: The kind, reason or operator has another form.
        NotFoundError: Nothing is recorded under that id; links and keys need not be.
        ConflictError: The subject is revoked.
        StoreUnavailableError: It could not be recorded.
    """
    _refuse_odd(subject, by, reason)
    with store.write(alone=True) as work:
        return work.suspend(subject, by=by, reason=reason, at=at)


@tried_again
def resume(store: Store, subject: Subject, *, by: str, reason: str, at: int) -> Revocation:
    """Record that a suspension ends.

    Raises:
        MalformedError: The kind, reason or operator has another form.
        ConflictError: The subject is revoked, or not suspended.
        StoreUnavailableError: It could not be recorded.
    """
    _refuse_odd(subject, by, reason)
    with store.write(alone=True) as work:
        return work.resume(subject, by=by, reason=reason, at=at)


def preview(reader: Reader, kind: SubjectKind, id: str, *, at: int) -> Preview:  # noqa: A002
    """Return what would end with a subject now, and what would go on; nothing is changed.

    Raises:
        MalformedError: The kind or id has another form.
    """
    subject = Subject(kind, id)
    _refuse_odd(subject, "anybody", "")
    return reader.preview(subject, at=at)


def last_use(reader: Reader, kind: SubjectKind, id: str) -> LastUse:  # noqa: A002
    """Return the newest call that a link, an agent or a key made.

    Raises:
        MalformedError: The subject is of another kind, or its id has another form.
    """
    subject = Subject(kind, id)
    _refuse_odd(subject, "anybody", "")
    return reader.last_use(subject)


def _refuse_odd(subject: Subject, by: str, reason: str) -> None:
    matching_text("kind", subject.kind, KINDS, ", ".join(get_args(SubjectKind)))
    if subject.kind == "everything" and subject != EVERYTHING:
        raise MalformedError("id", wanted="* for everything")
    if subject.kind == "agent":
        matching_text("id", subject.id, AGENT_NAME, WANTED)
    else:
        what = "1 to 512 characters without control characters"
        matching_text("id", subject.id, SUBJECT_ID, what)
    matching_text("by", by, BY, "1 to 128 characters without control characters")
    matching_text("reason", reason, REASON, "at most 500 characters without control characters")


def revocation_request(issuer: str, link: LinkId) -> Access:
    """Return the access that a holder proves in order to cut a link below its own.

    Raises:
        MalformedError: `link` is no link id.
    """
    matching_text("link", link, LINK_ID, "a link id")
    return Access(TOOL, {"link": link}, audience=issuer)


@tried_again
def revoke_below(
    context: CheckContext, token: str, proof: str, link: LinkId, *, at: int
) -> Revocation:
    """Cut a link strictly below the holder's own. Any holder may; the issuer is not asked.

    Links of a child task are below the link under which it was opened.

    Args:
        context: Store, keys and cache.
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
    access = revocation_request(context.ring.issuer, link)
    verified = verify_reserved(context, token, proof, access, at=at, client="")
    revocation = None
    with context.store.write(alone=True) as work:
        path = work.path(link, at=at)
        ancestors = () if path is None else (*path.above, *path.links[:-1])
        denial = work.decide(draft_of(context, verified, access, at=at, ancestors=ancestors)).denial
        if denial is None:
            by = fingerprint(verified.chain.leaf.holder_key)
            revocation = work.revoke(
                Subject("link", link), by=by, reason="by a holder above it", at=at
            )
    raise_denial(denial)
    if revocation is None:  # unreachable: `raise_denial` raised; kept so that None never leaves
        raise AssertionError
    return revocation
