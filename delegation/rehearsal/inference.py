"""Infers a role's grant from the *other* runs (leave one out), never from the run itself.

The rule, simple on purpose: a role holds the tools that it used in other runs. A text argument may be
as long as the longest seen there, a word must be one that was seen, a number lies between the least
and the greatest seen. A link's budget of calls is the most that the role ever made under one hand-off.
So some calls of a run are denied: they are what no other run shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from delegation.authority.capability import Capability, may
from delegation.authority.catalogue import Tool
from delegation.authority.constraints import Constraint, between, one_of, text
from delegation.canonical import Json
from delegation.rehearsal.whowhen import TERMINALS, Action, Transcript

AUDIENCE: Final = "https://workspace.example"
EXPERT: Final = "expert"
TOOLS: Final = (
    Tool(
        "browser.click", effect="actuate", system="browser", labels=("external",),
        arguments={"target": "text"},
    ),
    Tool(
        "browser.type", effect="write", system="browser", labels=("external",),
        arguments={"text": "text", "field": "text"},
    ),
    Tool(
        "browser.scroll", effect="read", system="browser",
        arguments={"direction": {"type": "enum", "values": ["down", "up"]}},
    ),
    Tool(
        "code.run", effect="actuate", system="terminal", sensitivity=1,
        arguments={"language": "line", "lines": {"type": "integer", "min": 0, "max": 100000}},
    ),
)  # fmt: skip
_WORDS: Final = frozenset({"direction", "language"})


def pooled(run: Transcript, role: str) -> str:
    """Return the role under which a speaker is inferred: group chats name experts at will."""
    if run.kind == "orchestrated":
        return role
    return "Computer_terminal" if role in TERMINALS else EXPERT


def capabilities(runs: Sequence[Transcript], left_out: int, role: str | None) -> list[Capability]:
    """Return what a role may do in one run, learnt from all others.

    Args:
        runs: All runs.
        left_out: Index of the run that must not teach.
        role: The pooled role; None pools all roles, for the root.
    """
    seen: dict[str, list[Action]] = {}
    for index, run in enumerate(runs):
        if index == left_out or run.kind != runs[left_out].kind:
            continue
        for action in run.actions:
            if role is None or pooled(run, action.role) == role:
                seen.setdefault(action.tool, []).append(action)
    return [may(tool, arguments=_constraints(seen[tool])) for tool in sorted(seen)]


def _constraints(actions: Iterable[Action]) -> dict[str, Constraint]:
    values: dict[str, list[Json]] = {}
    for action in actions:
        for name, value in action.arguments.items():
            values.setdefault(name, []).append(value)
    return {name: _constraint(name, seen) for name, seen in values.items()}


def _constraint(name: str, seen: list[Json]) -> Constraint:
    if name in _WORDS:
        return one_of(*seen)
    numbers = [value for value in seen if type(value) is int]
    if numbers:
        return between(min(numbers), max(numbers))
    return text(max=max(len(value) for value in seen if isinstance(value, str)))


def calls_per_hand_off(runs: Sequence[Transcript], left_out: int, role: str) -> int:
    """Return the most calls that a role made under one hand-off in the other runs."""
    most = 0
    for index, run in enumerate(runs):
        if index == left_out or run.kind != runs[left_out].kind:
            continue
        counts: Counter[int] = Counter()
        for action in run.actions:
            if pooled(run, action.role) == role:
                counts[_hand_off(run, action)] += 1
        most = max(most, *counts.values(), 0)
    return most


def _hand_off(run: Transcript, action: Action) -> int:
    """Return the place of the hand-off under which an action was made, -1 for none."""
    return max(
        (h.index for h in run.hand_offs if h.holder == action.role and h.index <= action.index),
        default=-1,
    )
