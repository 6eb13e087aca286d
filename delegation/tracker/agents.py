"""Agents: registering who holds which key, with an accountable owner."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from delegation import ed25519
from delegation.authority.chain import NAME
from delegation.authority.fields import integer, matching_text
from delegation.errors import ConflictError, MalformedError
from delegation.identity.keyring import KeyRing
from delegation.tracker.tasks import OWNER
from delegation.tracker.work import Agent, Store

MAX_CERTIFIED: Final = 400 * 24 * 3600  # seconds; to vouch for ever is to vouch for nothing


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
    matching_text("name", name, NAME, "1 to 80 characters without control characters")
    matching_text("owner", owner, OWNER, "1 to 128 characters such as ana@acme.example")
    if recertify_by is not None:
        integer("recertify_by", recertify_by, at + 1, at + MAX_CERTIFIED)
    held = tuple(dict.fromkeys(keys))
    if not held:
        raise MalformedError("keys", wanted="at least one key")
    for key in held:
        if not ed25519.is_usable_encoding(key) or not ed25519.is_valid_point(key):
            raise MalformedError("keys", wanted="valid Ed25519 public keys")
        if ring.is_ring_key(key):
            raise ConflictError("One of the keys is a key of the service itself.")
    agent = Agent(name, owner, held, at, recertify_by)
    with store.write(alone=True) as work:
        work.add_agent(agent)
        return next(a for a in work.agents() if a.name == name)
