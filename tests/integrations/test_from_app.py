"""A guard made from an application: all that it serves is declared, in its order, and nothing else is served."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import pytest
from apps.grammar import application
from cases import every
from fastapi import APIRouter, FastAPI, Header, Request, Security
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPBearer, OAuth2PasswordBearer
from starlette.applications import Starlette
from starlette.convertors import CONVERTOR_TYPES, StringConvertor
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount
from starlette.routing import Route as PlainRoute
from starlette.testclient import TestClient

from delegation import anything, exact, may
from delegation.errors import ConfigurationError
from delegation.integrations import Guard
from delegation.integrations.app_tools import tools_from_app
from delegation.integrations.application_routes import application_routes
from delegation.integrations.dispatch import route_taken
from delegation.integrations.signing import Auth
from delegation.testing import World


class Service:
    """An application behind a guard that was made from it, and an agent that may call all of it."""

    def __init__(self, app: Any, **said: Any) -> None:
        self.world = World()
        self.guard = Guard.from_app(
            app, self.world.tracker, audience=self.world.audience, clock=self.world.clock, **said
        )
        self.guarded = self.guard.protect(app)
        self.places = {(r.method, r.path): r for r in self.guard.routes().routes}

    def client(self, **limits: Any) -> TestClient:
        """Return a client of an agent that may call everything, but for these arguments."""
        can = [
            may(tool.name, arguments={a: limits.get(a, anything()) for a in tool.arguments})
            for tool in self.guard.tools
        ]
        token = self.world.chain("a", can=can, effects=["read", "write", "delete"])
        client = TestClient(self.guarded, base_url=self.world.audience)
        self.signer = Auth(token, self.world.key("a"), self.guard.routes())
        client.auth = self.signer
        return client


SERVED = [
    ("GET", "/v1/out/in/items/7?tag=a&tag=b", {}, {"id": 7, "tags": ["a", "b"], "role": None}),
    ("GET", "/v2/in/items/7", {"headers": {"X-Role": "reader"}}, {"id": 7, "tags": [], "role": "reader"}),
    ("DELETE", "/v2/in/items/7", {"json": {"name": "n"}}, {"dropped": 7, "order": {"name": "n", "parts": []}}),
    ("POST", "/t/acme/orders/9", {"json": {"name": "n", "parts": [{"sku": "s"}]}}, {"id": "9", "body": {"name": "n", "parts": [{"sku": "s", "count": 1}]}, "key": None}),
    ("GET", "/t/acme/deep/plain/5", {}, "plain 5"), ("GET", "/u/me", {}, "me"), ("GET", "/u/bo", {}, "user bo"),
    ("GET", "/tiles/3/top.png", {}, {"z": 3, "y": "top", "format": "png"}),
    ("GET", "/slash/", {"headers": {"X-Kind": "k", "Cookie": "page_kind=c"}}, {"cookie": "c", "header": "k"}),
    ("POST", "/form", {"data": {"name": "n", "age": "5"}}, {"name": "n", "age": 5}),
    ("POST", "/upload", {"files": [("file", ("a.txt", b"hello")), ("many", ("b.txt", b"b"))], "data": {"note": "x"}}, {"size": 5, "many": 1, "note": "x"}),
    ("POST", "/list", {"json": [3, 1]}, [3, 1]), ("GET", "/stream", {}, "ab"), ("GET", "/hidden/4", {}, 4), ("GET", "/any/thing", {}, {"rest": "any/thing"}),
]  # fmt: skip


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


@pytest.fixture(scope="module")
def grammar() -> Service:
    """Return the application with each way to have a route."""
    return Service(application(), prefix="grammar")


@pytest.mark.parametrize(("method", "path", "sent", "answered"), SERVED)
def test_each_way_to_have_a_route_serves_its_signed_call(grammar: Service, method, path, sent, answered) -> None:  # fmt: skip
    """Routers, mounts, converters, lists, headers, cookies, bodies, forms, files, streams, hidden ones."""
    answer = grammar.client().request(method, path, **sent)
    assert answer.status_code == 200, answer.text
    assert (
        answer.text if isinstance(answered, str) and answer.text == answered else answer.json()
    ) == answered
    bare = TestClient(grammar.guarded, base_url=grammar.world.audience).request(
        method, path, **sent
    )
    assert bare.status_code == 401
    assert grammar.world.decision(answer).tool.startswith("grammar.")


def test_all_that_its_routers_serve_is_declared_in_their_order(grammar: Service) -> None:
    """`/u/me` stands before `/u/{name}`, the rest behind all; nothing is left out."""
    ways = [way.place for way in application_routes(application()) if way.method != "HEAD"]
    assert [place for place in grammar.places if place in ways] == ways
    assert grammar.guard.left_out == ()
    assert {"GET /docs", "GET /t/{tenant}/docs"} <= {f"{m} {p}" for m, p in grammar.places}
    assert TestClient(grammar.guarded).get("/docs").status_code == 401


def test_a_header_that_a_scheme_reads_is_judged(grammar: Service) -> None:
    """`X-Role: admin` beside a judged call is an argument of it, in included routers too."""
    client = grammar.client(**{"X-Role": exact("reader")})
    said = {"headers": {"X-Role": "admin"}}
    for path in ("/v1/out/in/items/7", "/v2/in/items/7"):
        answer = client.get(path, **said)
        assert (answer.status_code, answer.json()["code"]) == (403, "argument_refused")
        assert client.get(path, headers={"X-Role": "reader"}).json()["role"] == "reader"


def test_a_socket_of_the_application_is_judged_at_its_handshake(grammar: Service) -> None:
    """Path and query of the handshake are arguments."""
    assert {one.argument for one in grammar.places["WEBSOCKET", "/rooms/{room}"].inputs} == {"room", "name"}  # fmt: skip


def test_what_is_printed_is_pasted_as_it_stands() -> None:
    """Nothing declared: refused, with declarations that make the guard start and judge alike."""
    app, world = application(), World()
    guard = Guard(world.tracker, audience=world.audience, token_header="Delegation-Token")
    with pytest.raises(ConfigurationError) as found:
        guard.protect(app)
    text = str(found.value)
    assert "POST /t/{tenant}/orders/{order_id}" in text
    exec(text[text.index("from delegation import") :], {"tracker": world.tracker, "guard": guard})
    assert guard.protect(app)
    documents = {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"}
    declared = {r.path for r in guard.routes().routes}
    served = {w.path for w in application_routes(app)}
    assert served - declared == documents | {f"/t/{{tenant}}{path}" for path in documents}


def test_only_what_is_missing_is_printed() -> None:
    """Whoever declares by hand is shown the rest alone."""
    app, world = FastAPI(title="Acme shop"), World()
    app.get("/a/{x}")(lambda x: x)
    app.get("/b")(lambda: "b")
    guard = Guard(world.tracker, audience=world.audience)
    guard.open("GET", "/b")
    with pytest.raises(ConfigurationError) as found:
        guard.protect(app)
    assert "'acme_shop." in str(found.value)
    assert "'/b'" not in str(found.value)


def test_the_applications_own_bearer_lives_beside_the_guards_token() -> None:
    """The token comes in another header, `Authorization` passes only where it is named."""
    app = FastAPI()

    @app.get("/mine")
    def mine(who: Annotated[Any, Security(HTTPBearer(auto_error=False))]) -> str:
        return "nobody" if who is None else who.credentials

    hidden, shown = Service(app), Service(app, passes=["Authorization"])
    for service, answered in ((hidden, "nobody"), (shown, "own")):
        assert service.guard.routes().token_header == "delegation-token"
        answer = service.client().get("/mine", headers={"Authorization": "Bearer own"})
        assert (answer.status_code, answer.json()) == (200, answered)
    token = shown.signer.headers("GET", f"{shown.world.audience}/mine")["Delegation-Token"]
    refused = TestClient(shown.guarded).get("/mine", headers={"Authorization": token})
    assert refused.status_code == 401
    assert "Delegation-Token" in refused.json()["detail"]
    judged = TestClient(shown.guarded).get("/mine", headers={"Delegation-Token": token})
    assert judged.json() == "nobody"


@pytest.mark.parametrize("reader", [HTTPBearer(), OAuth2PasswordBearer("t")])
def test_a_guard_by_hand_says_which_header_to_take(reader) -> None:
    """The sentence's remedy, followed, works."""
    app, world = FastAPI(), World()
    app.get("/mine", dependencies=[Security(reader)])(lambda: "x")
    world.tool("a.mine")
    guard = Guard(world.tracker, audience=world.audience)
    guard.route("GET", "/mine", "a.mine")
    with pytest.raises(ConfigurationError, match="Authorization") as found:
        guard.protect(app)
    assert 'token_header="Delegation-Token"' in found.value.remedy
    other = Guard(world.tracker, audience=world.audience, token_header="Delegation-Token")
    other.route("GET", "/mine", "a.mine", passes=["Authorization"])
    assert other.protect(app)
    for name in ("Cookie", "Delegation-Proof", "X Y", "Host"):
        with pytest.raises(ConfigurationError, match="cannot carry"):
            Guard(world.tracker, audience=world.audience, token_header=name)


