"""What a reverse proxy asks: one reading of each request, an access of our own making, a recorded answer."""

from __future__ import annotations

import json

import pytest
from mounted import ROUTES, Mounted
from world import DESK, NOW

from delegation import Access, canonical
from delegation.errors import StoreUnavailableError
from delegation.identity.receipt import check_receipt
from delegation.integrations.target import Target, read_target


@pytest.fixture(scope="module")
def edge(tmp_path_factory) -> Mounted:
    """Return one mount for all facts that only ask."""
    return Mounted(tmp_path_factory.mktemp("edge"))


def reads(path: str = "/a") -> Access:
    """Return a call that reads a file."""
    return Access("files.read", {"path": path}, DESK, purpose="desk/x")


@pytest.mark.parametrize("mode", ["nginx", "forward"])
def test_an_allowed_call_is_recorded_and_named(edge: Mounted, mode: str) -> None:
    """200 with decision, chain and receipt; the record has the purpose that the proof signed."""
    answer = edge.ask("GET", "/files/q3/sum%20up.csv", edge.signed(reads("/q3/sum up.csv")), mode)
    assert answer.status_code == 200, answer.text
    assert answer.content == b""
    entry = edge.world.tracker.decision(answer.headers["delegation-decision"])
    assert entry.decision.allowed
    chain = answer.headers["x-agent-chain"].split(",")
    assert len(chain) == 2
    assert all(link.startswith("lnk_") for link in chain)
    said = check_receipt(
        answer.headers["delegation-receipt"],
        edge.world.tracker.public_ring(),
        arguments={"path": "/q3/sum up.csv"},
        at=NOW,
    )
    assert (said.tool, said.audience) == ("files.read", DESK)


def test_arguments_have_the_tools_types(edge: Mounted) -> None:
    """A number in a query is an integer, charged at its worth; not a number is denied by the desk."""
    pays = Access(
        "pay.refund",
        {"order": "o7", "amount": 25},
        DESK,
        purpose="desk",
        max_cost={"usd_cents": 25},
    )
    assert edge.ask("POST", "/orders/o7/refunds?cents=25", edge.signed(pays)).status_code == 200
    for spelled in ("025", "25.0", "2e1", "", "%32%35", "٢٥"):
        found = edge.ask("POST", f"/orders/o7/refunds?cents={spelled}".encode(), edge.signed(pays))
        assert found.status_code in {401, 403}, spelled


def test_a_denial_tells_its_reason_in_a_header_that_is_safe_to_paste(edge: Mounted) -> None:
    """403 after the proof, 401 up to it, both recorded and without a chain."""
    pays = Access(
        "pay.refund",
        {"order": "o7", "amount": 900},
        DESK,
        purpose="desk",
        max_cost={"usd_cents": 900},
    )
    denied = edge.ask("POST", "/orders/o7/refunds?cents=900", edge.signed(pays))
    assert (denied.status_code, denied.headers["x-deny-reason"]) == (403, "argument_refused")
    assert denied.json()["code"] == "argument_refused"
    assert "x-agent-chain" not in denied.headers
    assert edge.world.tracker.decision(denied.headers["delegation-decision"])
    sent = edge.signed(reads("/a"))
    other = edge.ask("GET", "/files/b", sent)
    assert (other.status_code, other.headers["x-deny-reason"]) == (401, "proof_other_access")
    assert other.headers["www-authenticate"].startswith("Delegation")


def test_a_proof_serves_once(edge: Mounted) -> None:
    """The nonce is spent by the first request, whichever mount it came through."""
    sent = edge.signed(reads())
    assert edge.ask("GET", "/files/a", sent).status_code == 200
    again = edge.ask("GET", "/files/a", sent, "forward")
    assert (again.status_code, again.headers["x-deny-reason"]) == (403, "replayed")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"X-Capability-Token": ""}, 401, "token_missing"),
        ({"X-Capability-Token": "dct.b1.AAAA"}, 401, "token_malformed"),
        ({"Delegation-Proof": ""}, 401, "proof_missing"),
        ({"Delegation-Proof": "a.b.c"}, 401, "proof_malformed"),
        ({"Delegation-Arguments": canonical.b64u(b'{"x":1}')}, 403, "proxy_arguments"),
        ({"X-HTTP-Method-Override": "DELETE"}, 403, "method_override"),
        ({"X-Original-URL": "/files/b"}, 403, "method_override"),
        ({"X-Rewrite-URL": "/files/b"}, 403, "method_override"),
    ],
)
def test_what_a_client_adds_or_leaves_out_is_refused(edge: Mounted, change, status, code) -> None:
    """Nothing a client sends beside token and proof makes a call."""
    answer = edge.ask("GET", "/files/a", {**edge.signed(reads()), **change})
    assert (answer.status_code, answer.headers["x-deny-reason"]) == (status, code)


