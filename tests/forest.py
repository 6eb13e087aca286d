"""A world whose forest is worth looking at: wide and deep, denied, revoked, expired, hostile."""

from __future__ import annotations

import time
from pathlib import Path

from world import DESK, OWNER, PAY, READ, SEND, World

from delegation import Access, Grant
from delegation.lineage.entry import TaskEntry

HOSTILE = '"><img src=x onerror=alert(1)>\u202e{{7*7}}'


def forest(path: Path | None = None, url: str = "") -> World:
    """Return the world, living now; its task is "Quarter close"."""
    world = World(path=path, url=url, at=int(time.time()) - 60)
    tracker = world.tracker
    for name in ("planner", "summariser", "writer", "fetcher", "mailer", "reviewer"):
        tracker.add_agent(name, owner=OWNER, keys=[world.key(name).public])
    world.task = _task(world, "Quarter close", lasts=7200)
    planner = world.root("planner")
    fetchers = Grant([READ], effects=["read"])
    for number in range(14):
        name = f"fetcher-{number}"
        tracker.add_agent(name, owner=OWNER, keys=[world.key(name).public])
        under = _hand(world, planner, "planner", name, fetchers)
        _ask(world, under, name)
        if number % 4 == 0:
            inner = _hand(world, under, name, f"helper-{number}", Grant())
            _ask(world, inner, f"helper-{number}")
    summariser = _hand(world, planner, "planner", "summariser", Grant())
    writer = _hand(world, summariser, "summariser", "writer", Grant([SEND]))
    mailer = _hand(world, writer, "writer", "mailer", Grant(budget={"calls": 3}))
    good = world.access("mail.send", to="bo@acme.example", body="Hi")
    first = world.check(mailer, "mailer", good)
    bad = Access(
        "mail.send",
        {"to": "eve@evil.example", "body": "Hi"},
        DESK,
        purpose="desk",
        cause=first.id,
    )
    world.check(mailer, "mailer", bad)
    short = _hand(world, summariser, "summariser", "reviewer", Grant(expires_at=world.at + 5))
    _ask(world, short, "reviewer")
    stranger = _hand(world, summariser, "summariser", HOSTILE[:40], Grant())
    _ask(world, stranger, HOSTILE[:40])
    cut = _hand(world, planner, "planner", "fetcher", Grant())
    cut_below = _hand(world, cut, "fetcher", "helper", Grant([READ], effects=["read"]))
    _ask(world, cut_below, "helper")
    tracker.revoke("link", cut.id, by="ana", reason="found in a paste")
    quarter = world.task
    world.task = _task(world, HOSTILE[:38].replace("\u202e", ""), lasts=600)
    closed = world.chain("planner", "fetcher-1")
    _ask(world, closed, "fetcher-1")
    tracker.close_task(world.task)
    world.task = quarter
    world.at = int(time.time())
    return world


def _task(world: World, title: str, lasts: int) -> TaskEntry:
    ceiling = Grant(
        [READ, SEND, PAY],
        audience=[DESK],
        purpose="desk",
        delegations_left=6,
        budget={"calls": 90, "usd_cents": 1000},
    )
    return world.tracker.open_task(title, owner=OWNER, ceiling=ceiling, lasts=lasts)


def _hand(world: World, token, by: str, to: str, grant: Grant):
    given = token.delegate(by=world.key(by), to=world.key(to).public, grant=grant)
    access = world.access()
    world.tracker.check(given, world.key(to).prove(given, access, at=world.at), access)
    return given


def _ask(world: World, token, by: str) -> None:
    world.check(token, by)
