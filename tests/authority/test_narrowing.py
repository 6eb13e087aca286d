"""Narrowing of rules and depth: what a child may not drop, weaken or regain."""

from __future__ import annotations

import pytest
from cases import every

from delegation import Grant, between, may, one_of, text
from delegation.authority.approval import ApprovalRule
from delegation.authority.flow import AfterNever, Apart, AtMost, parse_flow_rule, words
from delegation.authority.narrowing import refuse_wider
from delegation.authority.pattern import tool_pattern
from delegation.errors import MalformedError


def rule(tools: str, approvers: str, quorum: int = 1) -> ApprovalRule:
    """Return an approval rule from words."""
    return ApprovalRule(tuple(map(tool_pattern, tools.split())), tuple(approvers.split()), quorum)


def grant(left: int = 3, **fields: object) -> Grant:
    """Return a complete grant with these fields."""
    given: dict[str, object] = {
        "capabilities": [], "effects": [], "max_sensitivity": 0, "audience": [], "purpose": "", "not_before": 0,
        "expires_at": 9, "delegations_left": left, "budget": {}, "needs_approval": [], "flow": [], **fields,
    }  # fmt: skip
    return Grant(given.pop("capabilities"), **given)  # type: ignore[arg-type]


ASK = rule("pay.* mail.send", "ana bo", 1)
FLOW = AfterNever(("pii",), ("external",))
LOW, HIGH = may("pay", n=between(1, 5), to=text(3)), may("pay", n=between(6, 9), to=text(3))
CASES = {
    "rules kept": ({"needs_approval": [ASK], "flow": [FLOW]}, {"needs_approval": [ASK], "flow": [FLOW]}, None),
    "a rule added": ({}, {"needs_approval": [ASK], "flow": [FLOW]}, None),
    "fewer approvers, higher quorum": ({"needs_approval": [ASK]}, {"needs_approval": [rule("pay.* mail.send", "ana", 2)]}, None),
    "more tools need consent": ({"needs_approval": [ASK]}, {"needs_approval": [rule("pay.** mail.send", "ana")]}, None),
    "consent dropped": ({"needs_approval": [ASK]}, {}, "approval_dropped"),
    "consent for fewer tools": ({"needs_approval": [ASK]}, {"needs_approval": [rule("mail.send", "ana bo")]}, "approval_dropped"),
    "another approver": ({"needs_approval": [ASK]}, {"needs_approval": [rule("pay.* mail.send", "ana eve")]}, "approval_dropped"),
    "a lower quorum": ({"needs_approval": [rule("pay.*", "ana bo", 2)]}, {"needs_approval": [rule("pay.*", "ana bo", 1)]}, "approval_dropped"),
    "flow dropped": ({"flow": [FLOW]}, {}, "flow_dropped"),
    "flow weakened": ({"flow": [AfterNever(("pii", "secret"), ("external",))]}, {"flow": [FLOW]}, "flow_dropped"),
    "flow made stricter": ({"flow": [FLOW]}, {"flow": [AfterNever(("pii", "secret"), ("external", "web"))]}, None),
    "a count lowered": ({"flow": [AtMost({"writes": 3})]}, {"flow": [AtMost({"writes": 2, "calls": 9})]}, None),
    "a count raised": ({"flow": [AtMost({"writes": 3})]}, {"flow": [AtMost({"writes": 4})]}, "flow_dropped"),
    "a tool pattern widened": ({"flow": [AfterNever(("tool:crm.read",), ("tool:mail.*",))]}, {"flow": [AfterNever(("tool:crm.**",), ("tool:mail.**",))]}, None),
    "a tool pattern narrowed": ({"flow": [AfterNever(("tool:crm.*",), ("external",))]}, {"flow": [AfterNever(("tool:crm.read",), ("external",))]}, "flow_dropped"),
    "duties kept apart": ({"flow": [Apart((("a",), ("b",)))]}, {"flow": [Apart((("a", "c"), ("b",), ("d",)))]}, None),
    "duties that were apart put together": ({"flow": [Apart((("a",), ("b",)))]}, {"flow": [Apart((("a", "b"), ("c",)))]}, "flow_dropped"),
    "one of three duties dropped": ({"flow": [Apart((("a",), ("b",), ("c",)))]}, {"flow": [Apart((("a",), ("b",)))]}, "flow_dropped"),
    "duties by agent instead of owner": ({"flow": [Apart((("a",), ("b",)), by="owner")]}, {"flow": [Apart((("a",), ("b",)))]}, "flow_dropped"),
    "another kind of rule": ({"flow": [AtMost({"writes": 3})]}, {"flow": [FLOW]}, "flow_dropped"),
    "as deep as the parent": ({}, {"left": 3}, "delegations_widened"),
    "no depth left": ({"left": 0}, {"left": 0}, "delegations_exhausted"),
    "two capabilities together": ({"capabilities": [LOW, HIGH]}, {"capabilities": [may("pay", n=one_of(5, 6), to=text(3))]}, "split_needed"),
    "one of two": ({"capabilities": [LOW, HIGH]}, {"capabilities": [may("pay", n=one_of(6, 7), to=text(2))]}, None),
    "a unit left out stays bounded above": ({"budget": {"eur": 5}}, {}, None),
    "a new unit": ({}, {"budget": {"eur": 5}}, None),
    "a budget raised": ({"budget": {"eur": 5}}, {"budget": {"eur": 6}}, "budget_widened"),
}  # fmt: skip


