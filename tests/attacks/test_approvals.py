"""Attacks on consent: answering for oneself, answering twice, and using an answer for something else."""

from __future__ import annotations

import time

import pytest
from consent import NEEDED, approver, asked, granted, pay, paying, rule
from world import DESK, NOW, World, verdict

from delegation import Access, Grant, HolderKey, email, exact, may
from delegation.commands.approve import MAX_ACTS_PER_MINUTE, approval_question
from delegation.errors import (
    ApproverRefusedError,
    ClockError,
    ConflictError,
    MalformedError,
    NotFoundError,
    TooFastError,
    UnverifiedError,
)
from delegation.judge.approval import MAX_OPEN_PER_LINK, MAX_OPEN_PER_TASK
from delegation.tokens import macaroon


def refused_because(world: World, request: str, by) -> str:
    """Return why a person may not answer."""
    with pytest.raises(ApproverRefusedError) as caught:
        granted(world, request, by)
    return caught.value.reason


@pytest.mark.parametrize("person", ["ana@acme.example", "Ana@ACME.example"])
def test_the_tasks_owner_does_not_approve_its_own_task(world: World, person: str) -> None:
    """Whatever the case of the name."""
    request = asked(world, paying(world))
    by = approver(world, person, "finance")
    assert refused_because(world, request, by) == "approver_on_chain"
    assert world.tracker.approval(request).acts == ()


@pytest.mark.parametrize(
    ("agent", "owner", "person"),
    [
        ("a", "eve@acme.example", "EVE@acme.example"),
        ("a", "x@acme.example", "A"),
        ("boss", "eve", "eve"),
    ],
)
def test_nobody_approves_what_its_own_agent_wants(world: World, agent, owner, person) -> None:
    """The owner of any registered agent on the chain, and the agent itself as a principal."""
    token = paying(world)
    world.tracker.add_agent(agent, owner=owner, keys=[world.key(agent).public])
    request = asked(world, token)
    by = approver(world, person, "finance")
    assert refused_because(world, request, by) == "approver_on_chain"


def test_an_agent_that_is_registered_afterwards_takes_the_consent_with_it(world: World) -> None:
    """People are counted again when the call is settled: who holds something now does not count."""
    token = paying(world)
    request = asked(world, token)
    granted(world, request, approver(world, "eve", "finance"))
    world.tracker.add_agent("a", owner="Eve", keys=[world.key("a").public])
    denied = world.check(token, "a", pay(world))
    assert verdict(denied) == NEEDED
    assert denied.approval != request


def test_a_claimed_name_neither_approves_nor_keeps_out(world: World) -> None:
    """An agent calls its helper by an approver's name, to choose who will be asked: in vain."""
    world.task = world.open(needs_approval=[rule(approvers="bo@acme.example")])
    token = world.chain("boss", "bo@acme.example")
    request = asked(world, token, by="bo@acme.example")
    assert granted(world, request, approver(world, "bo@acme.example")).state == "granted"


@pytest.mark.parametrize("second", ["bo@acme.example", "BO@acme.example"])
def test_two_keys_of_one_person_are_one_person(world: World, second: str) -> None:
    """A quorum of two counts people."""
    token = paying(world, rule(quorum=2))
    request = asked(world, token)
    granted(world, request, approver(world, "bo@acme.example", "finance"))
    with pytest.raises(ConflictError):
        granted(world, request, approver(world, second, "finance", key="bo-2"))
    assert verdict(world.check(token, "a", pay(world))) == NEEDED
    assert granted(world, request, approver(world, "cy", "finance")).state == "granted"


def test_a_key_that_was_withdrawn_consents_to_nothing(world: World) -> None:
    """Before the quorum and after it: a stolen key is revoked, and what it said counts no more."""
    token = paying(world, rule(quorum=2))
    request = asked(world, token)
    for name in ("bo", "cy", "di"):
        granted(world, request, approver(world, name, "finance"))
        if name == "bo":
            world.tracker.revoke_api_key("bo")
            assert world.tracker.approval(request).acts[0].counts is False
    assert world.tracker.approval(request).state == "granted"
    world.tracker.revoke_api_key("cy")
    denied = world.check(token, "a", pay(world))
    assert verdict(denied) == NEEDED
    assert denied.approval != request


