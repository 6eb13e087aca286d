"""Observing: a service is answered as if nobody looked, and the draft of what was seen runs as pasted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Cookie, FastAPI, Form, Header, Query, Security, UploadFile
from fastapi.responses import RedirectResponse
from fastapi.security import APIKeyHeader
from pydantic import AnyHttpUrl, BaseModel
from starlette.responses import JSONResponse
from starlette.testclient import TestClient

from delegation import HolderKey
from delegation.integrations import Guard
from delegation.integrations.signing import Auth
from delegation.tracker import Tracker

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
    task = tracker.open_task(
        "As seen", owner="ana@acme.example", ceiling=names["observed"], lasts=600
    )
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
    def search(
        q: str,
        tag: Annotated[list[str] | None, Query()] = None,
        x_tenant: Annotated[str, Header()] = "",
    ) -> dict:
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


UPLOAD = (
    b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a.png"\r\n'
    b"Content-Type: image/png\r\n\r\nPNG\r\n--b--\r\n"
)
SEEN = [
    sent("POST", "/orders/", json={"item": "pen", "amount": 2}),
    sent("POST", "/orders/", json={"item": "ink", "amount": 3, "note": "blue"}),
    sent("GET", "/orders/o-1"),
    sent("GET", "/orders/o-1/lines/7"),
    sent("GET", "/search?q=a%20b&tag=x&tag=y", headers={"X-Tenant": "acme"}),
    sent("GET", "/search?q=c"),
    sent("GET", "/files/a/b.txt"),
    sent("POST", "/form", data={"name": "Ana", "age": "41"}),
    sent(
        "POST",
        "/upload",
        content=UPLOAD,
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    ),
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


def test_pages_and_checks_that_were_asked_for_as_others_are_drafted_as_others() -> None:
    """A browser's look at the document, and a check of health with a parameter, spoil no draft."""
    app = FastAPI()

    @app.get("/health")
    def health(full: bool = False) -> str:
        return "all well" if full else "well"

    @app.get("/livez")
    def live(full: bool = False) -> str:
        return "alive" if full else "alive!"

    seen = [sent("GET", "/docs"), sent("GET", "/openapi.json"), sent("GET", "/health"),
            sent("GET", "/health?full=true"), sent("GET", "/livez")]  # fmt: skip
    draft = observed(app, seen)
    http = pasted(app, draft)
    for one in seen:
        assert one.to(http).status_code == 200, (one, draft)
    assert "guard.open('GET', '/livez')" in draft
    assert "guard.open('GET', '/health')" not in draft
    assert "/redoc" not in draft


def test_what_is_asked_for_is_drafted_whatever_it_is() -> None:
    """The document and its pages, a health check that is asked with a parameter, spaces as most clients write them."""
    app = FastAPI()
    app.get("/health")(lambda: "ok")
    app.get("/find")(lambda q: q)
    traffic = [
        sent("GET", "/openapi.json"),
        sent("GET", "/docs"),
        sent("GET", "/health?full=1"),
        sent("GET", "/health"),
        sent("GET", "/find?q=a+b+%2B"),
    ]
    odd = sent(
        "GET", "/find?q=%61"
    )  # an escape of a plain letter has two spellings: named, not drafted
    draft = observed(app, [*traffic, odd])
    assert "# not understood once: GET /find: 'The query must be plain parameters" in draft
    http = pasted(app, draft)
    assert [one.to(http).status_code for one in traffic] == [200] * 5
    assert traffic[4].to(http).json() == "a b +"
    assert sent("GET", "/find?q=a+b").to(http).status_code == 403


def test_hosts_of_the_inside_are_granted_by_their_very_name() -> None:
    """Services ask their neighbours: what was answered goes on, and no other address of the inside does."""
    app = FastAPI()

    @app.get("/ping")
    def ping(at: IPv4Address, url: Annotated[list[AnyHttpUrl], Query()] = []) -> list[str]:  # noqa: B006
        return [str(at), *map(str, url)]

    seen = [
        sent("GET", "/ping?at=10.0.0.1"),
        sent("GET", "/ping?at=9.9.9.9&url=http://10.0.0.2/x&url=https://b.acme.example/"),
    ]
    draft = observed(app, seen)
    http = pasted(app, draft)
    assert [one.to(http).status_code for one in seen] == [200] * 2, draft
    for other in ("at=10.0.0.3", "at=9.9.9.9&url=http://10.0.0.3/x"):
        assert sent("GET", f"/ping?{other}").to(http).status_code == 403


