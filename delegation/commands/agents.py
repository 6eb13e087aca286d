"""Registers agents: their keys, and their accountable owners."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from delegation import ed25519
from delegation.authority.agent_name import AGENT_NAME, FIT, WANTED, is_fit, looks_like_claim
from delegation.authority.fields import integer, matching_text
from delegation.canonical import b64u
from delegation.commands.retry import tried_again
from delegation.commands.tasks import MAX_LASTS, OWNER
from delegation.commands.work import Agent, Store
from delegation.errors import ConflictError, MalformedError
from delegation.identity.keyring import KeyRing
from delegation.judge.subject import Subject
from delegation.lineage.feed import Revocation

MAX_CERTIFIED: Final = 400 * 24 * 3600  # seconds; to vouch for ever is to vouch for nothing


@tried_again
def add_agent(  # what a registration states
    store: Store,
    ring: KeyRing,
    name: str,
    *,
    owner: str,
    keys: Iterable[bytes],
    at: int,
    recertify_by: int | None = None,
) -> Agent:
    """Register an agent, or add keys to a registered one.

    A chain that names this agent over another key, or this key under another name, is denied from
    then on (step 10).

    Args:
        store: Where it is recorded.
        ring: The service's own keys, none of which may be an agent's.
        name: Its name, as delegators will call it.
        owner: The accountable human or service: mandatory.
        keys: Its 32-byte holder keys, at least one.
        at: Unix seconds.
        recertify_by: Unix seconds from which it is recognised no more unless it was registered again
            with a later one; None sets none, and leaves one that is there.

    Raises:
        MalformedError: A name, owner or key has another form; a key is no valid point.
        ConflictError: The name has another owner, a key is another agent's or the service's own.
    """
    matching_text("name", name, AGENT_NAME, WANTED)
    if looks_like_claim(name):
        raise MalformedError("name", wanted="another form than links give to longer names")
    matching_text("owner", owner, OWNER, "1 to 128 characters such as ana@acme.example")
    if recertify_by is not None:
        integer("recertify_by", recertify_by, at + 1, at + MAX_CERTIFIED)
    held = tuple(dict.fromkeys(keys))
    if not held:
        raise MalformedError("keys", wanted="at least one key")
    for key in held:
        _refuse_unfit(key, ring)
    agent = Agent(name, owner, held, at, recertify_by)
    with store.write(alone=True) as work:
        if not is_fit(name) and all(known.name != name for known in work.agents()):
            raise MalformedError("name", wanted=FIT)
        work.add_agent(agent)
        return next(a for a in work.agents() if a.name == name)


@tried_again
def rotate_key(  # what a rotation states
    store: Store,
    ring: KeyRing,
    name: str,
    *,
    old: bytes,
    new: bytes,
    by: str,
    at: int,
    effective_at: int | None = None,
) -> Revocation:
    """Register an agent's new key and revoke its old one, at once or from an instant on.

    Both in one transaction. Tokens held by the old key end then: their delegators make new links to
    the new one, and the time until the instant is for that.

    Args:
        store: Where it is recorded.
        ring: The service's own keys, none of which may be an agent's.
        name: The agent.
        old: Its key that ends.
        new: Its key from now on.
        by: Who rotates.
        at: Unix seconds.
        effective_at: Unix seconds from which the old key is revoked; at once if left out.

    Raises:
        MalformedError: The new key is no valid point, or the instant is too far.
        NotFoundError: There is no such agent with the old key.
        ConflictError: The new key is the old one, another agent's, revoked, or the service's own.
    """
    matching_text("name", name, AGENT_NAME, WANTED)
    _refuse_unfit(new, ring)
    if effective_at is not None:
        integer("effective_at", effective_at, 0, at + MAX_LASTS)
    if new == old:
        raise ConflictError("The new key is the old one.")
    with store.write(alone=True) as work:
        if any(change.act == "revoke" for change in work.changes(Subject("key", b64u(new)))):
            raise ConflictError("The new key was revoked before.")
        work.rotate_key(name, old=old, new=new, at=at)
        return work.revoke(
            Subject("key", b64u(old)), by=by, reason="rotated", at=at, effective_at=effective_at
        )


def _refuse_unfit(key: bytes, ring: KeyRing) -> None:
    if not ed25519.is_usable_encoding(key) or not ed25519.is_valid_point(key):
        raise MalformedError("keys", wanted="valid Ed25519 public keys")
    if ring.is_ring_key(key):
        raise ConflictError("One of the keys is a key of the service itself.")