@pytest.mark.parametrize("name", ["X-Capability-Token", "Delegation-Proof", "Delegation-Proxy-Key"])
def test_a_header_that_stands_twice_counts_as_none(edge: Mounted, name: str) -> None:
    """Two values are two readings."""
    sent = edge.signed(reads())
    twice = sent.get(name, edge.key)
    answer = edge.ask("GET", "/files/a", [*sent.items(), (name, twice)])
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "shown",
    [
        [],
        [("X-Original-Method", "GET")],
        [("X-Original-URI", "/files/a")],
        [("X-Forwarded-Method", "GET"), ("X-Forwarded-Uri", "/files/a")],
        [
            ("X-Original-Method", "GET"),
            ("X-Original-URI", "/files/a"),
            ("X-Original-URI", "/files/a"),
        ],
        [
            ("X-Original-Method", "GET"),
            ("X-Original-Method", "GET"),
            ("X-Original-URI", "/files/a"),
        ],
        [("X-Original-Method", "get"), ("X-Original-URI", "/files/a")],
        [("X-Original-Method", "GET, GET"), ("X-Original-URI", "/files/a")],
        [("X_Original_Method", "GET"), ("X_Original_URI", "/files/a")],
    ],
)
def test_a_request_that_is_not_shown_once_is_refused(edge: Mounted, shown) -> None:
    """Absent, doubled, or in the other convention's headers: refused before anything else."""
    sent = [("Delegation-Proxy-Key", edge.key), *edge.signed(reads()).items(), *shown]
    answer = edge.http.get("/verify/nginx", headers=sent)
    assert (answer.status_code, answer.headers["x-deny-reason"]) == (403, "proxy_headers")


ODD_TARGETS = [
    "", "files/a", "*", "http://x/files/a", "//files/a", "/files//a", "/files/./a", "/files/../a", "/files/a/..",
    "/files/%2e%2e/a", "/files/%2E%2E/a", "/files/.%2e/a", "/files/a%2fb", "/files/a%2Fb", "/files/a%5cb", "/files/a%5Cb",
    "/files/a\\b", "/files/a;x=1", "/files/a%3Bx", "/files/a%3bx", "/files/%252e%252e/a", "/files/a%252Fb", "/files/a%25", "/files/%61",
    "/files/a%7e", "/files/a%7E", "/files/a%e4", "/files/a%c3%a4", "/files/a%C3", "/files/a%C0%AF", "/files/a%ED%A0%80", "/files/a%00", "/files/a%0A",
    "/files/a%7F", "/files/a%", "/files/a%2", "/files/a%G0", "/files/a b", "/files/a#b", "/files/a?", "/files/a?x", "/files/a?x=1&x=1",
    "/files/a?x=1&", "/files/a?=1", "/files/a?x=a+b", "/files/a?x=1;y=2", "/files/a?x=%2525", "/files/a?x=%00", "/files/a?x=%61", "/files/a?x[]=1",
    "/files/a?%78=1", "/files/a?x=1#y", "/files/" + "a" * 5000, "/files/a?" + "&".join(f"x{n}=1" for n in range(40)), "/files/\u00e4", "/files/a\t",
    "/files/<a>", '/files/"a"', "/files/{a}", "/files/a|b", "/files/a^b", "/files/a`b", "/..", "/.", "/files/a?x=1?y=2&x=1",
]  # fmt: skip


