"""No proxy of docs/deploy/proxies.md hands on a switch to another protocol, in which nobody is asked.

Behind stands hypercorn, which switches to h2c and to WebSockets whenever it is asked to.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import proxies
import pytest
from proxies import PROXIES, Place, free_port, placed, running

APP = """
async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
"""
# An empty SETTINGS frame, and what a client of WebSockets sends.
SETTINGS = "HTTP2-Settings: AAMAAABkAAQAAP__\r\n"
SOCKET = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
SWITCHES = [
    "Connection: Upgrade\r\nUpgrade: h2c\r\n" + SETTINGS,
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" + SETTINGS,
    "Connection: keep-alive, upgrade\r\nUpgrade: H2C\r\n" + SETTINGS,
    "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n" + SETTINGS,
    "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n" + SETTINGS,
    "Connection: Upgrade\r\nUpgrade: websocket\r\n" + SOCKET,
    "Connection: Upgrade\r\nUpgrade: anything\r\n",
]


def first_line(port: int, head: str, headers: dict[str, str]) -> bytes:
    """Send one request as it stands there, and return the status line."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", port), timeout=90) as raw:
        line = f"GET /files/a HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        raw.sendall((line + head + fields + "\r\n").encode())
        answer = b""
        while b"\r\n" not in answer and (chunk := raw.recv(65536)):
            answer += chunk
    return answer.partition(b"\r\n")[0]


@pytest.fixture(scope="module")
def switching(tmp_path_factory) -> Iterator[int]:
    """Return the port of a server that switches."""
    folder, port = tmp_path_factory.mktemp("hypercorn"), free_port()
    (folder / "switching.py").write_text(APP)
    command = [sys.executable, "-m", "hypercorn", "-b", f"127.0.0.1:{port}", "switching:app"]
    with running(command, port, folder / "log", PYTHONPATH=str(folder)):
        yield port


@pytest.fixture(scope="module", params=list(PROXIES))
def place(request, switching: int, tmp_path_factory) -> Iterator[Place]:
    """Return each proxy in front of it."""

    class Switching:
        server_port = switching

        def __init__(self) -> None:
            self.seen: list = []

        serve_forever = shutdown = server_close = lambda self: None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proxies, "Upstream", Switching)
        folder: Path = tmp_path_factory.mktemp(request.param)
        with placed(request.param, folder) as found:
            yield found


def test_the_server_behind_does_switch(switching: int) -> None:
    """Else the facts below would say nothing."""
    for head in (SWITCHES[0], SWITCHES[5]):
        assert first_line(switching, head, {}).startswith(b"HTTP/1.1 101"), head


def test_an_allowed_call_switches_to_nothing(place: Place) -> None:
    """Its proof is for one request: refused, or answered as that one request."""
    assert b" 200" in first_line(place.port, "", place.signed())
    for head in SWITCHES:
        status = first_line(place.port, head, place.signed())
        assert status.split(b" ")[1] in {b"200", b"403", b"400"}, (head, status)
