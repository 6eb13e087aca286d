"""What a guarded application serves is the route that was judged: by its own order, roots and wrappers.

Flask behind a2wsgi, FastAPI below wrappers, and one of ours for each way to take a root off a path.
"""

from __future__ import annotations

import asyncio
import functools
from urllib.parse import unquote

import pytest
from a2wsgi import WSGIMiddleware
from fastapi import APIRouter, FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from werkzeug.wrappers import Request, Response
from world import DESK, World

from delegation import Access, Grant, Tool, anything, may
from delegation.errors import ConfigurationError
from delegation.integrations import Guard


class Site:
    """An agent that may read any page, and a guard that calls `GET /{page}` so."""

    def __init__(self) -> None:
        self.world = World()
        tracker = self.world.tracker
        tracker.add_tool(Tool("page.read", effect="read", arguments={"page": "text"}))
        self.guard = Guard(tracker, audience=DESK, clock=lambda: self.world.at)
        self.guard.route("GET", "/{page}", "page.read")
        task = tracker.open_task(
            "Read", owner="ana@acme.example", lasts=900, ceiling=Grant([may("page.read", page=anything())], audience=[DESK])
        )  # fmt: skip
        self.token = tracker.issue(task, to=self.world.key("a").public)

    def get(self, app, path: str, page: str | None = None, root: str = "") -> tuple[int, bytes]:
        """Ask for a path, with a proof for a page if one is named."""
        headers = []
        if page is not None:
            access = Access("page.read", {"page": page}, DESK)
            proof = self.world.key("a").prove(self.token, access, at=self.world.at)
            headers = [
                (b"authorization", f"Delegation {self.token.text}".encode()),
                (b"delegation-proof", proof.encode()),
            ]
        scope = {
            "type": "http", "method": "GET", "path": unquote(path), "raw_path": path.encode(), "http_version": "1.1",
            "query_string": b"", "scheme": "http", "server": ("x", 80), "client": ("127.0.0.1", 1), "headers": headers,
            "root_path": root, "asgi": {"version": "3.0"},
        }  # fmt: skip
        said: list = []

        async def receive():
            return {"type": "http.request", "body": b""}

        async def send(message) -> None:
            said.append(message)

        asyncio.run(app(scope, receive, send))
        return said[0]["status"], b"".join(m.get("body", b"") for m in said[1:])


@pytest.fixture(scope="module")
def site() -> Site:
    """Return one agent and its guard."""
    return Site()


def pages(root_path: str = "") -> FastAPI:
    """Return an application with one template, which takes whatever segment comes."""
    app = FastAPI()
    app.root_path = root_path  # what its deprecated argument sets
    app.get("/{page}")(lambda page: f"page {page}")
    return app


# Ways in which frameworks take a root off: by letters (a2wsgi, Django), where it first stands
# (Quart), by segments (Starlette), and not at all where the server did it.
READERS = {
    "letters": lambda path, root: path.removeprefix(root),
    "split": lambda path, root: path.split(root, 1)[1] if root else path,
    "segments": lambda path, root: path[len(root) :] if path.startswith(root + "/") else path,
}


@pytest.mark.parametrize("reader", READERS.values(), ids=list(READERS))
@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    root=st.sampled_from(["", "/api", "/a", "/api/v1", "/api/"]),
    page=st.sampled_from(["api", "apiadmin", "admin", "a", "v1", "api-api", "aadmin", "x"]),
    is_below=st.booleans(),
)
def test_a_root_is_read_in_one_way(
    site: Site, reader, root: str, page: str, is_below: bool
) -> None:
    """Whoever takes the root off in whatever way serves the page that was judged."""
    served: list[str] = []

    async def app(scope, receive, send) -> None:
        served.append(reader(scope["path"], scope["root_path"]))
        await PlainTextResponse("")(scope, receive, send)

    path = (root.rstrip("/") if is_below else "") + f"/{page}"
    for said in (page, "admin", "apiadmin", "api"):
        served.clear()
        site.get(site.guard.protect(app), path, said, root)
        assert served in ([], [f"/{said}"])
        assert not served or said == page


def test_flask_serves_no_other_page_below_a_root(site: Site) -> None:
    """a2wsgi takes `/api` off `/apiadmin`, and what was judged as a page was `/admin`."""

    @Request.application
    def flask(request: Request) -> Response:
        return Response(f"served {request.path}")

    app = site.guard.protect(WSGIMiddleware(flask), unsafe_unlisted=True)
    assert site.get(app, "/apiadmin", "apiadmin", "/api") == (200, b"served /apiadmin")
    assert site.get(app, "/api/admin", "admin", "/api") == (200, b"served /admin")


def closure(app):
    """Wrap an application as people write it by hand."""

    async def wrapping(scope, receive, send) -> None:
        await app(scope, receive, send)

    return wrapping


class Slotted:
    """Wraps in a slot of another name."""

    __slots__ = ("_behind",)

    def __init__(self, behind) -> None:
        self._behind = behind

    async def __call__(self, scope, receive, send) -> None:
        await self._behind(scope, receive, send)


WRAPPERS = [
    CORSMiddleware, GZipMiddleware, closure, Slotted, ProxyHeadersMiddleware, lambda app: functools.partial(closure(app)),
    lambda app: Slotted(app).__call__, lambda app: CORSMiddleware(closure(Slotted(GZipMiddleware(app)))),
]  # fmt: skip


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_a_wrapper_hides_neither_routes_nor_root(site: Site, wrap) -> None:
    """What stands around an application is looked through."""
    with pytest.raises(ConfigurationError, match="GET /secret"):
        app = pages()
        app.get("/secret")(lambda: "secret")
        site.guard.protect(wrap(app))
    app = site.guard.protect(wrap(pages(root_path="/v1")))
    assert site.get(app, "/v1/top", "top") == (200, b'"page top"')
    assert site.get(app, "/top", "top") == (200, b'"page top"')
    assert site.get(app, "/v1top", "v1top") == (200, b'"page v1top"')
    assert site.get(app, "/v1/top", "v1")[0] == 401
    with pytest.raises(ConfigurationError, match="slash"):
        site.guard.protect(wrap(pages(root_path="/v1/")))


