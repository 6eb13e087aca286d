"""Tools from FastAPI applications, and handlers that get exactly what was judged."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from fastapi import (  # fmt: skip
    APIRouter,
    Body,
    Cookie,
    Depends,
    FastAPI,
    File,
    Form,
    Header,
    Path,
    Query,
    UploadFile,
    WebSocket,
)
from pydantic import BaseModel, EmailStr, Field, HttpUrl
from starlette.responses import PlainTextResponse
from starlette.routing import Route as PlainRoute
from starlette.testclient import TestClient

from delegation import anything, may
from delegation.authority.refusal import Refusal
from delegation.errors import ConfigurationError, MalformedError
from delegation.integrations import tools_from_app
from delegation.integrations.routes import declared_route
from delegation.testing import World


class Colour(enum.Enum):
    """A choice."""

    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    """A choice of numbers."""

    LOW = 1
    HIGH = 2


class Part(BaseModel):
    """A model within a model."""

    sku: str = Field(pattern="^[A-Z]{2}[0-9]{3}$")
    price: Decimal = Field(gt=0, decimal_places=2)


class Order(BaseModel):
    """A body."""

    id: UUID
    due: datetime
    day: date | None = None
    parts: list[Part] = Field(min_length=1, max_length=3)
    colour: Colour = Colour.RED
    note: str | None = None
    tags: set[str] = Field(default_factory=set)
    extra: dict[str, Any] = Field(default_factory=dict)
    either: int | str = 0
    share: float = Field(0.5, ge=0, le=1)
    amount: int = Field(1, alias="amountCents")


@dataclass
class Place:
    """A body that is a dataclass."""

    city: str
    code: Annotated[int, Field(ge=0)] = 0


class Window(BaseModel):
    """Query parameters as a model."""

    limit: int = Field(10, ge=1, le=100)
    after: datetime | None = None


def paging(offset: Annotated[int, Query(ge=0)] = 0) -> int:
    """Read a dependency's parameter."""
    return offset


def everything() -> FastAPI:
    """Return an application with each grammar point of FastAPI's."""
    app = FastAPI()
    router = APIRouter(prefix="/v1")

    @app.get("/items/{item}/{colour}")
    def read_item(
        item: UUID, colour: Colour, level: Level, at: date, limit: Annotated[int, Query(ge=1, le=9)] = 5,
        share: float = 0.5, deep: bool = False, word: Annotated[str | None, Query(max_length=4)] = None,
    ) -> dict[str, str]:  # fmt: skip
        return {name: repr(value) for name, value in locals().items()}

    @app.post("/orders")
    def make_order(order: Order) -> dict[str, str]:
        return {name: repr(value) for name, value in order}

    @app.patch("/notes/{id}")
    def patch_note(id: int, note: Annotated[str | None, Body(embed=True)], due: Annotated[datetime | None, Body()] = None) -> dict[str, str]:  # fmt: skip
        return {"id": repr(id), "note": repr(note), "due": repr(due)}

    @router.put("/places")
    def put_place(place: Place, offset: Annotated[int, Depends(paging)]) -> None: ...

    @router.post("/lists")
    def post_list(ids: list[UUID], q: Annotated[list[str], Query()] = []) -> None: ...  # noqa: B006

    @router.post("/free")
    def post_free(value: Annotated[Any, Body()]) -> None: ...

    @router.post("/forms")
    def post_form(name: Annotated[str, Form(max_length=9)], age: Annotated[int, Form()] = 0) -> None: ...  # fmt: skip

    @router.post("/files")
    def post_file(file: UploadFile, raw: Annotated[bytes, File()], many: list[UploadFile], note: Annotated[str, Form()] = "") -> None: ...  # fmt: skip

    @router.get("/heads")
    def heads(x_token: Annotated[str, Header()], session: Annotated[str | None, Cookie()] = None) -> None: ...  # fmt: skip

    @router.get("/window")
    def window(query: Annotated[Window, Query()]) -> None: ...

    @router.get("/texts/{rest:path}")
    def texts(rest: str, mail: EmailStr, url: HttpUrl, kind: Literal["a", "b"], one: Annotated[str, Path(pattern="^[a-z]+$")] = "a") -> None: ...  # fmt: skip

    @app.api_route("/many", methods=["GET", "DELETE", "OPTIONS", "HEAD"])
    def many() -> None: ...

    @app.get("/hidden", include_in_schema=False)
    def hidden() -> None: ...

    @app.websocket("/live")
    async def live(socket: WebSocket) -> None: ...

    app.include_router(router)
    app.mount("/inner", FastAPI())
    app.router.routes.append(PlainRoute("/plain", lambda _: PlainTextResponse("x"), methods=["GET"]))  # fmt: skip
    return app