def test_credentials_of_the_application_itself_pass_where_they_were_seen() -> None:
    """A key or a session is no argument, and is neither recorded nor drafted; its handler gets it."""
    app = FastAPI()

    @app.get("/keyed")
    def keyed(key: Annotated[str, Security(APIKeyHeader(name="X-API-Key"))]) -> str:
        return "in" if key == "k-1" else "out"

    @app.get("/session")
    def session(sid: Annotated[str, Cookie()] = "") -> str:
        return "in" if sid == "s-1" else "out"

    seen = [
        sent("GET", "/keyed", headers={"X-API-Key": "k-1"}),
        sent("GET", "/session", headers={"Cookie": "sid=s-1; other=x"}),
    ]
    draft = observed(app, seen)
    assert "k-1" not in draft
    assert "s-1" not in draft
    http = pasted(app, draft)
    assert [one.to(http).json() for one in seen] == ["in", "in"]


async def plain(scope: Any, receive: Any, send: Any) -> None:
    """Answer everything with what was sent; lists no routes."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    said = [scope["method"], scope["path"], scope["query_string"].decode(), body.decode("latin-1")]
    answer = JSONResponse(said)
    await answer(scope, receive, send)


HOSTILE = [
    sent("GET", "/x?%22);import%20os;(%22=1"), sent("GET", "/x/%0Aimport%20os%0A"),
    sent("GET", "/x?a=%22%0Aimport%20os%0A%22"), sent("GET", "/x?a='''%22%22%22%5C"),
    sent("POST", "/x", json={'"\n)\nimport os\n(': 1}), sent("POST", "/x", json={"a\r\nimport os": "\n"}),
    sent("POST", "/x", content=rb"""{"a": "\ud800\u2028\n\"' "}""", headers={"Content-Type": "application/json"}),
    sent("POST", "/x", content=b"\xff\x00"),
    sent("POST", "/x", json=[["deep"] * 3] * 3), sent("POST", "/x", json={"_method": "DELETE"}),
    sent("POST", "/x", content=b'{"a":1,"a":2}', headers={"Content-Type": "application/json"}),
    sent("POST", "/x", content=b"a=1", headers={"Content-Type": "text/\u00e9".encode("latin-1")}),
    sent("GET", "/x?" + "&".join(f"junk{n}=1" for n in range(30))), sent("GET", "/x?a=1&a=2"),
    sent("GET", "/x;v=1/..%2f../y"), sent("GET", "/" + "z" * 3000), sent("GET", "/x?a=" + "z" * 3000),
]  # fmt: skip
USUAL = [
    sent("GET", "/orders/17"), sent("GET", "/orders/18?full=true"), sent("DELETE", "/orders/17"),
    sent("POST", "/orders/17/notes", json={"text": "a b", "n": 1, "deep": {"x": [1, 2.5, None]}}),
    sent("POST", "/orders/18/notes", json={"text": "c", "n": 2}),
    sent("POST", "/form", data={"name": "Ana", "age": "41"}), sent("GET", "/health"),
]  # fmt: skip


@pytest.mark.parametrize("odd", [(), HOSTILE], ids=["usual", "hostile"])
def test_the_draft_of_an_application_that_lists_nothing_runs_as_pasted(odd: Iterable[Sent]) -> None:
    """Templates and types are guessed; what no route can state spoils none of it."""
    draft = observed(plain, [*USUAL, *odd, *USUAL])
    http = pasted(plain, draft)
    for one in USUAL:
        assert one.to(http).status_code == 200, (one, draft)
    for one in (
        sent("GET", "/orders/19"),
        sent("POST", "/orders/17/notes", json={"text": "other", "n": 1}),
        sent("POST", "/orders/17/notes", json={"text": "c", "n": 3}),
    ):
        assert one.to(http).status_code == 403, one
