"""A guard made from an application: all that it serves is declared, in its order, and nothing else is served."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import pytest
from apps.grammar import application
from fastapi import APIRouter, FastAPI, Header, Request, Security
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPBearer, OAuth2PasswordBearer
from starlette.testclient import TestClient

from delegation import anything, exact, may
from delegation.errors import ConfigurationError
from delegation.integrations import Guard
from delegation.integrations.application_routes import application_routes
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


def test_routes_that_come_with_the_start_are_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """They are not there to be declared; without a word each would be a puzzling 404."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.get("/late/{x}")(lambda x: x)
        yield

    world = World()
    with pytest.raises(ConfigurationError, match="no routes yet"):
        Guard.from_app(
            FastAPI(lifespan=lifespan, openapi_url=None),
            world.tracker,
            audience=world.audience,
        )
    app = FastAPI(lifespan=lifespan)
    guard = Guard.from_app(app, world.tracker, audience=world.audience)
    with TestClient(guard.protect(app), base_url=world.audience) as http:
        assert http.get("/late/1").json()["code"] == "route_undeclared"
    [warning] = [one.message for one in caplog.records if one.name == "delegation.guard"]
    assert "GET /late/{x}. Include its routers before" in warning
