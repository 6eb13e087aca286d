"""Guardrails on a live store, on both engines: the three of the issue, with witness and link to narrow."""

from __future__ import annotations

from below import open_below
from flow_world import FlowWorld
from world import PAY, READ, World

from delegation import Grant

RULES = """
version = 1

[[guardrail]]
name = "retrieval never pays"
holders = ["retrieval"]
never_reach = { tools = ["pay.**"] }

[[guardrail]]
name = "an hour at most"
lasts_at_most = "1h"
"""
AFTER = """
version = 1

[[guardrail]]
name = "after pii nothing external"
never_after = { after = ["pii"], never = ["external"] }
"""


def test_a_violation_names_the_shortest_chain_and_the_link_to_narrow(world: World) -> None:
    """Broken by a link that was checked, held again once it is revoked; in child tasks, too."""
    world.check(world.chain("boss", "retrieval", capabilities=[READ]), "retrieval")
    assert world.tracker.assert_guardrails(RULES)
    bad = world.chain("boss", "lead", "retrieval", capabilities=[READ, PAY])
    world.check(bad, "retrieval")
    found = world.tracker.assert_guardrails(RULES)
    assert not found
    (violation,) = found.verdicts[0].violations
    assert [link.id for link in violation.chain] == [link.id for link in bad.chain.links]
    narrower = violation.broken.narrower
    assert narrower is not None
    assert [capability.tool.text for capability in narrower.capabilities] == ["files.read"]
    world.tracker.revoke("link", bad.id, by="t")
    assert world.tracker.assert_guardrails(RULES)
    assert not world.tracker.assert_guardrails(RULES, ended=True)
    opener = world.chain("boss", "a")
    _, root = open_below(world, opener, "a", "sub")
    leaf = root.delegate(by=world.key("sub"), to=world.key("retrieval").public, grant=Grant())
    world.check(leaf, "retrieval")
    assert [v.chain[-1].id for v in world.tracker.assert_guardrails(RULES).verdicts[0].violations] == [leaf.id]  # fmt: skip


def test_a_link_that_outlives_an_hour_is_found(world: World) -> None:
    """The limit is of the window that was signed."""
    world.task = world.tracker.open_task("Long", owner="ana", ceiling=_plain(), lasts=4000)
    root = world.root()
    found = world.tracker.assert_guardrails(RULES)
    assert [v.chain[-1].id for v in found.verdicts[1].violations] == [root.id]


def test_what_may_be_chained_is_found(url: str) -> None:
    """A chain that may read personal data and send, without the rule that keeps them apart."""
    world = FlowWorld(url=url)
    world.check(world.chain("boss", "a"), "a", world.call("crm.read"))
    assert not world.tracker.assert_guardrails(AFTER)
    world.tracker.close()


def _plain() -> Grant:
    return Grant([READ], audience=["https://desk.acme.example"], purpose="desk", delegations_left=1)