def test_credentials_are_no_arguments_and_are_hidden_unless_they_pass() -> None:
    """Arguments are recorded: keys, sessions and forwarded headers are never among them."""
    app, seen = FastAPI(), []

    @app.get("/keys")
    def keys(
        request: Request, key: Annotated[str | None, Security(APIKeyHeader(name="X-API-Key", auto_error=False))],
        sid: Annotated[str | None, Security(APIKeyCookie(name="sid", auto_error=False))], x_forwarded_for: Annotated[str, Header()] = "",
        user_agent: Annotated[str, Header()] = "",
    ) -> None:  # fmt: skip
        seen.append((key, sid, x_forwarded_for, user_agent))

    service = Service(app)
    said = {"X-API-Key": "k", "Cookie": "sid=s", "X-Forwarded-For": "6.6.6.6", "User-Agent": "ua"}
    assert service.client().get("/keys", headers=said).status_code == 200
    assert seen.pop() == (None, None, "", "ua")
    assert service.places["GET", "/keys"].inputs == ()
    notes = [what for place, what in service.guard.notes if place == "GET /keys"]
    assert any("raw request" in what for what in notes)
    assert any("X-API-Key" in what for what in notes)
    passing = Service(app, passes=["X-API-Key", "Cookie"])
    assert passing.client().get("/keys", headers=said).status_code == 200
    assert seen.pop() == ("k", "s", "", "ua")


