"""Approvals on both engines: asked, answered, used once, and bound to one call."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from consent import NEEDED, approver, pay, paying, rule
from world import DESK, NOW, World, verdict

from delegation import Access, Decision, Grant, Token, Tool
from delegation.authority.ids import DecisionId
from delegation.commands.approve import approval_question
from delegation.commands.check import Prepared, draft_of, prepare
from delegation.commands.draft import Draft
from delegation.commands.ring import FixedRing
from delegation.errors import (
    ApproverRefusedError,
    ConflictError,
    ForbiddenError,
    KeyRingError,
    NotFoundError,
)
from delegation.identity.approval import check_approval
from delegation.records.settling.batch import settle_batch


def test_a_call_is_asked_about_approved_and_allowed_once(world: World) -> None:
    """Denied with a request, allowed with consent, denied again: one consent is one call."""
    token = paying(world)
    asked = world.check(token, "a", pay(world))
    assert verdict(asked) == NEEDED
    assert asked.approval == "apr_" + asked.id.removeprefix("dec_")
    ana = approver(world, "bo@acme.example", "finance")
    granted = world.tracker.grant_approval(
        asked.approval, by=ana, reason="agreed with the customer"
    )
    assert granted.state == "granted"
    allowed = world.check(token, "a", pay(world))
    assert allowed.allowed
    assert allowed.approval == asked.approval
    used = world.tracker.approval(asked.approval)
    assert (used.state, used.used_by, used.opened_by) == ("used", allowed.id, asked.id)
    again = world.check(token, "a", pay(world))
    assert verdict(again) == NEEDED
    assert again.approval not in (None, asked.approval)


def test_the_request_shows_what_would_be_approved(world: World) -> None:
    """Resolved access, canonical arguments, grant, difference to the parent, and whose consent."""
    world.task = world.open(needs_approval=[rule()])
    token = world.root("boss").delegate(
        by=world.key("boss"),
        to=world.key("a").public,
        grant=Grant(budget={"calls": 3, "usd_cents": 400}),
    )
    asked = world.check(token, "a", pay(world))
    entry = world.tracker.approval(str(asked.approval))
    assert entry.state == "pending"
    assert entry.arguments == {"order": "o1", "amount": 300}
    assert entry.binding.link == token.id
    assert entry.binding.audience == DESK
    assert entry.cost == {"calls": 1, "usd_cents": 300}
    assert entry.rules == (rule(),)
    assert entry.link is not None
    assert entry.link.grant == token.grant
    assert any(change.field == "budget.calls" for change in entry.link.changes)
    assert "300 usd_cents" in entry.summary()


def test_people_are_asked_only_about_calls_that_would_pass(world: World) -> None:
    """What another step denies opens no request; tools that no rule names need no consent."""
    token = paying(world)
    assert verdict(world.check(token, "a", pay(world, 501))) == (8, "argument_refused")
    assert world.check(token, "a", world.access("files.read", path="/a")).allowed
    spent = world.open(needs_approval=[rule()], budget={"calls": 0, "usd_cents": 9})
    world.task = spent
    assert verdict(world.check(world.chain("boss", "a"), "a", pay(world))) == (12, "budget_spent")
    assert world.tracker.approvals() == []


def test_the_same_call_is_one_request_and_another_call_another(world: World) -> None:
    """Same link, tool, canonical arguments, audience, cost and revision: the same request."""
    token = paying(world)
    first = world.check(token, "a", pay(world)).approval
    assert world.check(token, "a", pay(world)).approval == first
    dearer = Access("pay.refund", {"order": "o1", "amount": 300}, DESK, purpose="desk",
                    max_cost={"usd_cents": 301})  # fmt: skip
    assert world.check(token, "a", dearer).approval != first
    assert world.check(token, "a", pay(world, 299)).approval != first
    assert len(world.tracker.approvals()) == 3


def test_a_refusal_is_final(world: World) -> None:
    """Whoever granted before; nobody is asked again about this call of this link."""
    token = paying(world, rule(approvers="finance legal", quorum=2))
    asked = str(world.check(token, "a", pay(world)).approval)
    bo, cy = approver(world, "bo", "finance"), approver(world, "cy", "legal")
    assert world.tracker.grant_approval(asked, by=bo, reason="fine").state == "pending"
    assert world.tracker.refuse_approval(asked, by=cy, reason="no").state == "refused"
    for deed in (world.tracker.grant_approval, world.tracker.refuse_approval):
        with pytest.raises(ConflictError):
            deed(asked, by=approver(world, f"d-{deed.__name__[:3]}", "legal"), reason="but")
    denied = world.check(token, "a", pay(world))
    assert verdict(denied) == (13, "approval_refused")
    assert denied.approval == asked
    acts = world.tracker.approval(asked).acts
    assert [(a.person, a.verdict, a.reason) for a in acts] == [
        ("bo", "grant", "fine"),
        ("cy", "refuse", "no"),
    ]


def test_every_rule_and_its_quorum_must_be_reached(world: World) -> None:
    """Two rules, one of them with a quorum of two: three acts of three people."""
    token = paying(world, rule(approvers="finance", quorum=2), rule("pay.refund", "legal"))
    asked = str(world.check(token, "a", pay(world)).approval)
    people = [approver(world, "bo", "finance"), approver(world, "cy", "finance")]
    for one in people:
        assert world.tracker.grant_approval(asked, by=one, reason="ok").state == "pending"
    assert verdict(world.check(token, "a", pay(world))) == NEEDED
    last = world.tracker.grant_approval(asked, by=approver(world, "di", "legal"), reason="ok")
    assert last.state == "granted"
    assert world.check(token, "a", pay(world)).allowed


def test_requests_and_approvals_expire(world: World) -> None:
    """Nobody grants what was asked an hour ago; consent that was not used in ten minutes is over."""
    world.at = NOW
    token = paying(world)
    asked = str(world.check(token, "a", pay(world)).approval)
    bo = approver(world, "bo", "finance")
    granted = world.tracker.grant_approval(asked, by=bo, reason="ok")
    assert granted.expires_at == NOW + 600
    world.at = NOW + 600
    assert world.tracker.approval(asked).state == "expired"
    fresh = world.check(token, "a", pay(world))
    assert verdict(fresh) == NEEDED
    assert fresh.approval != asked
    world.at = NOW + 900
    short = str(world.check(token, "a", pay(world, 7)).approval)
    ends = world.tracker.grant_approval(short, by=bo, reason="ok").expires_at
    assert ends == token.grant.expires_at < world.at + 600  # never beyond the grant
    world.at = NOW + 999
    pending = world.tracker.approval(str(fresh.approval))
    assert pending.expires_at == NOW + 1000  # the task's deadline
    world.at = NOW + 1000
    with pytest.raises(ConflictError):
        world.tracker.grant_approval(pending.id, by=bo, reason="late")
    assert [e.id for e in world.tracker.approvals(state="expired")] == [asked, pending.id, short]
    assert world.tracker.approvals(state="pending") == []


def test_the_statement_verifies_with_public_keys_alone(world: World) -> None:
    """It names the call, the people and its end; other arguments are not what it is for."""
    token = paying(world)
    asked = str(world.check(token, "a", pay(world)).approval)
    entry = world.tracker.grant_approval(asked, by=approver(world, "bo", "finance"), reason="ok")
    said = check_approval(
        entry.statement,
        world.tracker.public_ring(),
        at=NOW,
        arguments={"amount": 300, "order": "o1"},
    )
    assert (said.id, said.approvers, said.binding) == (asked, ("bo",), entry.binding)


def test_two_calls_at_once_use_one_approval_once(world: World) -> None:
    """Of two concurrent calls with fresh proofs one wins, whichever thread it comes from."""
    token = paying(world)
    asked = str(world.check(token, "a", pay(world)).approval)
    world.tracker.grant_approval(asked, by=approver(world, "bo", "finance"), reason="ok")
    decided = []

    def call() -> None:
        decided.append(world.check(token, "a", pay(world)))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(d.allowed for d in decided) == 1
    assert {verdict(d) for d in decided} == {None, NEEDED}
    assert len({d.approval for d in decided if not d.allowed}) == 1


def test_two_processes_use_one_approval_once(url: str) -> None:
    """Two trackers over one store: their batches take turns."""
    world = World(url=url)
    token = paying(world)
    asked = str(world.check(token, "a", pay(world)).approval)
    world.tracker.grant_approval(asked, by=approver(world, "bo", "finance"), reason="ok")
    other = World.__new__(World)
    from delegation.tracker import Tracker

    other.__dict__.update(world.__dict__)
    other.tracker = Tracker.open(url, ring=world.tracker._desk.ring, clock=lambda: NOW)
    decided = []
    calls = [(w, w.access("pay.refund", order="o1", amount=300)) for w in (world, other) * 4]
    threads = [
        threading.Thread(target=lambda w=w, a=a: decided.append(w.check(token, "a", a)))
        for w, a in calls
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(d.allowed for d in decided) == 1
    assert len({d.approval for d in decided if not d.allowed}) == 1
    other.tracker.close()
    world.tracker.close()


def test_a_ring_without_an_approval_key_turns_approvals_off(world: World) -> None:
    """The call is denied, nobody is asked, and nobody can consent."""
    from delegation.identity.keyring import KeyRing

    ring = world.tracker._desk.ring
    token = paying(world)
    asked = str(world.check(token, "a", pay(world)).approval)
    bo = approver(world, "bo", "finance")
    off = KeyRing(ring.issuer, [key for key in ring.keys if key.role != "approval"])
    object.__setattr__(world.tracker._desk, "keys", FixedRing(off))
    assert verdict(world.check(token, "a", pay(world))) == (13, "approvals_off")
    with pytest.raises(KeyRingError):
        world.tracker.grant_approval(asked, by=bo, reason="ok")
    assert len(world.tracker.approvals()) == 1


def test_a_plan_says_that_consent_would_be_needed_and_asks_nobody(world: World) -> None:
    """A dry run opens no request, and uses no consent."""
    token = paying(world)
    planned = world.tracker.plan(token, access=pay(world)).outcome
    assert planned is not None
    assert verdict(planned) == NEEDED
    assert planned.approval is None
    assert world.tracker.approvals() == []
    asked = str(world.check(token, "a", pay(world)).approval)
    named = world.tracker.plan(token, access=pay(world)).outcome
    assert named is not None
    assert named.approval == asked
    world.tracker.grant_approval(asked, by=approver(world, "bo", "finance"), reason="ok")
    would = world.tracker.plan(token, access=pay(world)).outcome
    assert would is not None
    assert would.allowed
    assert world.tracker.approval(asked).state == "granted"


def test_a_holder_asks_how_its_request_stands(world: World) -> None:
    """With token and proof; nobody else's request is found, and nothing is recorded."""
    token = paying(world)
    asked = str(world.check(token, "a", pay(world)).approval)
    question = approval_question(world.tracker.issuer, asked)

    def ask(by: str, shown: Token):
        proof = world.key(by).prove(shown, question, at=world.at)
        return world.tracker.wait_for_approval(shown, proof, asked)

    before = len(world.tracker.decisions(limit=1000))
    assert ask("a", token).state == "pending"
    sibling = world.chain("boss", "b")
    with pytest.raises(NotFoundError):
        ask("b", sibling)
    assert len(world.tracker.decisions(limit=1000)) == before