def test_an_approval_is_used_once(world: World) -> None:
    """Neither the same proof, nor a fresh one, nor an idempotency key makes two calls of it."""
    token, access = paying(world), pay(world)
    granted(world, asked(world, token), approver(world, "bo", "finance"))
    proof = world.key("a").prove(token, access, at=world.at)
    first = world.tracker.check(token, proof, access, client="s", idempotency_key="k")
    again = world.tracker.check(token, proof, access, client="s", idempotency_key="k")
    assert first.allowed
    assert again.id == first.id
    assert verdict(world.tracker.check(token, proof, access)) == (14, "replayed")
    assert verdict(world.check(token, "a", access)) == NEEDED


def test_consent_is_for_canonical_arguments_whatever_their_spelling(world: World) -> None:
    """Another spelling is the same call, and only the canonical one is executed; another value is not."""
    send = may(
        "mail.send", resources=["mail:acme/*"], to=email("acme.example"), body=exact("hello")
    )
    world.task = world.tracker.open_task(
        "T", owner="ana@acme.example", lasts=1000,
        ceiling=Grant([send], audience=[DESK], purpose="desk", budget={"calls": 9},
                      needs_approval=[rule("mail.send")]),
    )  # fmt: skip
    token = world.root("a")

    def mail(to: str) -> Access:
        return world.access("mail.send", to=to, body="hello")

    request = asked(world, token, mail("Kim@ACME.example"))
    assert asked(world, token, mail("Kim@acme.EXAMPLE")) == request
    shown = world.tracker.approval(request).arguments
    assert shown == {"to": "Kim@acme.example", "body": "hello"}
    granted(world, request, approver(world, "bo", "finance"))
    assert verdict(world.check(token, "a", mail("kim@acme.example"))) == NEEDED
    allowed = world.check(token, "a", mail("Kim@Acme.Example"))
    assert allowed.allowed
    assert dict(allowed.arguments) == shown


def test_consent_is_for_one_link(world: World) -> None:
    """Not for a sibling with the same grant, nor a child, nor the parent, nor a copy of the link."""
    token = paying(world, names=("boss", "a"))
    request = asked(world, token)
    granted(world, request, approver(world, "bo", "finance"))
    root = world.root("boss")
    others = {
        "a": root.delegate(by=world.key("boss"), to=world.key("a").public, grant=Grant()),
        "b": token.delegate(by=world.key("a"), to=world.key("b").public, grant=Grant()),
        "boss": root,
    }
    for by, other in others.items():
        assert verdict(world.check(other, by, pay(world))) == NEEDED, by
    assert world.check(token, "a", pay(world)).allowed


def test_consent_is_for_one_price_and_audience(world: World) -> None:
    """A proof that agrees to pay more is another call."""
    token = paying(world)
    granted(world, asked(world, token), approver(world, "bo", "finance"))
    dearer = Access("pay.refund", {"order": "o1", "amount": 300}, DESK, purpose="desk",
                    max_cost={"usd_cents": 900})  # fmt: skip
    assert verdict(world.check(token, "a", dearer)) == NEEDED


def test_an_approval_opens_nothing_that_another_step_shuts(world: World) -> None:
    """Approving never grants: revoked, over budget or expired stays denied, and uses nothing up."""
    token = paying(world)
    request = asked(world, token)
    granted(world, request, approver(world, "bo", "finance"))
    world.tracker.revoke("link", token.id, by="test")
    assert verdict(world.check(token, "a", pay(world))) == (10, "link_revoked")
    assert world.tracker.approval(request).state == "granted"


def test_a_clock_that_jumps_revives_nothing(world: World) -> None:
    """Forward: expired. Back: used stays used, and who is asked in the future answers nothing now."""
    token = paying(world)
    request = asked(world, token)
    granted(world, request, approver(world, "bo", "finance"))
    world.at = NOW + 601
    assert verdict(world.check(token, "a", pay(world))) == NEEDED
    later = world.tracker.approvals(state="pending")[0]
    world.at = NOW
    with pytest.raises(ClockError):
        granted(world, later.id, approver(world, "cy", "finance"))
    with pytest.raises(ClockError):  # its proofs' nonces were forgotten: nothing is settled at all
        world.check(token, "a", pay(world))
    assert world.tracker.approval(request).state == "granted"  # until the clock comes back


