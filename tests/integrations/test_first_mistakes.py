"""What people get wrong first: each is found where it is said, with a sentence that helps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from cases import every
from fastapi import FastAPI, Form
from starlette.testclient import TestClient

from delegation import Grant, HolderKey, Tool, anything, may
from delegation.authority.audience import plainly
from delegation.errors import ConfigurationError, MalformedError, NotFoundError
from delegation.integrations import Guard
from delegation.integrations.signing import Auth, Signer
from delegation.integrations.starting_checks import check_audience
from delegation.tokens.token import Token
from delegation.tracker import Tracker

DESK = "https://desk.example"
KEY = HolderKey.generate("agent")


def shop() -> FastAPI:
    """Return a small application."""
    app = FastAPI()
    app.get("/orders/{number}")(lambda number, page=1: {"number": number, "page": page})
    app.post("/orders")(lambda: "made")
    return app


def declared(audience: str = DESK, **said: Any) -> tuple[Tracker, Guard]:
    """Return a guard of it and who decides."""
    tracker = Tracker.open()
    return tracker, Guard.from_app(shop(), tracker, audience=audience, prefix="shop", **said)


def route(**said: Any) -> Callable[[], object]:
    """Return what declares a route."""
    return lambda: declared()[1].route("GET", "/x", "shop.x", **said)


ONE_TEXT: dict[str, Callable[[], object]] = {
    "an audience": lambda: Grant([may("a.b")], audience=DESK),
    "effects": lambda: Grant([may("a.b")], effects="read"),
    "a capability": lambda: Grant(may("a.b")),  # type: ignore[arg-type]
    "labels": lambda: Tool("a.b", effect="read", labels="pii"),  # type: ignore[arg-type]
    "aliases": lambda: Tool("a.b", effect="read", aliases="ab"),
    "arguments": lambda: Tool("a.b", effect="read", arguments=["x"]),  # type: ignore[arg-type]
    "the key's audiences": lambda: Tracker.open().create_api_key(
        "shop", role="service", audiences=DESK
    ),
    "a query": route(query="page"),
    "headers": route(headers="x-a"),
    "a body": route(body="item"),
    "many": route(query=["page"], many="page"),
    "what passes": route(passes="X-A"),
    "what is hidden": route(hides="X-A"),
    "what is open": lambda: declared(opened="GET /orders"),
    "what is skipped": lambda: declared(skip="GET /orders"),
    "what passes everywhere": lambda: declared(passes="X-A"),
    "hosts": lambda: Guard(Tracker.open(), audience=DESK, hosts="desk.example"),
}


@every("name", ONE_TEXT)
def test_one_text_is_no_list(name: str) -> None:
    """Its letters would be taken for names."""
    with pytest.raises(MalformedError) as caught:
        ONE_TEXT[name]()
    assert "list" in caught.value.remedy or "types by name" in caught.value.remedy


def test_a_value_is_no_constraint() -> None:
    """The argument is named, with the word that makes one of the value."""
    with pytest.raises(MalformedError, match="What bounds to must be a constraint") as caught:
        may("mail.send", subject=anything(), to="bo@desk.example")  # type: ignore[arg-type]
    assert "to=exact(...)" in caught.value.remedy


def signer() -> Signer:
    """Return a signer for the shop, on which nothing is asked."""
    tracker, guard = declared()
    grant = Grant([may(tool.name) for tool in guard.tools[:1]], audience=[DESK])
    task = tracker.open_task("t", owner="ana@desk.example", ceiling=grant, lasts=600)
    return Signer(tracker.issue(task, to=KEY.public), KEY, guard.routes())


def test_what_is_not_declared_is_told_with_what_is() -> None:
    """A misspelt parameter or path is named by its neighbours, before anything is sent."""
    said = signer()
    with pytest.raises(MalformedError, match=r"of declared inputs only: page\.") as query:
        said.headers("GET", f"{DESK}/orders/7?pag=2")
    assert query.value.remedy == "Leave out of the query what is not declared."
    with pytest.raises(MalformedError, match="page in the query must be stated once"):
        said.headers("GET", f"{DESK}/orders/7?page=2&page=3")
    with pytest.raises(MalformedError, match="The body must be empty"):
        said.headers("POST", f"{DESK}/orders", body=b'{"item":"tea"}')
    for method, path, meant in (
        ("POST", "/orders/7", "GET /orders/{number}"),
        ("GET", "/orders", "POST /orders"),
        ("POST", "/order", "POST /orders"),
        ("GET", "/zzzzzzzzzzzz", "/.well-known/delegation"),
    ):
        with pytest.raises(NotFoundError) as caught:
            said.headers(method, DESK + path)
        assert meant in caught.value.remedy, path


def test_a_text_is_no_token_and_a_public_half_no_key() -> None:
    """Both are told when the client is made, not by its first request; the remedy works."""
    tracker, guard = declared()
    name = "shop.lambda_orders_number_get"
    grant = Grant([may(name, number=anything(), page=anything())], audience=[DESK])
    task = tracker.open_task("t", owner="ana@desk.example", ceiling=grant, lasts=600)
    token = tracker.issue(task, to=KEY.public)
    with pytest.raises(MalformedError) as caught:
        Auth(token.text, KEY, guard.routes())  # type: ignore[arg-type]
    assert "Token.read(text, tracker.public_ring())" in caught.value.remedy
    with pytest.raises(MalformedError, match="HolderKey"):
        Auth(token, KEY.public, guard.routes())  # type: ignore[arg-type]
    http = TestClient(guard.protect(shop()), base_url=DESK)
    http.auth = Auth(Token.read(token.text, tracker.public_ring()), KEY, guard.routes())  # type: ignore[assignment]
    assert http.get("/orders/7?page=2").status_code == 200


def test_a_password_that_would_be_recorded_is_noted() -> None:
    """It is no header that could pass unjudged, so people are told before they grant it."""
    app = FastAPI()

    @app.post("/login")
    def login(user: Annotated[str, Form()], password: Annotated[str, Form()]) -> str:
        return user + password

    guard = Guard.from_app(app, Tracker.open(), audience=DESK)
    assert (
        "POST /login",
        "its argument password is a secret by its name, and arguments are recorded",
    ) in guard.notes
    assert not [why for _, why in guard.notes if "argument user" in why]


def test_a_guard_guards_no_guarded_application() -> None:
    """The inner guard would find no token; watching one is another thing."""
    _, guard = declared()
    guarded = guard.protect(shop())
    with pytest.raises(ConfigurationError, match="behind a guard already"):
        guard.protect(guarded)
    Guard(None, audience=DESK, mode="observe").protect(guarded)
    with pytest.raises(ConfigurationError) as caught:
        Guard(None, audience=DESK)
    assert 'mode="observe"' in caught.value.remedy


SPELLINGS = (
    "https://Desk.example", "HTTPS://desk.example", "https://desk.example:443", "https://desk.example/",
    "https://desk.example.", "https://desk.example:8443/", "http://desk.example:80/A/", "desk", "DESK", "urn:desk",
    "https://desk.example.:8443", "https://[::1]:443/", "https://[::1]",
)  # fmt: skip


@every("audience", SPELLINGS)
def test_the_plain_spelling_is_one_that_a_guard_takes(audience: str) -> None:
    """What a remedy offers is not refused where it is followed."""
    check_audience(plainly(audience), ())
    assert plainly(plainly(audience)) == plainly(audience)
    if plainly(audience) == audience:
        check_audience(audience, ())
        return
    with pytest.raises(ConfigurationError) as caught:
        check_audience(audience, ())
    assert repr(plainly(audience)) in caught.value.remedy


@pytest.mark.parametrize("granted", SPELLINGS[:5])
def test_a_grant_in_another_spelling_is_told_the_plain_one(granted: str) -> None:
    """Its own spelling is no remedy: no guard can have it as its name."""
    tracker, guard = declared()
    capability = may("shop.lambda_orders_number_get", number=anything(), page=anything())
    http = TestClient(guard.protect(shop()), base_url=DESK)
    for audience in (granted, DESK):
        grant = Grant([capability], audience=[audience])
        task = tracker.open_task("t", owner="ana@desk.example", ceiling=grant, lasts=600)
        http.auth = Auth(tracker.issue(task, to=KEY.public), KEY, guard.routes())  # type: ignore[assignment]
        answer = http.get("/orders/7?page=2")
        if audience == DESK:
            assert answer.status_code == 200
        else:
            assert answer.json()["code"] == "audience_not_granted"
            assert answer.json()["remedy"].endswith(f"a grant that spells the audience {DESK}.")


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("post", "/orders", '"POST"'),
        ("POST", "/orders/<number>", "braces"),
        ("POST", "orders", "slash"),
        ("GET", "/orders/{number:uid}", "str, path, int"),
        ("GET", "/orders/:number", "GET /orders/{number}"),
        ("GET", "/orders/{id}", "GET /orders/{number}"),
        ("POTS", "/orders", "POST /orders"),
    ],
)
def test_a_route_that_is_none_leads_to_the_one_that_is_meant(
    method: str, path: str, said: str
) -> None:
    """Before anything is told of the routes that are not declared yet."""
    app = FastAPI()
    app.get("/orders/{number}")(lambda number: number)
    app.post("/orders")(lambda: 1)
    guard = Guard(Tracker.open(), audience=DESK)
    with pytest.raises((MalformedError, ConfigurationError)) as caught:
        guard.route(method, path, "desk.orders")
        guard.protect(app)
    assert said in caught.value.remedy


def test_what_nobody_may_reach_is_named_by_its_method_too() -> None:
    """In small letters it would be refused nowhere, and told as undeclared."""
    guard = Guard(Tracker.open(), audience=DESK)
    with pytest.raises(MalformedError, match="capital letters"):
        guard.refuse("post", "/orders")
    for method in ("ANY", "TRACE"):  # what no route is declared for can be refused all the same
        guard.refuse(method, "/orders/{path:path}")
