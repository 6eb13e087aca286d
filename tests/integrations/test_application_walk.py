"""Walking an application: what can be walked is named alike at each start, what cannot is named and closed."""

from __future__ import annotations

import re
from typing import Annotated, Any

import pytest
from apps.grammar import application
from cases import every
from fastapi import FastAPI, Request, Security
from fastapi.security import APIKeyHeader
from starlette.applications import Starlette
from starlette.convertors import CONVERTOR_TYPES, StringConvertor
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount
from starlette.routing import Route as PlainRoute
from starlette.testclient import TestClient

from delegation.errors import ConfigurationError
from delegation.integrations import Guard
from delegation.integrations.app_tools import tools_from_app
from delegation.integrations.dispatch import route_taken
from delegation.testing import World
from tests.integrations.test_from_app import Service

OwnKey = Annotated[str | None, Security(APIKeyHeader(name="Authorization", auto_error=False))]


@pytest.mark.filterwarnings("ignore:Duplicate Operation ID")
def test_a_tool_has_one_name_whichever_of_its_methods_comes_first() -> None:
    """FastAPI's own id ends in the first of a set, which is another one after a restart: no token would hold."""
    named = []
    for first in ("get", "post", "put"):
        app = FastAPI()
        app.api_route("/e/{x}", methods=["GET", "POST", "PUT"])(echo)
        app.api_route("/n", methods=["GET", "PUT"], operation_id="n")(echo)
        route = next(one for one in app.routes if getattr(one, "path", "") == "/e/{x}")
        route.unique_id = f"echo_e__x__{first}"
        made = Service(app).guard.tools
        described = tools_from_app(app, prefix="app").tools
        named.append(
            [[one.name for one in tools if "echo" in one.name] for tools in (made, described)]
        )
    assert named == [[["app.echo_e_x_get", "app.echo_e_x_post", "app.echo_e_x_put"]] * 2] * 3


def echo(x: str = "") -> str:
    """Answer with what came."""
    return x


def test_an_id_that_says_no_method_gets_one() -> None:
    """What names operations may not look at methods at all."""
    app = FastAPI(generate_unique_id_function=lambda route: f"my_{route.name}")
    app.api_route("/e", methods=["GET", "PUT"])(echo)
    names = {one.name for one in Service(app).guard.tools}
    assert {"app.my_echo_get", "app.my_echo_put"} <= names


def test_a_scheme_that_reads_authorization_by_any_name_moves_the_token() -> None:
    """An `APIKeyHeader` has it in its own letters; what several dependencies read is noted once."""
    app = FastAPI()

    @app.get("/a")
    def one(key: OwnKey = None, again: OwnKey = None) -> str | None:
        return key or again

    guard = Service(app).guard
    assert guard.routes().token_header == "delegation-token"
    assert [place for place, _ in guard.notes].count("GET /a") == 1


listed = FastAPI()


class Bridge:
    """An application without routes, in an attribute that is called as the whole application is in its module."""

    def __init__(self, flask: Any) -> None:
        self.listed = flask

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.listed(scope, receive, send)


def test_an_attribute_is_no_name_of_its_module() -> None:
    """As MLflow mounts Flask: what the bridge holds is nothing that lists routes, and not what mounts it."""
    listed.get("/own")(echo)
    listed.mount("/", Bridge(lambda scope, receive, send: None))
    service = Service(listed)
    assert ("GET", "/own") in service.places
    assert [place for place, _ in service.guard.left_out] == ["ANY /{path:path}"]


def test_applications_in_each_other_end() -> None:
    """Starlette would go round for ever; what is asked how it serves a request does not."""
    app = FastAPI()
    app.mount("", app)
    scope = {"type": "http", "method": "GET", "path": "/x", "root_path": "", "headers": [], "query_string": b""}  # fmt: skip
    assert route_taken(app, scope) is None
    assert ("GET", "/docs") in Service(app).places


class Odd(StringConvertor):
    """A converter of an application's own."""

    regex = "[a-z]{3}"


