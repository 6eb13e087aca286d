"""A naive oracle of one tree of holders: it knows no tasks and no chains, and looks at all that was.

Slow and plain on purpose, and without any code of the project but the tools' definitions, which it reads.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from delegation import Tool

TOOLS = {
    "crm.read": Tool("crm.read", effect="read", system="crm", domain="people", labels=("pii",)),
    "web.post": Tool(
        "web.post", effect="write", system="web", domain="press", labels=("external",)
    ),
    "erp.ask": Tool("erp.ask", effect="write", system="erp", domain="finance"),
    "erp.drop": Tool("erp.drop", effect="delete", system="erp", domain="finance"),
    "pay.one": Tool(
        "pay.one", effect="actuate", arguments={"order": "opaque"}, system="bank", cost={"cents": 5}
    ),
}
# By name of the holder: who answers for it. The others' keys are registered to nobody.
OWNERS = {"a": "ana@acme.example", "b": "bo@acme.example", "c": "bo@acme.example"}
OWNER = "ana@acme.example"
HOLDERS = "abcxy"
PEOPLE = ("ana@acme.example", "bo@acme.example", "cy@acme.example")
RULES = [
    {"after": ["pii"], "never": ["external"]},
    {"after": ["effect:write"], "never": ["pii"]},
    {"at_most": {"writes": 2}},
    {"at_most": {"calls": 4, "systems": 2}},
    {"at_most": {"changes": 2, "tools": 3, "domains": 2}},
    {"at_most": {"reads": 1, "deletes": 1, "actuations": 1}},
    {"apart": [["tool:erp.ask"], ["tool:erp.drop", "pii"]], "by": "agent"},
    {"apart": [["domain:finance"], ["external"]], "by": "owner"},
    {"apart": [["tool:erp.ask"], ["tool:erp.drop"], ["pii"]], "by": "owner"},
]

MOST_OF_LINK, MOST_OF_TREE = 2, 3  # requests that wait, small enough to be met


@dataclass
class Node:
    """One holder's place in the tree, as the oracle knows it."""

    parent: Node | None
    holder: str
    rules: list
    budget: dict
    made_at: int
    ended: bool = False
    requests: dict = field(default_factory=dict)

    def up(self) -> list[Node]:
        return [self] if self.parent is None else [self, *self.parent.up()]


