"""Mistakes between declarations, application and catalogue are found at start, each with a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from cases import every
from fastapi import FastAPI
from mistaken import DROP, LIST, MISTAKES, REFUND, TOOLS

from delegation import Grant, anything, may
from delegation.authority.documents.forms import tools_from
from delegation.authority.documents.inputs import Input
from delegation.errors import ConfigurationError
from delegation.integrations import Guard
from delegation.testing import World


def guarded(declared: list[Any]) -> tuple[Guard, FastAPI]:
    """Return a guard with routes, and an application that has them."""
    world, app = World(), FastAPI()
    for tool in TOOLS:
        world.tracker.add_tool(tool)
    guard = Guard(world.tracker, audience=world.audience)
    for method, path, tool, said in declared:
        guard.route(method, path, tool, **said)
        app.add_api_route(path, lambda: None, methods=[method])
    return guard, app


@every(("declared", "said"), MISTAKES)
def test_a_route_and_a_tool_that_disagree_do_not_start(declared, said) -> None:
    """Each would be a denial of every call, or a record that does not say what was called."""
    guard, app = guarded(declared)
    with pytest.raises(ConfigurationError) as found:
        guard.protect(app)
    assert __import__("re").search(said.replace("{order}", r"\{order\}"), str(found.value)), (
        found.value
    )


def test_what_agrees_starts() -> None:
    """The same declarations without their mistakes, by an alias too, and one place read in two ways."""
    guard, app = guarded([LIST, ("POST", "/refunds/{order}", "refundOrder", REFUND[3]), DROP])
    guard.route("HEAD", "/orders", "shop.list", **LIST[3])
    app.add_api_route("/orders", lambda: None, methods=["HEAD"])
    assert guard.protect(app)


@pytest.mark.parametrize(
    ("audience", "hosts", "plain"),
    [
        ("https://Shop.example", (), "https://shop.example"), ("https://shop.example:443", (), "https://shop.example"),
        ("https://shop.example/", (), "https://shop.example"), ("http://shop.example.:80/v1/", (), "http://shop.example/v1"),
        ("https://shop.example", ("shop.example:443",), "shop.example"),
    ],
)  # fmt: skip
def test_an_audience_is_spelled_in_one_way(audience, hosts, plain) -> None:
    """Grants are compared letter by letter: case, port and slash are found before they deny."""
    with pytest.raises(ConfigurationError, match="spelling") as found:
        Guard(object(), audience=audience, hosts=hosts)  # type: ignore[arg-type]
    assert plain in found.value.remedy
    for fine in (
        "https://shop.example",
        "https://shop.example:8443/v1",
        "shop",
        "spiffe://acme/shop",
    ):
        assert Guard(object(), audience=fine, hosts=["shop.example", "other.example:443"])  # type: ignore[arg-type]


def test_who_spells_a_service_otherwise_is_named_in_the_log(caplog) -> None:
    """Open tasks and live keys; what was closed or withdrawn, or has both spellings, is not."""
    guard, app = guarded([LIST, ("POST", "/refunds/{order}", "shop.refund", REFUND[3]), DROP])
    tracker = guard._desk
    here = guard.routes().audience
    other = here.upper() + "/"

    def opened(*audience: str) -> Any:
        ceiling = Grant([may("shop.drop", order=anything())], audience=audience, effects=["delete"])
        return tracker.open_task("T", owner="ana@acme.example", ceiling=ceiling)

    wrong, closed, _both = opened(other), opened(other), opened(other, here)
    tracker.close_task(closed)
    for name in ("shop", "old"):
        tracker.create_api_key(name, "service", [other])
    tracker.revoke_api_key("old")
    with caplog.at_level("WARNING", "delegation.guard"):
        guard.protect(app)
    said = [one.getMessage() for one in caplog.records]
    assert [one.split(" has ")[0] for one in said] == [f"the task {wrong.id}", "the API key shop"]
    assert all(other in one and f"Write {here} there." in one for one in said)


def test_an_import_says_where_each_argument_stands() -> None:
    """By tool: what operation it is, the place of each argument, how its text is read, the body's type."""
    document = {
        "openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": {
            "/orders/{order}": {"post": {
                "operationId": "change", "parameters": [
                    {"name": "order", "in": "path", "required": True, "schema": {"type": "integer"}},
                    {"name": "tag", "in": "query", "schema": {"type": "array", "items": {"type": "boolean"}}},
                    {"name": "X-Kind", "in": "header", "schema": {"enum": [1, 2]}}, {"name": "page", "in": "cookie", "schema": {"type": "string"}},
                    {"name": "order", "in": "query", "schema": {"type": "number"}},
                ], "requestBody": {"content": {"application/json": {"schema": {"type": "object", "properties": {"lines": {"type": "array", "items": {"type": "string"}}}}}}},
            }},
            "/files": {"post": {"operationId": "upload", "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": {
                "type": "object", "properties": {"file": {"type": "string", "format": "binary"}, "size": {"type": "integer"}}}}}}}},
            "/texts": {"put": {"operationId": "text", "requestBody": {"required": True, "content": {"text/plain": {"schema": {"type": "string"}}}}}},
        }}  # fmt: skip
    found = tools_from(document, prefix="a")
    assert found.operations == {"a.change": "POST /orders/{order}", "a.upload": "POST /files", "a.text": "PUT /texts"}  # fmt: skip
    assert found.inputs["a.change"] == (
        Input("order", "path", "order", "integer"), Input("tag", "query", "tag", "boolean", many=True), Input("query.order", "query", "order", "number"),
        Input("X-Kind", "header", "x-kind", "integer"), Input("page", "cookie", "page"), Input("lines", "member", "lines"),
    )  # fmt: skip
    assert set(found.inputs["a.upload"]) == {Input("file", "file", "file"), Input("size", "field", "size", "integer")}  # fmt: skip
    assert found.inputs["a.text"] == (Input("body", "body", ""),)
    assert found.media == {"a.change": "application/json", "a.upload": "multipart/form-data", "a.text": "text/plain"}  # fmt: skip
