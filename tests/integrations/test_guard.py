"""The guard: nothing reaches a handler unjudged, and what reaches it is what was judged."""

from __future__ import annotations

import json
from typing import Annotated

import pytest
from cases import every
from fastapi import Header
from shop import Shop, application
from world import DESK, World

from delegation import Access, Tool
from delegation.commands.announce import announcement
from delegation.errors import ConfigurationError, MalformedError, StoreUnavailableError
from delegation.integrations import Route, Routes
from delegation.integrations.routes import declared_route
from delegation.integrations.signing import Auth


def raw(shop: Shop, method: str, path: str, headers: dict[str, str]):
    """Send a request line that no client of good manners would send."""
    import asyncio
    from urllib.parse import unquote

    import httpx2

    before, _, query = path.partition("?")
    scope = {
        "type": "http", "method": method, "path": unquote(before), "raw_path": before.encode(),
        "query_string": query.encode(), "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        "http_version": "1.1", "scheme": "http", "server": ("x", 80), "client": ("y", 1), "asgi": {"version": "3.0"},
    }  # fmt: skip
    said: list = []

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(message) -> None:
        said.append(message)

    asyncio.run(shop.http.app(scope, receive, send))
    return httpx2.Response(said[0]["status"], headers=said[0]["headers"], content=said[1]["body"])


@pytest.fixture
def shop() -> Shop:
    """Return a guarded shop."""
    return Shop()


def test_an_allowed_call_reaches_its_handler_with_its_decision(shop: Shop) -> None:
    """The handler sees the arguments and the decision, and no credentials; the answer names it."""
    answer = shop.http.post("/refunds/o1?amount=5", headers=shop.headers(shop.refund()))
    assert answer.status_code == 200
    name, order, amount, decision, headers = shop.seen[0]
    assert (name, order, amount) == ("refund", "o1", 5)
    assert answer.headers["delegation-decision"] == decision
    assert shop.world.tracker.decision(decision).decision.allowed
    assert not {"authorization", "delegation-proof"} & headers.keys()


def test_an_announced_leaf_is_enough_in_the_header(shop: Shop) -> None:
    """A long chain is shown once; afterwards its leaf's id stands for it."""
    headers = shop.headers(shop.refund())
    text = headers["Authorization"].removeprefix("Delegation ")
    token = shop.token
    assert token.text == text
    named = {**headers, "Authorization": f"Delegation {token.id}"}
    assert shop.http.post("/refunds/o1?amount=5", headers=named).status_code == 401
    proof = shop.world.key("a").prove(
        token, announcement(shop.world.tracker.issuer), at=shop.world.at
    )
    shop.world.tracker.announce(token, proof)
    assert shop.http.post("/refunds/o1?amount=5", headers=named).status_code == 200


def test_handlers_get_canonical_arguments_only(shop: Shop) -> None:
    """What was sent in another spelling arrives as it was judged."""
    sent = {"to": "Ana@ACME.example", "body": "Hi"}
    access = Access("shop.mail", sent, DESK)
    answer = shop.http.post("/mail", json=sent, headers=shop.headers(access))
    assert answer.status_code == 200, answer.text
    assert (
        shop.seen[0][1]
        == shop.world.tracker.decision(answer.headers["delegation-decision"]).decision.arguments[
            "to"
        ]
    )
    assert shop.seen[0][1].endswith("@acme.example")


