"""Whatever JSON an agent sends is a recorded denial, or handed on as it was judged, by each integration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from mounted import Mounted
from shop import Shop
from sides import Sides
from starlette.testclient import TestClient
from world import DESK, World

from delegation import Access, Grant, Tool, anything, may
from delegation.canonical import b64u
from delegation.integrations import Guard
from delegation.sent_json import parse

UNSAID = {
    "1e400": "number_not_exact",
    "9007199254740993": "number_not_exact",
    "0.1000000000000000055511151231257827": "number_not_exact",
    '"\\ud800"': "text_surrogate",
    "[" * 3000 + "]" * 3000: "value_too_deep",
    '"a\\u0000b"': "text_control_character",
    "5.5": "wrong_type",
    "null": "argument_missing",
}


@pytest.fixture(scope="module")
def shop() -> Shop:
    """Return one guarded shop for all facts that change nothing in it."""
    return Shop()


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Mounted:
    """Return one mount of a proxy."""
    return Mounted(tmp_path_factory.mktemp("edge"))


@pytest.mark.parametrize("text", UNSAID, ids=lambda text: text[:12])
def test_a_guard_records_the_denial_of_what_no_handler_could_read(shop: Shop, text: str) -> None:
    """Nothing reaches the handler, the denial names the argument and its record can be read."""
    access = Access("shop.mail", {"to": "bo@acme.example", "body": parse(text)}, DESK)
    answer = shop.http.post(
        "/mail",
        content=f'{{"to":"bo@acme.example","body":{text}}}'.encode(),
        headers=shop.headers(access),
    )
    assert answer.status_code == 403, answer.text
    assert answer.json()["code"] == UNSAID[text]
    denial = shop.world.tracker.decision(answer.headers["delegation-decision"]).decision.denial
    assert denial.caveat.startswith("arguments.body")
    assert denial.remedy
    assert not [seen for seen in shop.seen if seen[0] == "mail"]


@pytest.mark.parametrize(
    ("spelled", "code"),
    [("5.5", "integer_fraction"), ("1e400", "number_not_exact"), ("abc", "wrong_type"), ("9007199254740993", "number_not_exact"), ("", "wrong_type"), ("5.0", None)],
)  # fmt: skip
def test_a_number_in_a_query_is_judged_by_its_value(
    shop: Shop, spelled: str, code: str | None
) -> None:
    """What is no number is a recorded denial too; the handler gets the canonical spelling."""
    before = len(shop.seen)
    _, arguments = shop.guard.routes().arguments("POST", f"/refunds/o1?amount={spelled}")
    answer = shop.http.post(
        f"/refunds/o1?amount={spelled}",
        headers=shop.headers(Access("shop.refund", arguments, DESK)),
    )
    decision = shop.world.tracker.decision(answer.headers["delegation-decision"]).decision
    assert (decision.denial.code if decision.denial else None) == code
    assert [seen[2] for seen in shop.seen[before:]] == ([] if code else [5])


def test_a_handler_gets_null_where_it_is_a_value_and_nothing_where_it_is_absence() -> None:
    """The body is written anew from what was judged."""
    shop, bodies = Shop(), []
    tracker, app = shop.world.tracker, FastAPI()

    @app.patch("/contacts/{id}")
    async def change(id: str, request: Request) -> str:  # the route's own word
        bodies.append(await request.body())
        return id

    fields = {"id": "opaque", "phone": {"type": "text", "nullable": True}, "note?": "text", "score?": "number"}  # fmt: skip
    tracker.add_tool(Tool("shop.change", effect="write", arguments=fields))
    guard = Guard(tracker, audience=DESK, clock=lambda: shop.world.at)
    guard.route("PATCH", "/contacts/{id}", "shop.change", body=["phone", "note", "score"])
    grant = Grant(
        [may("shop.change", id=anything(), phone=anything(), note=anything(), score=anything())],
        audience=[DESK],
        budget={"calls": 5},
    )
    task = tracker.open_task("Change", owner="ana@acme.example", ceiling=grant)
    shop.token = tracker.issue(task, to=shop.world.key("a").public)
    sent = {"phone": None, "note": None, "score": 1e21}
    answer = TestClient(guard.protect(app)).patch(
        "/contacts/c1",
        json=sent,
        headers=shop.headers(Access("shop.change", {"id": "c1", **sent}, DESK)),
    )
    assert answer.status_code == 200, answer.text
    assert json.loads(bodies[0]) == {"phone": None, "score": 1e21}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"body":"Hi"}', None),
        ('{"body":"e\u0301\\r\\n"}', None),
        ('{"body":"Hi","cc":null}', "argument_not_canonical"),
        ('{"body":5.0}', "proxy_arguments"),
        ('{"body":"\\u0041"}', "proxy_arguments"),
        ('{"body":1e+400}', "number_not_exact"),
        ('{"body":"\\ud800"}', "text_surrogate"),
        ('{"body":"\\u0000"}', "text_control_character"),
        ('{"body":5.5}', "wrong_type"),
        ('{"body":null}', "argument_missing"),
    ],
)
def test_a_proxy_hands_on_only_what_is_canonical_as_it_was_sent(
    edge: Mounted, body: str, reason: str | None
) -> None:
    """What canonicalising would drop or change is refused; what has no form is denied and recorded."""
    arguments = {"to": "bo@acme.example", **parse(body)}
    headers = edge.signed(Access("mail.send", arguments, DESK, purpose="desk"))
    answer = edge.ask(
        "POST",
        "/mail/bo@acme.example",
        {**headers, "Delegation-Arguments": b64u(body.encode())},
    )
    if reason is None or reason.startswith(("proxy_", "argument_not")):
        assert answer.headers.get("x-deny-reason") == reason, answer.text
        assert answer.status_code == (200 if reason is None else 403)
    else:
        assert (answer.status_code, answer.headers["x-deny-reason"]) == (403, reason)
        assert edge.world.tracker.decision(answer.headers["delegation-decision"])


def test_a_number_in_a_path_has_its_one_spelling_behind_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service behind reads it as it was sent, so another spelling is denied."""
    routes = f"""
[[mount]]
audience = "{DESK}"

[[mount.route]]
method = "POST"
path = "/levels/{{n}}"
tool = "kit.level"
"""
    made = World.__post_init__

    def with_tool(world: World) -> None:
        made(world)
        world.tracker.add_tool(Tool("kit.level", effect="write", arguments={"n": "number"}))

    monkeypatch.setattr(World, "__post_init__", with_tool)
    edge = Mounted(tmp_path, routes)
    grant = Grant(
        [may("kit.level", n=anything())], audience=[DESK], purpose="desk", budget={"calls": 50}
    )
    task = edge.world.tracker.open_task("Level", owner="ana@acme.example", ceiling=grant)
    token = edge.world.tracker.issue(task, to=edge.world.key("a").public)
    refused = ((text, 403) for text in ("5.50", "5.0", "05", "1e1", "-0", "1e400"))
    for text, status in (*refused, ("5.5", 200), ("-7", 200), ("1e+21", 200)):
        value = float(text) if status == 200 else text
        access = Access("kit.level", {"n": value}, DESK, purpose="desk")
        proof = edge.world.key("a").prove(token, access, at=edge.world.at)
        sent = {"X-Capability-Token": token.text, "Delegation-Proof": proof}
        answer = edge.ask("POST", f"/levels/{text}", sent)
        assert answer.status_code == status, (text, answer.text)
        assert edge.world.tracker.decision(answer.headers["delegation-decision"])


@pytest.mark.parametrize("fallback", ["service", "refuse"])
def test_settled_elsewhere_the_denial_is_recorded_too(tmp_path: Path, fallback: str) -> None:
    """The service is asked, or told later by the report of what was denied here."""
    sides = Sides(tmp_path, fallback=fallback)
    token = sides.world.chain("boss", "a")
    for text in ("1e400", '"\\ud800"', "null", "9007199254740993"):
        access = Access("files.read", {"path": parse(text)}, DESK, purpose="desk")
        decision = sides.check(token, access=access)
        assert (decision.denial.code, decision.denial.caveat) == (UNSAID[text], "arguments.path")
        if fallback == "refuse":
            assert sides.report() == 1
        detail = sides.tracker.decision(decision.id)
        assert detail.decision.denial.code == decision.denial.code
        assert detail.access is not None
