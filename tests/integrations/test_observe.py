"""Observing: a service is answered as if nobody looked, and the draft of what was seen runs as pasted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI, Form, Header, Query, UploadFile
from fastapi.responses import RedirectResponse, StreamingResponse
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse
from starlette.routing import Route as StarletteRoute
from starlette.testclient import TestClient

from delegation import HolderKey
from delegation.embedded import Tracker
from delegation.integrations import Guard
from delegation.integrations.signing import Auth

DESK = "https://desk.acme.example"


@dataclass(frozen=True)
class Sent:
    """One request."""

    method: str
    url: str
    said: dict[str, Any]

    def to(self, http: TestClient) -> Any:
        """Send it."""
        return http.request(self.method, self.url, follow_redirects=False, **self.said)


def sent(method: str, url: str, **said: Any) -> Sent:
    """Return a request."""
    return Sent(method, url, said)


def observed(app: Any, traffic: Iterable[Sent]) -> str:
    """Return the draft of traffic, which is answered as by the bare application."""
    guard = Guard(None, audience=DESK, mode="observe")
    watched, bare = TestClient(guard.protect(app)), TestClient(app)
    for one in traffic:
        answers = [one.to(http) for http in (bare, watched)]
        assert answers[0].status_code == answers[1].status_code
        assert answers[0].content == answers[1].content
        assert answers[0].headers == answers[1].headers
    return guard.observed.draft()


def pasted(app: Any, draft: str) -> TestClient:
    """Return an agent's client of the application behind a guard that is declared by the draft alone."""
    tracker = Tracker.open()
    guard = Guard(tracker, audience=DESK)
    names: dict[str, Any] = {"tracker": tracker, "guard": guard, "app": app}
    exec(compile(draft, "draft", "exec"), names)
    guarded = guard.protect(app)
    key = HolderKey.generate("agent")
    task = tracker.open_task("As seen", owner="ana@acme.example", ceiling=names["observed"], lasts=600)
    http = TestClient(guarded, base_url=DESK)
    http.auth = Auth(tracker.issue(task, to=key.public), key, guard.routes())
    return http


class Order(BaseModel):
    """A body."""

    item: str
    amount: int
    note: str | None = None


def shop() -> FastAPI:
    """Return an application of routers, mounts, bodies, forms, files, headers and odd answers."""
    app, inner, router, nested = FastAPI(), FastAPI(), APIRouter(prefix="/orders"), APIRouter()

    @nested.get("/{order}/lines/{line}")
    def line(order: str, line: int) -> dict:
        return {"order": order, "line": line}

    @router.post("/")
    def add(order: Order) -> dict:
        return order.model_dump()

    @router.get("/{order}")
    def one(order: str) -> dict:
        return {"order": order}

    @app.get("/search")
    def search(q: str, tag: Annotated[list[str], Query()] = [], x_tenant: Annotated[str, Header()] = "") -> dict:  # noqa: B006
        return {"q": q, "tag": tag, "tenant": x_tenant}

    @app.get("/files/{path:path}")
    def file(path: str) -> dict:
        return {"path": path}

    @app.post("/form")
    def form(name: Annotated[str, Form()], age: Annotated[int, Form()]) -> dict:
        return {"name": name, "age": age}

    @app.post("/upload")
    async def upload(photo: UploadFile) -> dict:
        return {"size": len(await photo.read())}

    @app.get("/health")
    def health() -> str:
        return "ok"

    @app.get("/old")
    def old() -> RedirectResponse:
        return RedirectResponse("/search")

    @app.get("/never")
    def never() -> str:
        return "never asked for"

    @inner.get("/report/{year}")
    def report(year: int) -> dict:
        return {"year": year}

    router.include_router(nested)
    app.include_router(router)
    app.mount("/inner", inner)
    return app


SEEN = [
    sent("POST", "/orders/", json={"item": "pen", "amount": 2}),
    sent("POST", "/orders/", json={"item": "ink", "amount": 3, "note": "blue"}),
    sent("GET", "/orders/o-1"),
    sent("GET", "/orders/o-1/lines/7"),
    sent("GET", "/search?q=a%20b&tag=x&tag=y", headers={"X-Tenant": "acme"}),
    sent("GET", "/search?q=c"),
    sent("GET", "/files/a/b.txt"),
    sent("POST", "/form", data={"name": "Ana", "age": "41"}),
    sent("POST", "/upload", files={"photo": ("a.png", b"PNG", "image/png")}),
    sent("GET", "/inner/report/2026"),
    sent("GET", "/health"),
]
UNANSWERED = [
    sent("GET", "/none"), sent("PUT", "/health"), sent("GET", "/orders"), sent("GET", "/old"),
    sent("POST", "/form", data={"name": "Ana", "age": "old"}), sent("POST", "/orders/", json={"item": 1}),
]  # fmt: skip
UNSEEN = [
    sent("GET", "/never"), sent("POST", "/orders/", json={"item": "gun", "amount": 2}),
    sent("POST", "/orders/", json={"item": "pen", "amount": 200}), sent("GET", "/orders/o-2"),
    sent("GET", "/search?q=other"), sent("GET", "/files/a/c.txt"), sent("GET", "/inner/report/1999"),
    sent("GET", "/search?q=c", headers={"X-Tenant": "other"}),
]  # fmt: skip


def test_the_draft_runs_as_pasted() -> None:
    """What was asked for is allowed, and nothing else, though all of the application is declared."""
    app = shop()
    draft = observed(app, [*SEEN, *UNANSWERED])
    http = pasted(app, draft)
    for one in SEEN:
        answer = one.to(http)
        assert answer.status_code == 200, (one, answer.text, draft)
    for one in UNSEEN:
        assert one.to(http).status_code == 403, one
    assert "/none" not in draft
    assert "# answered" in draft
    assert "guard.open('GET', '/health')" in draft
