"""Two servers on one PostgreSQL and a verifier in a process of its own: the laws of the lease, for real.

No assertion is about how long something took: instants of one clock are compared, and the order they
must have holds however slow the machine is.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import warm
from outside import BOUND, SEED, Outside
from postgres import Server
from proxies import free_port, running
from world import READ, TOOLS

from delegation import Grant, HolderKey
from delegation.client import AsyncClient, Client
from delegation.integrations.boottime import boottime
from delegation.integrations.in_process import InProcessVerifier
from delegation.integrations.spool import Spool
from delegation.tracker import Tracker

AUDIENCE = "https://tools.acme.example"


class Place:
    """Two servers over one store; a task without a ledger."""

    def __init__(self, folder: Path, stack: ExitStack, server: Server) -> None:
        self.folder, url, ring = folder, server.new_database("t1"), folder / "ring.json"
        self.tracker = Tracker.open(url, ring_file=ring, issuer="https://authority.acme.example")
        stack.callback(self.tracker.close)
        for tool in TOOLS:
            self.tracker.add_tool(tool)
        self.operator = self.tracker.create_api_key("op", "operator")
        self.key = self.tracker.create_api_key("svc", "service", [AUDIENCE])
        self.urls = []
        for number in range(2):
            port = free_port()
            command = [
                *warm.python(),
                "-m",
                "delegation.cli",
                "serve",
                "--store",
                url,
                "--port",
                str(port),
            ]
            stack.enter_context(
                running(
                    [*command, "--no-make-keys"],
                    port,
                    folder / f"serve{number}.log",
                    DELEGATION_RING=str(ring),
                    DELEGATION_REVOCATION_BOUND=str(BOUND),
                )
            )
            self.urls.append(f"http://127.0.0.1:{port}")
        self.holder = HolderKey("a", SEED)

    def token(self):
        """Issue a root to the verifier's holder, in a task of its own."""
        ceiling = Grant([READ], audience=[AUDIENCE], purpose="desk")
        task = self.tracker.open_task("T", owner="ana@acme.example", ceiling=ceiling, lasts=3000)
        return self.tracker.issue(task, to=self.holder.public)

    def verifier(self, token, name: str) -> Outside:
        """Start a verifier, which polls the first server."""
        told = {
            "url": self.urls[0], "api_key": self.key, "seed": SEED.hex(), "audience": AUDIENCE,
            "token": token.text, "spool": str(self.folder / f"{name}.db"),
        }  # fmt: skip
        return Outside(told)

    def client(self, number: int) -> Client:
        """Return an operator's client of one of the servers."""
        return Client(self.urls[number], api_key=self.operator, timeout=90)


@pytest.fixture(scope="module")
def place(tmp_path_factory, server: Server) -> Iterator[Place]:
    """Return the two servers."""
    with ExitStack() as stack:
        yield Place(tmp_path_factory.mktemp("outside"), stack, server)


def test_nothing_is_acted_on_later_than_the_bound_after_a_revocation(place: Place) -> None:
    """Revoked at the other server while calls run: instant by instant, none after c + D."""
    token = place.token()
    outside = place.verifier(token, "load")
    try:
        outside.wait_for(lambda one: one["acted"] is not None, "an allowance")
        with place.client(1) as client:
            done = client.revoke("link", token.id)
            answered = boottime()  # not before the commit
        outside.wait_for(lambda one: one["code"] == "link_revoked", "the revocation")
    finally:
        outside.end()
    assert max(outside.acted()) < answered + BOUND
    place_of = [one["code"] for one in outside.said].index("link_revoked")
    assert not any(one["acted"] for one in outside.said[place_of:])
    assert done.act == "revoke"


def test_whoever_waits_is_told_that_every_verifier_has_applied_it(place: Place) -> None:
    """Confirmed: from then on nothing is looked up without it, not only after the bound."""
    for gone in place.tracker.replicas():  # of processes that other tests have ended
        place.tracker.leave_replica(gone.name, by="svc")
    token = place.token()
    outside = place.verifier(token, "barrier")
    try:
        outside.wait_for(lambda one: one["acted"] is not None, "an allowance")
        replica = outside.said[-1]["replica"]
        with place.client(1) as client:
            for number in range(20):  # a busy machine may be too slow for a bound now and then
                other = "lnk_" + f"{number:043d}"
                done = client.revoke("link", other, wait=True)
                assert {*done.barrier.confirmed, *done.barrier.silent} == {replica}
                if done.barrier.is_confirmed:
                    break
    finally:
        outside.end()
    assert done.barrier.confirmed == (replica,)


def test_a_verifier_that_stood_still_allows_nothing_when_it_wakes(place: Place) -> None:
    """Stopped through a revocation: who waits is told that time, not a confirmation, made it safe."""
    token = place.token()
    outside = place.verifier(token, "frozen")
    try:
        outside.wait_for(lambda one: one["acted"] is not None, "an allowance")
        outside.process.send_signal(signal.SIGSTOP)
        with place.client(1) as client:
            done = client.revoke("link", token.id, wait=True)
            answered = boottime()
        outside.process.send_signal(signal.SIGCONT)
        outside.wait_for(lambda one: one["code"] in {"link_revoked", "stale"}, "a denial")
        outside.wait_for(lambda one: one["code"] == "link_revoked", "the revocation")
        replica = outside.said[-1]["replica"]
    finally:
        outside.end()
    assert not done.barrier.is_confirmed
    assert replica in done.barrier.silent
    assert max(outside.acted()) < answered


def test_a_freeze_stops_the_verifier_too_and_its_end_lets_it_go_on(place: Place) -> None:
    """Everything, everywhere, until it is resumed."""
    token = place.token()
    outside = place.verifier(token, "freeze")
    try:
        outside.wait_for(lambda one: one["acted"] is not None, "an allowance")
        with place.client(1) as client:
            client.freeze(reason="drill")
            answered = boottime()
            outside.wait_for(lambda one: one["code"] == "frozen", "the freeze")
            held = [at for at in outside.acted() if at >= answered + BOUND]
            client.unfreeze()
        count = len(outside.acted())
        outside.wait_for(lambda _: len(outside.acted()) > count, "an allowance after the freeze")
    finally:
        outside.end()
    assert held == []


def test_what_was_answered_before_a_kill_is_reported_after_it(place: Place) -> None:
    """Kill -9 under load, again and again on one spool: no allowance that was answered is lost."""
    token = place.token()
    answered: set[str] = set()
    for _ in range(3):
        outside = place.verifier(token, "killed")
        try:
            outside.wait_for(lambda _, o=outside: len(o.acted()) >= 20, "twenty allowances")
        finally:
            outside.end()
        answered |= {one["id"] for one in outside.said if one["acted"] is not None}
    spool = Spool(place.folder / "killed.db")
    client = AsyncClient(place.urls[1], api_key=place.key, timeout=90)

    async def report() -> None:
        verifier = InProcessVerifier(client, spool=spool)
        await verifier.local.report()
        await client.close()

    asyncio.run(report())
    assert spool.depth() == (0, 0)
    spool.close()
    for name in answered:
        assert place.tracker.decision(name).local.conflict_step is None
