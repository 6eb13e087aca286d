"""Whatever JSON an agent sends as an argument is judged, answered and recorded, on both engines and by every door."""

from __future__ import annotations

import asyncio
import json
import re
from decimal import Decimal

import httpx2
import pytest
from consent import approver
from service import Service
from wire import handler
from world import DESK, NOW, World

from delegation import Access, Grant, Tool, anything, exact, may
from delegation.authority.approval import ApprovalRule
from delegation.authority.pattern import tool_pattern
from delegation.client import AsyncClient, Client
from delegation.errors import MalformedError
from delegation.sent_json import parse
from delegation.shown import shown

DEEP = 20_000
# What has no canonical form under any type, as a model writes it: the JSON of one argument's value, and
# the code of its denial.
UNSAID = [
    ("1e400", "number_not_exact"), ("-1e400", "number_not_exact"), ("1e-400", "number_not_exact"), ("9007199254740993", "number_not_exact"),
    ("-9007199254740993", "number_not_exact"), ("1152921504606846976", "number_not_exact"), ("0.1000000000000000055511151231257827", "number_not_exact"),
    ("9" * 5000, "number_not_exact"), ("1e" + "9" * 5000, "number_not_exact"), ('"\\ud800"', "text_surrogate"), ('"a\\udfffb"', "text_surrogate"), ('{"a":[1,{"b":1e400}]}', "number_not_exact"),
    ('{"\\ud800":1}', "text_surrogate"), ("[" * DEEP + "]" * DEEP, "value_too_deep"), ('{"a":' * 100 + "1" + "}" * 100, "value_too_deep"),
]  # fmt: skip
# What another type would take, and the code by which a number refuses it.
OTHERS = [
    ('"5"', "wrong_type"), ('"\\u0000"', "wrong_type"), ('"e\\u0301\\r\\n\\u202e"', "wrong_type"), ('"\U0001fabe\u0378"', "wrong_type"), ("true", "wrong_type"), ("[]", "wrong_type"),
    ('{"\u00e9":1,"\U0001f600":2,"\uffff":3}', "wrong_type"), ("null", "argument_missing"),
]  # fmt: skip
ALL = UNSAID + OTHERS
TOOL = Tool("kit.set", effect="write", arguments={"n": "number", "t?": "text", "z?": {"type": "text", "nullable": True}})  # fmt: skip


def open_kit(world: World):
    """Return a token that admits any value of the kit's tool."""
    world.tracker.add_tool(TOOL)
    may_set = may("kit.set", n=anything(), t=anything(), z=anything())
    task = world.tracker.open_task(
        "Kit",
        owner="ana@acme.example",
        ceiling=Grant([may_set], audience=[DESK], budget={"calls": 500}),
    )
    return world.tracker.issue(task, to=world.key("a").public)


def refused(decision, code: str, name: str = "n") -> None:
    """Assert a recorded denial that says which argument, and what an agent can do about it."""
    denial = decision.denial
    assert denial is not None
    assert (denial.step, denial.code) == (8, code)
    assert re.match(rf"arguments\.{name}(\W|$)", denial.caveat)
    assert name in denial.message
    assert len(denial.remedy) > 8
    assert decision.id


@pytest.fixture
def kit(world):
    """Return a world and a token of its kit."""
    return world, open_kit(world)


def test_a_value_without_canonical_form_is_denied_and_recorded(kit) -> None:
    """Embedded: no exception from `Access`, a proof over exactly what was sent, a record that can be read."""
    world, token = kit
    for text, code in ALL:
        access = Access("kit.set", {"n": parse(text)}, DESK)
        again = Access.from_json(parse(access.encoded))
        assert again.digest() == access.digest()
        decision = world.check(token, "a", access)
        refused(decision, code)
        detail = world.tracker.decision(decision.id)
        assert detail.access is not None
        json.dumps(detail.access, allow_nan=False).encode("utf-8", "strict")
        assert detail.decision.denial == decision.denial


