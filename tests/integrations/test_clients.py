"""Clients of a guarded service: each signs what it really sends, and tells nobody else."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest
import requests
from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from served import served

from delegation import Grant, HolderKey, Tool, anything, between, may
from delegation.embedded import Tracker
from delegation.errors import NotFoundError
from delegation.integrations import Guard
from delegation.integrations.signing import Auth, discover

DESK = "https://desk.acme.example"


@dataclass
class Answer:
    """What came back, whichever client asked."""

    status: int
    body: Any


class Httpx:
    """httpx or httpx2, synchronous."""

    def __init__(self, library: Any) -> None:
        self.library = library

    def ask(self, auth: Auth, method: str, url: str, **sent: Any) -> Answer:
        """Send one request."""
        with self.library.Client(auth=auth, trust_env=False) as http:
            answer = http.request(method, url, follow_redirects=True, **sent)
            return Answer(answer.status_code, answer.json())


class AsyncHttpx(Httpx):
    """httpx or httpx2, asynchronous."""

    def ask(self, auth: Auth, method: str, url: str, **sent: Any) -> Answer:
        """Send one request."""

        async def asked() -> Answer:
            async with self.library.AsyncClient(auth=auth, trust_env=False) as http:
                answer = await http.request(method, url, follow_redirects=True, **sent)
                return Answer(answer.status_code, answer.json())

        return asyncio.run(asked())


class Requests:
    """requests."""

    def ask(self, auth: Auth, method: str, url: str, **sent: Any) -> Answer:
        """Send one request."""
        sent = {"data" if name == "content" else name: value for name, value in sent.items()}
        with requests.Session() as http:
            http.trust_env = False
            answer = http.request(method, url, auth=auth, **sent)
            return Answer(answer.status_code, answer.json())


class Aiohttp:
    """aiohttp."""

    def ask(self, auth: Auth, method: str, url: str, **sent: Any) -> Answer:
        """Send one request."""
        sent = {"data" if name == "content" else name: value for name, value in sent.items()}

        async def asked() -> Answer:
            async with (
                aiohttp.ClientSession(middlewares=[auth]) as http,
                http.request(method, url, **sent) as answer,
            ):
                return Answer(answer.status, await answer.json(content_type=None))

        return asyncio.run(asked())


CLIENTS = {
    "httpx": Httpx(httpx), "httpx2": Httpx(httpx2), "async httpx": AsyncHttpx(httpx),
    "async httpx2": AsyncHttpx(httpx2), "requests": Requests(), "aiohttp": Aiohttp(),
}  # fmt: skip


def application(elsewhere: Callable[[], str]) -> FastAPI:
    """Return a service with a judged, an open and a leading-away route."""
    app = FastAPI()

    @app.get("/health")
    def health() -> str:
        return "ok"

    @app.post("/orders/{order}/notes")
    def note(order: str, body: dict, title: str = "") -> dict:
        return {"order": order, "title": title, **body}

    @app.get("/away")
    def away() -> RedirectResponse:
        return RedirectResponse(f"{elsewhere()}/away")

    return app


@pytest.fixture(scope="module")
def desk() -> Iterator[SimpleNamespace]:
    """Serve the guarded application, and a stranger that writes down what it is told."""
    told: list[dict[str, str]] = []

    async def stranger(scope: Any, receive: Any, send: Any) -> None:
        told.append({name.decode(): value.decode() for name, value in scope["headers"]})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'"hello"'})

    tracker = Tracker.open()
    tracker.add_tool(
        Tool(
            "notes.add",
            effect="write",
            arguments={"order": "opaque", "title?": "text", "n": "integer"},
        )
    )
    tracker.add_tool(Tool("desk.away", effect="read"))
    guard = Guard(tracker, audience=DESK)
    guard.route("POST", "/orders/{order}/notes", "notes.add", query=["title"], body=["n"])
    guard.route("GET", "/away", "desk.away")
    guard.open("GET", "/health")
    key = HolderKey.generate("agent")
    ceiling = Grant(
        [may("notes.add", order=anything(), title=anything(), n=between(1, 9)), may("desk.away")],
        audience=[DESK],
    )
    task = tracker.open_task("Notes", owner="ana@acme.example", ceiling=ceiling, lasts=3600)
    token = tracker.issue(task, to=key.public)
    with served(stranger) as away, served(guard.protect(application(lambda: away))) as url:
        routes = discover(url, audience=DESK)
        yield SimpleNamespace(
            url=url, away=away, told=told, auth=lambda: Auth(token, key, routes), tracker=tracker
        )


@pytest.mark.parametrize("name", CLIENTS)
def test_each_client_signs_what_it_sends(desk: SimpleNamespace, name: str) -> None:
    """A space in the query, a body, the same request once more, and a call that is denied."""
    client, auth = CLIENTS[name], desk.auth()
    notes = f"{desk.url}/orders/o-1/notes"
    for _ in range(2):  # the second needs a proof of its own
        got = client.ask(auth, "POST", notes, params={"title": "a b+c&é"}, json={"n": 3})
        assert (got.status, got.body) == (200, {"order": "o-1", "title": "a b+c&é", "n": 3})
    got = client.ask(auth, "POST", notes, json={"n": 10})
    assert (got.status, got.body["code"]) == (403, "argument_refused")


@pytest.mark.parametrize("name", CLIENTS)
def test_open_routes_pass_unsigned_and_unknown_ones_are_refused(
    desk: SimpleNamespace, name: str
) -> None:
    """What everybody may ask needs no proof; what nobody declared is found before it is sent."""
    auth = desk.auth()
    assert CLIENTS[name].ask(auth, "GET", f"{desk.url}/health").body == "ok"
    with pytest.raises(NotFoundError, match="no declared route"):
        CLIENTS[name].ask(auth, "GET", f"{desk.url}/other")


@pytest.mark.parametrize("name", CLIENTS)
def test_nothing_is_told_to_whom_a_redirect_leads(desk: SimpleNamespace, name: str) -> None:
    """Token and proof stay at the service, even where the stranger has the same path."""
    desk.told.clear()
    assert CLIENTS[name].ask(desk.auth(), "GET", f"{desk.url}/away").body == "hello"
    (told,) = desk.told
    assert not {"authorization", "delegation-proof"} & told.keys()
    assert not any("dct." in value for value in told.values())


@pytest.mark.parametrize("name", CLIENTS)
def test_a_body_is_signed_as_it_is_sent_or_refused(desk: SimpleNamespace, name: str) -> None:
    """Bytes and files are read and sent as they were read; what comes only once is refused."""
    auth, notes = desk.auth(), f"{desk.url}/orders/o-1/notes"
    for content in (b'{"n": 4}', io.BytesIO(b'{"n": 4}')):
        got = CLIENTS[name].ask(
            auth, "POST", notes, content=content, headers={"Content-Type": "application/json"}
        )
        assert (got.status, got.body["n"]) == (200, 4)
