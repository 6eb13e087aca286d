"""Observing holds up no stream: messages of bodies, sockets and events pass one by one, as they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from delegation.integrations import Guard
from delegation.integrations.observe import MAX_BODY

DESK = "https://desk.acme.example"


class Wire:
    """A connection whose messages come only when they are sent, and are written down as they are."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def next_said(self) -> dict[str, Any]:
        """Return what the application says next; a test that waits for it in vain fails."""
        return await asyncio.wait_for(self.said.get(), 60)


def scope_of(kind: str, path: str, **said: Any) -> dict[str, Any]:
    """Return the scope of a connection."""
    return {
        "type": kind, "path": path, "raw_path": path.encode(), "query_string": b"", "headers": [],
        "root_path": "", **said,
    }  # fmt: skip


async def piecemeal(scope: Any, receive: Any, send: Any) -> None:
    """Answer each message with one of its own, before the next is asked for."""
    opens = {"http": "http.response.start", "websocket": "websocket.accept"}[scope["type"]]
    if scope["type"] == "websocket":
        await receive()
    await send({"type": opens, "status": 200, "headers": []})
    while True:
        message = await receive()
        if message["type"].endswith("disconnect"):
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.send", "text": message["text"]})
            continue
        more = message.get("more_body", False)
        await send({"type": "http.response.body", "body": message["body"], "more_body": more})
        if not more:
            return


@pytest.mark.parametrize("size", [1, MAX_BODY])
def test_a_stream_passes_message_by_message(size: int) -> None:
    """An application that answers each chunk before the next one comes is not held up, nor changed."""

    async def played() -> Guard:
        guard, wire = Guard(None, audience=DESK, mode="observe"), Wire()
        headers = [(b"transfer-encoding", b"chunked"), (b"content-type", b"image/png")]
        scope = scope_of("http", "/echo", method="POST", headers=headers)
        served = asyncio.create_task(guard.protect(piecemeal)(scope, wire.heard.get, wire.said.put))
        assert (await wire.next_said())["type"] == "http.response.start"
        for n in range(4):
            sent = {"type": "http.request", "body": b"x" * size, "more_body": n < 3}
            await wire.heard.put(sent)
            assert (await wire.next_said())["body"] is sent["body"]
        await served
        return guard

    draft = asyncio.run(played()).observed.draft()
    assert "# answered once: POST /echo" in draft


def test_sockets_pass_as_they_are() -> None:
    """Each message of a socket is handed on at once; its handshake is what was seen."""

    async def played() -> Guard:
        guard, wire = Guard(None, audience=DESK, mode="observe"), Wire()
        served = asyncio.create_task(
            guard.protect(piecemeal)(scope_of("websocket", "/talk"), wire.heard.get, wire.said.put)
        )
        await wire.heard.put({"type": "websocket.connect"})
        assert (await wire.next_said())["type"] == "websocket.accept"
        for text in ("a", "b"):
            await wire.heard.put({"type": "websocket.receive", "text": text})
            assert (await wire.next_said())["text"] == text
        assert "WEBSOCKET /talk" in guard.observed.draft()  # while it is still open
        await wire.heard.put({"type": "websocket.disconnect"})
        await served
        return guard

    asyncio.run(played())


def test_an_endless_answer_is_seen_while_it_runs() -> None:
    """Server-sent events come one by one, and the route is drafted before they end."""
    ticks: asyncio.Queue[str] = asyncio.Queue()
    app = FastAPI()

    @app.get("/events")
    async def events() -> StreamingResponse:
        async def told() -> AsyncIterator[str]:
            while (tick := await ticks.get()) != "end":
                yield f"data: {tick}\n\n"

        return StreamingResponse(told(), media_type="text/event-stream")

    async def played() -> None:
        guard, wire = Guard(None, audience=DESK, mode="observe"), Wire()
        await wire.heard.put({"type": "http.request", "body": b"", "more_body": False})
        served = asyncio.create_task(
            guard.protect(app)(
                scope_of("http", "/events", method="GET"), wire.heard.get, wire.said.put
            )
        )
        assert (await wire.next_said())["status"] == 200
        for tick in ("1", "2"):
            await ticks.put(tick)
            assert (await wire.next_said())["body"] == f"data: {tick}\n\n".encode()
        assert "# answered once: GET /events" in guard.observed.draft()
        await ticks.put("end")
        await served

    asyncio.run(played())