def test_what_pythons_own_reader_makes_of_a_models_words_is_no_exception(kit) -> None:
    """An agent that parsed the model's JSON with the standard library hands on infinity, NaN, halves."""
    world, token = kit
    for text in ("5.0", "1e400", "-1e400", "NaN", "9007199254740993", '"\\ud83d"'):
        decision = world.check(token, "a", Access("kit.set", {"n": json.loads(text)}, DESK))
        if text == "5.0":
            assert dict(decision.arguments) == {"n": 5}
        else:
            refused(decision, "text_surrogate" if '"' in text else "number_not_exact")
    for value, code in (("0.50", None), ("1E+2", None), ("1e400", "number_not_exact"), ("NaN", "number_not_exact"), ("-sNaN", "number_not_exact")):  # fmt: skip
        decision = world.check(token, "a", Access("kit.set", {"n": Decimal(value)}, DESK))
        if code is None:
            assert decision.arguments["n"] == float(value)
        else:
            refused(decision, code)


def test_an_odd_name_is_denied_by_its_name(kit) -> None:
    """A member name that no tool has is said so that nothing of it hides, in the denial and on every page."""
    world, token = kit
    for name in ("é", "\U0001f600", "\ud800", "a\x00b", "\u202e", "x" * 500):
        decision = world.check(token, "a", Access("kit.set", {"n": 1, name: 2}, DESK))
        assert decision.denial is not None
        assert decision.denial.code == "argument_unknown"
        assert shown(name[:20])[1:-1] in decision.denial.message
        assert decision.denial.message.isprintable()
        assert world.tracker.decision(decision.id).decision.denial == decision.denial


def test_what_people_write_is_kept_to_the_last_code_point(kit) -> None:
    """Decomposed letters, new emoji, CRLF, directions, planes: the canonical argument is what was sent."""
    world, token = kit
    for value in ("e\u0301", "a\r\nb\tc", "\u202eabc\u200f", "\U0001fabe\U0001f6d8", "\u0378", "\ufeff\ufffe\U0010ffff", "\ue000", "\u2028\u2029", "\u1e9b\u0323", "\ufb01\uff21", ""):  # fmt: skip
        decision = world.check(token, "a", Access("kit.set", {"n": 0.1, "t": value}, DESK))
        assert decision, value
        assert dict(decision.arguments) == {"n": 0.1, "t": value}
        detail = world.tracker.decision(decision.id)
        assert dict(detail.decision.arguments) == {"n": 0.1, "t": value}
        assert detail.access["arguments"]["t"] == value


def test_null_is_absence_where_it_is_no_value(kit) -> None:
    """Of a nullable argument it is a value that the grant admits, or not."""
    world, token = kit
    nothing = Access("kit.set", {"n": 1, "t": None, "z": None}, DESK)
    decision = world.check(token, "a", nothing)
    assert dict(decision.arguments) == {"n": 1, "z": None}
    assert dict(world.tracker.decision(decision.id).decision.arguments) == {"n": 1, "z": None}
    for admitted, constraint in ((True, exact(None)), (False, exact("x"))):
        child = token.delegate(
            by=world.key("a"),
            to=world.key("b").public,
            grant=token.grant.narrow([may("kit.set", n=anything(), z=constraint)]),
        )
        assert bool(world.check(child, "b", Access("kit.set", {"n": 1, "z": None}, DESK))) is admitted  # fmt: skip


def test_what_cannot_be_seen_is_found_though_it_was_denied(kit) -> None:
    """Halves of pairs are escapes in the record, and found there all the same."""
    world, token = kit
    for value in ("a\ud800", {"\udfff": 1}, "\u202eabc", "a\x00b"):
        decision = world.check(token, "a", Access("kit.set", {"n": 1, "t": value}, DESK))
        found = [one for one in world.tracker.findings().open if one.rule == "hidden_text"]
        assert any(decision.id in one.message for one in found), ascii(value)


