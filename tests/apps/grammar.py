"""An application with each way to have a route that FastAPI 0.115 and today's both know."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated

from fastapi import (
    APIRouter,
    Cookie,
    Depends,
    FastAPI,
    File,
    Form,
    Header,
    Query,
    Request,
    Security,
    UploadFile,
    WebSocket,
)
from fastapi.security import APIKeyHeader, HTTPBearer
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount
from starlette.routing import Route as PlainRoute


class Part(BaseModel):
    """A model within a model."""

    sku: str
    count: int = 1


class Order(BaseModel):
    """A body."""

    name: str
    parts: list[Part] = []


class Plain(HTTPEndpoint):
    """An endpoint that is a class."""

    async def get(self, request: Request) -> PlainTextResponse:
        """Answer."""
        return PlainTextResponse("plain " + request.path_params["number"])


def application() -> FastAPI:
    """Return it: 22 routes of its own, in routers, mounts and applications in applications."""
    app = FastAPI(title="Grammar")
    app.add_middleware(CORSMiddleware, allow_origins=["https://ui.example"])
    inner, outer = (
        APIRouter(prefix="/in"),
        APIRouter(prefix="/out", dependencies=[Depends(_tenant)]),
    )

    @inner.get("/items/{item_id}")
    def items(item_id: int, tag: Annotated[list[str], Query()] = [], role: Annotated[str | None, Security(APIKeyHeader(name="X-Role", auto_error=False))] = None):  # fmt: skip # noqa: B006
        return {"id": item_id, "tags": tag, "role": role}

    @inner.delete("/items/{item_id}")
    def drop(item_id: int, order: Order):
        return {"dropped": item_id, "order": order}

    outer.include_router(inner)
    app.include_router(outer, prefix="/v1")
    app.include_router(inner, prefix="/v2")

    sub = FastAPI()

    @sub.post("/orders/{order_id}")
    def order(
        order_id: str,
        body: Order,
        key: Annotated[object, Depends(HTTPBearer(auto_error=False))] = None,
    ):
        return {"id": order_id, "body": body, "key": key}

    plain = Starlette(routes=[
        PlainRoute("/plain/{number}", Plain), Mount("/files", StaticFiles(directory=FilePath(__file__).parent)),
    ])  # fmt: skip
    sub.mount("/deep", CORSMiddleware(plain, allow_origins=["*"]))
    app.mount("/t/{tenant}", sub)

    @app.get("/u/me")
    def me():
        return "me"

    @app.get("/u/{name}")
    def user(name: str):
        return f"user {name}"

    @app.get("/tiles/{z:int}/{y}.{format}")
    def tiles(z: int, y: str, format: str):
        return {"z": z, "y": y, "format": format}

    @app.get("/slash/")
    def slash(page_kind: Annotated[str, Cookie()] = "", x_kind: Annotated[str, Header()] = ""):
        return {"cookie": page_kind, "header": x_kind}

    @app.post("/form")
    def form(name: Annotated[str, Form()], age: Annotated[int, Form()] = 0):
        return {"name": name, "age": age}

    @app.post("/upload")
    async def upload(
        file: UploadFile,
        many: Annotated[list[UploadFile], File()],
        note: Annotated[str, Form()] = "",
    ):
        return {"size": len(await file.read()), "many": len(many), "note": note}

    @app.post("/list")
    def whole(ids: list[int]):
        return ids

    @app.get("/stream")
    def stream():
        return StreamingResponse(iter([b"a", b"b"]), media_type="text/event-stream")

    @app.get("/hidden/{number}", include_in_schema=False)
    def hidden(number: int):
        return number

    @app.websocket("/rooms/{room}")
    async def rooms(socket: WebSocket, room: str, name: str = ""):
        await socket.accept()
        await socket.send_text(room + name)
        await socket.close()

    @app.get("/{rest:path}")
    def rest(rest: str):
        return {"rest": rest}

    return app


def _tenant(x_tenant: Annotated[str, Header()] = "none") -> str:
    return x_tenant
