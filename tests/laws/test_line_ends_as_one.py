"""The law of lines: where one link of a line ends, all end that were seen, in whatever order.

DELEGATION_LONG=1 plays many more.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import NOW, World, verdict

from delegation import Grant
from delegation.identity.principal import PublicKey

MANY = bool(os.environ.get("DELEGATION_LONG"))
# Links of one line, by their ends and the names that the delegator claims; seen in this order.
LINES = st.lists(
    st.tuples(st.integers(1, 9), st.sampled_from(["w", "w2", "a"])), min_size=2, max_size=10
)


@pytest.mark.parametrize("act", ["revoke", "suspend", "later"])
@settings(max_examples=200 if MANY else 5, deadline=None, derandomize=not MANY)
@given(LINES, st.integers(0, 9))
def test_a_line_ends_as_one(act: str, links, which: int) -> None:
    """In whatever order, number, name or window its links were seen: one ends, all end."""
    world = World()
    root, boss, key = world.root(), world.key("boss"), world.key("a").public.key

    def handed(end: int, name: str):
        grant = Grant(expires_at=NOW + 300 + end)
        return root.delegate(by=boss, to=PublicKey(name, key), grant=grant)

    line, late = [handed(*link) for link in links], handed(5, "w3")
    assert all(world.check(token, "a") for token in line)
    name = line[which % len(line)].id
    if act == "suspend":
        world.tracker.suspend("link", name, by="op")
    else:
        begins = NOW + 100 if act == "later" else None
        world.tracker.revoke("link", name, by="op", effective_at=begins)
    if act == "later":
        assert world.check(late, "a")
        world.at = NOW + 100
    code = (10, "link_suspended" if act == "suspend" else "link_revoked")
    for token in line if act == "revoke" else [*line, late]:
        assert verdict(world.check(token, "a")) == code
    world.tracker.close()
