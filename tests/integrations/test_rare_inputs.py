"""Inputs that few applications have: supported where everybody reads them alike, else refused by name."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from fastapi import Cookie, FastAPI, Header, Query
from starlette.convertors import Convertor, register_url_convertor
from starlette.testclient import TestClient

from delegation import Tool, anything, contains, may
from delegation.errors import ConfigurationError, MalformedError
from delegation.integrations import Guard
from delegation.integrations.signing import Auth
from delegation.testing import World


class Month(Convertor[str]):
    """A converter of the application's own."""

    regex = "[0-9]{4}-[0-9]{2}"

    def convert(self, value: str) -> str:
        """Return it."""
        return value

    def to_string(self, value: str) -> str:
        """Return it."""
        return value


def application() -> FastAPI:
    """Return an application with each of them."""
    register_url_convertor("month", Month())
    app = FastAPI(openapi_url=None)

    @app.get("/months/{month:month}")
    def month(month: str) -> str:
        return month

    @app.get("/tags")
    def tags(
        x_tag: Annotated[list[str], Header()], x_n: Annotated[list[int] | None, Header()] = None
    ) -> list:
        return [x_tag, x_n]

    @app.get("/one")
    def one(x_one: Annotated[str, Header()] = "") -> str:
        return x_one

    @app.get("/sizes")
    def sizes(
        size: Annotated[int, Query(alias="page size")] = 1,
        of: Annotated[list[str] | None, Query(alias="f[a b]")] = None,
    ) -> list:
        return [size, of]

    @app.get("/jar")
    def jar(jar: Annotated[str, Cookie(alias="x y")] = "") -> str:
        return jar

    return app


@pytest.fixture(scope="module")
def shop() -> tuple[TestClient, Guard]:
    """Return a signing client of the guarded application."""
    world, app = World(), application()
    guard = Guard.from_app(
        app, world.tracker, audience=world.audience, prefix="x", clock=world.clock
    )
    can = [
        may(tool.name, arguments=dict.fromkeys(tool.arguments, anything())) for tool in guard.tools
    ]
    http = TestClient(guard.protect(app), base_url=world.audience)
    http.auth = Auth(world.chain("a", can=can, effects=["read"]), world.key("a"), guard.routes())
    return http, guard


@pytest.mark.parametrize(
    ("path", "headers", "answered"),
    [
        ("/tags", [("x-tag", "a"), ("X-Tag", "b c"), ("x-n", "1"), ("x-n", "2")], [["a", "b c"], [1, 2]]),
        ("/tags", [("x-tag", "a")], [["a"], None]), ("/one", [("x-one", "a, b")], "a, b"),
        ("/sizes?page%20size=5&f%5Ba%20b%5D=1&f[a%20b]=2", [], [5, ["1", "2"]]), ("/sizes?page+size=5", [], [5, None]),
    ],
)  # fmt: skip
def test_what_everybody_reads_alike_is_served(shop, path, headers, answered) -> None:
    """A header of a list comes once for each item; a space in a name is `%20`, as the signer spells it."""
    answer = shop[0].get(path, headers=headers)
    assert (answer.status_code, answer.json()) == (200, answered)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ([("x-tag", "a, b")], "The header x-tag must be one header for each item, without commas in it."),
        ([("x-tag", "a"), ("x-tag", "")], "The header x-tag must be one header for each item"),
        ([("x-tag", "a"), ("x-tag", "a\tb")], "The header x-tag must be one line of printable ASCII."),
    ],
)  # fmt: skip
def test_a_list_that_reads_in_two_ways_is_refused(shop, headers, said) -> None:
    """Who forwards may join headers by commas; the signer refuses it, and so does the guard."""
    http, guard = shop
    with pytest.raises(MalformedError, match=said):
        http.get("/tags", headers=headers)
    told = [*headers, ("authorization", "Delegation a b")]
    raw = TestClient(http.app).get("/tags", headers=told)
    assert (raw.status_code, raw.json()["code"]) == (400, "request_malformed")
    assert said in raw.json()["detail"]
    assert guard.left_out


def test_a_header_that_is_no_list_comes_once(shop) -> None:
    """Some readers take the first one, others the last."""
    twice = [("x-one", "a"), ("x-one", "b"), ("authorization", "Delegation a b")]
    answer = TestClient(shop[0].app).get("/one", headers=twice)
    assert answer.status_code == 400
    assert answer.json()["detail"] == "The header x-one must be there once: it is no list."


def test_what_has_no_plain_reading_is_left_out_by_name(shop) -> None:
    """A converter of the application's own, and a cookie whose name no browser sends: nobody gets there."""
    http, guard = shop
    left: dict[str, Any] = dict(guard.left_out)
    assert left.keys() == {"GET /months/{month:month}", "GET /jar"}
    assert "one of str, path, int, float, uuid" in left["GET /months/{month:month}"]
    assert "the name of a cookie" in left["GET /jar"]
    for path in ("/months/2026-11", "/jar"):
        assert TestClient(http.app).get(path).status_code in {401, 404}
    with pytest.raises(MalformedError, match="must be one of str"):
        guard.route("GET", "/months/{month:month}", "x.month")
    for name in (" a", "a ", "a\tb", "a=b"):
        with pytest.raises(MalformedError, match="spaces only within"):
            guard.route("GET", "/other", "x.other", query={name: "a"})


def test_a_list_is_bounded_by_a_grant_and_found_at_start() -> None:
    """Items are arguments like those of a query; a tool of a list and a route of one header disagree."""
    world, app = World(), application()
    texts = {"type": "list", "of": "line"}
    world.tracker.add_tool(
        Tool("t.tags", effect="read", arguments={"tags": texts, "n?": {**texts, "of": "integer"}})
    )
    for many, kinds in (["n"], {"n": "integer"}), (["tags", "n"], {"n": "integer"}):
        guard = Guard(world.tracker, audience=world.audience, clock=world.clock)
        guard.route(
            "GET", "/tags", "t.tags", headers={"X-Tag": "tags", "X-N": "n"}, many=many, kinds=kinds
        )
        for path in ("/months/{month:month}", "/one", "/sizes", "/jar"):
            guard.refuse("GET", path)
        if "tags" not in many:
            with pytest.raises(ConfigurationError, match=r"takes a list. Say many=\['tags'\]"):
                guard.protect(app)
    http = TestClient(guard.protect(app), base_url=world.audience)
    token = world.chain("a", can=may("t.tags", tags=contains("red")), effects=["read"])
    http.auth = Auth(token, world.key("a"), guard.routes())
    assert http.get("/tags", headers=[("x-tag", "blue"), ("x-tag", "red")]).json()[0] == [
        "blue",
        "red",
    ]
    assert http.get("/tags", headers=[("x-tag", "blue")]).status_code == 403
