"""Every input that an application reads of a request is an argument, judged, and read again as judged."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode
from contextlib import suppress
from typing import Annotated, Any

import pytest
from fastapi import (
    Body,
    Cookie,
    FastAPI,
    File,
    Form,
    Header,
    Query,
    Request,
    UploadFile,
    WebSocket,
)
from fastapi.responses import StreamingResponse
from pymacaroons import Macaroon
from starlette.middleware.cors import CORSMiddleware
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from delegation import Access, Tool, anything, canonical, may
from delegation.authority.documents.schema import FILE
from delegation.errors import ConfigurationError, MalformedError
from delegation.integrations import Guard
from delegation.testing import World

TEXTS = {"type": "list", "of": "text"}
ANY = {"type": "json"}
# Path, tool's arguments, how the route is declared.
DECLARED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "GET /tiles/{z:int}/{x}/{y}@{scale}x.{format}": ("tile", {"z": "integer", "x": "integer", "y": "integer", "scale": "number", "format": "text"}, {"kinds": {"x": "integer", "y": "integer", "scale": "number"}}),
    "GET /u/me": ("me", {}, {}),
    "GET /u/{who}": ("user", {"who": "segment"}, {}),
    "GET /u/{who}/": ("dir", {"who": "opaque"}, {}),
    "GET /files/{p:path}": ("file", {"p": "relative_path"}, {}),
    "GET /find": ("find", {"tag?": TEXTS, "n?": {"type": "list", "of": "integer"}, "size?": "integer", "flag?": "text"}, {"query": {"tag": "tag", "n": "n", "page[size]": "size", "flag": "flag"}, "many": ["tag", "n"], "kinds": {"n": "integer", "size": "integer"}}),
    "GET /head": ("head", {"tenant?": "text", "level?": "integer", "lang?": "text"}, {"headers": {"X-Tenant": "tenant", "X-Level": "level"}, "cookies": ["lang"], "kinds": {"level": "integer"}}),
    "POST /list": ("list", {"items": {"type": "list", "of": "integer"}}, {"whole_body": "items"}),
    "POST /any": ("any", {"value": ANY}, {"whole_body": "value"}),
    "POST /text": ("text", {"text": "text"}, {"whole_body": "text", "media": "text/plain"}),
    "PUT /raw": ("raw", {"image": FILE}, {"whole_body": "image", "media": "image/*"}),
    "DELETE /items": ("drop", {"ids": TEXTS}, {"body": ["ids"]}),
    "POST /form": ("form", {"name": "text", "n?": "integer", "tags?": TEXTS}, {"form": ["name", "n", "tags"], "kinds": {"n": "integer"}, "many": ["tags"]}),
    "POST /upload": ("upload", {"note?": "text", "photo": FILE, "more?": {"type": "list", "of": FILE}}, {"form": ["note"], "files": ["photo", "more"], "many": ["more"]}),
    "GET /events": ("events", {}, {}),
}  # fmt: skip


def application() -> FastAPI:
    """Return an application that answers with what it read."""
    app = FastAPI()

    @app.get("/tiles/{z:int}/{x}/{y}@{scale}x.{format}")
    def tile(z: int, x: int, y: int, scale: float, format: str) -> list:
        return [z, x, y, scale, format]

    app.get("/u/me")(lambda: "me")
    app.get("/u/{who}")(lambda who: f"user {who}")
    app.get("/u/{who}/")(lambda who: f"dir {who}")
    app.get("/files/{p:path}")(lambda p: p)

    @app.get("/find")
    def find(
        tag: Annotated[list[str] | None, Query()] = None, n: Annotated[list[int] | None, Query()] = None,
        size: Annotated[int, Query(alias="page[size]")] = 0, flag: str | None = None,
    ) -> list:  # fmt: skip
        return [tag, n, size, flag]

    @app.get("/head")
    def head(
        request: Request, x_tenant: Annotated[str | None, Header()] = None, x_level: Annotated[int, Header()] = 0,
        lang: Annotated[str | None, Cookie()] = None,
    ) -> list:  # fmt: skip
        return [x_tenant, x_level, lang, request.cookies]

    @app.post("/list")
    def lists(items: list[int]) -> list:
        return items

    @app.post("/any")
    def some(value: Annotated[Any, Body()]) -> Any:
        return [value]

    @app.post("/text")
    async def text(request: Request) -> str:
        return (await request.body()).decode()

    @app.put("/raw")
    async def raw(request: Request) -> list:
        return [
            request.headers["content-type"],
            hashlib.sha256(await request.body()).hexdigest(),
        ]

    @app.delete("/items")
    def drop(ids: Annotated[list[str], Body(embed=True)]) -> list:
        return ids

    @app.post("/form")
    def form(name: Annotated[str, Form()], n: Annotated[int, Form()] = 0, tags: Annotated[list[str] | None, Form()] = None) -> list:  # fmt: skip
        return [name, n, tags]

    @app.post("/upload")
    def upload(photo: UploadFile, more: Annotated[list[UploadFile] | None, File()] = None, note: Annotated[str, Form()] = "") -> list:  # fmt: skip
        return [
            note,
            *(
                (f.filename, f.content_type, f.file.read().hex()[:16], f.size)
                for f in (photo, *(more or ()))
            ),
        ]

    @app.get("/events")
    async def events() -> StreamingResponse:
        async def said():
            for number in range(3):
                yield f"data: {number}\n\n"

        return StreamingResponse(said(), media_type="text/event-stream")

    return app


@pytest.fixture(scope="module")
def client() -> TestClient:
    """Return a client whose requests an agent signs, of an application that is guarded whole."""
    world = World()
    guard = world.guard()
    can = []
    for place, (name, arguments, said) in DECLARED.items():
        method, _, path = place.partition(" ")
        world.tracker.add_tool(Tool(f"shop.{name}", effect="write", arguments=arguments))
        guard.route(method, path, f"shop.{name}", **said)
        can.append(may(f"shop.{name}", **{n.rstrip("?"): anything() for n in arguments}))
    return world.client(application(), guard, world.chain("a", can=can, effects=["write"]), "a")


BIG = bytes(range(256)) * 8192  # 2 MB: beyond what stays in memory
SENT: list[tuple[str, str, dict[str, Any], Any]] = [
    ("GET", "/tiles/3/4/5@2x.png", {}, [3, 4, 5, 2.0, "png"]),
    ("GET", "/tiles/3/4/5@1.5x.png", {}, [3, 4, 5, 1.5, "png"]),
    ("GET", "/u/me", {}, "me"), ("GET", "/u/ana", {}, "user ana"), ("GET", "/u/me/", {}, "dir me"), ("GET", "/u/%C3%A4%20b", {}, "user ä b"),
    ("GET", "/files/a/b.txt", {}, "a/b.txt"),
    ("GET", "/find?tag=a&n=1&tag=b%20c&n=2&page[size]=7&flag", {}, [["a", "b c"], [1, 2], 7, ""]),
    ("GET", "/find?page%5Bsize%5D=7&tag=", {}, [[""], None, 7, None]),
    ("GET", "/find", {}, [None, None, 0, None]),
    ("GET", "/head", {"headers": {"x-tenant": "acme", "X-Level": "3", "Cookie": "lang=de"}}, ["acme", 3, "de", {"lang": "de"}]),
    ("GET", "/head", {"headers": {"Cookie": "other=1; lang=de"}}, [None, 0, "de", {"lang": "de"}]),
    ("GET", "/head", {}, [None, 0, None, {}]),
    ("POST", "/list", {"json": [1, 2.0]}, [1, 2]), ("POST", "/any", {"json": "a=b&c"}, ["a=b&c"]), ("POST", "/any", {"json": {"a": [None, 1.5]}}, [{"a": [None, 1.5]}]),
    ("POST", "/any", {"json": 7}, [7]), ("POST", "/text", {"content": "grüß\n", "headers": {"Content-Type": "text/plain"}}, "grüß\n"),
    ("PUT", "/raw", {"content": BIG, "headers": {"Content-Type": "image/PNG"}}, ["image/png", hashlib.sha256(BIG).hexdigest()]),
    ("DELETE", "/items", {"json": {"ids": ["a"]}}, ["a"]),
    ("POST", "/form", {"data": {"name": "100% a+b&c=d ü\r\n", "n": "2", "tags": ["x", "y"]}}, ["100% a+b&c=d ü\r\n", 2, ["x", "y"]]),
    ("POST", "/form", {"files": {"name": (None, "x;y")}}, ["x;y", 0, None]),
    ("POST", "/upload", {"files": {"photo": ("p ü.png", b"\x89PNG", "image/png")}}, ["", ["p ü.png", "image/png", "89504e47", 4]]),
    ("POST", "/upload", {"data": {"note": "n"}, "files": [("more", ("b", b"\r\n--x--", "text/plain")), ("photo", ("a", BIG, "image/png")), ("more", ("c", b"", "a/b"))]},
     ["n", ["a", "image/png", BIG.hex()[:16], len(BIG)], ["b", "text/plain", "0d0a2d2d782d2d", 7], ["c", "a/b", "", 0]]),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "sent", "read"), SENT, ids=lambda v: str(v)[:40])
def test_a_handler_reads_what_was_judged(client: TestClient, method, path, sent, read) -> None:
    """Path, query, header, cookie, form, file and body of any kind."""
    answer = client.request(method, path, **sent)
    assert answer.status_code == 200, answer.text
    assert answer.json() == read


def test_a_stream_passes_event_by_event(client: TestClient) -> None:
    """Nothing of an answer is held up."""
    with client.stream("GET", "/events") as answer:
        assert answer.status_code == 200
        assert list(answer.iter_lines())[::2] == ["data: 0", "data: 1", "data: 2"]


class Talk:
    """An application with sockets and middlewares, guarded, and an agent that may use it."""

    def __init__(self, *, seconds: float = 60) -> None:
        self.world, self.seen = World(), []
        self.world.tracker.add_tool(Tool("talk.join", effect="write", arguments={"room": "text", "name?": "text", "protocol?": "text"}))  # fmt: skip
        self.guard = Guard(
            self.world.tracker,
            audience=self.world.audience,
            clock=self.world.clock,
            socket_seconds=seconds,
        )
        self.guard.route("WEBSOCKET", "/rooms/{room}", "talk.join", query=["name"], headers={"Sec-WebSocket-Protocol": "protocol"})  # fmt: skip
        self.guard.route("GET", "/rooms/{room}", "talk.join")
        self.guard.open("GET", "/static/{path:path}")
        self.guard.open("WEBSOCKET", "/public")
        self.guard.cors()
        app = FastAPI()
        app.add_middleware(CORSMiddleware, allow_origins=["https://ui.example"], allow_headers=["authorization"])  # fmt: skip

        @app.websocket("/rooms/{room}")
        async def join(socket: WebSocket, room: str, name: str = "") -> None:
            self.seen.append((room, name, socket.scope["subprotocols"], dict(socket.headers)))
            await socket.accept(
                subprotocol=socket.scope["subprotocols"][0]
                if socket.scope["subprotocols"]
                else None
            )
            with suppress(WebSocketDisconnect):
                while True:
                    await socket.send_text(await socket.receive_text())

        @app.websocket("/public")
        async def public(socket: WebSocket) -> None:
            await socket.accept()
            await socket.close()

        @app.api_route("/rooms/{room}", methods=["GET", "HEAD"])
        def room(room: str) -> str:
            self.seen.append(room)
            return room

        app.get("/static/{path:path}")(lambda path: path)
        app.options("/rooms/{room}")(lambda room: self.seen.append("options"))
        self.guard.open("OPTIONS", "/rooms/{room}")
        self.http = TestClient(self.guard.protect(app), base_url=self.world.audience)
        self.token = self.world.chain("a", can=may("talk.join", room=anything(), name=anything(), protocol=anything()), effects=["write"])  # fmt: skip

    def headers(self, **arguments: str) -> dict[str, str]:
        """Return credentials of a call."""
        access = Access("talk.join", arguments, self.world.audience)
        proof = self.world.key("a").prove(self.token, access, at=int(self.world.clock()))
        return {"Authorization": f"Delegation {self.token.text}", "Delegation-Proof": proof}


def test_a_socket_is_judged_at_its_handshake() -> None:
    """Path, query and subprotocol are arguments; the handler gets them, and no credentials."""
    talk = Talk()
    sent = talk.headers(room="a", name="b", protocol="chat")
    with talk.http.websocket_connect(
        "/rooms/a?name=b", headers=sent, subprotocols=["chat"]
    ) as socket:
        assert socket.accepted_subprotocol == "chat"
        assert b"delegation-decision" in dict(socket.extra_headers)
        socket.send_text("hello")
        assert socket.receive_text() == "hello"
    [(room, name, protocols, headers)] = talk.seen
    assert (room, name, protocols) == ("a", "b", ["chat"])
    assert not {"authorization", "delegation-proof", "upgrade", "connection"} & headers.keys()


def test_a_browser_says_its_credentials_as_subprotocols() -> None:
    """It cannot set headers; and it ends a socket for which no subprotocol is picked."""
    talk = Talk()
    sent = talk.headers(room="a")
    token = sent["Authorization"].removeprefix("Delegation ")
    offered = ["delegation", f"delegation.token.{token}", f"delegation.proof.{sent['Delegation-Proof']}"]  # fmt: skip
    with talk.http.websocket_connect("/rooms/a", subprotocols=offered) as socket:
        assert socket.accepted_subprotocol == "delegation"
    assert talk.seen[0][2] == []
    assert token not in str(talk.seen)
    with pytest.raises(WebSocketDenialResponse) as refused:
        talk.http.websocket_connect("/rooms/a", subprotocols=offered, headers=sent).__enter__()
    assert refused.value.status_code == 401


@pytest.mark.parametrize(
    ("path", "change", "status", "code"),
    [("/rooms/a", {"Authorization": ""}, 401, "credentials_missing"), ("/rooms/b", {}, 401, "proof_other_access"), ("/rooms/a?x=1", {}, 400, "request_malformed"),
     ("/rooms/a/b", {}, 404, "route_undeclared"), ("/rooms/a", {"Sec-WebSocket-Protocol": "chat"}, 401, "proof_other_access")],
)  # fmt: skip
def test_a_handshake_is_refused_before_it_is_accepted(path, change, status, code) -> None:
    """With an answer where the server can give one, else with 403 by closing."""
    talk = Talk()
    with pytest.raises(WebSocketDenialResponse) as refused:
        talk.http.websocket_connect(path, headers={**talk.headers(room="a"), **change}).__enter__()
    assert (refused.value.status_code, refused.value.json()["code"]) == (status, code)
    assert talk.seen == []


def test_a_text_of_any_type_is_no_body() -> None:
    """The same text is a page or a script by its type, which no argument of text states."""
    with pytest.raises(MalformedError, match="one type of text"):
        Guard(object(), audience="d").route("PUT", "/t", "a.t", whole_body="x", media="text/*")


def test_an_announced_id_opens_no_socket() -> None:
    """A socket ends with its token, whose end only the whole token says."""
    talk = Talk()
    sent = {**talk.headers(room="a"), "Authorization": f"Delegation {talk.token.id}"}
    with pytest.raises(WebSocketDenialResponse) as refused:
        talk.http.websocket_connect("/rooms/a", headers=sent).__enter__()
    assert refused.value.status_code == 400


@pytest.mark.parametrize("payload", ["{}", "[]", "1", '{"grant":[]}', '{"grant":{"expires_at":"x"}}', '{"grant":{"expires_at":null}}'])  # fmt: skip
def test_a_handshake_with_a_forged_token_is_refused_and_no_fault(payload: str) -> None:
    """When a token ends is read before anybody verified it: whatever stands there is an answer."""
    talk = Talk()
    forged = Macaroon(location="", identifier="x", key="k", version=2)
    forged.add_first_party_caveat(f"dct-link-v1.{canonical.b64u(bytes(64))}.{payload}".encode())
    data = urlsafe_b64decode(forged.serialize() + "==")
    sent = {**talk.headers(room="a"), "Authorization": f"Delegation dct.m1.{canonical.b64u(data)}"}
    with pytest.raises(WebSocketDenialResponse) as refused:
        talk.http.websocket_connect("/rooms/a", headers=sent).__enter__()
    assert (refused.value.status_code, refused.value.json()["code"]) == (400, "request_malformed")
    assert talk.seen == []


@pytest.mark.parametrize("by_token", [True, False])
def test_a_socket_ends_with_its_authority(by_token: bool) -> None:
    """With its token, and after the time that the guard is given, whatever the client sends."""
    talk = Talk(seconds=60 if by_token else 1.5)
    sent = talk.headers(room="a")
    if by_token:
        talk.token = talk.token.delegate(by=talk.world.key("a"), to=talk.world.key("a").public, grant=talk.token.grant.narrow(expires_at=int(talk.world.clock()) + 2))  # fmt: skip
        sent = talk.headers(room="a")
    with talk.http.websocket_connect("/rooms/a", headers=sent) as socket:
        socket.send_text("x")
        assert socket.receive_text() == "x"
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_text()
    assert ended.value.code == 1008


def test_an_open_socket_and_open_templates_pass() -> None:
    """Declared so, they are nobody's to judge; what has no route still answers 404."""
    talk = Talk()
    with talk.http.websocket_connect("/public"):
        pass
    assert talk.http.get("/static/a/b.css").json() == "a/b.css"
    assert talk.http.get("/static").status_code == 404
    assert talk.http.get("/static/a/../b", follow_redirects=False).status_code in {200, 400}


