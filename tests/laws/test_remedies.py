"""The law: whoever follows the remedy of a denial is allowed, or led to a person; never denied twice for one cause."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from world import NOW, World

from delegation import (
    Access,
    Grant,
    Tool,
    absent,
    any_of,
    anything,
    between,
    contains,
    count,
    during,
    each,
    email,
    exact,
    links,
    may,
    not_one_of,
    one_of,
    path,
    subset,
    testing,
    text,
)
from delegation.authority.arguments import NoCanonicalFormError
from delegation.authority.capability import Capability
from delegation.authority.constraints import parse_constraint
from delegation.authority.empty_capability import refuse_empty
from delegation.authority.narrowing import refuse_wider
from delegation.authority.pattern import resource_pattern
from delegation.json_number import read_number
from delegation.judge.decision import Denial

SERVICES = ["https://pay.acme.example", "https://files.acme.example"]
PURPOSES = ["", "support", "support/refund", "support/refund/late", "sales"]
TOOLS = (
    Tool(
        "pay.refund",
        effect="write",
        arguments={
            "amount": {"type": "integer", "min": 0, "max": 900},
            "to": {"type": "list", "of": "email"},
            "order": "opaque",
            "note?": "text",
            "addr?": {"type": "object", "fields": {"zip": "line", "note?": "text"}},
        },
        cost={"usd_cents": "amount"},
        resource="orders:acme/{order}",
        sensitivity=2,
    ),
    Tool("files.put", effect="delete", arguments={"path": "path", "mode": {"type": "enum", "values": ["a", "w"]}, "day?": "date"}),
    Tool("files.list", effect="read", arguments={"path": "path"}, sensitivity=1),
)  # fmt: skip
BY_NAME = {tool.name: tool for tool in TOOLS}
ANY = anything()
# For each tool and argument: what grants may ask of it, and what calls may send, good and bad.
CONSTRAINTS = {
    "amount": [ANY, between(0, 500), between(1, 100), between(5, 50), one_of(5, 20, 700), exact(20), any_of(exact(5), between(30, 40)), not_one_of(20)],
    "to": [ANY, each(email("acme.example")), each(email("acme.example", "partner.example")), subset("ana@acme.example", "bo@acme.example"), contains("ana@acme.example"), count(max=1), count(min=2)],
    "order": [ANY, one_of("o1", "o2"), exact("o1"), not_one_of("o1")],
    "note": [ANY, text(max=10), links("acme.example"), links(), absent(), one_of("late", "see acme.example")],
    "addr": [ANY, ANY, absent()],
    "path": [ANY, path("/a"), path("/a/b"), path("/c"), exact("/a/b/c")],
    "mode": [ANY, exact("a"), one_of("a", "w")],
    "day": [ANY, during("2026-11-01", "2026-12-01"), during("2026-11-10", "2026-11-20"), absent()],
}  # fmt: skip
VALUES = {
    "amount": [0, 1, 5, 20, 20.0, 33, 60, 200, 600, -4, 5000, "20", 5.5, None, read_number("9007199254740993")],
    "to": [["ana@acme.example"], ["bo@acme.example", "ana@acme.example"], ["a@partner.example"], ["ana@acme.example", "x@evil.example"], [], ["a,b@c.example"], [None], "ana@acme.example", None],
    "order": ["o1", "o2", "o3", "o 4", "", None],
    "note": ["late", "see acme.example", "see https://evil.example/x", "a" * 30, "a\x07", None, 5],
    "addr": [{"zip": "1"}, {"zip": 1}, {"zipp": "1", "zip": "2"}, {}, {"zip": None}, "x"],
    "path": ["/a/b/c", "/a/x", "/c", "/d", "a", "/cafe\u0301", "/a/../b", "/a*"],
    "mode": ["a", "w", "W", 5],
    "day": ["2026-11-15", "2026-11-05", "2026-10-01", "15.11.2026", "2026-02-30"],
}  # fmt: skip
RESOURCES = [["orders:acme/*"], ["orders:acme/o1"], ["orders:acme/o2", "orders:acme/o3"]]
many = settings(
    max_examples=int(os.environ.get("DELEGATION_LONG", "0")) * 2_000 or 60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Plan:
    """What a call is, before it is signed."""

    tool: str
    arguments: dict
    audience: str
    purpose: str
    max_cost: dict
    wait: int = 0


@st.composite
def capabilities(draw, of: tuple[Capability, ...] | None = None) -> list[Capability]:
    """Return capabilities for some tools, within others where these are given."""
    made: list[Capability] = []
    for tool in TOOLS:
        for _ in range(draw(st.sampled_from([1, 1, 2, 2, 0]))):
            named = [n for n in tool.arguments if draw(st.integers(0, 30))]
            asked = {name: draw(st.sampled_from(CONSTRAINTS[name])) for name in named}
            resources = draw(st.sampled_from(RESOURCES)) if tool.resource else ()
            made.append(may(tool.name, resources=resources, arguments=asked))
    if of is None:
        return [one for one in made if not refuse_empty(one, [BY_NAME[one.tool.text]], "")]
    # What is not within the parent is narrowed to one of the parent's own.
    return [
        one if any(held.refuses_child(one) is None for held in of) else draw(st.sampled_from(of))
        for one in made
        if of
    ]


@st.composite
def grants(draw, parent: Grant | None = None) -> Grant:
    """Return a root's grant, or one within its parent's."""
    effects, services = ["delete", "read", "write"], SERVICES
    purposes, most, budget = PURPOSES, 3, {"calls": 40, "usd_cents": 900}
    begins = NOW
    if parent is not None:
        effects, services = [*parent.effects], [*parent.audience]
        purposes = [p for p in PURPOSES if p == parent.purpose or not parent.purpose or p.startswith(parent.purpose + "/")]  # fmt: skip
        most, budget, begins = parent.max_sensitivity, dict(parent.budget), parent.not_before

    def some(values: list[str]) -> list[str]:
        kept = draw(st.lists(st.sampled_from(values), unique=True)) if values else []
        return kept if draw(st.integers(0, 8)) == 8 else values  # now and then

    bounded = {u: draw(st.sampled_from([n, n, n // 2, n // 10])) for u, n in budget.items()}
    return Grant(
        draw(capabilities(of=None if parent is None else parent.capabilities)),
        effects=some(effects),
        audience=some(services),
        purpose=draw(st.sampled_from(purposes)),
        max_sensitivity=draw(st.sampled_from([most] * 9 + [max(most - 1, 0)])),
        budget=bounded,
        not_before=begins + draw(st.sampled_from([0, 0, 0, 7])),
        expires_at=NOW + 900,
        delegations_left=5 if parent is None else parent.delegations_left - 1,
        needs_approval=[],
        flow=[],
    )


@st.composite
def plans(draw) -> Plan:
    """Return a call of some tool, with values of which few fit."""
    tool = draw(st.sampled_from(TOOLS))
    arguments = {
        name: draw(st.sampled_from(VALUES[name]))
        for name, argument in tool.arguments.items()
        if draw(st.integers(0, 7 if argument.required else 1))
    }
    slip = draw(st.sampled_from(["", "", "", "", "amuont", "cc", "paht"]))
    if slip:
        arguments[slip] = 1
    cost = draw(st.sampled_from([{}, {"usd_cents": 10}, {"usd_cents": 900}]))
    name = draw(st.sampled_from([tool.name] * 9 + ["pay.refnd"]))
    return Plan(name, arguments, draw(st.sampled_from(SERVICES)), draw(st.sampled_from(PURPOSES)), cost)  # fmt: skip


def argument_of(denial: Denial) -> str:
    """Return the argument that a denial's caveat leads to, empty for none."""
    found = re.search(r"arguments\.(\w+)", denial.caveat)
    return found[1] if found else ""