@pytest.mark.filterwarnings("ignore:Duplicate Operation ID")
def test_each_route_is_a_tool_or_named() -> None:
    """Every grammar point makes a tool; hidden, foreign, mounted routes and sockets are left out by name."""
    found = tools_from_app(everything(), prefix="shop", system="shop")
    assert {place for place, _ in found.skipped} == {"GET /hidden", "GET /plain", "MOUNT /inner/{path}", "SOCKET /live"}  # fmt: skip
    assert len(found.tools) == 15
    assert all(tool.name.startswith("shop.") and tool.system == "shop" for tool in found.tools)
    by = {tool.aliases[0].split("_")[0] + "_" + tool.aliases[0].split("_")[1]: tool for tool in found.tools if tool.aliases}  # fmt: skip
    read = {key: of.type.to_json() for key, of in by["read_item"].arguments.items()}
    assert read["colour"] == {"type": "enum", "values": ["red", "blue"]}
    assert read["level"] == {"type": "enum", "values": [1, 2]}
    assert read["limit"] == {"type": "integer", "min": 1, "max": 9}
    assert read["at"] == "date"
    assert by["read_item"].effect == "read"
    assert not by["read_item"].arguments["word"].required
    order = {key: of.type.to_json() for key, of in by["make_order"].arguments.items()}
    assert order["note"] == {"type": "text", "nullable": True}
    assert order["either"] == {"type": "either", "of": ["integer", "text"]}
    assert order["parts"]["of"]["fields"]["price"] == {"type": "decimal", "above": "0"}
    assert order["parts"]["max"] == 3
    assert "amountCents" in order
    assert set(by["window_v1"].arguments) == {"limit", "after"}
    assert set(by["heads_v1"].arguments) == {"x-token", "session"}
    assert by["patch_note"].arguments["note"].required
    assert {by[n].effect for n in ("put_place", "post_list", "patch_note")} == {"write"}
    assert set(by["post_file"].arguments) == {"file", "raw", "many", "note"}
    texts = {key: of.type.name for key, of in by["texts_v1"].arguments.items()}
    assert texts == {"rest": "relative_path", "mail": "email", "url": "url", "kind": "enum", "one": "segment"}  # fmt: skip


@pytest.mark.parametrize("app", [None, object(), PlainTextResponse("x"), lambda scope, receive, send: None])  # fmt: skip
def test_what_is_no_application_is_refused(app) -> None:
    """Nothing is guessed about what makes no document."""
    with pytest.raises(ConfigurationError):
        tools_from_app(app, prefix="x")
    with pytest.raises(MalformedError):
        tools_from_app(FastAPI(), prefix="delegation")


ONE = "12345678-1234-5678-9abc-123456789abc"
ORDER = {"id": ONE, "due": "2026-11-30T13:00:00+01:00", "parts": [{"sku": "AB123", "price": "1.5"}]}
# Method, path, query, body as sent, and the same in canonical form, which the handler must see.
SENT: list[tuple[str, str, dict[str, Any], Any, Any]] = [
    ("GET", f"/items/{ONE}/blue", {"level": 2, "at": "2026-11-30"}, None, None),
    ("GET", f"/items/{ONE}/red", {"level": 1, "at": "2026-11-30", "limit": 9, "share": 0.25, "deep": "true", "word": "a b"}, None, None),
    ("POST", "/orders", {}, ORDER, {**ORDER, "due": "2026-11-30T12:00:00Z"}),
    ("POST", "/orders", {}, {**ORDER, "note": None, "day": None, "share": 1, "amountCents": 7.0, "either": "x", "colour": "blue", "tags": ["b", "a"], "extra": {"a": [1.0, None]}},
     {**ORDER, "due": "2026-11-30T12:00:00Z", "note": None, "day": None, "share": 1, "amountCents": 7, "either": "x", "colour": "blue", "tags": ["b", "a"], "extra": {"a": [1, None]}}),
    ("PATCH", "/notes/4", {}, {"note": None}, {"note": None}), ("PATCH", "/notes/4", {}, {"note": "e\u0301\r\n", "due": None}, {"note": "e\u0301\r\n", "due": None}),
]  # fmt: skip


