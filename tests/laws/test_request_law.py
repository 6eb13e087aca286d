"""A law of requests: what is written of arguments reads as exactly these arguments, to everybody.

For random routes and values; what would read otherwise is refused and never written.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any
from urllib.parse import unquote

from cases import every
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.routing import Route as Served
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request as Wsgi

from delegation import sent_json
from delegation.authority.documents.inputs import Input
from delegation.errors import MalformedError
from delegation.integrations.route import Route
from delegation.integrations.routes import Routes

EDGES = ["", "a", "0", "007", "1.50", "true", "null", "..", ".", "a/b", "a//b", "/a", "a/", "%", "%2F", "%252e", "+", "a b", " a", "a;b", "a&b=c", "a=b", "#", "?", "ä", "\u2028", "\r\nX: y", "\0",
         "a,b", '"a"', "a\\b", "{a}", "[a]", "@2x", "a.b.c", "~", "$Version=1", "e\u0301", "\U0001f937", "=?utf-8?q?a?=", "_charset_", "--", "0a7bd56e-5c8c-4e2c-9d5e-1f2a3b4c5d6e"]  # fmt: skip
texts = st.sampled_from(EDGES) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
plain = texts | numbers | st.booleans() | st.none()
values = st.recursive(plain, lambda v: st.lists(v, max_size=3) | st.dictionaries(texts, v, max_size=3), max_leaves=6)  # fmt: skip
PATHS = ["/a", "/a/", "/{p1}", "/{p1}/", "/x/{p1}.{p2}", "/{p1:path}", "/f/{p1:path}/end", "/{p1:int}/{p2:float}", "/{p1}@{p2}x.{p3}", "/{p1:uuid}", "/v1/{p1}:run"]  # fmt: skip
BODIES = {"": ("member", ""), "json": ("body", "application/json"), "text": ("body", "text/plain"), "form": ("field", "application/x-www-form-urlencoded"), "multipart": ("field", "multipart/form-data")}  # fmt: skip
NAMES = {"query": ["q", "f[x]", "a.b", "ids[]", "X-y"], "header": ["x-a", "if-match", "accept"], "cookie": ["c", "d.e"]}  # fmt: skip
kinds = st.sampled_from(["text", "text", "integer", "number", "boolean"])


@st.composite
def routes(draw: st.DrawFn) -> Route:
    """Return some route."""
    inputs = [
        Input(f"{place}-{name}", place, name, draw(kinds), place == "query" and draw(st.booleans()))
        for place, names in NAMES.items()
        for name in draw(st.lists(st.sampled_from(names), unique=True, max_size=3))
    ]  # fmt: skip
    place, media = BODIES[draw(st.sampled_from([*BODIES]))]
    if place == "body":
        inputs.append(Input("whole", "body", ""))
    else:
        inputs += [
            Input(f"b{number}", place, name, "text" if place == "member" else draw(kinds), place == "field" and draw(st.booleans()))
            for number, name in enumerate(draw(st.lists(st.sampled_from(["m", "n[o]", "p q", "x=y", "z&"]), unique=True, max_size=3)))
        ]  # fmt: skip
        media = media if len(inputs) and inputs[-1].place == place else ""
    return Route("POST", draw(st.sampled_from(PATHS)), "a.b", tuple(inputs), media)


def value_of(draw: st.DrawFn, one: Input) -> Any:
    """Return some value for an input."""
    if one.place in {"member", "body"}:
        return draw(values)
    kind = {"text": texts, "integer": st.integers(-(2**53) + 1, 2**53 - 1), "number": numbers, "boolean": st.booleans()}[one.kind]  # fmt: skip
    return draw(st.lists(kind, max_size=3) if one.many else draw(st.sampled_from([kind, kind, kind, plain])))  # fmt: skip


def seen_by_starlette(route: Route, scope: dict[str, Any], body: bytes) -> dict[str, Any]:
    """Return what Starlette reads for each input, as lists of texts or a JSON value."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def read() -> dict[str, Any]:
        request = Request(scope, receive)
        _, child = Served(route.path, lambda _: None, methods=["POST"]).matches(scope)
        found: dict[str, Any] = {}
        is_form = route.media in {"application/x-www-form-urlencoded", "multipart/form-data"}
        form = await request.form() if body and is_form else None
        for one in route.inputs:
            if one.place == "path":
                found[one.argument] = [str(child["path_params"][one.name])]
            elif one.place == "query":
                found[one.argument] = request.query_params.getlist(one.name)
            elif one.place == "header":
                found[one.argument] = request.headers.getlist(one.name)
            elif one.place == "cookie":
                found[one.argument] = [v for k, v in request.cookies.items() if k == one.name]
            elif one.place == "field":
                found[one.argument] = [] if form is None else form.getlist(one.name)
        if body and not is_form:
            found[""] = sent_json.parse(body) if "json" in route.media else body.decode()
        return found

    return asyncio.run(read())


