"""Plays for the law of the line: one for each rule and limit that a child task could be a way out of."""

from __future__ import annotations

from tree_oracle import RULES

LIMITS = [
    {},
    {"calls_per_minute": 6, "burst": 3},
    {"holder_calls_per_minute": 6, "burst": 2},
    {"branch_calls_per_minute": 6, "burst": 2},
    {
        "holder_calls_per_minute": 2,
        "branch_calls_per_minute": 3,
        "calls_per_minute": 20,
        "burst": 2,
    },
    {"links_per_parent": 2},
    {"links_per_task": 4},
    {"links_per_minute": 3},
    {"depth": 3},
    {"denials_per_minute": 3},
]


def handed(holder: str, place: int = 0, rule=None, budget=None):
    """Return a hand-over, as a child task where the way is mixed."""
    return ("hand", place, holder, rule, budget, True)


def calls(*planned: str | tuple) -> list:
    """Return calls by place and tool."""
    return [("call", place, tool, order) for place, tool, order in planned]


ASK, DROP, PAY = "erp.ask", "erp.drop", "pay.one"
# A play for each rule and limit in which a child task would be the way out: limits, rules of the task,
# idle, consent, hand-overs, deeds.
PLANTED = {
    "apart by owner": (
        {}, [RULES[7]], None, False, [handed("b"), handed("y", 1)],
        calls((1, ASK, 1), (2, "web.post", 1)),
    ),
    "apart by agent": (
        {}, [RULES[6]], None, False, [handed("b"), handed("y", 1)],
        calls((1, ASK, 1), (2, DROP, 1)),
    ),
    "after, never": (
        {}, [RULES[0]], None, False, [handed("a"), handed("b", 1)],
        calls((2, "crm.read", 1), (1, "web.post", 1)),
    ),
    "at most": (
        {}, [RULES[2]], None, False, [handed("a"), handed("b"), handed("c")],
        calls((1, ASK, 1), (2, ASK, 1), (3, ASK, 1)),
    ),
    "budget": (
        {}, [], None, False, [handed("a", 0, None, {"calls": 2, "cents": 40}), handed("b", 1), handed("c", 1)],
        calls((2, ASK, 1), (3, ASK, 1), (2, ASK, 1), (1, ASK, 1)),
    ),
    "calls_per_minute": (
        LIMITS[1], [], None, False, [handed("a"), handed("b", 1)],
        calls((0, ASK, 1), (1, ASK, 1), (2, ASK, 1), (2, ASK, 1)),
    ),
    "holder_calls_per_minute": (
        LIMITS[2], [], None, False, [handed("a"), handed("a", 1), handed("a", 1)],
        calls((1, ASK, 1), (1, ASK, 1), (2, ASK, 1), (3, ASK, 1)),
    ),
    "branch_calls_per_minute": (
        LIMITS[3], [], None, False, [handed("a"), handed("b", 1), handed("c", 1)],
        calls((2, ASK, 1), (3, ASK, 1), (3, ASK, 1), (1, ASK, 1)),
    ),
    "links_per_parent": (
        LIMITS[5], [], None, False, [handed(name, 0) for name in "abcy"], [],
    ),
    "links_per_task": (
        LIMITS[6], [], None, False, [handed("a", n) for n in (0, 1, 2, 2, 1)], [],
    ),
    "links_per_minute": (
        LIMITS[7], [], None, False, [handed("a", n) for n in (0, 1, 1)],
        [("tick", 61), handed("b", 1)],
    ),
    "depth": (LIMITS[8], [], None, False, [handed("a", n) for n in (0, 1, 2)], []),
    "denials_per_minute": (
        LIMITS[9], [RULES[0]], None, False, [handed("a"), handed("b", 1)],
        calls((2, "crm.read", 1), *[(2, "web.post", 1)] * 3, (2, ASK, 1), (0, ASK, 1)),
    ),
    "idle": (
        {}, [], 40, False, [handed("a")],
        [("tick", 30), *calls((1, ASK, 1)), ("tick", 30), *calls((0, ASK, 1)), ("tick", 61),
         *calls((1, ASK, 1))],
    ),
    "requests that wait": (
        {}, [], None, True, [handed("a"), handed("b"), handed("c")],
        calls((1, PAY, 1), (1, PAY, 2), (2, PAY, 1), (2, PAY, 2), (3, PAY, 1)),
    ),
    "a refused request": (
        {}, [], None, True, [handed("a"), handed("b", 1)],
        [*calls((1, PAY, 1)), ("answer", 0, "refuse", 2), *calls((2, PAY, 1), (2, PAY, 2))],
    ),
    "who may approve": (
        {}, [], None, True, [handed("b"), handed("y", 1)],
        [*calls((2, PAY, 1)), ("answer", 0, "grant", 1), ("answer", 0, "grant", 2),
         *calls((2, PAY, 1), (2, PAY, 1))],
    ),
    "standing": (
        {}, [], None, False, [handed("a"), handed("b", 1), handed("y", 2)],
        [*calls((3, ASK, 1)), ("end", 1, "suspend agent"), *calls((3, ASK, 1), (0, ASK, 1))],
    ),
}  # fmt: skip
