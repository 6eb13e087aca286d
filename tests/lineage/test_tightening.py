"""Tightening: never wider, evidence from the real judge, values generalised by what they are."""

from __future__ import annotations

from dataclasses import replace

from cases import every
from hypothesis import given
from hypothesis import strategies as st
from tiny import ACCESSES, CATALOGUE, NOW, chain_of, full, grants, judged

from delegation import (
    Access,
    Catalogue,
    Grant,
    Tool,
    absent,
    any_of,
    anything,
    between,
    email,
    exact,
    may,
    text,
)
from delegation.authority.arguments import parse_type
from delegation.authority.constraints import ABSENT, parse_constraint
from delegation.authority.ids import DecisionId
from delegation.authority.narrowing import refuse_replacement
from delegation.judge.capability import Clearance, judge_capability
from delegation.lineage.tightening import Use, proposal, propose, replay
from delegation.lineage.tightening.generalise import generalise


def use(chain, access: Access, at: int, number: int, catalogue: Catalogue = CATALOGUE) -> Use:
    """Return an allowed call as it would have been recorded."""
    cleared = judge_capability(chain, access, catalogue)
    assert isinstance(cleared, Clearance)
    return Use(
        DecisionId(f"dec_{number}"), at, chain, 1, access, cleared.arguments, cleared.resources,
        {"calls": 1, **cleared.cost},
    )  # fmt: skip


@given(grant=grants, data=st.data())
def test_a_proposal_is_never_wider_and_allows_what_it_says(grant: Grant, data) -> None:
    """Over random grants and uses: within the held grant; refused are exactly those listed."""
    chain = chain_of(grant)
    admitted = [(a, at) for a, at in ACCESSES if judged(chain, a, at) is None]
    if not admitted:
        return
    picked = data.draw(st.lists(st.sampled_from(admitted), min_size=1, max_size=12))
    uses = [use(chain, access, at, n) for n, (access, at) in enumerate(picked)]
    ignore = data.draw(st.integers(0, 2))
    found = propose(
        grant, uses, CATALOGUE, minimum=data.draw(st.integers(0, 4)), ignore=ignore,
        with_budget=data.draw(st.booleans()),
    )  # fmt: skip
    if found.grant is None:
        return
    assert refuse_replacement(found.grant, grant) is None
    refused = {one.decision for one in found.refused}
    again = chain_of(found.grant)
    for one in uses:
        assert (judged(again, one.access, one.at) is not None) == (one.decision in refused)
    if not ignore:
        assert not refused


MAIL = Tool("mail.send", effect="write", arguments={"to": "email", "body": "text", "cc?": {"type": "list", "of": "email"}}, resource="mail:acme/{to}")  # fmt: skip
WIPE = Tool("files.wipe", effect="delete", arguments={}, sensitivity=3)
SHOP = Catalogue().with_tool(MAIL).with_tool(WIPE)
HELD = full(
    capabilities=[
        may("mail.send", resources=["mail:acme/*"], to=anything(), body=text(), cc=anything()),
        may("files.wipe"),
    ],
    effects=["read", "write", "delete"],
    purpose="desk",
    delegations_left=4,
)


def sent(*recipients: str, purpose: str = "desk/refund", audience: str = "one") -> list[Use]:
    """Return uses that send to these, one after the other."""
    chain = chain_of(HELD, catalogue=SHOP.revision)
    accesses = [
        Access("mail.send", {"to": to, "body": "Hi " * n}, audience, purpose=purpose)
        for n, to in enumerate(recipients)
    ]
    return [use(chain, access, NOW, n, SHOP) for n, access in enumerate(accesses)]


def test_what_was_never_used_goes_and_what_was_is_generalised() -> None:
    """Tool, effect, sensitivity, audience, purpose, depth, argument: each as use speaks for it."""
    found = propose(HELD, sent(*(f"u{n}@acme.example" for n in range(12))), SHOP)
    assert found.refused == ()
    (mail,) = found.grant.capabilities
    assert mail.tool.text == "mail.send"
    assert mail.arguments == {"body": text(max=33), "to": email("acme.example")}
    assert [p.text for p in mail.resources] == ["mail:acme/*"]
    assert (found.grant.effects, found.grant.max_sensitivity) == (("write",), 0)
    assert (found.grant.audience, found.grant.purpose) == (("one",), "desk/refund")
    assert found.grant.delegations_left == 1
    assert (found.grant.expires_at, found.grant.budget) == (HELD.expires_at, HELD.budget)
    assert {change.field for change in found.changes} >= {"effects", "mail.send.to"}


