"""The law of handing on: what a holder may only hand on, no key of that holder calls, in no child task.

Random trees of links and child tasks over agents with two keys each and keys that nobody registered,
each call held against a naive oracle of one tree. `DELEGATION_LONG=1` plays a hundred times as many.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass

import pytest
from below import open_below
from hypothesis import given, settings
from hypothesis import strategies as st
from world import DESK, NOW, OWNER, World, verdict

from delegation import Access, Grant, HolderKey, Token, Tool, between, may
from delegation.errors import DelegationError
from delegation.judge import flow, settle
from delegation.judge.settle import Above

TIMES = 100 if os.environ.get("DELEGATION_LONG") else 1
AGENTS = {"a1": "a", "a2": "a", "b1": "b", "b2": "b", "u": "", "w": ""}
# What a grant may hold of the one tool: up to which number, and whether only to be handed on.
HELD = [(5, False), (9, False), (5, True), (9, True)]
PLENTY = 6

holders = st.sampled_from(sorted(AGENTS))
helds = st.lists(st.sampled_from(HELD), min_size=1, max_size=2, unique=True)
hand = st.tuples(st.integers(0, PLENTY), holders, helds, st.booleans())
plays = st.tuples(
    holders, helds, st.lists(hand, max_size=PLENTY), st.lists(st.tuples(st.integers(0, PLENTY), st.sampled_from([5, 9])), min_size=1, max_size=6)
)  # fmt: skip


@dataclass
class Node:
    """One link as the oracle knows it: a tree of holders, without tasks or tokens."""

    above: Node | None
    holder: str
    held: list[tuple[int, bool]]

    def line(self) -> list[Node]:
        return [*(self.above.line() if self.above else []), self]

    def actor(self) -> str:
        """Return the agent that answers for it: its own, or the nearest above."""
        return AGENTS[self.holder] or (self.above.actor() if self.above else "")

    def own(self, number: int) -> bool:
        """Return whether its holder itself may call with this number."""
        return any(number <= most and not only for most, only in self.held)

    def verdict(self, number: int) -> str | None:
        """Return the code of what refuses a call, top first."""
        if all(number > most for most, _ in self.held):
            return "argument_refused"
        for node in self.line():
            if not node.own(number):
                if node.actor() == self.actor():
                    return "delegate_only"
                if not node.actor():
                    return "delegate_only_unknown"
        return None


class Stage:
    """One store on which play after play is made, each under a task of its own."""

    def __init__(self) -> None:
        self.world = World(at=NOW)
        self.world.tracker.add_tool(Tool("desk.call", effect="read", arguments={"n": "integer"}))
        for key, agent in AGENTS.items():
            self.world.keys[key] = HolderKey.generate(agent or key)
        for agent in ("a", "b"):
            keys = [self.world.key(f"{agent}{n}").public for n in (1, 2)]
            self.world.tracker.add_agent(agent, owner=OWNER, keys=keys)

    def play(self, given_play) -> list[str]:
        """Play once; return every verdict that the oracle would not have given."""
        first, held, hands, calls = given_play
        world, names = self.world, itertools.count()
        ceiling = Grant(capabilities(HELD), audience=[DESK], delegations_left=12)
        task = world.tracker.open_task("T", owner=OWNER, ceiling=ceiling, lasts=1000)
        root = Grant(capabilities(held))
        try:
            tokens = [world.tracker.issue(task, to=world.key(first).public, grant=root)]
        except DelegationError:
            return []
        nodes = [Node(None, first, held)]
        for place, to, narrower, as_task in hands:
            above = nodes[place % len(nodes)]
            token = tokens[place % len(nodes)]
            made = self.handed(
                token, above.holder, to, Grant(capabilities(narrower)), as_task=as_task
            )
            fits = all(any(most <= mine for mine, _ in above.held) for most, _ in narrower)
            if (made is not None) != fits:
                return [f"{next(names)}: {above.held} to {narrower}"]
            if made is not None:
                tokens.append(made)
                nodes.append(Node(above, to, narrower))
        wrong = []
        for place, number in calls:
            node, token = nodes[place % len(nodes)], tokens[place % len(nodes)]
            access = Access("desk.call", {"n": number}, DESK)
            found = verdict(world.check(token, node.holder, access))
            expected = node.verdict(number)
            if (found and found[1]) != expected or (
                expected and "only" in expected and found[0] != 11
            ):
                line = [(one.holder, one.held) for one in node.line()]
                wrong.append(f"{number} under {line}: {found}, not {expected}")
        return wrong

    def handed(
        self, token: Token, by: str, to: str, grant: Grant, *, as_task: bool
    ) -> Token | None:
        """Hand a grant on as a link or as a child task; None where it is refused."""
        try:
            if as_task:
                return open_below(self.world, token, by, to, ceiling=grant)[1]
            return token.delegate(by=self.world.key(by), to=self.world.key(to).public, grant=grant)
        except DelegationError:
            return None


def capabilities(held):
    """Return capabilities for one tool."""
    return [may("desk.call", n=between(0, most), delegate_only=only) for most, only in held]


@pytest.fixture(scope="module")
def stage() -> Stage:
    """Return the one stage of this file's plays."""
    return Stage()


