"""The second parser behind a guard: no spelling of a request makes it read what was not judged."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from typing import Any
from urllib.parse import unquote

import pytest
from a2wsgi import WSGIMiddleware
from cases import every
from fastapi import FastAPI, Request
from starlette.middleware.cors import CORSMiddleware
from werkzeug.wrappers import Request as Wsgi
from werkzeug.wrappers import Response

from delegation import Access, Tool, anything, may
from delegation.authority.documents.schema import FILE
from delegation.integrations import Guard, asked
from delegation.testing import World

HONEST = {"a": "x", "tags": ["1", "2"], "tenant": "acme", "lang": "de"}
QUERY, HEADERS = "a=x&t=1&t=2", [("x-tenant", "acme"), ("cookie", "lang=de")]


class Echo:
    """A guarded application that keeps what it reads, behind FastAPI or Werkzeug."""

    def __init__(self, *, is_wsgi: bool = False, max_upload: int = 4096) -> None:
        self.world, self.seen = World(), []
        arguments = {"a": "text", "tags": {"type": "list", "of": "text"}, "tenant": "text", "lang?": "text"}  # fmt: skip
        self.world.tracker.add_tool(Tool("echo.get", effect="read", arguments=arguments))
        rest = {**arguments, "p": "text"}
        self.world.tracker.add_tool(Tool("echo.dir", effect="read", arguments=rest))
        self.world.tracker.add_tool(Tool("echo.put", effect="read", arguments={"f": FILE}))
        guard = Guard(
            self.world.tracker,
            audience=self.world.audience,
            clock=self.world.clock,
            max_upload=max_upload,
        )
        said = {"query": {"a": "a", "t": "tags"}, "many": ["tags"], "headers": {"X-Tenant": "tenant"}, "cookies": ["lang"]}  # fmt: skip
        guard.route("GET", "/get", "echo.get", **said)
        guard.route("GET", "/dir/{p:path}", "echo.dir", **said)
        guard.route("PUT", "/raw", "echo.put", whole_body="f", media="application/octet-stream")
        self.app = guard.protect(self.wsgi() if is_wsgi else self.fastapi(), unsafe_unlisted=is_wsgi)  # fmt: skip
        can = [may("echo.get", **{n.rstrip("?"): anything() for n in arguments}), may("echo.dir", **{n.rstrip("?"): anything() for n in rest}), may("echo.put", f=anything())]  # fmt: skip
        self.token = self.world.chain("a", can=can, effects=["read"])

    def fastapi(self) -> FastAPI:
        """Return an application of FastAPI."""
        app = FastAPI(openapi_url=None)

        @app.get("/get")
        @app.get("/dir/{p:path}")
        def get(request: Request) -> None:
            query, p = request.query_params, request.path_params.get("p", "")
            self.seen.append({"a": query.getlist("a"), "tags": query.getlist("t"), "tenant": request.headers.getlist("x-tenant"), "lang": request.cookies.get("lang"), "p": p, "all": str(request.headers)})  # fmt: skip

        @app.put("/raw")
        async def raw(request: Request) -> None:
            self.seen.append(await request.body())

        return app

    def wsgi(self) -> WSGIMiddleware:
        """Return an application of Werkzeug, which Flask is made of."""

        @Wsgi.application
        def get(request: Wsgi) -> Response:
            self.seen.append({"a": request.args.getlist("a"), "tags": request.args.getlist("t"), "tenant": [request.headers.get("x-tenant")], "lang": request.cookies.get("lang"), "p": request.path.removeprefix("/get").removeprefix("/dir/"), "all": str(request.headers)})  # fmt: skip
            return Response("")

        return WSGIMiddleware(get)

    def ask(self, target: str, headers: list[tuple[str, str]], arguments: dict[str, Any], *, method: str = "GET", tool: str = "echo.get", body: list[bytes | None] | None = None) -> tuple[int, str]:  # fmt: skip
        """Return status and code of a request whose proof covers these arguments."""
        access = Access(tool, arguments, self.world.audience)
        proof = self.world.key("a").prove(self.token, access, at=int(self.world.clock()))
        sent = [*headers, ("authorization", f"Delegation {self.token.text}"), ("delegation-proof", proof)]  # fmt: skip
        path, _, query = target.partition("?")
        scope = {
            "type": "http", "method": method, "path": unquote(path), "raw_path": path.encode(), "http_version": "1.1", "query_string": query.encode("latin-1"),
            "scheme": "http", "server": ("x", 80), "client": ("127.0.0.1", 1), "headers": [(k.encode("latin-1"), v.encode("latin-1")) for k, v in sent], "root_path": "", "asgi": {"version": "3.0"},
        }  # fmt: skip
        said: list[Any] = []
        pieces = list(body or [b""])

        async def receive() -> dict[str, Any]:
            if not pieces or pieces[0] is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        async def send(message: Any) -> None:
            said.append(message)

        asyncio.run(self.app(scope, receive, send))
        content = b"".join(m.get("body", b"") for m in said[1:])
        return said[0]["status"], json.loads(content)["code"] if said[0]["status"] >= 400 else ""


@pytest.fixture(scope="module", params=[False, True], ids=["fastapi", "werkzeug"])
def echo(request: pytest.FixtureRequest) -> Echo:
    """Return an application behind a guard."""
    made = Echo(is_wsgi=request.param)
    assert made.ask(f"/get?{QUERY}", HEADERS, HONEST)[0] == 200
    [seen] = made.seen
    assert {k: v for k, v in seen.items() if k != "all"} == {"a": ["x"], "tags": ["1", "2"], "tenant": ["acme"], "lang": "de", "p": ""}  # fmt: skip
    assert made.ask(f"/dir/a/b?{QUERY}", HEADERS, {**HONEST, "p": "a/b"}, tool="echo.dir")[0] == 200
    assert made.seen[1]["p"] == "a/b"
    made.seen.clear()
    return made


# Each is sent with a proof of the honest arguments: nothing else may ever reach the handler.
QUERIES = [
    "a=x&t=1&t=2&a=evil", "a=x;a=evil&t=1&t=2", "a=x&t=1&t=2&b=evil", "a=x&t=1&t=2&A=x", "a=x&t=1&t=2&a[]=evil", "%61=x&t=1&t=2", "a=%78&t=1&t=2", "a=x&t=1&t=2&", "&a=x&t=1&t=2", "a=x&&t=1&t=2",
    "a=x&t=1&t=2&=evil", "a=x%26a%3Devil&t=1&t=2", "a=x%2526a%3Devil&t=1&t=2", "a=x&t=1&t=2#a=evil", "a=x&t=1,2", "a=x&t=2&t=1", "a=x&t=1&t=2&t=3", "a=x&t[]=1&t[]=2", "a=x&t=1&t=2&_method=PUT", "a=x%00&t=1&t=2",
    "a=x+&t=1&t=2", "a=x%C0%AF&t=1&t=2", "a=x%ff&t=1&t=2", "a=x\xff&t=1&t=2", "a =x&t=1&t=2", "a=x&t=1&t=2&a", "a=x%3Ba=evil&t=1&t=2", "a==x&t=1&t=2", "a=x&t=1&t=2?a=evil",
]  # fmt: skip
HEADER_SETS = [
    [("x-tenant", "acme"), ("x-tenant", "evil"), ("cookie", "lang=de")], [("x-tenant", "acme"), ("x_tenant", "evil"), ("cookie", "lang=de")], [("x-tenant", "acme,evil"), ("cookie", "lang=de")],
    [("x-tenant", "acme\r\n x: y"), ("cookie", "lang=de")], [("x-tenant", "acm\xe9"), ("cookie", "lang=de")], [("x-tenant", " acme"), ("cookie", "lang=de")], [("X-Tenant", "evil"), ("cookie", "lang=de")],
    [("x-tenant", "acme"), ("cookie", "lang=de; lang=evil")], [("x-tenant", "acme"), ("cookie", "lang=de"), ("cookie", "lang=evil")], [("x-tenant", "acme"), ("cookie", "$Version=1; lang=evil; $Path=/; lang=de")],
    [("x-tenant", "acme"), ("cookie", 'lang="de"')], [("x-tenant", "acme"), ("cookie", 'a="b; lang=evil"; lang=de')], [("x-tenant", "acme"), ("cookie", "lang=evil;lang=de")], [("x-tenant", "acme"), ("cookie", "lang=de,lang=evil")],
    [("x-tenant", "acme"), ("cookie", "lang=d%65")], [("x-tenant", "acme"), ("cookie", "lang")], [("x-tenant", "acme"), ("cookie", 'lang="\\144e"')], [("x-tenant", "acme"), ("cookie", " lang=de")], [("x-tenant", "acme"), ("cookie", "lang =evil; lang=de")],
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
def test_no_query_is_read_as_another_one(echo: Echo, query: str) -> None:
    """Polluted, doubled, doubly escaped, with other separators: refused, or not what the proof covers."""
    assert echo.ask(f"/get?{query}", HEADERS, HONEST)[0] in {400, 401}
    assert echo.seen == []


@pytest.mark.parametrize("headers", HEADER_SETS, ids=str)
def test_no_header_or_cookie_is_read_as_another_one(echo: Echo, headers) -> None:
    """Doubled, folded, quoted, in guise: what arrives, if anything does, is what was judged."""
    status, _ = echo.ask(f"/get?{QUERY}", headers, HONEST)
    assert "evil" not in str(echo.seen)
    assert status in {400, 401} or [(s["tenant"], s["lang"]) for s in echo.seen] == [(["acme"], "de")]  # fmt: skip
    echo.seen.clear()


PATHS = ["a/../b", "..", "a//b", "a%2Fb", "a%2fb", "a%5Cb", "a;v=1/b", "a/./b", "%2e%2e/b", "a%252Fb", "a/%2e", "a\\b", "//a", "a%00", "a?x=y/../b"]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_takes_the_rest_takes_no_more_than_was_judged(echo: Echo, path: str) -> None:
    """Dots, empty segments, escaped slashes and parameters of a segment reach nobody."""
    assert echo.ask(f"/dir/{path}", HEADERS, {**HONEST, "p": unquote(path)}, tool="echo.dir")[
        0
    ] in {400, 401}
    assert echo.seen == []


@pytest.mark.parametrize("path", ["/get/", "//get", "/get/.", "/./get", "/GET", "/get;x", "/get%2F", "/dir", "/x/../get"])  # fmt: skip
def test_a_redirect_of_slashes_or_another_spelling_is_no_way_around(echo: Echo, path: str) -> None:
    """The router is asked only for what is declared, so it never answers by sending elsewhere."""
    assert echo.ask(f"{path}?{QUERY}", HEADERS, HONEST)[0] in {400, 404}
    assert echo.seen == []


RAW = [("content-type", "application/octet-stream")]


def named(data: bytes) -> dict[str, Any]:
    """Return the argument of a raw body."""
    return {"f": {"size": len(data), "media_type": "application/octet-stream", "digest": f"sha256:{hashlib.sha256(data).hexdigest()}"}}  # fmt: skip


@every(
    ("headers", "body", "status", "code"),
    [
        (RAW, [b"abc", b"", b"def"], 200, ""), (RAW, [b"abc", b"deg"], 401, "proof_other_access"), (RAW, [b"abcdef" * 1000], 413, "body_too_large"), (RAW, [b"x" * 4000, b"x" * 97], 413, "body_too_large"),
        ([], [b"abcdef"], 400, "request_malformed"), ([("content-type", "text/plain")], [b"abcdef"], 400, "request_malformed"), ([*RAW, *RAW], [b"abcdef"], 400, "header_ambiguous"),
        ([*RAW, ("content-encoding", "gzip")], [b"abcdef"], 400, "request_malformed"), ([("content-type", "application/octet-stream; charset=utf-16")], [b"abcdef"], 400, "request_malformed"),
        ([("content-type", "application/octet-stream, text/plain")], [b"abcdef"], 400, "request_malformed"), (RAW, [b""], 401, "proof_other_access"),
    ],
)  # fmt: skip
def test_bytes_are_handed_on_as_they_were_judged(headers, body, status, code) -> None:
    """Other bytes, more of them than the bound, or bytes of another kind reach nobody."""
    echo = Echo()
    found = echo.ask("/raw", headers, named(b"abcdef"), method="PUT", tool="echo.put", body=body)
    assert found == (status, code)
    assert echo.seen == ([b"abcdef"] if status == 200 else [])


def test_a_client_that_hangs_up_leaves_nothing_behind() -> None:
    """An upload that ends early is refused, and a later one is read."""
    echo = Echo()
    access = named(b"abcdef")
    for _ in range(40):
        gone = echo.ask("/raw", RAW, access, method="PUT", tool="echo.put", body=[b"abc", None])
        assert gone == (400, "request_malformed")
    assert echo.ask("/raw", RAW, access, method="PUT", tool="echo.put", body=[b"abcdef"])[0] == 200


def test_who_sends_slowly_keeps_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies are read before anything is proven: 32 silent clients must not close uploads for all."""
    monkeypatch.setattr(asked, "BODY_SECONDS", 0.5)
    echo = Echo(max_upload=100_000)
    sent = [("content-type", "application/octet-stream"), ("authorization", "Delegation no token")]
    scope = {
        "type": "http", "method": "PUT", "path": "/raw", "raw_path": b"/raw", "http_version": "1.1", "query_string": b"", "scheme": "http",
        "server": ("x", 80), "headers": [(k.encode(), v.encode()) for k, v in sent], "root_path": "", "asgi": {"version": "3.0"},
    }  # fmt: skip
    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.1)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(message: Any) -> None:
        said.append(message)

    async def slow() -> None:
        await asyncio.wait_for(
            asyncio.gather(*(echo.app(dict(scope), receive, send) for _ in range(33))), 60
        )

    asyncio.run(slow())
    assert Counter(one["status"] for one in said if "status" in one) == {408: 32, 503: 1}
    assert echo.ask("/raw", RAW, named(b"abcdef"), method="PUT", tool="echo.put", body=[b"abcdef"])[0] == 200  # fmt: skip


def test_a_wrapped_application_is_guarded_alike() -> None:
    """A CORS middleware around the guard, or inside, changes nothing of what is judged."""
    echo = Echo()
    echo.app = CORSMiddleware(echo.app, allow_origins=["*"])
    assert echo.ask(f"/get?{QUERY}&a=evil", HEADERS, HONEST)[0] == 400
    assert echo.ask(f"/get?{QUERY}", HEADERS, HONEST)[0] == 200
