"""The law of flow: no interleaving of calls ever breaks a rule of the chain that makes one."""

from __future__ import annotations

import pytest
from flow_world import FLOW_TOOLS, FlowWorld
from hypothesis import given, settings
from hypothesis import strategies as st
from world import NOW, OWNER, verdict

from delegation.authority.flow import AfterNever, Apart, AtMost
from delegation.commands.check import settled
from delegation.judge import flow as judge_flow

TOOLS = {tool.name: tool for tool in FLOW_TOOLS}
NAMES = [name for name in TOOLS if name != "db.query"]
OWNERS = {"a": OWNER, "b": OWNER, "c": "bo@acme.example"}
RULES = [
    AfterNever(("pii",), ("external",)),
    AfterNever(("external",), ("external",)),
    AfterNever(("system:crm",), ("effect:delete", "tool:pay.**")),
    AfterNever(("effect:write",), ("pii",)),
    AtMost({"writes": 2}),
    AtMost({"calls": 4, "systems": 2}),
    AtMost({"changes": 1}),
    Apart((("tool:pay.request",), ("tool:pay.approve", "pii"))),
    Apart((("domain:finance",), ("external",)), by="owner"),
]
# A task's rules, what two of its three holders add to their own links, and the calls in their order.
plays = st.tuples(
    st.lists(st.sampled_from(RULES), max_size=1),
    st.lists(st.sampled_from(RULES), max_size=2),
    st.lists(st.sampled_from(RULES), max_size=2),
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(NAMES)), min_size=1, max_size=10),
)


def is_one(term: str, name: str) -> bool:
    """Return whether a tool is what a term says; written anew, with none of the project's rules."""
    tool = TOOLS[name]
    kind, _, value = term.rpartition(":")
    if not kind:
        return term in tool.labels
    if kind == "tool":
        head = value.removesuffix("**").removesuffix("*")
        return name == value or (head != value and name.startswith(head))
    return {"effect": tool.effect, "system": tool.system, "domain": tool.domain}[kind] == value


def breaks(rule: dict, before: list[tuple[str, str]], who: str, name: str) -> bool:
    """Return whether a call breaks a rule, by looking at every earlier call one by one."""
    if "never" in rule:
        return any(
            is_one(never, name)
            and (
                any(is_one(after, other) for _, other in before)
                or (after != never and ":" not in after and is_one(after, name))
            )
            for never in rule["never"]
            for after in rule["after"]
        )
    if "at_most" in rule:
        made = [*(other for _, other in before), name]
        for what, most in rule["at_most"].items():
            if what == "systems":
                counted = len({TOOLS[other].system for other in made})
            elif what == "calls":
                counted = len(made)
            else:
                effects = {"writes": {"write"}, "changes": {"write", "delete"}}[what]
                counted = sum(TOOLS[other].effect in effects for other in made)
                counted = counted if TOOLS[name].effect in effects else 0
            if counted > most:
                return True
        return False
    same = [
        other
        for caller, other in before
        if caller == who or (rule["by"] == "owner" and OWNERS[caller] == OWNERS[who])
    ]
    place = lambda n: {i for i, part in enumerate(rule["apart"]) if any(is_one(t, n) for t in part)}  # noqa: E731
    mine = place(name)
    return bool(mine) and (len(mine) > 1 or any(place(other) - mine for other in same))


def play(of_task, of_b, of_c, calls) -> list[str]:
    """Play calls, queued all at once; return every verdict that the oracle would not have given."""
    world = FlowWorld()
    for name, owner in OWNERS.items():
        world.tracker.add_agent(name, owner=owner, keys=[world.key(name).public])
    world.task = world.flow_task(flow=of_task)
    rules = {"a": of_task, "b": [*of_task, *of_b], "c": [*of_task, *of_c]}
    tokens = {name: world.chain("boss", name, flow=rules[name]) for name in OWNERS}
    waiting = []
    for who, name in calls:
        access = world.call(name)
        proof = world.key(who).prove(tokens[who], access, at=NOW)
        waiting.append(world.tracker.begin_check(tokens[who], proof, access))
    made: list[tuple[str, str]] = []
    wrong = []
    for (who, name), pending in zip(calls, waiting, strict=True):
        found = verdict(settled(pending))
        expected = any(breaks(rule.to_json(), made, who, name) for rule in rules[who])
        if expected != (found is not None and found[0] == 11):
            wrong.append(f"{who} {name} after {made}: {found}")
        if found is None:
            made.append((who, name))
    world.tracker.close()
    return wrong


@settings(max_examples=40)
@given(plays)
def test_no_interleaving_breaks_a_rule(given_play) -> None:
    """Whatever three holders call in whatever order, each is judged as an independent oracle judges."""
    assert play(*given_play) == []


PLANTED = {
    "_after": ([RULES[0]], [], [], [("a", "crm.read"), ("b", "web.post")]),
    "_count": ([RULES[4]], [], [], [("a", "web.post")] * 3),
    "_apart": ([], [RULES[7]], [], [("b", "pay.request"), ("b", "pay.approve")]),
}


@pytest.mark.parametrize("rule", PLANTED)
def test_the_law_catches_a_rule_that_is_switched_off(rule, monkeypatch) -> None:
    """The oracle is awake: with a kind of rule off, it says so; with all on, it is content."""
    assert play(*PLANTED[rule]) == []
    monkeypatch.setattr(judge_flow, rule, lambda *_: None)
    assert play(*PLANTED[rule]) != []
