"""The law of the line: what is refused under a link is refused in every child task opened under it.

Random trees of holders are played with every hand-over as a link, with every one as a child task, and
mixed; each call is held against a naive oracle that knows one tree of holders and no tasks at all. It
shares no code with the project. `DELEGATION_LONG=1` plays twenty times as many.
"""

from __future__ import annotations

import itertools
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tree_oracle import (
    HOLDERS,
    MOST_OF_LINK,
    MOST_OF_TREE,
    OWNER,
    OWNERS,
    PEOPLE,
    RULES,
    TOOLS,
    Node,
    Oracle,
)
from tree_plays import LIMITS, PLANTED
from world import DESK, ISSUER, NOW

from delegation import Access, Grant, HolderKey, anything, may
from delegation.authority.approval import ApprovalRule
from delegation.authority.flow import AfterNever, Apart, AtMost
from delegation.authority.pattern import tool_pattern
from delegation.commands.announce import announcement
from delegation.commands.open_child import Opening, opening_request
from delegation.errors import DelegationError
from delegation.identity.keyring import KeyRing
from delegation.judge import approval
from delegation.judge.limits import Limits
from delegation.judge.line import Line
from delegation.records.settling import roots
from delegation.records.settling.creation_limits import bounds_of
from delegation.records.settling.facts import BatchFacts
from delegation.tracker import Tracker

TIMES = 20 if os.environ.get("DELEGATION_LONG") else 1
# Of consent it is not the refusal alone that counts, but whether people are asked.
ASKING = {
    "asked": "approval_needed",
    "full": "approval_requests_full",
    "refused": "approval_refused",
}
nodes = st.integers(0, 6)
hand = st.tuples(
    st.just("hand"),
    nodes,
    st.sampled_from(HOLDERS),
    st.sampled_from([None, None, *RULES]),
    st.sampled_from([None, None, None, {"calls": 2, "cents": 40}, {"calls": 9, "cents": 10}]),
    st.booleans(),
)
call = st.tuples(st.just("call"), nodes, st.sampled_from([*TOOLS, "pay.one"]), st.integers(1, 3))
deed = st.one_of(
    *[call] * 6,
    hand,
    st.tuples(st.just("tick"), st.sampled_from([1, 10, 30, 61])),
    st.tuples(st.just("answer"), nodes, st.sampled_from(["grant", "refuse"]), st.integers(0, 2)),
    st.tuples(
        st.just("end"), nodes, st.sampled_from(["revoke link", "suspend agent", "revoke key"])
    ),
)
plays = st.tuples(
    st.sampled_from(LIMITS),
    st.lists(st.sampled_from(RULES), max_size=2),
    st.sampled_from([None, None, 40]),
    st.booleans(),
    st.lists(hand, min_size=1, max_size=3),
    st.lists(deed, min_size=6, max_size=14),
)


