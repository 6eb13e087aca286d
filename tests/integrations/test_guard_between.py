"""Between the request that was judged and its handler: outer applications and middlewares change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.applications import Starlette
from starlette.routing import Host, Mount
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from delegation import Tool, anything, may, not_one_of
from delegation.integrations import Guard
from delegation.integrations.signing import Auth
from delegation.testing import World


class Service:
    """An application behind a guard that was made from it, and an agent that may call all of it."""

    def __init__(self, app: Any, **said: Any) -> None:
        self.world = World()
        self.audience = self.world.audience
        self.guard = Guard.from_app(
            app, self.world.tracker, audience=self.audience, clock=self.world.clock, **said
        )
        self.guarded = self.guard.protect(app)
        can = [
            may(tool.name, arguments={name: anything() for name in tool.arguments})
            for tool in self.guard.tools
        ]
        self.token = self.world.chain("a", can=can, effects=["read", "write", "delete"])

    def client(self, app: Any = None, below: str = "") -> TestClient:
        """Return the agent's client of the guarded application, or of one around it."""
        auth = Auth(
            self.token, self.world.key("a"), self.guard.routes(), base=self.audience + below
        )
        client = TestClient(app or self.guarded, base_url=self.audience)
        client.auth = auth  # type: ignore[assignment]  # of whichever httpx the test client has
        return client


class Lower:
    """A middleware that spells paths and queries in lower case."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            query = scope["query_string"].lower()
            scope = {**scope, "path": scope["path"].lower(), "query_string": query}
        await self.app(scope, receive, send)


@pytest.mark.parametrize(
    "is_outside", [True, False], ids=["of the application", "of a mounted one"]
)
def test_a_path_or_query_that_a_middleware_changes_reaches_no_handler(is_outside: bool) -> None:
    """The route stays the same: `Admin` was judged, and `admin` would be served."""
    sub = FastAPI()
    sub.get("/u/{name}")(lambda name, role="": f"{name} {role}")
    app = FastAPI()
    app.mount("/m", sub)
    (app if is_outside else sub).add_middleware(Lower)
    http = Service(app).client()
    for changed in ("/m/u/Admin", "/m/u/ana?role=Admin"):
        answer = http.get(changed)
        assert (answer.status_code, answer.json()["code"]) == (404, "route_undeclared")
    assert http.get("/m/u/ana?role=a%20b").json() == "ana a b"


def tenants() -> FastAPI:
    """Return an application whose handlers read what an outer one filled in."""
    app = FastAPI()

    @app.get("/docs/{n}")
    def document(n: int, request: Request) -> dict[str, Any]:
        return {**request.path_params, "n": n}

    @app.websocket("/talk")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()

    app.get("/health")(lambda: "ok")
    return app


@pytest.mark.parametrize(
    ("outer", "below"),
    [
        (lambda app: Mount("/{tenant}", app), "/acme"),
        (lambda app: Mount("/t", routes=[Mount("/{tenant}", app)]), "/t/acme"),
        (lambda app: Host("{tenant}.test", app), ""),
    ],
    ids=["mount", "nested", "host"],
)
def test_below_a_placeholder_of_an_outer_application_nothing_is_reached(outer, below: str) -> None:
    """Handlers would read `tenant` and nobody would have judged it: one proof would serve each tenant."""
    service = Service(tenants(), opened=["/health"])
    http = service.client(Starlette(routes=[outer(service.guarded)]), below)
    for path in ("docs/7", "health"):
        answer = http.get(f"{below}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "placeholder_outside")
        assert "(tenant)" in answer.json()["detail"]
    http.auth = None
    assert http.get(f"{below}/.well-known/delegation").status_code == 404
    talk = f"{service.audience.replace('https', 'wss')}{below}/talk"
    with pytest.raises(WebSocketDenialResponse) as refused, http.websocket_connect(talk):
        pass
    assert refused.value.status_code == 404


def test_below_a_plain_mount_all_is_as_without_it() -> None:
    """A prefix without placeholders is the deployment's, and `base` says it to the signer."""
    service = Service(tenants())
    http = service.client(Starlette(routes=[Mount("/v1", service.guarded)]), "/v1")
    assert http.get("/v1/docs/7").json() == {"n": 7}


def test_django_channels_says_its_placeholders_in_another_member() -> None:
    """`URLRouter` fills `url_route`, by names and by numbers."""
    service = Service(tenants())
    for filled in ({"args": (), "kwargs": {"tenant": "acme"}}, {"args": ("acme",), "kwargs": {}}):

        async def routed(scope: Any, receive: Any, send: Any, filled: Any = filled) -> None:
            await service.guarded({**scope, "url_route": filled}, receive, send)

        answer = service.client(routed).get("/docs/7")
        assert (answer.status_code, answer.json()["code"]) == (404, "placeholder_outside")


@pytest.mark.parametrize("kind", ["text", "line", "relative_path"])
@pytest.mark.parametrize("html", [False, True])
def test_a_judged_file_has_one_name(tmp_path: Path, kind: str, html: bool) -> None:
    """`StaticFiles` serves `secret.txt/` as `secret.txt`, which a grant leaves out."""
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "plain.txt").write_text("plain")
    app = Starlette(routes=[Mount("/files", StaticFiles(directory=tmp_path, html=html))])
    world = World()
    world.tracker.add_tool(Tool("files.read", effect="read", arguments={"path": kind}))
    guard = world.guard()
    guard.route("GET", "/files/{path:path}", "files.read")
    token = world.chain("a", can=[may("files.read", path=not_one_of("secret.txt"))])
    http = world.client(app, guard, token, "a")
    assert http.get("/files/plain.txt").text == "plain"
    for name in ("secret.txt", "secret.txt/", "plain.txt/"):
        assert http.get(f"/files/{name}").status_code in {403, 404}


def test_an_open_directory_is_served_as_it_is(tmp_path: Path) -> None:
    """Nobody judges it: its index has a slash at its end."""
    (tmp_path / "index.html").write_text("index")
    app = Starlette(routes=[Mount("/files", StaticFiles(directory=tmp_path, html=True))])
    guard = World().guard()
    guard.open("GET", "/files/{path:path}")
    http = TestClient(guard.protect(app))
    assert http.get("/files/").text == "index"
