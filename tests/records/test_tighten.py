"""Tightening a link, an agent and a task from what two engines recorded."""

from __future__ import annotations

import pytest
from sqlalchemy import text as sql
from world import World

from delegation import Grant, email
from delegation.errors import MalformedError, NotFoundError


def sends(world: World, token, by: str, count: int, domain: str = "acme.example") -> None:
    """Send mails, each to another mailbox."""
    for number in range(count):
        call = world.access("mail.send", to=f"u{number}@{domain}", body="Hi")
        assert world.check(token, by, call)


def test_a_link_is_tightened_by_its_own_use_and_that_of_links_below(world: World) -> None:
    """A child's calls used the parent's authority, so the parent's proposal admits them."""
    parent = world.chain("boss", "a")
    child = parent.delegate(by=world.key("a"), to=world.key("b").public, grant=Grant())
    sends(world, parent, "a", 4)
    sends(world, child, "b", 7)
    assert not world.check(parent, "a", world.access("ops.restart", host="h.example"))
    (found,) = world.tracker.tighten("link", parent.id)
    proposal = found.proposal
    assert (proposal.calls, proposal.refused, proposal.erased) == (11, (), 0)
    (kept,) = proposal.grant.capabilities
    assert kept.tool.text == "mail.send"
    assert kept.arguments["to"] == email("acme.example")
    assert proposal.grant.delegations_left == 1
    (below,) = world.tracker.tighten("link", child.id, minimum=1)
    assert below.proposal.calls == 7
    # It can be delegated in the link's place.
    root = parent.chain.links[0].grant
    assert root.narrow(delegations_left=1, effects=proposal.grant.effects)


def test_a_tasks_ceiling_keeps_a_delegation_for_its_root(world: World) -> None:
    """The proposal opens the task again and every recorded chain can be made under it."""
    token = world.chain("boss", "a", "b")
    sends(world, token, "b", 12)
    (found,) = world.tracker.tighten("task", world.task.id)
    assert found.proposal.refused == ()
    assert found.proposal.grant.delegations_left == 3
    again = world.tracker.open_task(
        "again", owner="ana@acme.example",
        ceiling=Grant(
            found.proposal.grant.capabilities, audience=found.proposal.grant.audience,
            purpose=found.proposal.grant.purpose, effects=found.proposal.grant.effects,
            delegations_left=found.proposal.grant.delegations_left, budget={"calls": 9},
        ),
    )  # fmt: skip
    world.task = again
    assert world.check(
        world.chain("boss", "a", "b"),
        "b",
        world.access("mail.send", to="u1@acme.example", body="Hi"),
    )


def test_an_agent_is_tightened_link_by_link(world: World) -> None:
    """Only links that the registered key holds count as the agent's."""
    world.tracker.add_agent("a", owner="ana@acme.example", keys=[world.key("a").public])
    first, second = world.chain("boss", "a"), world.chain("boss", "a")
    sends(world, first, "a", 11)
    sends(world, second, "a", 2)
    found = world.tracker.tighten("agent", "a")
    assert {one.id: one.proposal.grant is not None for one in found} == {
        first.id: True,
        second.id: False,
    }
    with pytest.raises(NotFoundError):
        world.tracker.tighten("agent", "boss")


def test_erased_calls_are_counted_and_prove_nothing(world: World) -> None:
    """What is not known is not evidence."""
    token = world.chain("boss", "a")
    sends(world, token, "a", 12)
    with world.tracker._store._database.writing() as connection:
        erase = "UPDATE decision SET access = NULL, arguments = NULL, arguments_salt = NULL, proof = NULL WHERE sequence <= 3"
        connection.execute(sql(erase))
    (found,) = world.tracker.tighten("link", token.id)
    assert (found.proposal.grant, found.proposal.calls, found.proposal.erased) == (None, 9, 3)
    assert "9 are recorded" in found.proposal.note
    (less,) = world.tracker.tighten("link", token.id, minimum=9)
    assert less.proposal.grant is not None


def test_only_calls_since_an_instant_are_looked_at(world: World) -> None:
    """And budgets are not lowered to a part of what was used."""
    token = world.chain("boss", "a")
    sends(world, token, "a", 6, "acme.example")
    world.at += 100
    sends(world, token, "a", 6)
    (found,) = world.tracker.tighten("link", token.id, since=world.at, minimum=1)
    assert (found.proposal.calls, found.proposal.since) == (6, world.at)
    with pytest.raises(MalformedError):
        world.tracker.tighten("link", token.id, since=world.at, with_budget=True)
    (all_of_it,) = world.tracker.tighten("link", token.id, with_budget=True)
    assert all_of_it.proposal.grant.budget["calls"] == 12


def test_what_is_not_there_is_said(world: World) -> None:
    """Unknown subjects and odd numbers are errors, not empty proposals."""
    for kind, name in (("link", "lnk_x"), ("task", "tsk_x"), ("agent", "x")):
        with pytest.raises(NotFoundError):
            world.tracker.tighten(kind, name)
    for odd in ({"minimum": -1}, {"ignore": -1}, {"since": -1}, {"since": 2**70}):
        with pytest.raises(MalformedError):
            world.tracker.tighten("task", world.task.id, **odd)
    with pytest.raises(MalformedError):
        world.tracker.tighten("planet", world.task.id)
