"""Observing what nothing declares: handlers of raw requests, and routes that come with the start."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from delegation.integrations import Guard
from tests.integrations.test_observe import DESK, observed, pasted, sent


async def raw_echo(request: Request) -> JSONResponse:
    """Answer with what a raw request states."""
    body = await request.body()
    return JSONResponse([*request.path_params.values(), dict(request.query_params), body.decode()])


def raw() -> Starlette:
    """Return an application of which nothing says what handlers read, but for one parameter."""
    api = FastAPI()

    @api.post("/part/{number}")
    async def part(request: Request, number: int, page: int = 1) -> list[Any]:
        return [number, page, dict(request.query_params), await request.json()]

    listed = [Route("/raw/{name}", raw_echo, methods=["GET", "POST"])]
    return Starlette(routes=[*listed, Mount("/api", api)])


RAW = (
    sent("POST", "/raw/a?x=5&tag=k&tag=l", json={"n": 5, "deep": {"t": "hi"}}),
    sent("POST", "/raw/a?x=5", data={"n": "5"}),  # fewer have this media type: named, not drafted
    sent("POST", "/raw/a?x=5&tag=k&tag=l", json={"n": 6, "deep": {"t": "hi"}}),
    sent("GET", "/raw/b"),
    sent("POST", "/api/part/7?page=2&more=x", json={"say": "on"}),
)


def test_what_raw_handlers_read_is_drafted_from_requests() -> None:
    """Nothing says what such a handler reads, so what came is all that is known of it."""
    draft = observed(raw(), RAW)
    http = pasted(raw(), draft)
    bare = TestClient(raw(), base_url=DESK)
    for one in (RAW[0], *RAW[2:]):
        # Members are written anew, in their canonical order.
        answers = [json.dumps(one.to(c).json(), sort_keys=True) for c in (http, bare)]
        assert answers[0].replace(" ", "") == answers[1].replace(" ", ""), one
    assert "kinds={'number': 'integer', 'page': 'integer'}" in draft
    for one in (
        sent("POST", "/raw/a?x=6&tag=k&tag=l", json={"n": 5, "deep": {"t": "hi"}}),
        sent("POST", "/raw/a?x=5&tag=k&tag=l", json={"n": 7, "deep": {"t": "hi"}}),
        sent("POST", "/api/part/7?page=2&more=y", json={"say": "on"}),
        sent("POST", "/api/part/7?page=2&more=x", json={"say": "off"}),
        sent("GET", "/raw/c"),
    ):
        assert one.to(http).status_code == 403, one


@pytest.mark.parametrize(
    ("media", "body", "other"),
    [("text/plain", b"abc", b"abd"), ("image/png", b"\x89PNG", None), ("", b'{"n":5}', b'{"n":6}')],
)
def test_a_raw_body_is_drafted_as_what_it_is(media: str, body: bytes, other: bytes | None) -> None:
    """A text is one, bytes are a file, and JSON is read without a media type, as the guard reads it."""
    said: dict[str, Any] = {"headers": {"Content-Type": media}} if media else {}
    draft = observed(raw_bytes(), [sent("POST", "/raw", content=body, **said)])
    http = pasted(raw_bytes(), draft)
    answer = sent("POST", "/raw", content=body, **said).to(http).content
    assert answer.replace(b" ", b"") == body  # JSON is written anew
    if other is not None:
        assert sent("POST", "/raw", content=other, **said).to(http).status_code == 403


def raw_bytes() -> Starlette:
    """Return an application that answers with the body that it gets."""

    async def echo(request: Request) -> Response:
        return Response(await request.body())

    return Starlette(routes=[Route("/raw", echo, methods=["POST"])])


def test_a_route_that_comes_with_the_start_spoils_no_draft() -> None:
    """No guard lets it through, so that it is named and not declared."""

    @asynccontextmanager
    async def started(app: FastAPI) -> AsyncIterator[None]:
        app.get("/late/{number}")(lambda number: number)
        app.get("/health")(lambda: "ok")
        yield

    def late() -> FastAPI:
        app = FastAPI(lifespan=started)
        app.get("/early")(lambda: 1)
        return app

    app = late()
    guard = Guard(None, audience=DESK, mode="observe")
    with TestClient(guard.protect(app)) as http:
        assert [http.get(p).status_code for p in ("/early", "/late/3", "/health")] == [200] * 3
    assert guard.observed is not None
    draft = guard.observed.draft()
    assert "# not understood once: GET /late/{number}: 'the application got it after" in draft
    assert pasted(late(), draft).get("/early").status_code == 200