@every(("parent", "child", "code"), CASES.values(), ids=CASES)
def test_a_child_keeps_what_binds_its_parent(parent: dict, child: dict, code: str | None) -> None:
    """Rules are kept or made stricter; nothing is clipped."""
    below = {"left": 2, **child}
    refusal = refuse_wider(grant(**below), grant(**parent))
    assert (refusal and refusal.code) == code
    if refusal is not None:
        assert refusal.field
        assert refusal.remedy


def test_a_rule_that_can_never_be_met_is_malformed() -> None:
    """Empty lists and odd forms are no rules."""
    for make in (
        lambda: rule("", "ana"),
        lambda: ApprovalRule((), ("ana",)),
        lambda: rule("pay", "ana", 0),
        lambda: AfterNever((), ("x",)),
        lambda: AtMost({}),
        lambda: AtMost({"things": 3}),
        lambda: AfterNever(("effect:paint",), ("x",)),
        lambda: AfterNever(("tool:crm.**.read",), ("x",)),
        lambda: AfterNever(("Pii",), ("x",)),
        lambda: AfterNever(tuple(f"l{n}" for n in range(33)), ("x",)),
        lambda: Apart((("a",),)),
        lambda: Apart((("a",), ("a", "b"))),
        lambda: Apart((("a",), ())),
        lambda: Apart((("a",), ("b",)), by="friend"),
    ):
        with pytest.raises(MalformedError):
            make()


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (AfterNever(("pii", "effect:read"), ("external",)), "after effect:read or pii never external"),
        (AtMost({"writes": 3, "calls": 9}), "at most 9 calls, 3 writes"),
        (Apart((("tool:pay.request",), ("tool:pay.approve",)), by="owner"), "tool:pay.approve apart from tool:pay.request by owner"),
    ],
)  # fmt: skip
def test_a_rule_is_read_back_as_it_was_written(made, said: str) -> None:
    """JSON there and back is the same rule, and it can be said in a line."""
    assert parse_flow_rule(made.to_json()) == made
    assert words(made) == said


def test_terms_of_rules_count_as_caveats() -> None:
    """Narrowing compares pairs of terms, so their number is bounded over all rules of a grant."""
    many = tuple(f"l{n}" for n in range(32))
    with pytest.raises(MalformedError):
        grant(flow=[AfterNever(many, many)] * 5)