def test_what_cannot_be_walked_is_named_and_closed() -> None:
    """Applications that list no routes, converters that nobody knows, one route for two hosts."""

    async def opaque(scope, receive, send) -> None:
        await PlainTextResponse("opaque")(scope, receive, send)

    CONVERTOR_TYPES["odd"] = Odd()
    first, second = FastAPI(), FastAPI()
    for app in (first, second):
        app.get("/same")(lambda: "same")
    app = Starlette(routes=[
        PlainRoute("/odd/{x:odd}", lambda r: PlainTextResponse("odd")), Mount("/metrics", opaque),
        PlainRoute("/each", type("Each", (), {"__call__": opaque})()), Host("a.example", first), Host("b.example", second),
        PlainRoute("/plain/{n:int}", lambda r: PlainTextResponse("plain"), methods=["POST"]), PlainRoute("/plain/{n:int}", lambda r: None, methods=["POST"]),
    ])  # fmt: skip
    service = Service(app)
    left = dict(service.guard.left_out)
    assert {"GET /odd/{x:odd}", "ANY /metrics/{path:path}", "ANY /each", "GET /same"} <= left.keys()
    client = TestClient(service.guarded)
    assert {client.get(path).status_code for path in ("/odd/abc", "/metrics/x", "/each")} == {404}
    opened = Guard(service.world.tracker, audience=service.world.audience)
    with pytest.raises(
        ConfigurationError,
        match=r"ANY /metrics/\{path:path\} \(an application that lists no routes",
    ):
        opened.protect(app)
    for line in re.findall(r"guard\.\w+\(.*", service.guard.declarations()):
        if "/metrics" not in line:
            exec(line, {"guard": opened})
    opened.open("GET", "/metrics/{path:path}")
    http = TestClient(opened.protect(app))
    assert http.get("/metrics/x").text == "opaque"
    assert http.post("/metrics/x").status_code == 404


@pytest.mark.parametrize("is_nested", [False, True])
def test_a_host_with_a_placeholder_is_closed(is_nested: bool) -> None:
    """What fills it is read by handlers and comes in a header that no argument states."""

    async def who(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.path_params["tenant"])

    tenant = Starlette(routes=[PlainRoute("/orders/{n}", who)])
    inner = Starlette(routes=[Host("acme.shop.example", tenant)]) if is_nested else tenant
    app = Starlette(routes=[PlainRoute("/x", who), Host("{tenant}.shop.example", inner)])
    service = Service(app)
    assert "host has a placeholder" in dict(service.guard.left_out)["GET /orders/{n}"]
    said = {"Host": "evil.shop.example"}
    assert TestClient(service.guarded).get("/orders/7", headers=said).status_code == 404
    by_hand = Guard(service.world.tracker, audience=service.world.audience)
    by_hand.route("GET", "/orders/{n}", service.guard.tools[0].name)
    by_hand.open("GET", "/x")
    with pytest.raises(ConfigurationError, match=r"GET /orders/\{n\}"):
        by_hand.protect(app)


def test_a_route_that_nothing_reaches_is_named() -> None:
    """Registered behind what takes all its requests, a whole mount among them."""
    app, sub = FastAPI(), FastAPI()
    sub.get("/x")(lambda: "x")
    app.mount("/api", sub)
    app.get("/api/late")(lambda: "late")
    assert dict(Service(app).guard.left_out).keys() == {"GET /api/late"}
    world = World()
    guard = Guard(world.tracker, audience=world.audience)
    guard.open("GET", "/api/x")
    with pytest.raises(ConfigurationError, match=r"GET /api/late \(no request reaches it"):
        guard.protect(app)
    guard.refuse("GET", "/api/late")
    assert guard.protect(app)


def test_the_mounted_routers_are_held_to_the_place_too() -> None:
    """A middleware inside of a mounted application cuts a path: its router serves only what was meant."""

    class Cut:
        def __init__(self, app) -> None:
            self.app = app

        async def __call__(self, scope, receive, send) -> None:
            path = scope["path"].replace("/p", "/secret")
            await self.app({**scope, "path": path, "raw_path": path.encode()}, receive, send)

    sub = FastAPI()
    sub.get("/secret")(lambda: "secret")
    sub.get("/{page}")(lambda page: f"page {page}")
    sub.add_middleware(Cut)
    app = FastAPI()
    app.mount("/m", sub)
    service = Service(app)
    answer = service.client().get("/m/p")
    assert (answer.status_code, answer.json()["code"]) == (404, "route_undeclared")
    assert service.client().get("/m/q").json() == "page q"


@every("path", ["/v1/out/in/items/7", "/t/a/deep/plain/1", "/t/a/deep/files/calls.py", "/t/a/docs", "/u/me", "/u/x", "/tiles/1/a.b", "/slash/", "/slash", "/nothing"])  # fmt: skip
def test_the_route_that_is_taken_is_the_one_that_the_application_serves(path: str) -> None:
    """Differential: what is foretold, and what the application's own routers leave in the scope."""
    import asyncio

    app = application()
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"",
        "headers": [(b"host", b"x")], "http_version": "1.1", "scheme": "http", "server": ("x", 80), "client": ("y", 1),
    }  # fmt: skip
    foretold = route_taken(app, scope)

    async def run() -> dict[str, Any]:
        left = dict(scope)
        said: list[Any] = []
        waiting: list[Any] = [{"type": "http.request", "body": b""}]

        async def receive():
            return waiting.pop(0) if waiting else {"type": "http.disconnect"}

        async def send(message) -> None:
            said.append(message)

        await app(left, receive, send)
        return left

    left = asyncio.run(run())
    assert foretold is not None
    own = getattr(left.get("route"), "path", "")
    assert own in foretold[1]
