"""Reading: a call's arguments have their canonical form made once, whoever judges them."""

from __future__ import annotations

from delegation import Grant, Tool, anything, exact, may
from delegation.testing import World


def test_a_call_is_read_once_however_deep_its_chain_is(monkeypatch) -> None:
    """Each link judges the same canonical arguments; they are not made again for each."""
    asked = []
    real = Tool.canonicalise
    monkeypatch.setattr(Tool, "canonicalise", lambda *given: asked.append(1) or real(*given))
    with World() as world:
        world.tool("a.one", arguments={"s": "text", "k": "text"})
        can = may("a.one", s=anything(), k=anything())
        last = Grant([may("a.one", s=anything(), k=exact("q"))])
        token = world.chain("a", "b", "c", "d", can=can, last=last)
        for value, code in ("q", None), ("x", "argument_refused"):
            access = world.access("a.one", {"s": "s", "k": value})
            asked.clear()
            denial = world.tracker.check(token, world.key("d").prove(token, access), access).denial
            assert (denial and denial.code) == code
            assert denial is None or denial.depth == 3
            assert len(asked) == 1