class Stage:
    """One store on which play after play is made, each under a task and names of its own."""

    def __init__(self, url: str) -> None:
        self.at = NOW
        self.tracker = Tracker.open(url, ring=KeyRing.generate(ISSUER), clock=lambda: self.at)
        for tool in TOOLS.values():
            self.tracker.add_tool(tool)
        self.people = []
        for person in PEOPLE:
            name = person.partition("@")[0]
            secret = self.tracker.create_api_key(
                name, "approver", person=person, approves_as=["finance"]
            )
            self.people.append(self.tracker.authenticate(secret))
        self.numbers = itertools.count()
        self.refused = 0

    def play(self, given_play, way: str) -> list[str]:
        """Play once; return each event that the oracle would have decided otherwise."""
        limits, rules, idle, consent, hands, deeds = given_play
        self.at = (self.at // 60 + 1) * 60  # on from the play before: a clock does not go back
        play = Play(self, limits, rules, idle, consent, next(self.numbers))
        for deed in [*hands, *deeds]:
            play.do(deed, way)
        return play.wrong


class Play:
    """One play: the tree as the oracle knows it, beside the tokens that were really made."""

    def __init__(self, stage: Stage, limits, rules, idle, consent, number: int) -> None:
        self.stage, self.tracker, self.number = stage, stage.tracker, number
        self.oracle = Oracle(limits, rules, idle, consent)
        self.wrong: list[str] = []
        self.keys: dict[str, HolderKey] = {}
        for name, owner in OWNERS.items():
            self.tracker.add_agent(f"{name}{number}", owner=owner, keys=[self.key(name).public])
        asks = [ApprovalRule((tool_pattern("pay.one"),), ("finance",), 1)] if consent else []
        capabilities = [
            may(t.name, **dict.fromkeys(t.arguments, anything())) for t in TOOLS.values()
        ]
        ceiling = Grant(capabilities, audience=[DESK], delegations_left=12, needs_approval=asks,
                        flow=[rule_of(rule) for rule in rules], budget={"calls": 9, "cents": 40})  # fmt: skip
        self.task = self.tracker.open_task(
            "T", owner=OWNER, ceiling=ceiling, lasts=2000, idle=idle, limits=Limits(**limits)
        )
        self.tokens = [self.tracker.issue(self.task, to=self.key("x").public)]
        self.begun = stage.at
        self.requests: list[tuple[Node, int, str]] = []
        self.oracle.nodes = [Node(None, "x", [], {"calls": 9, "cents": 40}, stage.at)]

    def key(self, name: str) -> HolderKey:
        return self.keys.setdefault(name, HolderKey.generate(f"{name}{self.number}"))

    def do(self, deed, way: str) -> None:
        match deed:
            case ("tick", seconds):
                self.stage.at += seconds
            case ("hand", place, holder, rule, budget, as_task):
                is_task = as_task if way == "mixed" else way == "tasks"
                self.hand(place % len(self.tokens), holder, rule, budget, is_task=is_task)
            case ("call", place, tool, order):
                self.call(place % len(self.tokens), tool, order)
            case ("answer", place, said, person):
                if self.requests:
                    self.answer(*self.requests[place % len(self.requests)], said, person)
            case ("end", place, how):
                self.end(place % len(self.tokens), how)

    def hand(self, place, holder, rule, budget, *, is_task: bool) -> None:
        parent, token, at = self.oracle.nodes[place], self.tokens[place], self.stage.at
        limits = {}
        for unit, most in (budget or {}).items():  # no wider than what was handed on before
            limits[unit] = min([most, *(n.budget[unit] for n in parent.up() if unit in n.budget)])
        fields = {"budget": limits} if budget else {}
        if rule is not None:
            fields["flow"] = [*token.grant.flow, rule_of(rule)]
        why, made = self.oracle.grows(parent, at), None
        by, to = self.key(parent.holder), self.key(holder).public
        # What is announced under what is ended is refused as well. A link is announced by its own
        # holder, who may be ended; a task may be opened for one who is, and gives nothing.
        new = Node(parent, holder, [] if rule is None else [rule], limits, at)
        why = self.oracle.ended(parent if is_task else new, at) or why
        try:
            if is_task:
                opening = Opening("Part", Grant(**fields), to, lasts=self.begun + 1500 - at)
                proof = by.prove(token, opening_request(ISSUER, opening), at=at)
                _, made = self.tracker.open_child_task(token, proof, opening)
            else:
                # The same once more would be a renewal (`test_line_ends_as_one`): a unit that nothing
                # costs tells each from the others. A child task below is charged in all units.
                all_units = {
                    u: min(n.budget.get(u, 40) for n in new.up()) for u in ("calls", "cents")
                }
                fields["budget"] = {**all_units, f"hand_{len(self.tokens)}": 1}
                child = token.delegate(by=by, to=to, grant=Grant(**fields))
                proof = self.key(holder).prove(child, announcement(ISSUER), at=at)
                self.tracker.announce(child, proof)
                made = child
        except DelegationError as error:
            self.hold(f"hand-over to {holder}", why, getattr(error, "reason", error.code))
            if is_task:
                self.oracle.deny(why, at)
            return
        self.hold(f"hand-over to {holder}", why, None)
        self.tokens.append(made)
        self.oracle.nodes.append(new)

    def call(self, place, tool, order) -> None:
        node, token, at = self.oracle.nodes[place], self.tokens[place], self.stage.at
        is_pay = tool == "pay.one"
        access = Access(tool, {"order": f"o{order}"} if is_pay else {}, DESK,
                        max_cost={"cents": 5} if is_pay else {})  # fmt: skip
        why = self.oracle.refusal(node, tool, order, at)
        made = self.tracker.check(token, self.key(node.holder).prove(token, access, at=at), access)
        self.hold(f"{tool} by {node.holder}", why, made.denial.code if made.denial else None)
        if why in ASKING and made.denial is not None and made.denial.code != ASKING[why]:
            self.wrong.append(f"{why} -> {made.denial.code}: {tool} by {node.holder}")
        if made:
            self.oracle.calls.append((node, tool, at))
        else:
            self.oracle.deny(why, at)
        if why == "asked" and made.approval is not None:
            self.requests.append((node, order, made.approval))

    def answer(self, node, order, request, said, person) -> None:
        by = self.stage.people[person]
        why = "holds" if self.oracle.holds(node, PEOPLE[person]) else ""
        if node.requests.get(order) != "pending":
            return  # it is over
        act = self.tracker.grant_approval if said == "grant" else self.tracker.refuse_approval
        try:
            act(request, by=by, reason="x")
        except DelegationError as error:
            self.hold(f"{said} by {PEOPLE[person]}", why, error.code)
            return
        self.hold(f"{said} by {PEOPLE[person]}", why, None)
        node.requests[order] = "granted" if said == "grant" else "refused"

    def end(self, place, how) -> None:
        node = self.oracle.nodes[place]
        if how == "revoke link":
            node.ended = True
            self.tracker.revoke("link", self.tokens[place].id, by="t")
        elif how == "revoke key":
            self.oracle.keys.add(node.holder)
            text = self.key(node.holder).public.text.removeprefix("ed25519:")
            self.tracker.revoke("key", text, by="t")
        elif node.holder in OWNERS:
            self.oracle.suspended.add(node.holder)
            self.tracker.suspend("agent", f"{node.holder}{self.number}", by="t")

    def hold(self, what: str, why: str, code: str | None) -> None:
        """Hold what was decided against the oracle."""
        self.stage.refused += bool(why)
        if bool(why) != (code is not None):
            self.wrong.append(f"{why or 'nothing'} -> {code or 'allowed'}: {what}")


def rule_of(rule):
    """Return a rule as the library writes it."""
    if "never" in rule:
        return AfterNever(tuple(rule["after"]), tuple(rule["never"]))
    if "at_most" in rule:
        return AtMost(rule["at_most"])
    return Apart(tuple(map(tuple, rule["apart"])), by=rule["by"])


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def stage(request):
    """Return a store on this engine."""
    on_postgres = request.param == "postgres"
    found = Stage(
        request.getfixturevalue("server").new_database("t1") if on_postgres else "sqlite://"
    )
    yield found
    found.tracker.close()


@pytest.fixture(scope="module", autouse=True)
def few_may_wait():
    """Let so few requests wait for people that a short play meets the bounds."""
    kept = approval.MAX_OPEN_PER_LINK, approval.MAX_OPEN_PER_TASK
    approval.MAX_OPEN_PER_LINK, approval.MAX_OPEN_PER_TASK = MOST_OF_LINK, MOST_OF_TREE
    yield
    approval.MAX_OPEN_PER_LINK, approval.MAX_OPEN_PER_TASK = kept


@pytest.mark.parametrize("way", ["links", "tasks", "mixed"])
@settings(max_examples=6 * TIMES)
@given(given_play=plays)
def test_what_a_link_may_not_a_child_task_may_not(stage, way, given_play) -> None:
    """However a tree of holders is handed down, each call gets what the oracle of one tree says."""
    wrong = stage.play(given_play, way)
    assert not wrong, f"{wrong} in {given_play!r}"


@pytest.mark.parametrize("rule", PLANTED)
def test_each_rule_and_limit_holds_in_child_tasks(stage, rule) -> None:
    """One play for each by name, in which something is refused: silent ones would hold anything."""
    before = stage.refused
    assert stage.play(PLANTED[rule], "tasks") == []
    assert stage.refused > before


BLIND = [
    "apart by owner",
    "branch_calls_per_minute",
    "standing",
    "links_per_task",
    "depth",
]


def test_the_law_catches_a_line_that_ends_at_its_own_task(monkeypatch) -> None:
    """The oracle is awake: where nobody sees what stands above a task, it says so."""
    monkeypatch.setattr(BatchFacts, "above", lambda *_: ())
    monkeypatch.setattr(Line, "is_whole", True)
    monkeypatch.setattr(
        roots, "bounds_of", lambda task, tasks, above: bounds_of(task, tasks[:1], ())
    )
    found = Stage("sqlite://")
    content = [rule for rule in BLIND if found.play(PLANTED[rule], "tasks") == []]
    found.tracker.close()
    assert content == []