def test_only_approvers_answer(world: World) -> None:
    """Operators and reviewers do not approve by themselves; strangers are not asked."""
    token = paying(world)
    asked = str(world.check(token, "a", pay(world)).approval)
    for role in ("operator", "reviewer"):
        key = world.tracker.authenticate(world.tracker.create_api_key(role, role))
        assert key is not None
        # Even if such a key said who holds it: the role decides.
        for by in (key, replace(key, person="bo", approves_as=("finance",))):
            with pytest.raises(ForbiddenError) as forbidden:
                world.tracker.grant_approval(asked, by=by, reason="ok")
            assert forbidden.value.code == "forbidden"
    with pytest.raises(ApproverRefusedError) as caught:
        world.tracker.grant_approval(asked, by=approver(world, "bo", "legal"), reason="ok")
    assert caught.value.reason == "approver_not_named"
    assert world.tracker.approval(asked).acts == ()


def test_a_redefined_tool_needs_new_consent(world: World) -> None:
    """Consent was given to the tool as it was defined; an unrelated tool changes nothing."""
    token = paying(world)
    asked = str(world.check(token, "a", pay(world)).approval)
    world.tracker.grant_approval(asked, by=approver(world, "bo", "finance"), reason="ok")
    world.tracker.add_tool(Tool("other.tool", effect="read"))
    assert world.tracker.plan(token, access=pay(world)).outcome.allowed
    world.tracker.add_tool(
        Tool("pay.refund", effect="write", arguments={"order": "opaque", "amount": "integer"},
             sensitivity=2, cost={"usd_cents": "amount"}, labels=["external"])
    )  # fmt: skip
    denied = world.check(token, "a", pay(world))
    assert verdict(denied) == NEEDED
    assert denied.approval != asked


def test_two_calls_of_one_batch_see_each_other(world: World) -> None:
    """Settled together, two calls open one request, and of two that would use one consent one does."""
    token = paying(world)
    desk, store = world.tracker._desk, world.tracker._store

    def draft() -> Draft:
        access = pay(world)
        proof = world.key("a").prove(token, access, at=world.at)
        known = store.catalogue_hint()
        prepared = prepare(desk, token.text, proof, access, catalogue=known, at=world.at)
        assert isinstance(prepared, Prepared)
        name = DecisionId(desk.new_id("dec_"))
        return draft_of(
            prepared, name, ring=desk.ring, catalogue=known.revision, at=world.at, client="", repeat=None
        )  # fmt: skip

    def settled(*drafts: Draft) -> list[Decision]:
        with store._database.writing() as connection:
            made = settle_batch(connection, drafts, store._caches, {})
        assert all(isinstance(one, Decision) for one in made)
        return made

    first, second = settled(draft(), draft())
    assert first.approval == second.approval
    bo = approver(world, "bo", "finance")
    world.tracker.grant_approval(str(first.approval), by=bo, reason="ok")
    used, late = settled(draft(), draft())
    assert used.allowed
    assert verdict(late) == NEEDED
    assert late.approval not in {None, used.approval}