class Oracle:
    """What must be refused, by looking at every earlier event one by one; no tasks, no chains."""

    def __init__(self, limits, rules, idle, consent) -> None:
        self.limits, self.rules, self.idle, self.consent = limits, rules, idle, consent
        self.nodes: list[Node] = []
        self.calls: list[tuple[Node, str, int]] = []
        self.denied: Counter[int] = Counter()
        self.broken_until = 0
        self.suspended: set[str] = set()
        self.keys: set[str] = set()

    def actor(self, node: Node) -> tuple[str, str]:
        for one in node.up():
            if one.holder in OWNERS:
                return one.holder, OWNERS[one.holder]
        return "", OWNER

    def ended(self, node: Node, at: int) -> str:
        for one in node.up():
            if one.ended or one.holder in self.keys or one.holder in self.suspended:
                return "standing"
        called = max([self.nodes[0].made_at, *(when for _, _, when in self.calls)])
        if self.idle is not None and at >= called + self.idle:
            return "idle"
        return "circuit" if at < self.broken_until else ""

    def grows(self, parent: Node, at: int) -> str:
        below = [one for one in self.nodes if one.parent is parent]
        if len(parent.up()) >= self.limits.get("depth", 99):
            return "depth"
        if len(below) >= self.limits.get("links_per_parent", 99):
            return "links_per_parent"
        if len(self.nodes) >= self.limits.get("links_per_task", 99):
            return "links_per_task"
        fresh = [one for one in self.nodes if one.made_at // 60 == at // 60]
        return "links_per_minute" if len(fresh) >= self.limits.get("links_per_minute", 99) else ""

    def refusal(self, node: Node, tool: str, order: int, at: int) -> str:
        return (
            self.ended(node, at)
            or self.flow(node, tool)
            or self.spent(node, tool)
            or self.early(node, at)
            or (self.people(node, order) if tool == "pay.one" and self.consent else "")
        )

    def flow(self, node: Node, tool: str) -> str:
        who = self.actor(node)
        before = [(self.actor(one), name) for one, name, _ in self.calls]
        for rule in [*self.rules, *(rule for one in node.up() for rule in one.rules)]:
            if breaks(rule, before, who, tool):
                return next(iter(rule)) + (" by " + rule["by"] if "by" in rule else "")
        return ""

    def spent(self, node: Node, tool: str) -> str:
        cost = {"calls": 1, "cents": 5 if tool == "pay.one" else 0}
        for one in node.up():
            made = [name for other, name, _ in self.calls if one in other.up()]
            used = {"calls": len(made), "cents": 5 * made.count("pay.one")}
            if any(
                used[unit] + cost[unit] > most for unit, most in one.budget.items() if cost[unit]
            ):
                return "budget"
        return ""

    def early(self, node: Node, at: int) -> str:
        kinds = {
            "calls_per_minute": lambda _: True,
            "holder_calls_per_minute": lambda other: other.holder == node.holder,
        }
        for name, counts in kinds.items():
            if self.is_full(name, [w for other, _, w in self.calls if counts(other)], at):
                return name
        for one in node.up():
            made = [when for other, _, when in self.calls if one in other.up()]
            if one.parent is not None and self.is_full("branch_calls_per_minute", made, at):
                return "branch_calls_per_minute"
        return ""

    def is_full(self, name: str, made: list[int], at: int) -> bool:
        """Return whether a leaking bucket of a burst's size has no room for one more."""
        rate = self.limits.get(name)
        if rate is None:
            return False
        level, last = 0.0, min(made, default=at)
        for when in made:
            level, last = max(0.0, level - (when - last) * rate / 60) + 1, when
        return max(0.0, level - (at - last) * rate / 60) > self.limits["burst"] - 1 + 1e-9

    def people(self, node: Node, order: int) -> str:
        if any(one.requests.get(order) == "refused" for one in node.up()):
            return "refused"
        state = node.requests.get(order)
        if state == "granted":
            node.requests[order] = "used"
            return ""
        if state == "pending":
            return "asked"
        waiting = [list(one.requests.values()).count("pending") for one in self.nodes]
        mine = list(node.requests.values()).count("pending")
        if mine >= MOST_OF_LINK or sum(waiting) >= MOST_OF_TREE:
            return "full"
        node.requests[order] = "pending"
        return "asked"

    def holds(self, node: Node, person: str) -> bool:
        return person == OWNER or person in {OWNERS.get(one.holder) for one in node.up()}

    def deny(self, why: str, at: int) -> None:
        most = self.limits.get("denials_per_minute")
        # Who is ended uses up nobody's limit; `idle` is the task's own end.
        if most is None or why in {"circuit", "standing", "idle"}:
            return
        self.denied[at // 60] += 1
        if self.denied[at // 60] >= most:
            self.broken_until = at // 60 * 60 + 360


def is_one(term: str, name: str) -> bool:
    """Return whether a tool is what a term says."""
    kind, _, value = term.rpartition(":")
    tool = TOOLS[name]
    told = {"tool": name, "effect": tool.effect, "system": tool.system, "domain": tool.domain}
    return term in tool.labels if not kind else told[kind] == value


def breaks(rule, before, who, name) -> bool:
    """Return whether a call breaks a flow rule."""
    made = [*(other for _, other in before), name]
    if "never" in rule:
        hits = any(is_one(term, name) for term in rule["never"])
        return hits and any(is_one(t, other) for t in rule["after"] for _, other in before)
    if "at_most" in rule:
        effects = {"reads": ["read"], "writes": ["write"], "deletes": ["delete"],
                   "actuations": ["actuate"], "changes": ["write", "delete", "actuate"]}  # fmt: skip
        for what, most in rule["at_most"].items():
            if what in ("systems", "domains", "tools"):
                told = [n if what == "tools" else getattr(TOOLS[n], what[:-1]) for n in made]
                counted = len(set(told))  # an undeclared one is one of its own
            elif what == "calls":
                counted = len(made)
            else:
                kinds = effects[what]
                counted = sum(TOOLS[n].effect in kinds for n in made) * (
                    TOOLS[name].effect in kinds
                )
            if counted > most:
                return True
        return False
    place = lambda n: {i for i, part in enumerate(rule["apart"]) if any(is_one(t, n) for t in part)}  # noqa: E731
    by = 1 if rule["by"] == "owner" else 0
    if not place(name):
        return False
    return not who[by] or any(
        actor[by] in ("", who[by]) for actor, other in before if place(other) - place(name)
    )