def spelled(one: Input, value: Any) -> list[str]:
    """Return the texts that a value is on the wire."""
    items = value if one.many else [value]
    return [item if isinstance(item, str) else sent_json.text_of(item) for item in items]


@settings(max_examples=5000 if os.environ.get("DELEGATION_LONG") else 120, deadline=None)
@given(st.data())
def test_what_is_written_reads_as_what_was_meant(data: st.DataObject) -> None:
    """By our own reader, by Starlette's and by Werkzeug's."""
    route = data.draw(routes())
    arguments = {
        one.argument: value_of(data.draw, one)
        for one in route.inputs
        if one.place == "path" or data.draw(st.booleans())
    }
    check_written(route, arguments)


@every("body", BODIES)
@every("place", ["path", "query", "header", "cookie", "body"])
def test_every_edge_is_read_as_meant_or_not_written(place: str, body: str) -> None:
    """Chance alone would find the one text that a place does not carry after months."""
    of, media = BODIES[body] if place == "body" else ("", "")
    one = Input("v", "body", "") if of == "body" else Input("v", of or place, "v", "text")
    path = "/{v}" if place == "path" else "/a"
    for value in EDGES:
        check_written(Route("POST", path, "a.b", (one,), media), {"v": value})


def check_written(route: Route, arguments: dict[str, Any]) -> None:
    """Check that all readers see what was written, if it was."""
    sent_headers = [("Content-Type", route.media + ("; boundary=x" if "multi" in route.media else ""))] if route.media else []  # fmt: skip
    try:
        path, query, headers = route.written(arguments)
        reader = route.body_reader(sent_headers)
        body = reader.written(arguments)
    except MalformedError:
        return
    content = b"" if body is None else b"".join(body.chunks)
    assert body is None or len(content) == body.size
    said = [*headers, ("content-type", body.media)] if body else headers
    try:
        _, again = Routes("x", (route,)).arguments("POST", f"{path}?{query}" if query else path, content, said)  # fmt: skip
    except MalformedError:
        # A member of JSON may hold what no reader of this project takes; then nothing was meant.
        raise AssertionError(arguments) from None
    stated = {k: v for k, v in arguments.items() if k in again or v is not None}
    assert sent_json.encode(again) == sent_json.encode(stated)
    scope = {
        "type": "http", "method": "POST", "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(k.encode(), v.encode()) for k, v in said],
    }  # fmt: skip
    seen = seen_by_starlette(route, scope, content)
    builder = EnvironBuilder(method="POST", path="/x", query_string=query, data=content, headers=[h for h in said if h[0] != "content-type"], content_type=body.media if body else None)  # fmt: skip
    wsgi = Wsgi(builder.get_environ())
    whole = [one.argument for one in route.inputs if one.place == "body"]
    members = {one.name: arguments[one.argument] for one in route.inputs if one.place == "member" and one.argument in arguments}  # fmt: skip
    if body is not None and "" in seen:
        assert sent_json.encode(seen[""]) == sent_json.encode(arguments[whole[0]] if whole else members)  # fmt: skip
    for one in route.inputs:
        texts = spelled(one, arguments[one.argument]) if one.argument in arguments and one.place not in {"member", "body"} else []  # fmt: skip
        if one.place == "path":
            convertor = route.template.convertors[one.name]
            assert convertor in {"int", "float", "uuid"} or seen[one.argument] == texts
        elif one.place in {"query", "header", "cookie", "field"}:
            assert seen[one.argument] == texts
        if one.place == "query":
            assert wsgi.args.getlist(one.name) == texts
        elif one.place == "field":
            assert wsgi.form.getlist(one.name) == texts
        elif one.place == "cookie":
            assert ([wsgi.cookies[one.name]] if one.name in wsgi.cookies else []) == texts
        elif one.place == "header":
            assert ([wsgi.headers[one.name]] if one.name in wsgi.headers else []) == texts