def test_a_head_is_the_tool_of_its_get() -> None:
    """Where the application serves it; where it does not, nothing is asked."""
    talk = Talk()
    answer = talk.http.head("/rooms/a", headers=talk.headers(room="a"))
    assert (answer.status_code, answer.content, talk.seen) == (200, b"", ["a"])
    assert talk.http.head("/rooms/b", headers=talk.headers(room="a")).status_code == 401
    assert talk.http.head("/static/a").status_code == 404  # FastAPI's own GET routes serve none


def test_a_preflight_reaches_only_the_answer_of_cors() -> None:
    """It is one only with its two headers; then no route runs, and it says nothing of credentials."""
    talk = Talk()
    asked = {"Origin": "https://ui.example", "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization", "Cookie": "a=b"}  # fmt: skip
    answer = talk.http.options("/rooms/a", headers=asked)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://ui.example")  # fmt: skip
    assert talk.http.options("/nowhere", headers={**asked, "Origin": "https://evil.example"}).status_code == 400  # fmt: skip
    assert talk.seen == []
    del asked["Access-Control-Request-Method"]
    assert talk.http.options("/rooms/a", headers=asked).status_code == 200
    assert talk.seen == ["options"]


def test_a_browser_may_read_why_it_was_refused() -> None:
    """Denials and answers have the application's own headers for other origins."""
    talk = Talk()
    origin = {"Origin": "https://ui.example"}
    for headers, status in ((origin, 401), ({**origin, **talk.headers(room="a")}, 200)):
        answer = talk.http.get("/rooms/a", headers=headers)
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == "https://ui.example"
    assert "access-control-allow-origin" not in talk.http.get("/rooms/a", headers={"Origin": "https://evil.example"}).headers  # fmt: skip
    plain = Guard(object(), audience="https://a.example")
    plain.cors()
    with pytest.raises(ConfigurationError, match="CORSMiddleware"):
        plain.protect(FastAPI(openapi_url=None))