def cause(denial: Denial) -> tuple[str, str]:
    """Return what a caller would call the same cause again."""
    return denial.code, argument_of(denial) or re.sub(r"^capabilities\[\d+\]\.?", "", denial.caveat)


def readable(tool: Tool, name: str) -> list:
    """Return the canonical values that calls may send, which the tool reads."""
    found = []
    argument = tool.arguments[name]
    for value in VALUES[name]:
        if value is not None:
            try:
                found.append(argument.read(name, value, None))
            except NoCanonicalFormError:
                continue
    return found


class Follower:
    """An agent that does what remedies say, and keeps in mind what they said of each argument."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.limits: dict[str, list] = {}

    def follow(self, denial: Denial) -> bool:
        """Change the call as a denial's fields and remedy say; False leads to a person."""
        plan, code, name = self.plan, denial.code, argument_of(denial)
        meant = re.search(r"Call (\S+) if that is what you mean", denial.remedy)
        if meant and meant[1] in BY_NAME:
            plan.tool = meant[1]
            return True
        if denial.remedy.startswith("Ask "):
            return False
        if code == "purpose_not_granted":
            plan.purpose = denial.allowed
        elif code == "audience_not_granted":
            if not denial.allowed:
                return False
            plan.audience = denial.allowed[0]
        elif code == "not_yet_valid":
            plan.wait = denial.allowed - NOW
        elif code == "cost_over_max":
            plan.max_cost["usd_cents"] = denial.offered
        elif code == "budget_spent":
            return denial.allowed > 0 and self.pick("amount", {"range": {"min": 0, "max": denial.allowed}})  # fmt: skip
        elif code == "resource_not_granted":
            return self.pick("order", denial.allowed)
        elif code == "argument_unknown":
            value, near = plan.arguments.pop(name), re.match(r'Name it "(\w+)"', denial.remedy)
            if near:
                plan.arguments.setdefault(near[1], value)
        elif code == "argument_not_granted" or (
            "Leave" in denial.remedy[:6] and "link" not in denial.remedy[:17]
        ):
            del plan.arguments[name]
        elif name and "capabilities" in denial.caveat:
            return self.pick(name, denial.allowed)
        elif name:
            return self.pick(name, None)
        else:
            return False
        return True

    def pick(self, name: str, limit) -> bool:
        """Send another value: one that the tool reads and every limit told so far admits."""
        tool = BY_NAME[self.plan.tool]
        if limit is not None:
            self.limits.setdefault(name, []).append(limit)
        asked = [
            parse_constraint(one) for one in self.limits.get(name, ()) if isinstance(one, dict)
        ]
        patterns = [one for one in self.limits.get(name, ()) if isinstance(one, list)]
        probes = [v for constraint in asked for v in constraint.probes() if _reads(tool, name, v)]
        candidates = [
            value
            for value in (*readable(tool, name), *probes)
            if all(constraint.admits(value) for constraint in asked)
            and all(
                any(resource_pattern(p).matches(f"orders:acme/{value}") for p in one)
                for one in patterns
            )
        ]
        if not candidates:
            return False
        self.plan.arguments[name] = candidates[0]
        return True


