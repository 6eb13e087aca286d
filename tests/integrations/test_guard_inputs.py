"""What handlers and their dependencies read is found before the first request, or reaches them never."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import pytest
from cases import every
from fastapi import (
    APIRouter,
    BackgroundTasks,
    Cookie,
    Depends,
    FastAPI,
    Header,
    Query,
    Request,
    Response,
    Security,
)
from fastapi.security import (
    APIKeyCookie,
    APIKeyHeader,
    APIKeyQuery,
    HTTPBasic,
    HTTPBearer,
    HTTPDigest,
    OAuth2,
    OAuth2AuthorizationCodeBearer,
    OAuth2PasswordBearer,
    OpenIdConnect,
    SecurityScopes,
)
from fastapi.security.base import SecurityBase
from pydantic import BaseModel, Field
from starlette.testclient import TestClient
from world import DESK, World

from delegation import Access, Grant, Tool, may
from delegation.errors import ConfigurationError
from delegation.integrations import Guard


class Tenant(BaseModel):
    tenant: str = ""
    caller_id: str = Field(default="", alias="X-Caller")


class OwnKey(APIKeyHeader):
    async def __call__(self, request: Request) -> str | None:
        return request.headers.get("x-somewhere-else")


class Silent(SecurityBase):
    def __init__(self) -> None:
        self.scheme_name = "silent"

    def __call__(self, request: Request) -> str:
        return request.headers.get("x-user", "")


class Nested:
    def __init__(self, x_inner: Annotated[str, Header()] = "") -> None:
        self.inner = x_inner


def nested(found: Annotated[Nested, Depends()]) -> Nested:
    """Return what another dependency read."""
    return found


async def yielding(x_yield: Annotated[str, Header()] = ""):
    """Yield a header."""
    yield x_yield


def scoped(
    scopes: SecurityScopes, key: Annotated[str, Security(APIKeyHeader(name="X-Scoped"))]
) -> str:
    """Return what a scheme read, whatever the scopes."""
    return key


FLOWS = {"password": {"tokenUrl": "t", "scopes": {}}}
READERS = [
    (APIKeyHeader(name="X-API-Key"), "header X-API-Key"), (APIKeyCookie(name="sid"), "cookie sid"),
    (APIKeyQuery(name="key"), "query key"), (OwnKey(name="X-Own"), "header X-Own"), (Silent(), "security Silent"),
    (partial(APIKeyHeader(name="X-Partial")), "header X-Partial"), (nested, "header x-inner"), (yielding, "header x-yield"),
    (scoped, "header X-Scoped"), (HTTPBasic(), "Authorization"), (HTTPBearer(), "Authorization"),
    (HTTPDigest(), "Authorization"), (OAuth2(flows=FLOWS), "Authorization"), (OAuth2PasswordBearer("t"), "Authorization"),
    (OAuth2AuthorizationCodeBearer("a", "t"), "Authorization"), (OpenIdConnect(openIdConnectUrl="u"), "Authorization"),
]  # fmt: skip


def by_route(app: FastAPI, reader) -> None:
    """Hang a reader on the route."""

    @app.get("/a", dependencies=[Depends(reader)])
    def a() -> None: ...


def by_argument(app: FastAPI, reader) -> None:
    """Make a reader an argument of the handler."""

    @app.get("/a")
    def a(found: object = Security(reader)) -> None: ...  # noqa: FAST002  # a closure's name


def by_router(app: FastAPI, reader) -> None:
    """Hang a reader on the router."""
    router = APIRouter(dependencies=[Depends(reader)])

    @router.get("/a")
    def a() -> None: ...

    app.include_router(router)


def by_inclusion(app: FastAPI, reader) -> None:
    """Hang a reader on two routers deep."""
    inner, outer = APIRouter(), APIRouter()

    @inner.get("/a")
    def a() -> None: ...

    outer.include_router(inner)
    app.include_router(outer, dependencies=[Depends(reader)])


def by_application(app: FastAPI, reader) -> None:
    """Hang a reader on the application."""
    app.router.dependencies.append(Depends(reader))

    @app.get("/a")
    def a() -> None: ...


@every("way", [by_route, by_argument, by_router, by_inclusion, by_application])
@every(("reader", "named"), READERS, ids=[named for _, named in READERS])
def test_what_a_dependency_reads_is_found_wherever_it_hangs(way, reader, named) -> None:
    """Security schemes, classes, generators, nested: on the handler, its router, the application."""
    guard = Guard(object(), audience=DESK)
    guard.route("GET", "/a", "shop.a")
    app = FastAPI()
    way(app, reader)
    with pytest.raises(ConfigurationError, match=named):
        guard.protect(app)


def test_parameters_and_their_models_are_found_by_the_names_that_clients_send() -> None:
    """A model is its members; an alias is what is sent."""
    app = FastAPI()

    @app.get("/a")
    def a(
        model: Annotated[Tenant, Header()], session: Annotated[str, Cookie()] = "", kind: Annotated[str, Query(alias="k")] = "",
        x_user: Annotated[str, Header(convert_underscores=False)] = "",
    ) -> None: ...  # fmt: skip

    guard = Guard(object(), audience=DESK)
    guard.route("GET", "/a", "shop.a")
    with pytest.raises(ConfigurationError) as found:
        guard.protect(app)
    for name in ("header tenant", "header X-Caller", "cookie session", "query k", "header x_user"):
        assert f"{name} of GET /a" in str(found.value)
    filtered = FastAPI()

    @filtered.get("/a")
    def b(model: Annotated[Tenant, Query()]) -> None: ...

    other = Guard(object(), audience=DESK)
    other.route("GET", "/a", "shop.a", query=["tenant", "X-Caller"])
    assert other.protect(filtered)


def test_only_a_header_that_the_declaration_lets_through_arrives() -> None:
    """Whatever code reads from the raw request: it sees what was judged, and what an operator named."""
    seen: list[dict[str, str]] = []
    app = FastAPI()

    @app.get("/a")
    def a(
        request: Request,
        tasks: BackgroundTasks,
        answer: Response,
        x_key: Annotated[str, Header()] = "",
    ) -> None:
        seen.append({**request.headers, "cookies": str(request.cookies), "key": x_key})

    world = World()
    world.tracker.add_tool(Tool("shop.a", effect="read", arguments={}))
    guard = Guard(world.tracker, audience=DESK, clock=lambda: world.at, passes=["X-Request-ID"])
    guard.route("GET", "/a", "shop.a", passes=["X-Key"])
    http = TestClient(guard.protect(app))
    task = world.tracker.open_task(
        "A", owner="ana@acme.example", lasts=900, ceiling=Grant([may("shop.a")], audience=[DESK])
    )
    token = world.tracker.issue(task, to=world.key("a").public)
    proof = world.key("a").prove(token, Access("shop.a", {}, DESK), at=world.at)
    answer = http.get("/a", headers={
        "Authorization": f"Delegation {token.text}", "Delegation-Proof": proof, "X-Key": "k", "X-Request-ID": "r", "X-Tenant": "evil",
        "Cookie": "session=evil", "X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6", "x_key_": "evil", "traceparent": "00-1-1-00",
    })  # fmt: skip
    assert answer.status_code == 200, answer.text
    [headers] = seen
    assert "6.6.6.6" not in str(headers)
    assert "evil" not in str(headers)
    assert (headers["key"], headers["x-request-id"], headers["traceparent"]) == (
        "k",
        "r",
        "00-1-1-00",
    )
    assert not {"authorization", "delegation-proof", "connection", "cookie"} & headers.keys()


def test_an_open_route_is_shown_what_it_declares() -> None:
    """It is unjudged by its declaration; the rest of a request still reaches it not at all."""
    seen: list = []
    app = FastAPI()

    @app.post("/login")
    def login(
        request: Request,
        who: Annotated[object, Depends(HTTPBasic())],
        sid: Annotated[str, Cookie()] = "",
    ) -> None:
        seen.append((who.username, sid, dict(request.headers)))  # type: ignore[attr-defined]

    guard = Guard(object(), audience=DESK)
    guard.open("POST", "/login", passes=["X-Signature"])
    http = TestClient(guard.protect(app))
    sent = {"Cookie": "sid=s", "X-Signature": "x", "X-Forwarded-Prefix": "/a", "X-User": "root"}
    assert http.post("/login", headers=sent, auth=("ana", "p")).status_code == 200
    [(name, sid, headers)] = seen
    assert (name, sid, headers["x-signature"]) == ("ana", "s", "x")
    assert not {"x-forwarded-prefix", "x-user"} & headers.keys()
    guard.route("DELETE", "/login", "shop.a")
    app.delete("/login")(lambda: None)
    with pytest.raises(ConfigurationError, match="is judged"):
        guard.protect(app)


@pytest.mark.parametrize(
    "name",
    ["X-HTTP-Method-Override", "x_original_url", "Authorization", "Delegation-Proof", "Connection", "X-Rewrite-Anything", "Content-Encoding"],
)  # fmt: skip
def test_no_declaration_lets_an_override_or_a_credential_through(name: str) -> None:
    """There is no service for which that is right."""
    with pytest.raises(ConfigurationError, match="never reaches"):
        Guard(object(), audience=DESK, passes=[name])
    guard = Guard(object(), audience=DESK)
    with pytest.raises(ConfigurationError, match="never reaches"):
        guard.route("GET", "/a", "shop.a", passes=[name])
    with pytest.raises(ConfigurationError, match="another method"):
        guard.route("POST", "/a", "shop.a", body=["_method"])


def test_another_host_is_refused_where_hosts_are_named() -> None:
    """Applications build links, and pick tenants, from Host."""
    app = FastAPI()
    app.get("/health")(lambda: "ok")
    guard = Guard(object(), audience=DESK, hosts=["Shop.example"])
    guard.open("GET", "/health")
    http = TestClient(guard.protect(app))
    assert http.get("/health", headers={"Host": "shop.example"}).status_code == 200
    answer = http.get("/health", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (400, "host_undeclared")


@pytest.mark.parametrize(
    ("query", "kind", "value"),
    [("1.5", "number", 1.5), ("1.50", "number", 1.5), ("1e2", "number", 100), ("7", "integer", 7), ("true", "boolean", True), ("2026-11-30T07:00:00Z", "text", "2026-11-30T07:00:00Z")],
)  # fmt: skip
def test_a_query_is_read_as_its_kind_and_handed_on_in_one_spelling(query, kind, value) -> None:
    """A handler gets the canonical spelling, whatever the client's library wrote."""
    from delegation.integrations.routes import Routes, declared_route

    routes = Routes(
        "desk", (declared_route("GET", "/x/{v}", "a.b", query=["q"], kinds={"q": kind}),)
    )
    route, found = routes.arguments("GET", f"/x/one?q={query.replace(':', '%3A')}")
    assert found == {"v": "one", "q": value}
    path, again, _ = route.written(found)
    assert routes.arguments("GET", f"{path}?{again}")[1] == found


@pytest.mark.parametrize(("query", "kind"), [("0x5", "number"), ("NaN", "number"), ("", "number"), ("1_000", "number"), ("05", "integer"), ("yes", "boolean")])  # fmt: skip
def test_a_query_of_another_kind_stays_text(query: str, kind: str) -> None:
    """Nothing is guessed: the desk denies a text where a number is asked for, and records it."""
    from delegation.integrations.routes import Routes, declared_route

    routes = Routes("desk", (declared_route("GET", "/x", "a.b", query=["q"], kinds={"q": kind}),))
    assert routes.arguments("GET", f"/x?q={query}")[1] == {"q": query}
