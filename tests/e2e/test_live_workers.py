"""Live pages over several workers of two services on one PostgreSQL: what one does, readers at all others see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from postgres import Server
from under_fault import WAIT, Place, placed

from delegation.client import Client
from delegation.judge.lease import BOUND
from delegation_api.pages.live import POLL_SECONDS

READERS = 6  # of two workers: each very likely has some


@dataclass
class Cut:
    """A store served twice; `here` revokes, `there` people look on."""

    place: Place
    operator: str
    reviewer: str
    here: str
    there: int

    def revoke(self, link: str) -> None:
        """Revoke a link at the first service."""
        with Client(self.here, api_key=self.operator) as client:
            client.revoke("link", link)


@pytest.fixture
def cut(tmp_path: Path, server: Server) -> Iterator[Cut]:
    """Return the two services."""
    with placed(tmp_path, server.new_database("t1")) as place:
        keys = [place.world.tracker.create_api_key(r, r) for r in ("operator", "reviewer")]
        first, second = place.serving(1), place.serving(2)
        first.start()
        second.start()
        yield Cut(place, *keys, f"http://127.0.0.1:{first.port}", second.port)


class Reader:
    """A stream at the second service that has begun."""

    def __init__(self, cut: Cut, cookie: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", cut.there, timeout=WAIT)
        task = cut.place.task.id
        self._connection.request("GET", f"/tasks/{task}/events", headers={"Cookie": cookie})
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200
        while not self._answer.readline().startswith(b": nothing new"):
            pass

    def told(self) -> dict[str, Any]:
        """Return the next change that it tells."""
        while True:
            line = self._answer.readline()
            assert line, "the stream ended"
            if line.startswith(b"data: "):
                found: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
                return found

    def close(self) -> None:
        """Hang up."""
        self._answer.close()
        self._connection.close()


def test_a_revocation_at_one_worker_is_told_to_readers_at_all_others(cut: Cut) -> None:
    """Six streams at another service's two workers: each hears it, though it asks nothing more."""
    # How soon is a matter of constants, not of this machine: a look at the store comes within the bound.
    assert 2 * POLL_SECONDS < BOUND
    root = cut.place.root()
    url = cut.place.world.tracker.create_login_link("reviewer", f"http://127.0.0.1:{cut.there}")
    login = HTTPConnection("127.0.0.1", cut.there, timeout=WAIT)
    fields = urlencode({"ticket": url.partition("ticket=")[2], "next": "/"})
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    login.request("POST", "/login", fields, form)
    cookie = login.getresponse().headers["Set-Cookie"].partition(";")[0]
    login.close()
    streams = [Reader(cut, cookie) for _ in range(READERS)]
    cut.revoke(root.id)
    assert [one.told()["ended"] for one in streams] == [True] * READERS
    again = cut.place.root()  # issued by yet another process
    assert [one.told()["links"] for one in streams] == [[again.id]] * READERS
    for one in streams:
        one.close()


@pytest.mark.thorough
def test_a_browser_at_one_worker_sees_what_another_revokes(cut: Cut, chromium: Any) -> None:
    """The map strikes the link in place, without being loaded again."""
    boss, world = cut.place.root(), cut.place.world
    child = boss.delegate(
        by=world.key("boss"), to=world.key("a").public, grant=boss.grant.narrow(delegations_left=1)
    )
    world.check(child, "a")
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{cut.there}/login")
    page.fill("#key", cut.reviewer)
    page.click("main button")
    page.wait_for_url(f"http://127.0.0.1:{cut.there}/")
    page.goto(f"http://127.0.0.1:{cut.there}/tasks/{cut.place.task.id}/map")
    page.wait_for_selector("#live[data-open]", state="attached")
    page.evaluate("() => { window.same = 1 }")
    cut.revoke(boss.id)
    page.wait_for_selector(f"#n-{child.id}.revoked")
    page.wait_for_selector(f"#n-{boss.id}.revoked")
    assert page.evaluate("() => window.same") == 1
    context.close()
