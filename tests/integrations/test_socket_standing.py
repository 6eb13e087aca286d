"""An open socket ends when what opened it does: its link, task, holder, tool, or what nobody knows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket
from service import Service
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from wire import handler
from world import DESK, World

from delegation.client import AsyncClient
from delegation.errors import StoreUnavailableError
from delegation.integrations import Guard, sockets
from delegation.integrations.in_process import InProcessVerifier

httpx2 = pytest.importorskip("httpx2")
ENDS: dict[str, Callable[[Any], Any]] = {
    "link": lambda one: one.world.tracker.revoke("link", one.token.id, by="op"),
    "link above": lambda one: one.world.tracker.revoke("link", one.token.chain.root.id, by="op"),
    "task": lambda one: one.world.tracker.close_task(one.world.task),
    "holder": lambda one: one.world.tracker.revoke("key", one.world.key("a").public.text[8:], by="op"),
    "tool": lambda one: one.world.tracker.revoke("tool", "files.read", by="op"),
    "suspended": lambda one: one.world.tracker.suspend("link", one.token.id, by="op"),
    "all": lambda one: one.world.tracker.freeze(by="op"),
}  # fmt: skip


class Talk:
    """A guarded socket that answers what it hears, and who decides about it."""

    def __init__(self, by: str = "tracker") -> None:
        self.world = World()
        self.token = self.world.chain("boss", "a", budget={"calls": 1})
        self.clock = lambda: self.world.at
        self.desk: Any = self.world.tracker
        if by != "tracker":
            service = Service(self.world)
            transport = httpx2.MockTransport(handler(service))
            key = service.keys["service"]
            self.desk = AsyncClient("http://testserver", api_key=key, transport=transport)
        if by == "verifier":
            self.desk = InProcessVerifier(self.desk, clock=self.clock)
        app = FastAPI()

        @app.websocket("/files")
        async def join(socket: WebSocket, path: str) -> None:
            await socket.accept()
            with suppress(WebSocketDisconnect):
                while True:
                    await socket.send_text(await socket.receive_text() + path)

        self.guard = Guard(self.desk, audience=DESK, clock=self.clock, socket_seconds=240)
        self.guard.route("WEBSOCKET", "/files", "files.read", query=["path"])
        self.http = TestClient(self.guard.protect(app), base_url=DESK)

    def joined(self) -> Any:
        """Open the socket."""
        proof = self.world.key("a").prove(self.token, self.world.access(), at=self.world.at)
        sent = {"Authorization": f"Delegation {self.token.text} {proof}"}
        return self.http.websocket_connect("/files?path=%2Fa", headers=sent)


def ends(talk: Talk, end: Callable[[Talk], Any]) -> int:
    """Open a socket, end what it rests on, and return the code by which it is closed."""
    with talk.joined() as socket:
        socket.send_text("x")
        assert socket.receive_text() == "x/a"
        end(talk)
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_text()
    return int(ended.value.code)


@pytest.fixture(autouse=True)
def often(monkeypatch) -> None:
    """Ask again soon."""
    monkeypatch.setattr(sockets, "EVERY", 0.1)


@pytest.mark.parametrize("what", ENDS)
def test_a_socket_ends_with_what_it_rests_on(what: str) -> None:
    """Whatever would be denied at the next handshake; that its budget is used up is not among it."""
    assert ends(Talk(), ENDS[what]) == 1008


@pytest.mark.parametrize("by", ["client", "verifier"])
def test_a_service_elsewhere_is_asked_as_well(by: str) -> None:
    """With the guard's own key, by a plan that records nothing."""
    talk = Talk(by)
    assert ends(talk, ENDS["task"]) == 1008
    assert len(talk.world.tracker.decisions()) == 1


def test_what_nobody_knows_ends_a_socket_after_a_while(monkeypatch) -> None:
    """An answer that fails once is asked for again; no answer for long is none."""
    monkeypatch.setattr(sockets, "UNKNOWN", 1.0)
    talk = Talk()
    plan, fails = talk.desk.plan, [True]

    def failing(*args: Any, **kw: Any) -> Any:
        if fails and fails.pop():
            raise StoreUnavailableError("down")
        return plan(*args, **kw)

    monkeypatch.setattr(talk.desk, "plan", failing)
    with talk.joined() as socket:
        while fails:
            socket.send_text("x")
            assert socket.receive_text() == "x/a"
        fails += [True] * 100_000
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_text()
    assert ended.value.code == 1008


def test_a_question_that_breaks_ends_a_socket(monkeypatch) -> None:
    """A fault of ours keeps nothing open."""
    talk = Talk()
    monkeypatch.setattr(talk.desk, "plan", lambda *_args, **_kw: None)
    assert ends(talk, lambda _: None) == 1008