@settings(max_examples=60 * TIMES)
@given(given_play=plays)
def test_nobody_calls_what_it_may_only_hand_on(stage, given_play) -> None:
    """Whoever calls by whichever key, link or child task is judged as the oracle judges."""
    assert stage.play(given_play) == []


ONLY, FREE = [(9, True)], [(9, False)]
PLANTED = {
    # What is broken, and a play that then lets a holder call what it may only hand on.
    "own call": ("deny_own_call", lambda *_: None, ("a1", ONLY, [], [(0, 9)])),
    "second key": ("deny_own_call", lambda *_: None, ("a1", ONLY, [(0, "a2", FREE, False)], [(1, 9)])),
    "unregistered key": ("deny_own_call", lambda *_: None, ("a1", ONLY, [(0, "u", FREE, False)], [(1, 9)])),
    "back again": ("deny_own_call", lambda *_: None, ("a1", ONLY, [(0, "b1", FREE, False), (1, "a2", FREE, False)], [(2, 9)])),
    "child task": ("clear_above", lambda *_: Above(), ("a1", ONLY, [(0, "a2", FREE, True)], [(1, 9)])),
    "child task by another": ("clear_above", lambda *_: Above(), ("a1", ONLY, [(0, "b1", FREE, False), (1, "u", FREE, True), (2, "a1", FREE, True)], [(3, 9)])),
}  # fmt: skip
FREED = {
    "another's call": ("a1", ONLY, [(0, "b1", FREE, False)], [(1, 9)]),
    "another's in a child task": ("a1", ONLY, [(0, "b2", FREE, True)], [(1, 9)]),
    "its own by another capability": ("a1", [(5, False), (9, True)], [], [(0, 5)]),
    "one below another": ("a1", ONLY, [(0, "b1", FREE, False), (1, "u", FREE, False)], [(2, 9)]),
}


@pytest.mark.parametrize("what", PLANTED)
def test_the_law_catches_a_rule_that_is_switched_off(stage, what, monkeypatch) -> None:
    """The oracle is awake: with a rule off, it says so; with all on, it is content."""
    name, broken, one = PLANTED[what]
    assert stage.play(one) == []
    monkeypatch.setattr(settle, name, broken)
    assert stage.play(one) != []


@pytest.mark.parametrize("what", FREED)
def test_others_call_what_was_handed_on(stage, what) -> None:
    """To hand on is not to withhold: others call, and the holder calls what another capability admits."""
    first, held, hands, calls = FREED[what]
    node = Node(None, first, held)
    for _, to, narrower, _ in hands:
        node = Node(node, to, narrower)
    assert node.verdict(calls[0][1]) is None
    assert stage.play(FREED[what]) == []


def test_where_nobody_is_registered_nothing_is_freed(stage) -> None:
    """A key that no agent answers for is its delegator: with none above, all of them are one."""
    assert stage.play(("u", ONLY, [(0, "w", FREE, False)], [(0, 9), (1, 9)])) == []
    assert Node(Node(None, "u", ONLY), "w", FREE).verdict(9) == "delegate_only"
    assert Node(Node(None, "u", ONLY), "a1", FREE).verdict(9) == "delegate_only_unknown"
    assert flow.STEP == 11


def test_a_root_keeps_what_its_ceiling_lets_nobody_but_hand_on(stage) -> None:
    """No other holder stands between a ceiling and a root, so that a root may not drop it."""
    world = stage.world
    ceiling = Grant(capabilities(ONLY), audience=[DESK], delegations_left=12)
    task = world.tracker.open_task("T", owner=OWNER, ceiling=ceiling, lasts=1000)
    with pytest.raises(DelegationError, match="only be handed on"):
        world.tracker.issue(task, to=world.key("a1").public, grant=Grant(capabilities(FREE)))
    assert world.tracker.issue(task, to=world.key("a1").public).grant.capabilities[0].delegate_only