def _reads(tool: Tool, name: str, value) -> bool:
    try:
        return tool.arguments[name].read(name, value, None) == value
    except NoCanonicalFormError:
        return False


WORLD = World()
for _tool in TOOLS:
    WORLD.tracker.add_tool(_tool)


def ceiling(grant: Grant) -> Grant:
    """Return the ceiling under which a grant is given."""
    return Grant(
        grant.capabilities,
        effects=["delete", "read", "write"],
        audience=grant.audience,
        purpose=grant.purpose,
        max_sensitivity=grant.max_sensitivity,
        budget=grant.budget,
        delegations_left=6,
    )


@many
@given(data=st.data())
def test_following_remedies_leads_on(data):
    """On random chains, in both formats: allowed in the end, or a remedy that names whom to ask."""
    WORLD.at = NOW
    held = data.draw(grants())
    task = WORLD.tracker.open_task("T", owner="ana", ceiling=ceiling(held), lasts=1000)
    form = data.draw(st.sampled_from(["biscuit", "macaroon"]))
    token = WORLD.tracker.issue(task, to=WORLD.key("h0").public, grant=held, format=form)
    depth = 0
    for _ in range(data.draw(st.integers(0, 4))):
        child = data.draw(grants(parent=held))
        if refuse_wider(child, held) is not None:
            continue
        by, to = f"h{depth}", f"h{depth + 1}"
        token = token.delegate(by=WORLD.key(by), to=WORLD.key(to).public, grant=child)
        held, depth = child, depth + 1
    holder = f"h{depth}"
    follower = Follower(data.draw(plans()))
    seen: list[tuple[str, str]] = []
    for _ in range(40):
        plan = follower.plan
        WORLD.at = NOW + plan.wait
        access = Access(plan.tool, plan.arguments, plan.audience, purpose=plan.purpose, max_cost=plan.max_cost)  # fmt: skip
        decision = WORLD.check(token, holder, access)
        denial = decision.denial
        if denial is None:
            return
        assert cause(denial) not in seen, (cause(denial), denial, seen)
        seen.append(cause(denial))
        assert denial.remedy
        assert "{" not in denial.remedy
        assert 7 <= denial.step <= 12
        assert denial.link is None or denial.link in decision.links
        if not follower.follow(denial):
            assert re.search(r"\b([Aa]sk|[Rr]egister|delegated|opened)\b", denial.remedy), denial
            return
    raise AssertionError(seen)


@pytest.mark.parametrize(
    ("amount", "budget", "leads_on"),
    [(between(10, 50), 5, False), (between(1, 50), 5, True), (one_of(20, 40), 30, True), (exact(20), 19, False),
     (any_of(exact(40), between(6, 9)), 7, True), (any_of(exact(40), between(8, 9)), 7, False)],
)  # fmt: skip
def test_a_budget_and_a_bound_that_exclude_each_other_lead_to_a_person(amount, budget, leads_on):
    """Who is told to make a cheaper call must be able to: else one limit names the other for ever."""
    world = testing.World()
    world.tracker.add_tool(TOOLS[0])
    can = may("pay.refund", resources=["orders:acme/*"], amount=amount, to=ANY, order=ANY)
    token = world.chain(
        "h0", "h1", can=can, last=Grant(budget={"usd_cents": budget}),
        effects=["write"], max_sensitivity=2, budget={"usd_cents": 900, "calls": 9},
    )  # fmt: skip
    sent = next(
        v for v in (*amount.probes(), 40) if type(v) is int and amount.admits(v) and v > budget
    )
    arguments = {"amount": sent, "to": ["ana@acme.example"], "order": "o1"}
    denial = world.check(token, "h1", "pay.refund", arguments).denial
    assert (denial.code, denial.allowed) == ("budget_spent", budget)
    assert denial.remedy.startswith(
        f"Make a call that costs at most {budget} usd_cents, or ask " if leads_on else 'Ask "h0"'
    )
