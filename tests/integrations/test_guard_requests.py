"""Every input that an application reads of a request is an argument, judged, and read again as judged."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import pytest
from fastapi import Body, Cookie, FastAPI, File, Form, Header, Query, Request, UploadFile
from fastapi.responses import StreamingResponse
from starlette.testclient import TestClient

from delegation import Tool, anything, may
from delegation.authority.documents.schema import FILE
from delegation.testing import World

TEXTS = {"type": "list", "of": "text"}
ANY = {"type": "json"}
# Path, tool's arguments, how the route is declared.
DECLARED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "GET /tiles/{z:int}/{x}/{y}@{scale}x.{format}": ("tile", {"z": "integer", "x": "integer", "y": "integer", "scale": "number", "format": "text"}, {"kinds": {"x": "integer", "y": "integer", "scale": "number"}}),
    "GET /u/me": ("me", {}, {}),
    "GET /u/{id}": ("user", {"id": "segment"}, {}),
    "GET /u/{id}/": ("dir", {"id": "opaque"}, {}),
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
    app.get("/u/{id}")(lambda id: f"user {id}")
    app.get("/u/{id}/")(lambda id: f"dir {id}")
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
            *((f.filename, f.content_type, f.file.read().hex()[:16], f.size) for f in (photo, *(more or ()))),
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
