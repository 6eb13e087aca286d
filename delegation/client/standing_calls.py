"""Calls on what stands: revoking, suspending, the feed, and the leases of verifiers; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delegation.authority.ids import LinkId
from delegation.canonical import b64u
from delegation.client.calls import Call, nothing, part, text_of
from delegation.errors import MalformedError
from delegation.identity.keyring import PublicRing
from delegation.identity.principal import PublicKey, public_key
from delegation.judge.facts import SubjectKind
from delegation.judge.lease import MAX_BOUND
from delegation.judge.outside import Holder, RootStanding
from delegation.lineage.ending import Ending
from delegation.lineage.feed import Feed, Revocation
from delegation.lineage.freeze import Freeze
from delegation.lineage.preview import Preview
from delegation.lineage.renewal import Renewal
from delegation.lineage.usage import LastUse
from delegation.messages.standing import (
    read_change,
    read_ending,
    read_feed,
    read_freeze,
    read_last_use,
    read_preview,
    read_renewal,
    read_standing,
)
from delegation.tokens.token import Token
from delegation.tracker.report import ReportResult


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll of a registered verifier brought.

    Args:
        feed: What changed since.
        ring: The issuer's public keys as they are now.
    """

    feed: Feed
    ring: PublicRing


@dataclass(frozen=True, slots=True)
class Registration:
    """A verifier's name at the service, and for how many seconds it may rely on a poll."""

    replica: str
    bound: float


def revoke(
    kind: SubjectKind,
    id: str,  # noqa: A002  # the word of the wire
    *,
    reason: str = "",
    effective_at: int | None = None,
    wait: bool = False,
) -> Call[Revocation]:
    """End a subject and all below it, for good."""
    body = {
        "kind": kind,
        "id": id,
        "reason": reason,
        "effective_at": effective_at,
        "wait": wait,
    }
    return Call("POST", "/v1/revocations", read_change, body, is_repeatable=True)


def revoke_below(token: Token | str, proof: str, link: LinkId) -> Call[Revocation]:
    """Cut a link below the holder's own."""
    body = {"token": text_of(token), "proof": proof, "link": link}
    return Call("POST", "/v1/revocations/below", read_change, body)


def suspend(
    kind: SubjectKind,
    id: str,  # noqa: A002
    *,
    reason: str = "",
    wait: bool = False,
) -> Call[Revocation]:
    """End a subject and all below it until it is resumed."""
    body = {"kind": kind, "id": id, "reason": reason, "wait": wait}
    return Call("POST", "/v1/suspensions", read_change, body, is_repeatable=True)


def resume(kind: SubjectKind, id: str, *, reason: str = "") -> Call[Revocation]:  # noqa: A002
    """End a suspension; not sent twice, since the second answer would be a refusal."""
    body = {"kind": kind, "id": id, "reason": reason}
    return Call("POST", "/v1/resumptions", read_change, body)


def preview(kind: SubjectKind, id: str) -> Call[Preview]:  # noqa: A002
    """Return what would end with a subject now, and what would go on."""
    # Whoever may revoke may ask this; everything is only ever suspended.
    path = "/v1/suspensions" if kind == "everything" else "/v1/revocations"
    body = {"kind": kind, "id": id}
    return Call("POST", path, read_preview, body, {"preview": True}, is_repeatable=True)


def ending(epoch: int) -> Call[Ending]:
    """Return what came of the change with this number."""
    return Call("GET", f"/v1/revocations/{epoch}", read_ending, is_repeatable=True)


def suspensions() -> Call[Sequence[Revocation]]:
    """Return the suspensions that hold, newest first."""
    return Call(
        "GET",
        "/v1/suspensions",
        lambda a: [read_change(one) for one in a["suspensions"]],
        is_repeatable=True,
    )


def freeze(*, reason: str = "", wait: bool = True) -> Call[Freeze]:
    """Suspend everything."""
    body = {"reason": reason, "wait": wait}
    return Call("POST", "/v1/freeze", read_freeze, body, is_repeatable=True)