@pytest.mark.parametrize("target", ODD_TARGETS)
def test_a_target_of_two_readings_is_refused(edge: Mounted, target: str) -> None:
    """Whatever another reader may resolve or decode otherwise never reaches a route."""
    before = edge.decisions()
    assert not isinstance(read_target(target), Target)
    answer = edge.ask("GET", target.encode("utf-8"), edge.signed(reads()))
    assert answer.status_code == 403
    assert answer.headers["x-deny-reason"] in {
        "target_ambiguous", "query_ambiguous", "proxy_headers",
    }  # fmt: skip
    assert edge.decisions() == before


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/"), ("GET", "/files"), ("GET", "/files/"), ("POST", "/files/a"), ("HEAD", "/files/a"), ("OPTIONS", "/files/a"), ("GET", "/FILES/a"),
        ("GET", "/files/a?x=1"), ("GET", "/files/a/"), ("GET", "/orders/o7/refunds"), ("POST", "/orders/o7/refunds/x"), ("POST", "/orders/refunds?cents=1"),
        ("POST", "/orders/o7/refunds?cents=1&more=1"),
    ],
)  # fmt: skip
def test_what_is_not_declared_is_refused(edge: Mounted, method: str, target: str) -> None:
    """Another method, another path, one parameter more."""
    answer = edge.ask(method, target, edge.signed(reads()))
    assert answer.status_code == 403
    assert answer.headers["x-deny-reason"] in {"route_undeclared", "target_ambiguous"}


def test_a_value_that_is_not_canonical_is_refused_uncharged(edge: Mounted) -> None:
    """The service behind reads what was sent, so what was sent must be what is decided on."""
    body = canonical.b64u(canonical.encode({"body": "Hi"}))
    sends = Access("mail.send", {"to": "x@ACME.example", "body": "Hi"}, DESK, purpose="desk")
    before = edge.decisions()
    answer = edge.ask(
        "POST", "/mail/x@ACME.example", {**edge.signed(sends), "Delegation-Arguments": body}
    )
    assert answer.headers["x-deny-reason"] == "argument_not_canonical"
    assert edge.decisions() == before


def test_arguments_of_the_body_are_bound_by_the_receipt(edge: Mounted) -> None:
    """Where the service checks, the holder states them, the proof covers them, the receipt binds them."""
    sends = Access("mail.send", {"to": "x@acme.example", "body": "Hi"}, DESK, purpose="desk")
    claimed = {"Delegation-Arguments": canonical.b64u(canonical.encode({"body": "Hi"}))}
    answer = edge.ask("POST", "/mail/x%40acme.example", {**edge.signed(sends), **claimed})
    assert answer.status_code == 200, answer.text
    receipt, ring = answer.headers["delegation-receipt"], edge.world.tracker.public_ring()
    check_receipt(receipt, ring, arguments=dict(sends.arguments), at=NOW)
    with pytest.raises(Exception, match="arguments"):
        check_receipt(receipt, ring, arguments={"to": "x@acme.example", "body": "Ho"}, at=NOW)
    assert edge.ask("POST", "/mail/x@acme.example", edge.signed(sends)).status_code == 401
    for odd in (
        canonical.b64u(b'{"body": "Hi"}'),
        canonical.b64u(b'["Hi"]'),
        canonical.b64u(b'{"body":"Hi","to":"y@acme.example"}'),
        canonical.b64u(canonical.encode({"body": "x" * 5000})),
        "?",
    ):
        found = edge.ask(
            "POST", "/mail/x@acme.example", {**edge.signed(sends), "Delegation-Arguments": odd}
        )
        assert (found.status_code, found.headers["x-deny-reason"]) == (403, "proxy_arguments")


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS", "HEAD"])
def test_the_proxys_own_method_decides_nothing(edge: Mounted, method: str) -> None:
    """A proxy that keeps the client's method in its question is answered by the headers all the same."""
    shown = {"X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/files/a"}
    sent = {"Delegation-Proxy-Key": edge.key, **shown, **edge.signed(reads())}
    assert edge.http.request(method, "/verify/forward", headers=sent).status_code == 200


def test_a_key_is_one_mount(edge: Mounted) -> None:
    """A proxy whose key has another audience, or two, has no routes; one without a key has nothing."""
    make = edge.world.tracker.create_api_key
    for name, audiences in (
        ("other", ["https://x.example"]),
        ("both", [DESK, "https://x.example"]),
    ):
        answer = edge.ask(
            "GET", "/files/a", edge.signed(reads()), key=make(name, "service", audiences)
        )
        assert (answer.status_code, answer.headers["x-deny-reason"]) == (403, "route_undeclared")
    for key in ("dk_" + "x" * 43, "x"):
        assert edge.ask("GET", "/files/a", edge.signed(reads()), key=key).status_code == 401