def test_what_cannot_be_looked_into_is_refused_unless_somebody_says_so(site: Site) -> None:
    """A bare application has nothing to look into; a wrapped one might have."""

    async def bare(scope, receive, send) -> None:
        await PlainTextResponse("bare")(scope, receive, send)

    class Picking:
        def __init__(self, *apps) -> None:
            self.mounts = dict(enumerate(apps))

        async def __call__(self, scope, receive, send) -> None:
            await self.mounts[0](scope, receive, send)

    assert site.get(site.guard.protect(bare), "/x", "x") == (200, b"bare")
    for app in (
        CORSMiddleware(bare),
        WSGIMiddleware(lambda *_: []),
        Picking(pages(), pages()),
        Picking(pages()),
    ):
        with pytest.raises(ConfigurationError, match="cannot see"):
            site.guard.protect(app)
        assert site.guard.protect(app, unsafe_unlisted=True)


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/redoc"])
def test_a_template_reaches_no_route_that_nobody_declared(site: Site, path: str) -> None:
    """FastAPI registers its own pages before those of the application."""
    app = site.guard.protect(pages())
    assert site.get(app, path, path[1:])[0] == 404
    assert site.get(app, "/docs2", "docs2") == (200, b'"page docs2"')


def test_a_route_that_is_added_later_is_undeclared(site: Site) -> None:
    """In front of the template: as a route, a mount or a router."""
    for late in (
        Route("/late", lambda _: PlainTextResponse("late")),
        Mount("", PlainTextResponse("late")),
    ):
        app = pages()
        guarded = site.guard.protect(CORSMiddleware(app))
        app.router.routes.insert(0, late)
        assert site.get(guarded, "/late", "late")[0] == 404
    app, router = FastAPI(), APIRouter()
    router.get("/{page}")(lambda page: f"page {page}")
    app.include_router(router)
    guarded = site.guard.protect(app)
    assert site.get(guarded, "/early", "early") == (200, b'"page early"')
    extra = APIRouter()
    extra.get("/late")(lambda: "late")
    app.include_router(extra)
    app.router.routes.insert(0, app.router.routes.pop())
    assert site.get(guarded, "/late", "late")[0] == 404


def test_an_open_route_runs_no_judged_handler(site: Site) -> None:
    """The application decides by the order in which its routes were registered."""
    guard = Guard(object(), audience=DESK)
    guard.route("GET", "/{page}", "page.read")
    guard.open("GET", "/health")
    app = pages()
    app.get("/health")(lambda: "ok")
    for wrapped in (app, CORSMiddleware(app)):
        with pytest.raises(ConfigurationError, match=r"serves it by /\{page\}"):
            guard.protect(wrapped)
    first = FastAPI()
    first.get("/health")(lambda: "ok")
    first.get("/{page}")(lambda page: f"page {page}")
    guarded = guard.protect(first)
    assert site.get(guarded, "/health") == (200, b'"ok"')
    first.router.routes.reverse()  # after the start: nothing is open then
    assert site.get(guarded, "/health")[0] == 404


class Cutting:
    """Takes a prefix off a path, or sets a root, as gateways and dispatchers do."""

    def __init__(self, app, prefix: str, *, as_root: bool) -> None:
        self.app, self.prefix, self.as_root = app, prefix, as_root

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "http" and self.as_root:
            scope = {**scope, "root_path": scope.get("root_path", "") + self.prefix}
        elif scope["type"] == "http":
            scope = {**scope, "path": scope["path"].removeprefix(self.prefix)}
        await self.app(scope, receive, send)


@pytest.mark.parametrize("as_root", [True, False])
@pytest.mark.parametrize("is_inside", [True, False])
def test_a_middleware_that_cuts_a_path_opens_no_other_route(site: Site, as_root, is_inside) -> None:
    """The router itself looks once more: what it is about to serve is what was meant."""
    site.world.tracker.add_tool(
        Tool("doc.read", effect="read", arguments={"t": "text", "d": "text"})
    )
    app = pages()
    app.get("/{t}/{d}")(lambda t, d: f"doc {t} {d}")
    guard = Guard(site.world.tracker, audience=DESK, clock=lambda: site.world.at)
    guard.route("GET", "/{t}/{d}", "doc.read")
    guard.route("GET", "/{page}", "page.read")
    if is_inside:
        app.add_middleware(Cutting, prefix="/page", as_root=as_root)
    guarded = guard.protect(app if is_inside else Cutting(app, "/page", as_root=as_root))
    task = site.world.tracker.open_task(
        "Docs", owner="ana@acme.example", lasts=900, ceiling=Grant([may("doc.read", t=anything(), d=anything())], audience=[DESK])
    )  # fmt: skip
    token = site.world.tracker.issue(task, to=site.world.key("a").public)
    for tenant, status in (("page", 404), ("other", 200)):
        access = Access("doc.read", {"t": tenant, "d": "top"}, DESK)
        proof = site.world.key("a").prove(token, access, at=site.world.at)
        sent = {"Authorization": f"Delegation {token.text}", "Delegation-Proof": proof}
        assert TestClient(guarded).get(f"/{tenant}/top", headers=sent).status_code == status
