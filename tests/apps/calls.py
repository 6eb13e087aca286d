"""Calls of routes that nobody wrote down: plain values for what a tool needs, sent without a network."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import unquote, urlencode

from delegation.authority.arguments import NoCanonicalFormError
from delegation.authority.catalogue import Tool
from delegation.integrations import Route

_UUID: Final = "0a7bd56e-5c8c-4e2c-9d5e-1f2a3b4c5d6e"
_VALUES: Final = (
    "a", 1, 0.5, True, "2026-11-30", "2026-11-30T12:00:00Z", "https://example.org/a.tif", "a@example.org",
    _UUID, "1", "1.5", "PT1S", 30, 100, 2000, "1,1,1,1", "aaaaaaaa", "{}", "12:00:00",
)  # fmt: skip
_FILE: Final = {
    "name": "a.txt",
    "size": 5,
    "media_type": "text/plain",
    "digest": "sha256:" + sha256(b"hello").hexdigest(),
}
_NEW: Final = {"date", "x-request-id", "x-process-time", "server-timing", "set-cookie", "content-length", "etag"}  # fmt: skip
_MADE: Final = re.compile(
    rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|20\d\d-\d\d-\d\d[T ][0-9:.]+|\d+\.\d{3,}|\b\d{10,}\b"
)
_BOUNDARY: Final = "------------------------d74496d66958873e"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def reason(self) -> str:
        """Why the guard refused it, empty if it did not."""
        return self.headers.get("x-deny-reason", "")


def value_of(type_: Any) -> Any:
    """Return some value of an argument type, given as its JSON."""
    from delegation.authority.arguments import parse_type

    of = parse_type(type_)
    body = type_ if isinstance(type_, dict) else {"type": type_}
    if body["type"] == "enum":
        return body["values"][0]
    if body["type"] == "list":
        return [value_of(body["of"])] * body.get("min", 1)
    if body["type"] == "object":
        fields = body["fields"].items()
        return {name: value_of(one) for name, one in fields if not name.endswith("?")}
    for value in ({}, [], *_VALUES) if body["type"] in {"json", "map"} else _VALUES:
        with suppress(NoCanonicalFormError):
            of.canonicalise(value)
            return value
    raise LookupError(type_)


def request_of(route: Route, tool: Tool, given: Mapping[str, Any]) -> Sent:
    """Return a request that states what a tool needs, and of the rest what is given."""
    kinds: Any = tool.to_json()["arguments"]
    files = {one.argument for one in route.of_place("file")}
    stated = {
        name: _FILE if name in files else value_of(kinds[name])
        for name, one in tool.arguments.items()
        if one.required
    }
    stated |= {name: value for name, value in given.items() if name in tool.arguments}
    path, query, headers = route.written(stated)
    media, body = _body(route, stated)
    more = [("content-type", media)] if body else []
    return Sent(route.method, path, query, (*headers, *more), body)


def _body(route: Route, stated: Mapping[str, Any]) -> tuple[str, bytes]:
    whole = route.of_place("body")
    if whole and whole[0].argument in stated:
        return route.media, json.dumps(stated[whole[0].argument]).encode()
    members = {
        one.name: stated[one.argument] for one in route.of_place("member") if one.argument in stated
    }
    if route.of_place("member"):
        return "application/json", json.dumps(members).encode()
    fields = [
        (one, stated[one.argument])
        for one in route.of_place("field", "file")
        if one.argument in stated
    ]
    if route.media == "application/x-www-form-urlencoded":
        return route.media, urlencode([(one.name, _text(value)) for one, value in fields]).encode()
    parts = []
    for one, value in fields:
        named = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{one.name}"'
        if one.place == "file":
            parts.append(f'{named}; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nhello\r\n')
        else:
            parts += [
                f"{named}\r\n\r\n{_text(each)}\r\n" for each in (value if one.many else [value])
            ]
    body = "".join([*parts, f"--{_BOUNDARY}--\r\n"]).encode() if parts else b""
    return f"multipart/form-data; boundary={_BOUNDARY}", body


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


async def answer_of(app: Any, sent: Sent, more: Mapping[str, str] = {}) -> Answer:  # read only
    """Return what an application answers; of an answer that does not end, what came in ten seconds."""
    headers = [(k.lower().encode(), v.encode()) for k, v in (*sent.headers, *more.items())]
    size = [(b"content-length", str(len(sent.body)).encode())] if sent.body else []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": sent.method, "scheme": "https",
        "path": unquote(sent.path), "raw_path": sent.path.encode(), "query_string": sent.query.encode(), "root_path": "",
        "headers": [(b"host", b"service.test"), (b"accept", b"*/*"), *headers, *size], "client": ("127.0.0.1", 1),
        "server": ("service.test", 443), "state": {},
    }  # fmt: skip
    said: list[Any] = []
    gone = asyncio.Event()
    bodies = iter([{"type": "http.request", "body": sent.body, "more_body": False}])

    async def receive() -> Any:
        message = next(bodies, None)
        if message is None:
            await gone.wait()
            return {"type": "http.disconnect"}
        return message

    async def send(message: Any) -> None:
        said.append(message)

    try:
        await asyncio.wait_for(app(scope, receive, send), 10)
    except Exception:
        if not said:  # else Starlette has answered 500 and tells the server
            raise
    finally:
        gone.set()
    start = next(one for one in said if one["type"] == "http.response.start")
    body = b"".join(one.get("body", b"") for one in said if one["type"] == "http.response.body")
    named = {k.decode().lower(): v.decode() for k, v in start["headers"]}
    return Answer(start["status"], named, body)


def steady(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return what of an answer is the same each time that it is asked for: no times, no new ids."""
    headers = [one for one in sorted(answer.headers.items()) if one[0] not in _NEW]
    return answer.status, headers, _MADE.sub(b"*", answer.body)


@asynccontextmanager
async def living(app: Any) -> AsyncIterator[None]:
    """Run an application's start, and at the end its stop."""
    asked: asyncio.Queue[Any] = asyncio.Queue()
    told: asyncio.Queue[Any] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    running = asyncio.create_task(app(scope, asked.get, told.put))
    await asked.put({"type": "lifespan.startup"})
    assert (await told.get())["type"] == "lifespan.startup.complete"
    yield
    await asked.put({"type": "lifespan.shutdown"})
    await asyncio.wait([running], timeout=20)