@pytest.fixture
def guarded() -> tuple[World, TestClient, TestClient]:
    """Return a world, a client of the guarded application, and one of the bare application."""
    app = everything()
    app.router.routes[:] = [r for r in app.router.routes if getattr(r, "path", "") in {"/items/{item}/{colour}", "/orders", "/notes/{id}"}]  # fmt: skip
    world = World()
    tools = {t.aliases[0].split("_")[1]: t for t in tools_from_app(app, prefix="shop").tools}
    for tool in tools.values():
        world.tracker.add_tool(tool)
    guard = world.guard()
    kinds = {"level": "integer", "limit": "integer", "share": "number", "deep": "boolean"}
    guard.route("GET", "/items/{item}/{colour}", tools["item"].aliases[0], query=["level", "at", "limit", "share", "deep", "word"], kinds=kinds)  # fmt: skip
    guard.route("POST", "/orders", tools["order"].aliases[0], body=sorted(tools["order"].arguments))
    guard.route("PATCH", "/notes/{id}", tools["note"].name, body=["note", "due"], kinds={"id": "integer"})  # fmt: skip
    can = [may(t.name, **dict.fromkeys(t.arguments, anything())) for t in tools.values()]
    token = world.chain("a", can=can, effects=["read", "write"])
    return world, world.client(app, guard, token, "a"), TestClient(app)


@pytest.mark.parametrize(("method", "path", "query", "sent", "canonical"), SENT)
def test_a_handler_gets_the_canonical_value_as_its_own_type(guarded, method, path, query, sent, canonical) -> None:  # fmt: skip
    """UUID, Enum, datetime, model, null, defaults: as the bare application reads the canonical request."""
    world, client, bare = guarded
    answer = client.request(method, path, params=query, json=sent)
    wanted = bare.request(method, path, params=query, json=canonical)
    assert (answer.status_code, answer.json()) == (wanted.status_code, wanted.json())
    # FastAPI 0.139, our oldest, itself answers 422 to null for a needed member that may be null.
    is_null = canonical is not None and canonical.get("note", "") is None and "id" not in canonical
    assert wanted.status_code == 200 or (is_null and wanted.status_code == 422), answer.text
    decision = world.decision(answer)
    assert decision.tool.startswith("shop.")
    assert canonical is None or {k: decision.arguments[k] for k in canonical} == canonical


REFUSED = [
    ("GET", f"/items/{ONE}/green", {"level": 2, "at": "2026-11-30"}, None), ("GET", f"/items/{ONE}/red", {"level": 3, "at": "2026-11-30"}, None),
    ("GET", f"/items/{ONE}/red", {"level": 1, "at": "2026-11-31"}, None), ("GET", f"/items/{ONE}/red", {"level": 1, "at": "2026-11-30", "limit": 10}, None),
    ("GET", "/items/x/red", {"level": 1, "at": "2026-11-30"}, None), ("POST", "/orders", {}, {**ORDER, "parts": []}), ("POST", "/orders", {}, {**ORDER, "parts": [{"sku": "x", "price": "1"}]}),
    ("POST", "/orders", {}, {**ORDER, "share": 1.5}), ("POST", "/orders", {}, {**ORDER, "due": "soon"}), ("PATCH", "/notes/4", {}, {"due": None}), ("PATCH", "/notes/4", {}, {"note": 5}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "query", "body"), REFUSED)
def test_what_the_application_would_refuse_is_denied_before_it(guarded, method, path, query, body) -> None:  # fmt: skip
    """Bounds of the application bound the tool: `anything()` is anything within them, and it is recorded."""
    world, client, bare = guarded
    answer = client.request(method, path, params=query, json=body)
    assert answer.status_code == 403, answer.text
    assert not world.decision(answer).allowed
    assert bare.request(method, path, params=query, json=body).status_code == 422


@pytest.mark.parametrize("value", [None, [1], {"a": 1}])
def test_what_has_no_one_spelling_in_a_path_or_query_is_not_carried(value) -> None:
    """`null` in a query would be a text to the handler."""
    route = declared_route("GET", "/a/{b}", "x.y", query=["c"])
    for arguments in ({"b": "x", "c": value}, {"b": value}):
        with pytest.raises(MalformedError):
            route.written(arguments)
    assert route.written({"b": "x"}) == ("/a/x", "", [])


def test_a_document_that_an_application_wrote_itself_is_read_too() -> None:
    """What `app.openapi` answers counts, whoever wrote it; a canonical call of it reads back."""
    app = FastAPI()
    document = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": {"/a": {"get": {"operationId": "A.get-it", "parameters": [
        {"name": "n", "in": "query", "schema": {"type": "integer", "minimum": 2}}]}}}}  # fmt: skip
    app.openapi = lambda: document
    (tool,) = tools_from_app(app, prefix="own").tools
    assert tool.aliases == ("A.get-it",)
    assert isinstance(tool.canonicalise({"n": 1}), Refusal)
    assert tool.canonicalise({"n": 2.0}) == {"n": 2}