def test_people_consent_to_exactly_what_was_sent(world) -> None:
    """A fraction, null and decomposed text: the request shows them, the consent is bound to them, once."""
    world.tracker.add_tool(TOOL)
    ceiling = Grant(
        [may("kit.set", n=anything(), t=anything(), z=anything())],
        audience=[DESK],
        budget={"calls": 9},
        needs_approval=[ApprovalRule((tool_pattern("kit.set"),), ("finance",))],
    )
    task = world.tracker.open_task("Kit", owner="ana@acme.example", ceiling=ceiling)
    token = world.tracker.issue(task, to=world.key("a").public)
    sent = {"n": 0.1, "t": "e\u0301\r\n\u202e", "z": None}
    asked = world.check(token, "a", Access("kit.set", sent, DESK))
    assert dict(world.tracker.approval(asked.approval).arguments) == sent
    world.tracker.grant_approval(
        asked.approval, by=approver(world, "bo@acme.example", "finance"), reason="agreed"
    )
    for other in (
        {**sent, "t": "\u00e9\r\n\u202e"},
        {**sent, "n": 0.25},
        {"n": 0.1, "t": sent["t"]},
    ):
        assert not world.check(token, "a", Access("kit.set", other, DESK))
    allowed = world.check(token, "a", Access("kit.set", {**sent, "n": parse("1e-1")}, DESK))
    assert dict(allowed.arguments) == sent


@pytest.mark.parametrize("door", ["front", "slow", "client", "async"])
def test_over_http_it_is_the_same_denial(door: str) -> None:
    """Fast front, slow twin, both clients: 200, the code of the embedded tracker, and a record."""
    world = World()
    token = open_kit(world)
    service = Service(world)
    reviewer = {"Authorization": f"Bearer {service.keys['reviewer']}"}
    for text, code in ALL if door == "front" else ALL[::3]:
        access = Access("kit.set", {"n": parse(text)}, DESK)
        proof = world.key("a").prove(token, access, at=NOW)
        if door in {"front", "slow"}:
            sent = json.dumps({"token": token.text, "proof": proof, "access": "@"}).replace(
                '"@"',
                f'{{"v":1,"tool":"kit.set","arguments":{{"n":{text}}},"audience":"{DESK}",'
                '"purpose":"","max_cost":{},"cause":null}',
            )
            http = service.http if door == "front" else service.slow
            answer = http.post(
                "/v1/check",
                content=sent.encode(),
                headers={
                    "Authorization": f"Bearer {service.keys['service']}",
                    "Content-Type": "application/json",
                },
            )
            assert answer.status_code == 200, (text[:50], answer.text)
            body = answer.json()
            assert (body["denial"]["code"], body["denial"]["step"]) == (code, 8), text[:50]
            name = body["decision"]
        else:
            made = httpx2.MockTransport(handler(service))
            settings = {"api_key": service.keys["service"], "transport": made}
            if door == "client":
                decision = Client("http://testserver", **settings).check(token, proof, access)
            else:
                client = AsyncClient("http://testserver", **settings)
                decision = asyncio.run(client.check(token, proof, access))
            refused(decision, code)
            name = decision.id
        assert world.tracker.decision(name).decision.denial.code == code
        for path in (f"/v1/decisions/{name}", f"/decisions/{name}"):
            shown = service.http.get(path, headers=reviewer)
            assert shown.status_code in {200, 303}, (path, text[:50])
            shown.content.decode("utf-8", "strict")


def test_what_is_really_malformed_is_refused_as_before() -> None:
    """No tool's name, no JSON, too large: errors of whoever calls."""
    for bad in (
        {"tool": "no\ntool"},
        {"arguments": {"x": object()}},
        {"arguments": {1: 2}},
        {"arguments": {"x": "y" * 70_000}},
    ):
        with pytest.raises(MalformedError):
            Access(**{"tool": "kit.set", "arguments": {}, "audience": DESK, **bad})
    circle: list = []
    circle.append(circle)
    with pytest.raises(MalformedError):
        Access("kit.set", {"x": circle}, DESK)
