"""Describes changes of standing in the order of their commits, their effects, and lines of renewals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from delegation import canonical
from delegation.authority.chain import Link
from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.canonical import Json
from delegation.judge.lease import Barrier
from delegation.judge.subject import Subject
from delegation.lineage.entry import DecisionEntry

Act: TypeAlias = Literal["revoke", "suspend", "resume", "close", "register"]


@dataclass(frozen=True, slots=True)
class Revocation:
    """One recorded change of standing.

    Args:
        epoch: Its number; later changes have higher ones.
        subject: What it says something of, with everything below it.
        by: Who made it: an API key's name, or the fingerprint of a holder.
        reason: Why, in their words.
        at: Unix seconds.
        act: `revoke`, which is final, `suspend` or `resume`; `close` of a task and `register` of an
            agent tell those who remember answers about them.
        effective_at: Unix seconds from which it holds.
        barrier: For whoever waited: whether it holds in every verifier outside the store.
    """

    epoch: int
    subject: Subject
    by: str
    reason: str
    at: int
    act: Act
    effective_at: int
    barrier: Barrier | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """Changes after an epoch, oldest first.

    Args:
        changes: Those that are there, at most as many as were asked for.
        epoch: Up to here nothing is missing; lower than what was asked after when the database was
            restored, so that all is read anew.
        newest: The newest epoch.
        catalogue: The newest catalogue revision.
    """

    changes: tuple[Revocation, ...]
    epoch: int
    newest: int
    catalogue: int


@dataclass(frozen=True, slots=True)
class LastUse:
    """The newest call that a link, an agent or a key made.

    Args:
        subject: The link, agent or key.
        decision: The call; None if it made none.
        at: When, Unix seconds; 0 if never.
        allowed: Whether it was allowed.
    """

    subject: Subject
    decision: DecisionId | None
    at: int
    allowed: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """The effect that revoking or suspending a subject would have now; nothing was changed.

    Args:
        subject: What would end.
        links: Active links under it, at most as many as were looked at.
        tasks: Tasks of those links.
        holders: Fingerprints of their holders' keys.
        surviving: How many active links of the same tasks would go on.
        is_complete: Whether all links under it were looked at; if not, there are more.
    """

    subject: Subject
    links: tuple[LinkId, ...]
    tasks: tuple[TaskId, ...]
    holders: tuple[str, ...]
    surviving: int
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Freeze:
    """The effect of a freeze.

    Args:
        change: The suspension of everything, with the barrier if it was waited for.
        last_allowance: The last recorded call that was allowed before; None if there never was one.
            Calls that verifiers outside the store allowed and have not reported yet are not known.
        receipt: All of this, signed by the service; None without such a key.
    """

    change: Revocation
    last_allowance: DecisionEntry | None
    receipt: str | None


_TAG: Final = b"delegation-line-of-renewals"


@dataclass(frozen=True, slots=True)
class Renewal:
    """How one link stands in a line of renewals.

    Args:
        link: The link.
        renews: The link of its line that was recorded before it, None for none.
        renewed_by: The links of its line that were recorded next after it, in that order.
    """

    link: LinkId
    renews: LinkId | None
    renewed_by: tuple[LinkId, ...] = ()


def line_mark(link: Link, above: bytes) -> bytes:
    """Return the mark that all links of one line of renewals have, and no others: 32 bytes.

    Two links are of one line where the same hands, from the root down, gave the same grants, whatever
    their windows. Neither names, which are claims, nor order, number or time of links go into it.

    Args:
        link: The link.
        above: The mark of its parent; nothing for a root, which is of no line but its own.
    """
    if link.parent is None:
        return canonical.digest(_TAG, link.id.encode())
    grant = {name: _unordered(part) for name, part in link.grant.to_json().items()}
    body: dict[str, Json] = {
        "above": canonical.b64u(above),
        "holder": canonical.b64u(link.holder_key),
        "grant": {**grant, "not_before": 0, "expires_at": 0},
    }
    return canonical.digest(_TAG, canonical.encode(body))


def _unordered(part: Json) -> Json:
    """Return a list in one order: that of a grant's members admits nothing and forbids nothing."""
    return sorted(part, key=canonical.encode) if isinstance(part, list) else part