@pytest.mark.parametrize(
    ("method", "path", "change", "status", "code"),
    [
        ("POST", "/refunds/o1?amount=5", {"Authorization": None}, 401, "credentials_missing"),
        ("POST", "/refunds/o1?amount=5", {"Delegation-Proof": None}, 401, "credentials_missing"),
        ("POST", "/refunds/o1?amount=5", {"Authorization": "Bearer x"}, 401, "credentials_missing"),
        ("POST", "/refunds/o1?amount=5", {"Delegation-Proof": "x"}, 400, "request_malformed"),
        ("POST", "/refunds/o2?amount=5", {}, 401, "proof_other_access"),
        ("POST", "/refunds/o1?amount=6", {}, 401, "proof_other_access"),
        ("POST", "/refunds/o1?amount=5&amount=5", {}, 400, "request_malformed"),
        ("POST", "/refunds/o1?amount=05", {}, 401, "proof_other_access"),
        ("POST", "/refunds/o1?amount=5&x=1", {}, 400, "request_malformed"),
        ("POST", "/refunds/o1", {}, 401, "proof_other_access"),
        ("GET", "/refunds/o1?amount=5", {}, 404, "route_undeclared"),
        ("POST", "/refunds/o1/?amount=5", {}, 404, "route_undeclared"),
        ("POST", "/refunds/%6f1?amount=5", {}, 400, "request_malformed"),
        ("POST", "/refunds/x%2fy?amount=5", {}, 400, "request_malformed"),
        ("POST", "/x/..%2frefunds/o1?amount=5", {}, 400, "request_malformed"),
        ("POST", "//refunds/o1?amount=5", {}, 400, "request_malformed"),
        ("POST", "/refunds/o1;v=1?amount=5", {}, 400, "request_malformed"),
        ("POST", "/docs", {}, 404, "route_undeclared"),
        ("GET", "/openapi.json", {}, 404, "route_undeclared"),
    ],
)
def test_what_was_not_judged_reaches_nobody(shop: Shop, method, path, change, status, code) -> None:
    """Missing, foreign or odd: refused with a stable reason, and no handler runs."""
    headers = shop.headers(shop.refund())
    headers = {k: v for k, v in {**headers, **change}.items() if v is not None}
    answer = raw(shop, method, path, headers)
    assert shop.seen == []
    assert answer.status_code == status, answer.text
    assert answer.headers["x-deny-reason"] == answer.json()["code"]
    if code != "proof_other_access":
        assert answer.json()["code"] == code


def test_denied_replayed_and_undecided_calls_have_their_own_status() -> None:
    """403 with the record's id for what the grant does not hold; 503 when nobody can decide."""
    shop = Shop()
    wide = shop.refund(amount=900)
    denied = shop.http.post("/refunds/o1?amount=900", headers=shop.headers(wide))
    assert (denied.status_code, denied.json()["code"]) == (403, "argument_refused")
    assert shop.world.tracker.decision(denied.headers["delegation-decision"]).decision.denial
    headers = shop.headers(shop.refund())
    assert shop.http.post("/refunds/o1?amount=5", headers=headers).status_code == 200
    assert shop.http.post("/refunds/o1?amount=5", headers=headers).json()["code"] == "replayed"

    class Down:
        def begin_check(self, *_, **__):
            raise StoreUnavailableError("down")

    down = Shop(desk=Down())
    answer = down.http.post("/refunds/o1?amount=5", headers=down.headers(down.refund()))
    assert (answer.status_code, down.seen) == (503, [])


def test_two_tokens_or_two_proofs_are_none(shop: Shop) -> None:
    """Duplicate headers are refused: two readers might take two."""
    headers = [*shop.headers(shop.refund()).items()]
    for name in (0, 1):
        answer = shop.http.post("/refunds/o1?amount=5", headers=[*headers, headers[name]])
        assert answer.status_code == 401
    assert shop.seen == []


def test_a_denial_says_to_proven_callers_what_the_service_says_and_to_others_no_more(
    shop: Shop,
) -> None:
    """Step, link, caveat, what was offered and allowed, and the remedy; nothing before the proof."""
    answer = shop.http.post("/refunds/o1?amount=501", headers=shop.headers(shop.refund(amount=501)))
    problem = answer.json()
    kept = shop.world.tracker.decision(problem["decision"]).decision
    said = kept.denial.to_json()
    assert problem["code"] == said.pop("code") == "argument_refused"
    assert problem["detail"] == said.pop("message")
    assert {name: problem[name] for name in said if said[name] not in (None, "")} == {
        name: value for name, value in said.items() if value not in (None, "")
    }
    assert problem["offered"] == 501
    assert {"step", "link", "caveat", "allowed", "remedy"} <= problem.keys()

    headers = shop.headers(shop.refund(amount=1))  # a proof over another call
    unproven = shop.http.post("/refunds/o1?amount=501", headers=headers)
    assert unproven.status_code == 401
    assert unproven.json().keys() == {"type", "status", "code", "detail", "decision"}