def test_opened_and_skipped_routes_are_named_by_their_templates() -> None:
    """One is everybody's, the other nobody's; a name that is none is refused with a near one."""
    app, world = application(), World()
    service = Service(app, opened=["GET /u/me", "/docs"], skip=["/v2/in/items/{item_id}"])
    bare = TestClient(service.guarded)
    assert (bare.get("/u/me").json(), bare.get("/docs").status_code) == ("me", 200)
    assert service.client().get("/u/bo").status_code == 200
    # What is skipped is nobody's, although a catch-all of the application would take its path.
    with pytest.raises(Exception):  # noqa: B017
        service.client().delete("/v2/in/items/7")
    assert ("GET /v2/in/items/{item_id}", "it is skipped") in service.guard.left_out
    for said in ({"opened": ["GET /u/mee"]}, {"skip": ["POST /u/me"]}):
        with pytest.raises(ConfigurationError, match="no route") as found:
            Guard.from_app(app, world.tracker, audience=world.audience, **said)
        assert "/u/me" in found.value.remedy


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


def test_files_below_a_directory_are_relative_paths(tmp_path: Path) -> None:
    """A path that leaves the directory is no canonical argument; a grant can hold it to a part."""
    from starlette.staticfiles import StaticFiles

    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.txt").write_text("b")
    app = FastAPI()
    app.mount("/files", StaticFiles(directory=tmp_path))
    service = Service(app)
    assert service.client().get("/files/a/b.txt").text == "b"
    assert service.client(path=exact("a/c.txt")).get("/files/a/b.txt").status_code == 403


def test_an_application_under_a_tracker_that_knows_its_tools_keeps_them() -> None:
    """What people narrowed in the catalogue stays; a restart adds nothing."""
    app = FastAPI()
    app.get("/a/{x}")(lambda x: x)
    service = Service(app)
    tool = next(one for one in service.guard.tools if "x" in one.arguments)
    narrowed = type(tool).from_json({**tool.to_json(), "sensitivity": 2})
    service.world.tracker.add_tool(narrowed)
    before = service.world.tracker.catalogue().revision
    Guard.from_app(app, service.world.tracker, audience=service.world.audience).protect(app)
    assert service.world.tracker.catalogue().revision == before
    with pytest.raises(ConfigurationError, match="lists no routes"):
        Guard.from_app(lambda scope, receive, send: None, None, audience="x")  # type: ignore[arg-type]


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


def test_a_router_within_routers_has_all_prefixes_and_dependencies() -> None:
    """As old FastAPI flattens it, and as today's keeps it."""
    routers = [APIRouter(prefix=f"/r{n}") for n in range(4)]

    @routers[3].get("/end")
    def end() -> str:
        return "end"

    for outer, inner in pairwise(routers):
        outer.include_router(inner)
    app = FastAPI()
    app.include_router(routers[0])
    assert ("GET", "/r0/r1/r2/r3/end") in Service(app).places