def test_requests_of_one_link_are_bounded(world: World) -> None:
    """A hijacked agent that varies its arguments does not bury people; what it asked goes on."""
    token = paying(world)
    for amount in range(1, MAX_OPEN_PER_LINK + 1):
        first = asked(world, token, pay(world, amount))
    full = world.check(token, "a", pay(world, 99))
    assert verdict(full) == (13, "approval_requests_full")
    assert full.approval is None
    assert asked(world, token, pay(world, MAX_OPEN_PER_LINK)) == first
    granted(world, first, approver(world, "bo", "finance"))
    assert verdict(world.check(token, "a", pay(world, 99))) == NEEDED


def test_requests_of_one_task_are_bounded_however_many_links_a_holder_makes(world: World) -> None:
    """Delegating to oneself makes new links for nothing, so the task has a bound of its own."""
    token = paying(world)
    key, count = world.key("a"), 0
    while count < MAX_OPEN_PER_TASK:
        link = token.delegate(by=key, to=key.public, grant=Grant())
        for amount in range(1, MAX_OPEN_PER_LINK + 1):
            asked(world, link, pay(world, amount))
            count += 1
    link = token.delegate(by=key, to=key.public, grant=Grant())
    assert verdict(world.check(link, "a", pay(world, 1))) == (13, "approval_requests_full")
    assert len(world.tracker.approvals(limit=1000)) == MAX_OPEN_PER_TASK


def test_nobody_approves_faster_than_people_read(world: World) -> None:
    """Twenty answers in a minute, then a pause: a script behind an approver's key is noticed."""
    bo = approver(world, "bo", "finance")
    for n in range(MAX_ACTS_PER_MINUTE):
        if n % 10 == 0:
            token = paying(world)
        granted(world, asked(world, token, pay(world, n + 1)), bo)
    last = asked(world, token, pay(world, 400))
    with pytest.raises(TooFastError):
        granted(world, last, bo)
    assert world.tracker.approval(last).state == "pending"
    world.at += 60
    assert granted(world, last, bo).state == "granted"


def test_what_was_shown_is_what_is_answered(world: World) -> None:
    """Another digest than the request's: nothing is recorded."""
    request = asked(world, paying(world))
    with pytest.raises(ConflictError):
        world.tracker.grant_approval(
            request, by=approver(world, "bo", "finance"), reason="ok", binding="A" * 43
        )
    assert world.tracker.approval(request).acts == ()


@pytest.mark.parametrize("reason", ["", "a\nb", "\x1b[31m", "x" * 501, "\x00"])
def test_a_reason_is_one_line_of_text(world: World, reason: str) -> None:
    """Every act has a reason, and none writes lines of its own into a record."""
    request = asked(world, paying(world))
    with pytest.raises(MalformedError):
        world.tracker.grant_approval(request, by=approver(world, "bo", "finance"), reason=reason)
    assert world.tracker.approval(request).acts == ()


def test_a_holder_reads_only_its_own_request(world: World) -> None:
    """A proof for another request, another call, or by another key shows nothing."""
    token = paying(world)
    request = asked(world, token)
    stranger = HolderKey.generate("eve")
    question = approval_question(world.tracker.issuer, request)
    for proof in (
        stranger.prove(token, question, at=NOW),
        world.key("a").prove(
            token, approval_question(world.tracker.issuer, "apr_" + "x" * 22), at=NOW
        ),
        world.key("a").prove(token, pay(world), at=NOW),
        world.key("a").prove(token, question, at=NOW - 61),
    ):
        with pytest.raises(UnverifiedError):
            world.tracker.wait_for_approval(token, proof, request)
    for odd in ("", "apr_", "apr_x\x00", "x" * 999, "apr_" + "\u202e" * 22):
        with pytest.raises((MalformedError, NotFoundError)):
            world.tracker.wait_for_approval(token, "x", odd)
        with pytest.raises(NotFoundError):
            world.tracker.approval(odd)


def test_an_outside_authoritys_discharge_is_no_approval() -> None:
    """Whoever adds a third-party caveat can discharge it: it subtracts, and stands for nobody's consent."""
    world = World(at=int(time.time()))
    token = paying(world, format="macaroon")
    held = token.with_third_party_caveat(key=b"k" * 32, caveat_id=b"approval by finance")
    said = macaroon.discharge(
        caveat_key=b"k" * 32, caveat_id=b"approval by finance", before=world.at + 60
    )
    bound = held.with_discharges([said])
    denied = world.check(bound, "a", pay(world))
    assert verdict(denied) == NEEDED
    granted(world, str(denied.approval), approver(world, "bo", "finance"))
    assert verdict(world.check(held, "a", pay(world))) == (3, "discharge_mismatch")
    assert world.check(bound, "a", pay(world)).allowed
