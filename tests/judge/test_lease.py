"""The lease rule, as laws over instants: whatever happens when, nothing is relied on after c + D."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from delegation.judge.lease import WAIT_SHARE, Lease, ReplicaEntry, barrier

seconds = st.integers(0, 10_000).map(lambda ticks: ticks / 100)


@given(
    start=seconds,
    snapshot=seconds,
    committed=seconds,
    now=seconds,
    bound=st.sampled_from([0.5, 1.0]),
)
def test_no_lease_from_before_a_change_holds_later_than_the_bound(
    start: float, snapshot: float, committed: float, now: float, bound: float
) -> None:
    """A poll that did not see a change, or saw it and applied it: either way nothing after c + D."""
    if snapshot < start:
        return  # a poll's snapshot is taken after its start was read
    saw_it = snapshot >= committed
    relies_on_old = not saw_it and Lease(start, bound).is_fresh(now)
    assert not relies_on_old or now < committed + bound


@given(start=seconds, now=seconds)
def test_a_lease_holds_from_its_start_and_ends(start: float, now: float) -> None:
    """A clock that was set back, or that has passed the end, finds nothing that holds."""
    assert Lease(start, 1.0).is_fresh(now) == (start <= now < start + 1.0)
    assert Lease(start, 1.0).fresh_until == start + 1.0


@given(epochs=st.lists(st.integers(0, 5), max_size=4), wanted=st.integers(1, 5))
def test_a_barrier_asks_every_registered_replica_however_old_its_row(epochs, wanted) -> None:
    """One that is behind keeps it open, also when its row is older than any lease."""
    rows = [ReplicaEntry(f"r{n}", "svc", epoch, at=0) for n, epoch in enumerate(epochs)]
    found = barrier(rows, wanted)
    assert found.is_confirmed == all(epoch >= wanted for epoch in epochs)
    assert len(found.confirmed) + len(found.silent) == len(rows)
    assert WAIT_SHARE > 1