def test_outliers_are_left_out_by_count_and_listed() -> None:
    """The one mail to a stranger is what tightening is for."""
    uses = sent(*(f"u{n}@acme.example" for n in range(12)), "eve@evil.example")
    everything = propose(HELD, uses, SHOP)
    assert everything.refused == ()
    assert everything.grant.capabilities[0].arguments["to"] == email("acme.example", "evil.example")
    found = propose(HELD, uses, SHOP, ignore=1)
    (refused,) = found.refused
    assert (refused.decision, refused.code) == ("dec_12", "argument_refused")
    assert found.grant.capabilities[0].arguments["to"] == email("acme.example")
    assert propose(HELD, uses, SHOP, ignore=99).grant is None


def test_too_little_evidence_proposes_nothing() -> None:
    """Nine calls are not ten; erased ones prove nothing."""
    uses = sent(*(f"u{n}@acme.example" for n in range(10)))
    assert propose(HELD, uses, SHOP).grant is not None
    assert propose(HELD, uses[1:], SHOP).grant is None
    erased = [replace(uses[0], access=None, arguments={}), *uses[1:]]
    found = propose(HELD, erased, SHOP)
    assert (found.grant, found.calls, found.erased) == (None, 9, 1)
    assert propose(HELD, erased, SHOP, minimum=9).grant is not None
    assert propose(HELD, [], SHOP, minimum=0).grant is None


def test_a_tool_with_little_use_keeps_its_arguments() -> None:
    """Two calls say that the tool is used, and not with what."""
    chain = chain_of(HELD, catalogue=SHOP.revision)
    wipes = [
        use(chain, Access("files.wipe", {}, "one", purpose="desk"), NOW, 50 + n, SHOP)
        for n in range(12)
    ]
    found = propose(HELD, [*sent("a@acme.example", "b@acme.example"), *wipes], SHOP)
    mail = found.grant.capabilities[0]
    assert mail.arguments == HELD.capabilities[0].arguments
    assert found.grant.purpose == "desk"


def test_budgets_are_lowered_to_what_was_used_when_asked() -> None:
    """A unit that is not bounded becomes so; one that is, no higher."""
    uses = sent(*(f"u{n}@acme.example" for n in range(12)))
    assert propose(HELD, uses, SHOP, with_budget=True).grant.budget == {"calls": 12}


def test_the_evidence_is_the_judges() -> None:
    """A call is refused for time, audience or a redefined tool, too, not only for its arguments."""
    uses = sent("a@acme.example")
    late = [replace(uses[0], at=HELD.expires_at)]
    assert [r.code for r in replay(HELD, late, SHOP)] == ["expired"]
    other = SHOP.with_tool(
        Tool("mail.send", effect="write", arguments={"to": "text", "body": "text", "cc?": {"type": "list", "of": "email"}}, resource="mail:acme/{to}")
    )  # fmt: skip
    assert [r.code for r in replay(HELD, uses, other)] == ["tool_redefined"]


def test_two_capabilities_are_never_mixed() -> None:
    """Each use narrows the capability that admitted it."""
    held = full(
        capabilities=[
            may("mail.send", resources=["mail:acme/*"], to=email("acme.example"), body=text()),
            may("mail.send", resources=["mail:acme/*"], to=email("b.example"), body=text(max=9)),
        ],
        purpose="",
    )
    chain = chain_of(held, catalogue=SHOP.revision)
    accesses = [Access("mail.send", {"to": f"u{n}@acme.example", "body": "x" * 50}, "one") for n in range(10)]  # fmt: skip
    accesses += [Access("mail.send", {"to": f"u{n}@b.example", "body": "x"}, "one") for n in range(10)]  # fmt: skip
    uses = [use(chain, access, NOW, n, SHOP) for n, access in enumerate(accesses)]
    found = propose(held, uses, SHOP)
    assert found.refused == ()
    assert [c.arguments["to"] for c in found.grant.capabilities] == [
        email("acme.example"),
        email("b.example"),
    ]


