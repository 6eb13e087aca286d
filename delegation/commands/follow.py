"""Follows revocation and suspension: the feed, and the leases of verifiers outside the store."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from delegation.authority.agent_name import NAME
from delegation.authority.chain import LINK_ID
from delegation.authority.fields import integer, matching_text
from delegation.authority.ids import LinkId
from delegation.commands.named import found
from delegation.commands.retry import tried_again
from delegation.commands.work import Reader, Store
from delegation.errors import MalformedError, NotFoundError
from delegation.judge.in_process import Holder, RootStanding
from delegation.judge.lease import WAIT_SHARE, Barrier, ReplicaEntry, barrier
from delegation.lineage.feed import Feed

MAX_PAGE: Final = 1000
LOOKS: Final = 20  # how often one who waits looks, within one bound
_MAX_HOLDERS: Final = 16  # a chain has no more links
_MAX_EPOCH: Final = 2**53
_REPLICA: Final = re.compile(r"rep_[A-Za-z0-9_-]{22}")


@tried_again
def register(store: Store, *, by: str, at: int, new_id: Callable[[str], str]) -> ReplicaEntry:
    """Register a verifier outside the store; it has no lease until its first poll.

    The service draws the name: two processes that shared one would hide each other from whoever
    waits for a revocation to hold everywhere.

    Args:
        store: Where it is recorded.
        by: The API key under which it will poll.
        at: Unix seconds.
        new_id: Makes an id with the given prefix.

    Raises:
        ConflictError: The API key has too many.
        StoreUnavailableError: It could not be recorded.
    """
    replica = ReplicaEntry(new_id("rep_"), by, 0, at)
    with store.write() as work:
        work.add_replica(replica)
    return replica


@tried_again
def poll(  # what a poll says
    store: Store,
    name: str,
    *,
    by: str,
    applied: int,
    at: int,
    limit: int = MAX_PAGE,
    history: bool = False,
) -> Feed:
    """Note what a verifier has applied and return what changed since, in one transaction.

    It writes before it reads and answers after COMMIT, so that an answer comes from a database that
    still takes part in replication. The answer, and nothing before it, is worth a lease from the
    verifier's clock as it was read before this poll.

    Args:
        store: Where it is recorded.
        name: The verifier's name.
        by: The API key under which it polls.
        applied: The newest change that it *has applied*, not merely received.
        at: Unix seconds.
        limit: At most so many changes.
        history: Leave out closings and registrations; only for one that remembers no answers yet.

    Raises:
        MalformedError: A field has another form.
        NotFoundError: It is not registered, or no longer: register again; this poll gives no lease.
        StoreUnavailableError: The poll failed: no lease.
    """
    integer("after", applied, 0, _MAX_EPOCH)
    integer("limit", limit, 1, MAX_PAGE)
    matching_text("replica", name, _REPLICA, "the name that the service gave")
    # Nothing is settled, so it passes the gate by: a revocation does not wait for those it is told to.
    with store.write(alone=None) as work:
        if not work.touch_replica(name, by=by, applied=applied, at=at):
            raise NotFoundError("replica", name)
        return work.feed(after=applied, limit=limit, history=history)


@tried_again
def leave(store: Store, name: str, *, by: str) -> None:
    """Forget a verifier that has stopped allowing anything.

    Raises:
        NotFoundError: It is not registered.
    """
    with store.write() as work:
        if not work.remove_replica(name, by=by):
            raise NotFoundError("replica", name)


def confirmed(store: Store, epoch: int) -> Barrier:
    """Return which registered verifiers have applied a change."""
    with store.read() as reader:
        return barrier(reader.replicas(), epoch)


def wait_everywhere(
    store: Store,
    epoch: int,
    *,
    bound: float,
    monotonic: Callable[[], float],
    pause: Callable[[float], None],
) -> Barrier:
    """Return when every registered verifier has applied a change, or when none can act without it.

    The second is 1.2 times their bound after the change was committed: whatever lease began before
    it has ended by then, whether its holder says so or not.

    Args:
        store: Where they are registered.
        epoch: The change, committed before this call.
        bound: Their bound, seconds.
        monotonic: Seconds of the waiting process's own clock.
        pause: Waits for so many seconds.
    """
    begun = monotonic()
    while True:
        held = confirmed(store, epoch)
        left = begun + WAIT_SHARE * bound - monotonic()
        if held.is_confirmed or left <= 0:
            return held
        pause(min(left, bound / LOOKS))


def standing(reader: Reader, root: LinkId | str, holders: Sequence[Holder]) -> RootStanding:
    """Return what a verifier outside the store asks once for each root.

    Raises:
        MalformedError: Too many holders, or an id or name of another form.
        NotFoundError: No root of that id was recorded when it was issued.
    """
    if len(holders) > _MAX_HOLDERS:
        raise MalformedError("holders", wanted=f"at most {_MAX_HOLDERS}")
    matching_text("root", root, LINK_ID, "a link id")
    for holder in holders:
        matching_text("name", holder.name, NAME, "1 to 80 characters without control characters")
    return found("root", root, reader.standing(LinkId(root), holders))