def last_use(kind: SubjectKind, id: str) -> Call[LastUse]:  # noqa: A002
    """Return the newest call that a link, an agent or a key made."""
    query = {"kind": kind, "id": id}
    return Call("GET", "/v1/last-use", read_last_use, query=query, is_repeatable=True)


def rotate_key(
    name: str, *, old: PublicKey, new: PublicKey, effective_at: int | None = None
) -> Call[Revocation]:
    """Register an agent's new key and revoke its old one."""
    body = {
        "old": public_key("old", old).text,
        "new": public_key("new", new).text,
        "effective_at": effective_at,
    }
    return Call("POST", f"/v1/agents/{part(name)}/rotate", read_change, body)


def renew(root: LinkId | str, *, lasts: int | None = None, token_format: str) -> Call[str]:
    """Have a root issued in place of an earlier one; verified by whoever reads the token."""
    body = {"lasts": lasts, "format": token_format}
    return Call("POST", f"/v1/links/{part(root)}/renew", lambda a: str(a["token"]), body)


def renewal(link: LinkId | str) -> Call[Renewal]:
    """Return which link a link was made in place of, and which were made in its own."""
    return Call("GET", f"/v1/links/{part(link)}", read_renewal, is_repeatable=True)


def ended_before(link: LinkId | str) -> Call[Sequence[Revocation]]:
    """Return what was ended of all that a link touches when it was recorded, oldest first."""
    return Call("GET", f"/v1/links/{part(link)}", _ended("ended_before"), is_repeatable=True)


def ended_tools() -> Call[Sequence[Revocation]]:
    """Return of each tool and system that is ended, or will be, the change that ends it."""
    return Call("GET", "/v1/tools/ended", _ended("ended"), is_repeatable=True)


def _ended(name: str) -> Callable[[Mapping[str, Any]], Sequence[Revocation]]:
    return lambda answer: [read_change(one) for one in answer[name]]


def feed(*, after: int = 0, limit: int = 100, wait: float = 0) -> Call[Feed]:
    """Return changes after an epoch; wait for one if there is none."""
    query = {"after": after, "limit": limit, "wait": wait}
    return Call("GET", "/v1/revocations", read_feed, query=query, is_repeatable=True)


def standing(root: LinkId | str, holders: Sequence[Holder] = ()) -> Call[RootStanding]:
    """Return what step 10 asks about a root and the holders below it."""
    asked = [{"key": b64u(holder.key), "name": holder.name} for holder in holders]
    body = {"root": root, "holders": asked}
    return Call("POST", "/v1/standing", read_standing, body, is_repeatable=True)


def register_replica() -> Call[Registration]:
    """Register a verifier outside the store."""
    return Call("POST", "/v1/replicas", _registration)


def poll_replica(
    name: str, *, after: int, limit: int = 1000, wait: float = 0, history: bool = False
) -> Call[Poll]:
    """Say what was applied and ask for what changed since; never sent twice by itself.

    A lease is counted from before the one request that was answered.
    """
    body = {"after": after, "limit": limit, "wait": wait, "history": history}
    return Call("POST", f"/v1/replicas/{part(name)}/poll", _poll, body)


def leave_replica(name: str) -> Call[None]:
    """Forget a verifier that allows nothing any more."""
    return Call("DELETE", f"/v1/replicas/{part(name)}", nothing)


def report_decisions(reports: Sequence[Mapping[str, Any]]) -> Call[Sequence[ReportResult]]:
    """Report decisions that were made outside the store."""
    return Call(
        "POST",
        "/v1/decisions/report",
        lambda answer: [ReportResult(**one) for one in answer["results"]],
        {"reports": list(reports)},
        is_repeatable=True,
    )


def _registration(body: Mapping[str, Any]) -> Registration:
    bound = body["bound"]
    if not isinstance(bound, int | float) or isinstance(bound, bool) or not 0 < bound <= MAX_BOUND:
        raise MalformedError("bound", wanted="some seconds")
    return Registration(str(body["replica"]), float(bound))


def _poll(body: Mapping[str, Any]) -> Poll:
    return Poll(read_feed(body), PublicRing.from_json(body["keys"]))