GENERALISED = [
    # type, held, values, expected
    ("integer", {"any": True}, list(range(20, 40)), {"range": {"max": 39, "min": 20}}),
    ("integer", {"any": True}, [5] * 3, {"exact": 5}),
    ("integer", {"any": True}, [5, 7] * 3, {"one_of": [5, 7]}),
    ("integer", {"range": {"max": 30, "min": 0}}, [5, 7, 9], {"range": {"max": 9, "min": 5}}),
    ("decimal", {"any": True}, ["1.5", "10", "9.25"], {"range": {"max": "10", "min": "1.5"}}),
    ("email", {"any": True}, [f"u{n}@a.example" for n in range(9)], {"email": {"domains": ["a.example"]}}),
    ("email", {"email": {"domains": ["*.example"]}}, [f"u@a{n}.example" for n in range(20)], {"email": {"domains": ["*.example"]}}),
    ("path", {"any": True}, [f"/data/in/{n}" for n in range(9)], {"path": {"under": ["/data/in"]}}),
    ("path", {"any": True}, [f"/d/{n}/x" for n in range(20)], {"path": {"under": ["/d"]}}),
    ("path", {"path": {"under": ["/d/1", "/d/2"]}}, ["/d/1/a", "/d/2/b"], {"path": {"under": ["/d/1", "/d/2"]}}),
    ("url", {"any": True}, [f"https://a.example/v1/{n}" for n in range(9)], {"url": {"query": False, "under": ["https://a.example/v1"]}}),
    ("url", {"any": True}, [f"https://a.example/v1?x={n}" for n in range(9)], {"url": {"query": True, "under": ["https://a.example/"]}}),
    ("host", {"any": True}, ["b.example", "a.example"], {"host": {"names": ["a.example", "b.example"]}}),
    ("host", {"any": True}, [f"h{n}.example" for n in range(20)], {"any": True}),
    ("text", {"any": True}, ["a" * n for n in range(9)], {"length": {"max": 8, "min": 0}}),
    ("opaque", {"any": True}, [f"orders/2026/{n}" for n in range(9)], {"glob": ["orders/2026/*"]}),
    ("opaque", {"any": True}, ["o1"] * 9, {"exact": "o1"}),
    ("boolean", {"any": True}, [True], {"exact": True}),
    ({"type": "enum", "values": ["x", "y", "z"]}, {"any": True}, ["x", "y"], {"one_of": ["x", "y"]}),
    ({"type": "list", "of": "email"}, {"any": True}, [[f"u{n}@a.example"] for n in range(9)], {"each": {"email": {"domains": ["a.example"]}}}),
    ({"type": "list", "of": "opaque"}, {"any": True}, [["a", "b"]] * 4, {"exact": ["a", "b"]}),
    ({"type": "list", "of": "email"}, {"each": {"email": {"domains": ["*.example"]}}}, [[f"u{n}@a.example"] for n in range(9)],
     {"each": {"email": {"domains": ["a.example"]}}}),
    ("opaque", {"one_of": ["a", "b", "c"]}, ["a", "c"], {"one_of": ["a", "c"]}),
    ("integer", {"not_one_of": [3]}, [1, 2, 5], {"all": [{"not_one_of": [3]}, {"range": {"max": 5, "min": 1}}]}),
]  # fmt: skip


@every(("of", "held", "values", "expected"), GENERALISED, ids=str)
def test_values_are_generalised_by_their_kind(of, held, values, expected) -> None:
    """As narrow as the values allow, within what is held, and no narrower than a pattern of use."""
    constraint = parse_constraint(held)
    found = generalise(values, parse_type(of), constraint)
    assert found.to_json() == expected
    assert found.is_within(constraint)
    assert all(map(found.admits, values))


def test_an_argument_that_was_sometimes_left_out_may_be() -> None:
    """Absence is admitted beside what was given, and alone where nothing was."""
    integer = parse_type("integer")
    assert generalise([1, ABSENT, 2, 9], integer, anything()) == any_of(absent(), between(1, 9))
    assert generalise([ABSENT], integer, anything()) == absent()
    assert generalise([1, 1], integer, exact(1)) == exact(1)


def test_a_widening_generalisation_is_never_proposed(monkeypatch) -> None:
    """Were the values generalised too far, the tool alone would be narrowed; and a wider grant not shown."""
    held = full(
        capabilities=[
            may("mail.send", resources=["mail:acme/*"], to=email("acme.example"), body=text(max=99))
        ],
        purpose="desk",
    )
    chain = chain_of(held, catalogue=SHOP.revision)
    accesses = [Access("mail.send", {"to": f"u{n}@acme.example", "body": "Hi"}, "one", purpose="desk") for n in range(10)]  # fmt: skip
    uses = [use(chain, access, NOW, n, SHOP) for n, access in enumerate(accesses)]
    monkeypatch.setattr(proposal, "generalise", lambda *_: anything())
    assert propose(held, uses, SHOP).grant.capabilities == held.capabilities
    monkeypatch.setattr(proposal, "_capability", lambda *_: may("mail.send", to=anything()))
    found = propose(held, uses, SHOP)
    assert (found.grant, found.note) == (None, "No grant was proven to be narrower.")


def test_depth_is_no_deeper_than_what_is_held() -> None:
    """A task's ceiling and its root count differently; the lower one holds."""
    uses = [replace(one, below=9) for one in sent(*(f"u{n}@acme.example" for n in range(10)))]
    assert propose(HELD, uses, SHOP).grant.delegations_left == HELD.delegations_left