def test_hosts_are_looked_at_where_they_are_declared(tmp_path) -> None:
    """A mount that names its hosts refuses others and none."""
    edge = Mounted(tmp_path, ROUTES.replace("[[mount.route]]", 'hosts = ["files.acme.example"]\n[[mount.route]]', 1))  # fmt: skip
    right = {"X-Original-Host": "Files.acme.example"}
    assert edge.ask("GET", "/files/a", {**edge.signed(reads()), **right}).status_code == 200
    for wrong in (
        {},
        {"X-Original-Host": "files.acme.example:81"},
        {"X-Forwarded-Host": "files.acme.example"},
    ):
        answer = edge.ask("GET", "/files/a", {**edge.signed(reads()), **wrong})
        assert answer.headers["x-deny-reason"] == "host_undeclared"


def test_a_store_that_fails_lets_nothing_pass(edge: Mounted, monkeypatch) -> None:
    """503: nginx makes it 500, the others hand it on; none calls the service behind."""

    def failing(*_: object, **__: object) -> None:
        raise StoreUnavailableError("gone")

    monkeypatch.setattr(edge.world.tracker, "begin_check", failing)
    assert edge.ask("GET", "/files/a", edge.signed(reads())).status_code == 503


def test_a_tool_that_grew_an_argument_closes_its_route(tmp_path) -> None:
    """A definition recorded after start-up may hold what no proxy shows."""
    from delegation import Tool

    edge = Mounted(tmp_path)
    more = {"path": "path", "as_user?": "text"}
    edge.world.tracker.add_tool(Tool("files.read", effect="read", arguments=more, sensitivity=1))
    for _ in range(2):
        answer = edge.ask("GET", "/files/a", edge.signed(reads()))
        assert answer.status_code == 403


def test_what_was_decided_on_is_compared_with_what_was_sent(edge: Mounted, monkeypatch) -> None:
    """A catalogue that was stale while the call was read lets nothing pass that it read otherwise."""
    from delegation import Tool
    from delegation.authority.catalogue import Catalogue

    real = edge.world.tracker.known_catalogue()
    sends = Access("mail.send", {"to": "x@ACME.example", "body": "Hi"}, DESK, purpose="desk")
    body = {"Delegation-Arguments": canonical.b64u(canonical.encode({"body": "Hi"}))}
    stale = Catalogue().with_tool(
        Tool("mail.send", effect="write", arguments={"to": "text", "body": "text", "cc?": "text"})
    )
    monkeypatch.setattr(edge.world.tracker, "known_catalogue", lambda: stale)
    answer = edge.ask("POST", "/mail/x@ACME.example", {**edge.signed(sends), **body})
    assert answer.headers["x-deny-reason"] == "argument_not_canonical"

    grown = real.with_tool(
        Tool("files.read", effect="read", arguments={"path": "path", "as_user?": "text"})
    )
    known = iter([real, grown])
    monkeypatch.setattr(edge.world.tracker, "known_catalogue", lambda: next(known))
    answer = edge.ask("GET", "/files/a", edge.signed(reads()))
    assert (answer.status_code, answer.headers["x-deny-reason"]) == (403, "route_undeclared")


def test_without_a_receipt_only_what_needs_none_passes(edge: Mounted, monkeypatch) -> None:
    """A ring without a service key closes the routes where the service checks; the others say none."""
    monkeypatch.setattr(edge.world.tracker, "receipt", lambda *_: None)
    answer = edge.ask("GET", "/files/a", edge.signed(reads()))
    assert (answer.status_code, answer.headers["delegation-receipt"]) == (200, "none")
    sends = Access("mail.send", {"to": "x@acme.example", "body": "Hi"}, DESK, purpose="desk")
    body = {"Delegation-Arguments": canonical.b64u(canonical.encode({"body": "Hi"}))}
    answer = edge.ask("POST", "/mail/x@acme.example", {**edge.signed(sends), **body})
    assert (answer.status_code, answer.json()["code"]) == (500, "configuration")


def test_answers_hold_no_token_and_no_path(edge: Mounted) -> None:
    """What a client sent is not repeated to whoever reads the answer."""
    sent = edge.signed(reads())
    answer = edge.ask("GET", "/files/secret-name/../x", sent)
    told = json.dumps(dict(answer.headers)) + answer.text
    assert "secret-name" not in told
    assert sent["X-Capability-Token"] not in told
