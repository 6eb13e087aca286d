"""Who makes room at the port, and whose turn it is: on connections that are made up."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from delegation_api.client_address import Trusted
from delegation_api.connections import (
    COSTS,
    KNOWN,
    LANE,
    LINGERING,
    Connections,
    PortBounds,
)
from delegation_api.turns import AT_ONCE, PROXY_SHARE, Turns


@dataclass(eq=False)
class Made:
    """A connection in a state that a test names; `all` forgets it when it is cut."""

    all: Connections
    address: str
    awaits: str
    is_known: bool = False
    group: str = ""
    since: float = 0.0
    closing: bool = False
    dropped: bool = False
    cuts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.group = self.group or self.address

    @property
    def cost(self) -> int | None:
        if self.closing:
            return None
        if self.awaits == "answer" and self.is_known:
            return None
        return COSTS[self.awaits] + (KNOWN if self.is_known else 0)

    def cut(self, kind: str) -> None:
        self.cuts.append(kind)
        self.closing = True
        self.all.leave(self)

    def drop(self) -> None:
        self.dropped = True
        self.all.leave(self)

    def look(self, now: float) -> None:
        del now


class _Quiet(Connections):
    """Without the timer, which needs an event loop."""

    def _sweep(self) -> None:
        self._sweeper = None


def full(most: int = 12, each: int = 100) -> Connections:
    """Return connections that are few."""
    bounds = PortBounds(1, 1, 1, 1, 1, 1, 1, max_connections=most, max_per_client=each)
    uncounted = SimpleNamespace(watch=lambda *_, **__: None, refuse=lambda _: None)
    return _Quiet(bounds, Trusted(""), uncounted)  # type: ignore[arg-type]


def held(of: Connections, count: int, address: str, awaits: str, **more: object) -> list[Made]:
    """Take so many of one kind."""
    found = [Made(of, address, awaits, since=float(n), **more) for n in range(count)]  # type: ignore[arg-type]
    assert [of.enter(one) for one in found] == [""] * count
    return found


@pytest.mark.parametrize("awaits", COSTS)
@pytest.mark.parametrize("address", ["crowd", ""], ids=["an address", "a trusted one"])
def test_the_crowd_makes_room_whatever_it_does(awaits: str, address: str) -> None:
    """Not the one that is idle, and not the one that just came."""
    of = full()
    honest = held(of, 1, "honest", "idle")
    crowd = held(of, 11, address, awaits)
    fresh = held(of, 1, "new", "head")
    assert not honest[0].cuts
    assert not fresh[0].cuts
    assert [one.cuts for one in crowd] == [["connections"], *[[]] * 10]


def test_whoever_showed_a_key_goes_last_and_is_answered() -> None:
    """Not cut in its answer at all, and idle ones only when nobody else is left."""
    of = full()
    known = held(of, 9, "desk", "idle", is_known=True)
    strange = held(of, 3, "other", "answer")
    held(of, 3, "new", "answer", is_known=True)
    assert [bool(one.cuts) for one in known + strange] == [False] * 9 + [True] * 3
    held(of, 1, "new", "answer", is_known=True)
    assert sum(bool(one.cuts) for one in known) == 1
    busy = full(2)
    held(busy, 2, "desk", "answer", is_known=True)
    assert busy.enter(Made(busy, "new", "head")) == "connections"


def test_a_proxys_connection_counts_for_whom_it_carries() -> None:
    """What carries nobody weighs less, and stays between equals."""
    of = full()
    carried = held(of, 4, "", "body", group="client")
    nobody = held(of, 8, "", "idle")
    held(of, 1, "new", "head")
    assert [bool(one.cuts) for one in carried] == [True, False, False, False]
    assert not any(one.cuts for one in nobody)


def test_one_clients_answers_are_not_cut_for_itself() -> None:
    """Unless it asks on before it has them."""
    of = full(each=3)
    held(of, 3, "one", "answer")
    assert of.enter(Made(of, "one", "head")) == "client"
    of = full(each=3)
    asking_on = held(of, 3, "one", "more")
    held(of, 1, "one", "head")
    assert [bool(one.cuts) for one in asking_on] == [True, False, False]


@pytest.mark.parametrize(("client", "share"), [("one", AT_ONCE), ("", AT_ONCE * PROXY_SHARE)])
def test_only_so_many_of_one_client_are_in_work(client: str, share: int) -> None:
    """In the order in which they came; those of another begin at once; nothing is left behind."""
    turns, begun = Turns(), list[int]()
    for n in range(share + 5):
        turns.take(n, client, lambda n=n: begun.append(n))
    assert begun == list(range(share))
    turns.take("other", "another", lambda: begun.append(-1))
    assert begun.pop() == -1
    turns.give(share)  # it left while it waited
    turns.give(0)
    turns.excuse(1)
    turns.excuse(share + 4)
    assert begun == [*range(share), share + 1, share + 2, share + 4]
    for one in ("other", *range(share + 5)):
        turns.give(one)
    assert not any(vars(turns).values())


def test_a_crowd_in_the_lane_makes_room_for_another_there() -> None:
    """Who fills the reserved places is cut first; who is answered there with a key is not."""
    of = full(2)
    held(of, 2, "desk", "answer", is_known=True)
    crowd = [Made(of, "crowd", "body", since=float(n)) for n in range(LANE)]
    assert {of.enter(one) for one in crowd} == {"connections"}
    assert not any(one.cuts for one in crowd)
    urgent = Made(of, "operator", "head")
    assert of.enter(urgent) == "connections"
    assert of.enter_lane(urgent)
    assert sum(bool(one.cuts) for one in crowd) == 2  # one part in so many is cut together
    assert not urgent.cuts
    known = [Made(of, f"op{n}", "answer", is_known=True) for n in range(LANE)]
    for one in known:
        of.enter(one)
    last = Made(of, "last", "head")
    of.enter(last)
    assert not of.enter_lane(last)
    assert not any(one.cuts for one in known)


def test_refused_connections_do_not_use_up_what_the_process_may_open() -> None:
    """They linger until their refusal arrived, the oldest of too many no longer."""
    of = full(2)
    held(of, 2, "desk", "answer", is_known=True)
    refused = [Made(of, f"a{n}", "head") for n in range(LINGERING + 5)]
    for one in refused:
        of.enter(one)
        one.closing = True
        of.linger(one)
    assert [one.dropped for one in refused] == [True] * 5 + [False] * LINGERING
