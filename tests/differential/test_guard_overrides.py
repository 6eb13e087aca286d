"""A guarded application executes the method, path and arguments that were judged, whatever else is sent.

Inside stand middlewares that people publish: `method-override` and Werkzeug's `ProxyFix` behind
a2wsgi, uvicorn's `ProxyHeadersMiddleware`, and one of ours that believes every override of the kind.
DELEGATION_LONG=1 tries twenty times as many requests.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from typing import Annotated
from urllib.parse import unquote

import pytest
from a2wsgi import WSGIMiddleware
from fastapi import Body, FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from method_override import MethodOverrideMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Request, Response
from world import DESK, World

from delegation import Access, Grant, Tool, anything, may
from delegation.integrations import Guard

EXAMPLES = 60 * (20 if os.environ.get("DELEGATION_LONG") else 1)
# Written down here and not taken from the code: what published middlewares and servers read.
METHOD_HEADERS = [
    "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-Method", "X-Forwarded-Method",
    "HTTP-Method-Override", "X-Requested-Method-Override",
]  # fmt: skip
PATH_HEADERS = [
    "X-Original-URL", "X-Rewrite-URL", "X-Original-URI", "X-Original-Path", "X-Forwarded-Uri", "X-Forwarded-Path",
    "X-Request-URI", "X-Rewrite-Target",
]  # fmt: skip
PROXY_HEADERS = [
    "X-Forwarded-Prefix", "X-Script-Name", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
    "X-Forwarded-Port", "Forwarded", "X-Real-IP", "X-Envoy-Original-Path", "X-WAWS-Unencoded-URL",
    "X-Nobody-Listed-This", "Cookie",
]  # fmt: skip
PATHS = ["/orders/o1", "/admin", "/orders", "/o1", "/health", "/orders/o2?_method=DELETE"]
METHODS = ["DELETE", "delete", "PUT", "GET", "POST"]


class Believing:
    """Serves what any header of the kind says, as the most gullible of all middlewares."""

    def __init__(self, app) -> None:
        self.app = app

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "http":
            scope = dict(scope)
            said = {
                "".join(c if c.isalnum() else "-" for c in k.decode("latin-1").lower()): v.decode("latin-1")
                for k, v in scope["headers"]
            }  # fmt: skip
            for name in METHOD_HEADERS:
                scope["method"] = said.get(name.lower(), scope["method"]).upper()
            for name in [*PATH_HEADERS, "X-Envoy-Original-Path", "X-WAWS-Unencoded-URL"]:
                path = said.get(name.lower(), "").partition("?")[0]
                if path:
                    scope["path"], scope["raw_path"] = unquote(path), path.encode()
            for name in ("X-Forwarded-Prefix", "X-Script-Name"):
                scope["root_path"] = said.get(name.lower(), scope.get("root_path", ""))
            query = unquote(scope["query_string"].decode("latin-1"))
            if "_method=" in query:
                scope["method"] = query.partition("_method=")[2].partition("&")[0].upper()
        await self.app(scope, receive, send)


def asgi(executed: list) -> Callable:
    """Return a FastAPI application with believing middlewares inside."""
    app = FastAPI()

    @app.post("/orders/{order}")
    def note(order: str, text: Annotated[str, Body(embed=True)]) -> None:
        executed.append(("POST", f"/orders/{order}", {"order": order, "text": text}))

    @app.delete("/orders/{order}")
    def drop(order: str) -> None:
        executed.append(("DELETE", f"/orders/{order}", {"order": order}))

    @app.put("/admin")
    def admin() -> None:
        executed.append(("PUT", "/admin", {}))

    @app.get("/health")
    def health() -> None:
        executed.append(("GET", "/health", {}))

    app.add_middleware(Believing)
    app.add_middleware(ProxyHeadersMiddleware, trusted_hosts="*")
    return app


def wsgi(executed: list) -> Callable:
    """Return the same application for WSGI, behind published middlewares."""

    @Request.application
    def app(request: Request) -> Response:
        arguments = (
            {"order": request.path.removeprefix("/orders/")} if "/orders/" in request.path else {}
        )
        if request.method == "POST":
            arguments |= json.loads(request.get_data() or b"{}")
        executed.append((request.method, request.path, arguments))
        return Response("")

    inside = ProxyFix(app, x_for=1, x_proto=1, x_host=1, x_port=1, x_prefix=1)
    return WSGIMiddleware(
        MethodOverrideMiddleware(inside, header_override="X-HTTP-METHOD-OVERRIDE")
    )


class Judged:
    """A guarded application and the agent that may write notes, and nothing else."""

    def __init__(self, make: Callable[[list], Callable]) -> None:
        self.world, self.executed = World(), []
        tracker = self.world.tracker
        for tool in (
            Tool("shop.note", effect="write", arguments={"order": "opaque", "text": "text"}),
            Tool("shop.drop", effect="delete", arguments={"order": "opaque"}),
            Tool("shop.admin", effect="admin", arguments={}),
        ):
            tracker.add_tool(tool)
        guard = Guard(tracker, audience=DESK, clock=lambda: self.world.at)
        guard.route("POST", "/orders/{order}", "shop.note", body=["text"])
        guard.route("DELETE", "/orders/{order}", "shop.drop")
        guard.route("PUT", "/admin", "shop.admin")
        guard.open("GET", "/health")
        self.app = guard.protect(make(self.executed), unsafe_unlisted=make is wsgi)
        task = tracker.open_task(
            "Notes", owner="ana@acme.example", lasts=900,
            ceiling=Grant([may("shop.note", order=anything(), text=anything())], audience=[DESK], delegations_left=1),
        )  # fmt: skip
        self.token = tracker.issue(task, to=self.world.key("a").public)

    def send(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes = b""
    ) -> int:
        """Send a request as a server hands it on, and return the status."""
        path, _, query = target.partition("?")
        scope = {
            "type": "http", "method": method, "path": unquote(path), "raw_path": path.encode(), "http_version": "1.1",
            "query_string": query.encode(), "scheme": "http", "server": ("x", 80), "client": ("127.0.0.1", 1),
            "headers": [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers], "asgi": {"version": "3.0"},
        }  # fmt: skip
        status = []

        async def receive():
            return {"type": "http.request", "body": body}

        async def send(message) -> None:
            status.append(message.get("status"))

        self.executed.clear()
        asyncio.run(self.app(scope, receive, send))
        return status[0]

    def signed(self, order: str, text: str) -> list[tuple[str, str]]:
        """Return the headers of an agent that proves a note."""
        access = Access("shop.note", {"order": order, "text": text}, DESK)
        proof = self.world.key("a").prove(self.token, access, at=self.world.at)
        return [
            ("Host", "shop.example"), ("Content-Type", "application/json"),
            ("Authorization", f"Delegation {self.token.text}"), ("Delegation-Proof", proof),
        ]  # fmt: skip


@pytest.fixture(scope="module", params=[asgi, wsgi])
def judged(request) -> Judged:
    """Return each application behind a guard."""
    return Judged(request.param)


def spelled(name: str) -> st.SearchStrategy[str]:
    """Return spellings of a header that some reader takes for the same one."""
    letters = [
        st.sampled_from([c.lower(), c.upper()] if c.isalpha() else ["-", "_", "."]) for c in name
    ]
    return st.one_of(
        st.just(name), st.just(name.replace("-", "_")), st.tuples(*letters).map("".join)
    )


HOSTILE = st.one_of(
    st.sampled_from(METHOD_HEADERS).flatmap(lambda n: st.tuples(spelled(n), st.sampled_from(METHODS))),
    st.sampled_from(PATH_HEADERS).flatmap(lambda n: st.tuples(spelled(n), st.sampled_from(PATHS))),
    st.sampled_from(PROXY_HEADERS).flatmap(lambda n: st.tuples(spelled(n), st.sampled_from([*PATHS, "/orders", "evil.example"]))),
    st.sampled_from([
        ("Content-Type", "application/x-www-form-urlencoded"), ("Content-Encoding", "gzip"), ("Content_Length", "9"),
        ("Transfer-Encoding", "chunked"), ("Connection", "authorization"), ("Content_Type", "text/plain"), ("Host", "evil"),
    ]),
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(["hi", "&_method=DELETE&", "_method=DELETE", "x&_method=PUT", '"}&_method=DELETE', "a=b;_method=DELETE"]),
    st.text("ab&=_;+% é", max_size=12),
)  # fmt: skip
QUERIES = st.sampled_from(
    [
        "",
        "?_method=DELETE",
        "?%5Fmethod=DELETE",
        "?x=1&_METHOD=DELETE",
        "?X-HTTP-Method-Override=PUT",
    ]
)
BOUNDED = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@BOUNDED
@given(hostile=st.lists(HOSTILE, max_size=2), text=TEXTS, query=QUERIES)
def test_what_is_executed_is_what_was_judged(judged: Judged, hostile, text, query) -> None:
    """A proven note is written exactly, or refused; nothing else ever runs."""
    body = json.dumps({"text": text}).encode()
    status = judged.send("POST", "/orders/o1" + query, [*judged.signed("o1", text), *hostile], body)
    allowed = [("POST", "/orders/o1", {"order": "o1", "text": text})]
    assert judged.executed in ([], allowed)
    assert (status == 200) == bool(judged.executed)


@BOUNDED
@given(hostile=st.lists(HOSTILE, max_size=2), query=QUERIES)
def test_an_open_route_opens_no_other(judged: Judged, hostile, query) -> None:
    """Without any credentials a request reaches the open handler, or none."""
    judged.send("GET", "/health" + query, [("Host", "shop.example"), *hostile])
    assert judged.executed in ([], [("GET", "/health", {})])


@pytest.mark.parametrize("name", [*METHOD_HEADERS, *PATH_HEADERS])
def test_an_override_is_refused_in_every_spelling(judged: Judged, name: str) -> None:
    """Not dropped in silence: whoever sends one is told."""
    for spelling in {
        name,
        name.lower(),
        name.replace("-", "_"),
        name.replace("-", "."),
        name.replace("-", "_", 1),
    }:
        sent = [*judged.signed("o1", "hi"), (spelling, "DELETE")]
        assert judged.send("POST", "/orders/o1", sent, b'{"text":"hi"}') == 400, spelling
        assert judged.executed == []


def test_a_text_that_looks_like_a_form_is_no_form(judged: Judged) -> None:
    """`method-override` reads any POST body as a form: the text of a note once deleted the order."""
    for text in ("&_method=DELETE&", "&_method=PUT"):
        body = json.dumps({"text": text}).encode()
        assert judged.send("POST", "/orders/o1", judged.signed("o1", text), body) == 200
        assert judged.executed == [("POST", "/orders/o1", {"order": "o1", "text": text})]


def test_a_root_of_the_application_moves_no_judged_path() -> None:
    """FastAPI takes its `root_path` off a path: what is judged is what is left."""
    executed: list = []
    world = World()
    world.tracker.add_tool(Tool("a.b", effect="read", arguments={"x": "opaque", "y": "opaque"}))
    world.tracker.add_tool(Tool("a.secret", effect="read"))
    app = FastAPI()
    app.root_path = "/api"  # what its deprecated argument sets

    @app.get("/{x}/{y}")
    def two(x: str, y: str) -> None:
        executed.append(("two", x, y))

    @app.get("/secret")
    def secret() -> None:
        executed.append(("secret",))

    guard = Guard(world.tracker, audience=DESK, clock=lambda: world.at)
    guard.route("GET", "/{x}/{y}", "a.b")
    guard.route("GET", "/secret", "a.secret")
    task = world.tracker.open_task(
        "Two", owner="ana@acme.example", lasts=900, ceiling=Grant([may("a.b", x=anything(), y=anything())], audience=[DESK])
    )  # fmt: skip
    token = world.tracker.issue(task, to=world.key("a").public)
    judged = Judged(asgi)
    judged.app, judged.executed = guard.protect(app), executed
    for path in ("/api/secret", "/api/p/q", "/p/q", "/api"):
        x, _, y = path[1:].removeprefix("api/p/q").partition("/")
        for access in (
            Access("a.b", {"x": x, "y": y}, DESK),
            Access("a.b", {"x": "api", "y": "secret"}, DESK),
            Access("a.b", {"x": "p", "y": "q"}, DESK),
        ):
            proof = world.key("a").prove(token, access, at=world.at)
            headers = [("Authorization", f"Delegation {token.text}"), ("Delegation-Proof", proof)]
            judged.send("GET", path, headers)
            assert executed in ([], [("two", "p", "q")])
            assert not executed or access.arguments == {"x": "p", "y": "q"}