def test_a_service_with_an_undeclared_route_or_input_does_not_start(shop: Shop) -> None:
    """Forgetting a route, or a header that a handler reads, is found before the first request."""
    app = application([])

    @app.delete("/orders/{order}")
    def drop(order: str) -> None: ...

    with pytest.raises(ConfigurationError, match="DELETE /orders"):
        shop.guard.protect(app)
    shop.world.tracker.add_tool(Tool("shop.drop", effect="delete", arguments={"order": "opaque"}))
    shop.guard.route("DELETE", "/orders/{order}", "shop.drop")
    with pytest.raises(ConfigurationError, match="does not have"):
        shop.guard.protect(application([]))
    assert shop.guard.protect(app)

    @app.get("/odd")
    def odd(x_user: Annotated[str, Header()] = "") -> None: ...

    shop.guard.route("GET", "/odd", "shop.refund")
    with pytest.raises(ConfigurationError, match="header x-user"):
        shop.guard.protect(app)


def test_sockets_are_closed_and_open_routes_pass(shop: Shop) -> None:
    """No proof covers a socket; a health check needs none."""
    from starlette.websockets import WebSocketDisconnect

    assert shop.http.get("/health").text == '"ok"'
    with pytest.raises(WebSocketDisconnect), shop.http.websocket_connect("/ws"):
        pass


def test_agents_sign_by_the_published_routes(shop: Shop) -> None:
    """`Auth` builds the same access as the guard, for path, query and body, with purpose and cause."""
    import httpx2

    published = shop.http.get("/.well-known/delegation").json()
    routes = Routes.from_json(published, audience=DESK)
    assert routes == shop.guard.routes()
    with pytest.raises(MalformedError):
        Routes.from_json(published, audience="https://victim.example")

    def handle(request: httpx2.Request) -> httpx2.Response:
        sent = shop.http.request(
            request.method,
            str(request.url),
            content=request.content,
            headers=list(request.headers.multi_items()),
        )
        return httpx2.Response(sent.status_code, headers=dict(sent.headers), content=sent.content)

    import time

    shop.world.at = int(time.time())
    shop.task = shop.world.tracker.open_task(
        "Now",
        owner="ana@acme.example",
        ceiling=shop.token.grant.__class__(
            [*shop.token.grant.capabilities],
            audience=[DESK],
            delegations_left=1,
            budget={"calls": 9},
        ),
        lasts=600,
    )
    token = shop.world.tracker.issue(shop.task, to=shop.world.key("a").public)
    auth = Auth(token, shop.world.key("a"), routes, base="http://testserver")
    with httpx2.Client(
        transport=httpx2.MockTransport(handle), auth=auth, base_url="http://testserver"
    ) as http:
        first = http.post("/refunds/o-7?amount=7")
        assert first.status_code == 200, first.text
        assert shop.seen[-1][:3] == ("refund", "o-7", 7)
        cause = first.headers["delegation-decision"]
        second = http.post(
            "/mail",
            json={"to": "b@acme.example", "body": "x"},
            extensions={"delegation": {"cause": cause}},
        )
        assert second.status_code == 200, second.text
        kept = shop.world.tracker.decision(second.headers["delegation-decision"])
        assert kept.decision.claimed_cause == cause
        again = http.post("/mail", json={"to": "b@acme.example", "body": "x"})
        assert again.status_code == 200, "each request has a proof of its own"
        with pytest.raises(MalformedError):
            http.post("/mail", json={"to": "b@acme.example", "body": "x", "bcc": "e@evil.example"})


@every(
    "fields",
    [
        {"path": "refunds"}, {"path": "/a b"}, {"path": "/a/{x}/{x}"}, {"path": "/a//"}, {"method": "TRACE"}, {"path": "/{x:float8}"},
        {"path": "/{x}", "query": ["x"]}, {"method": "WEBSOCKET", "body": ["b"]}, {"tool": "No*"}, {"path": "/../a"}, {"path": "/{x}{y}"},
        {"kinds": {"z": "integer"}}, {"query": ["a"], "kinds": {"a": "float"}}, {"query": ["a "]}, {"many": ["z"]}, {"media": "text/plain"},
        {"headers": ["Authorization"]}, {"headers": ["X-Forwarded-For"]}, {"headers": ["X-HTTP-Method"]}, {"headers": ["X_A"]}, {"cookies": ["a;b"]},
        {"body": ["a"], "form": ["b"]}, {"body": ["a"], "media": "text/plain"}, {"files": ["a"], "media": "application/x-www-form-urlencoded"},
        {"form": ["_charset_"]}, {"form": ['a"']}, {"whole_body": "a", "body": ["b"]}, {"whole_body": "a", "media": "multipart/mixed"},
        {"query": {"a": "x", "b": "x"}}, {"headers": ["X-API-Key"]}, {"headers": ["Content-Type"]}, {"body": ["a"], "kinds": {"a": "integer"}},
    ],
)  # fmt: skip
def test_odd_routes_are_malformed(fields) -> None:
    """A route that could be read two ways is not declared."""
    with pytest.raises(MalformedError):
        declared_route(**{"method": "POST", "path": "/a", "tool": "a.b", **fields})


@pytest.mark.parametrize(
    ("first", "later"),
    [("/a/{x}", "/a/b"), ("/a/b", "/a/b"), ("/a/{x}", "/a/{y}"), ("/{p:path}", "/a/"), ("/a/{x}", "/a/{n:int}"), ("/{y}", "/{y}.{z}")],
)  # fmt: skip
def test_a_route_that_another_one_hides_is_refused(first: str, later: str) -> None:
    """It could never serve; the other way round, the first that takes a request is meant."""
    with pytest.raises(MalformedError, match="routes"):
        Routes(DESK, (Route("GET", first, "a.b"), Route("GET", later, "a.c")))
    Routes(DESK, (Route("GET", first, "a.b"), Route("POST", later, "a.c")))


def test_the_first_of_two_routes_that_take_a_request_is_meant() -> None:
    """As in the application, which looks at its routes in their order."""
    paths = ["/u/me", "/u/{n:int}", "/u/{id}", "/u/{id}/", "/{rest:path}"]
    routes = Routes(DESK, tuple(Route("GET", path, "a.b") for path in paths))
    asked = {"/u/me": 0, "/u/7": 1, "/u/x": 2, "/u/me/": 3, "/u": 4, "/": 4, "/u/a/b": 4}
    assert {p: paths.index(routes.arguments("GET", p)[0].path) for p in asked} == asked


def test_a_canonical_value_that_would_change_the_path_is_not_carried() -> None:
    """A value that becomes two segments in canonical form does not reach another handler."""
    route = Route("GET", "/files/{path}", "files.read")
    for value in ("/a/b", "..", "a\\b", "", "a%b"):
        with pytest.raises(MalformedError):
            route.written({"path": value})
    assert route.written({"path": "a b"})[0] == "/files/a%20b"


def test_an_oversized_body_is_refused_before_it_is_parsed(shop: Shop) -> None:
    """The body has a bound of its own."""
    content = json.dumps({"to": "a@acme.example", "body": "x" * 70_000})
    answer = shop.http.post("/mail", content=content, headers=shop.headers(shop.refund()))
    assert answer.status_code == 413


def test_a_query_reads_alike_on_both_sides_whatever_is_in_it() -> None:
    """Spaces, pluses and letters of all kinds: what the client meant is what the guard reads."""
    import httpx2

    routes = Routes(DESK, (declared_route("GET", "/find/{q}", "find.it", query=["text"]),))
    seen = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append(routes.arguments("GET", request.url.raw_path.decode())[1])
        return httpx2.Response(200)

    world = World()
    token = world.root("boss")
    auth = Auth(token, world.key("boss"), routes, base="http://x")
    with httpx2.Client(
        transport=httpx2.MockTransport(handle), auth=auth, base_url="http://x"
    ) as http:
        for value in ("a b", "a+b", "ä ö", "1&2=3", "x;y", "100 per cent", "a/b?c"):
            http.get("/find/one", params={"text": value})
            assert seen[-1] == {"q": "one", "text": value}
        with pytest.raises(MalformedError):
            http.get(
                "/find/one", params={"text": "100%"}
            )  # an escaped % is how decoding twice is smuggled in
