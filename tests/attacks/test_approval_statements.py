"""Attacks on the signed approval: rows without signatures, other keys, odd bytes, other services."""

from __future__ import annotations

import pytest
from consent import NEEDED, approver, asked, granted, pay, paying
from sqlalchemy import text
from world import NOW, World, verdict

from delegation import PublicRing
from delegation.commands.ring import FixedRing
from delegation.errors import KeyRingError, MalformedError, UnverifiedError
from delegation.identity.approval import Approval, arguments_digest, check_approval, sign_approval
from delegation.identity.keyring import KeyRing, RingKey
from delegation.statement import sign_statement


def sql(world: World, statement: str, **values: object) -> None:
    """Write into the database behind the service's back."""
    with world.tracker._store._database.writing() as connection:
        connection.execute(text(statement), values)


def test_rows_are_no_signature(world: World) -> None:
    """Whoever can write into the database, but has no approval key, approves nothing."""
    token = paying(world)
    request, other = asked(world, token), asked(world, token, pay(world, 1))
    sql(world, "UPDATE approval SET state = 'granted' WHERE id = :id", id=request)
    assert verdict(world.check(token, "a", pay(world))) == NEEDED
    statement = granted(world, other, approver(world, "bo", "finance")).statement
    newest = asked(world, token)
    sql(world, "UPDATE approval SET state = 'granted', statement = :s WHERE id = :id",
        id=newest, s=statement)  # fmt: skip
    assert verdict(world.check(token, "a", pay(world))) == NEEDED


def test_no_other_key_of_the_ring_signs_an_approval(world: World) -> None:
    """Service, statement and issuer keys sign under their own typ and role, and count for nothing here."""
    token = paying(world)
    request = asked(world, token)
    entry = world.tracker.approval(request)
    ring = world.tracker._desk.ring
    stated = Approval(request, entry.binding, ("bo",), NOW + 60)
    body = {"v": 1, "id": stated.id, "approvers": ["bo"], "expires_at": NOW + 60, **entry.binding.to_json()}  # fmt: skip
    for role in ("service", "statement", "issuer"):
        key = ring.active(role)
        for kid in (key.kid, ring.active("approval").kid):
            forged = sign_statement("dct-approval+jws", {**body, "kid": kid}, key.seed)
            with pytest.raises(UnverifiedError):
                check_approval(forged, ring.public_ring(), at=NOW)
    real = ring.active("approval")
    receipt = sign_statement("dct-receipt+jws", {**body, "kid": real.kid}, real.seed)
    with pytest.raises(MalformedError):
        check_approval(receipt, ring.public_ring(), at=NOW)
    with pytest.raises(KeyRingError):
        KeyRing(ring.issuer, [*ring.keys, RingKey("service", 99, "active", 0, real.seed)])


def test_a_statement_is_refused_unless_every_byte_is_right(world: World) -> None:
    """Expired, of another issuer, for other arguments, doubled people, odd fields, cut."""
    entry = granted(world, asked(world, paying(world)), approver(world, "bo", "finance"))
    ring = world.tracker._desk.ring
    public, good = ring.public_ring(), entry.statement
    assert check_approval(good, public, at=NOW).approvers == ("bo",)
    other = {"order": "o1", "amount": 301}
    for bad, at, arguments in (
        (good, entry.expires_at, None),
        (good, NOW, other),
        (good[:-50] + ("B" if good[-50] == "A" else "A") + good[-49:], NOW, None),
    ):
        with pytest.raises(UnverifiedError):
            check_approval(bad, public, at=at, arguments=arguments)
    with pytest.raises(UnverifiedError):
        check_approval(good, PublicRing("https://other.example", public.keys), at=NOW)
    key = ring.active("approval")
    said = {"v": 1, "kid": key.kid, "id": entry.id, "approvers": ["bo"],
            "expires_at": NOW + 60, **entry.binding.to_json()}  # fmt: skip
    for change in (
        {"approvers": []}, {"approvers": ["bo", "BO"]}, {"approvers": "bo"}, {"v": 2}, {"v": True}, {"more": 1},
        {"id": "apr_x"}, {"link": "lnk_x"}, {"expires_at": -1}, {"max_cost": {"X": 1}}, {"revisions": 1}, {"arguments": ""},
    ):  # fmt: skip
        signed = sign_statement("dct-approval+jws", {**said, **change}, key.seed)
        with pytest.raises(MalformedError):
            check_approval(signed, public, at=NOW)
    for text_ in ("", "a.b.c", good + ".", good.replace(".", "..", 1), "x" * 20_000):
        with pytest.raises(MalformedError):
            check_approval(text_, public, at=NOW)
    with pytest.raises(MalformedError):
        sign_approval(ring, Approval(entry.id, entry.binding, (), NOW))
    assert entry.binding.arguments == arguments_digest({"amount": 300, "order": "o1"})


def test_a_revoked_approval_key_takes_its_approvals_with_it(world: World) -> None:
    """A retired key still counts until its end; a revoked one counts for nothing."""
    token = paying(world)
    granted(world, asked(world, token), approver(world, "bo", "finance"))
    desk, ring = world.tracker._desk, world.tracker._desk.ring
    kid = ring.active("approval").kid
    rotated = ring.rotated("approval", at=NOW, keep=100)
    object.__setattr__(desk, "keys", FixedRing(rotated.with_state("approval", kid, "revoked")))
    assert verdict(world.check(token, "a", pay(world))) == NEEDED
    object.__setattr__(desk, "keys", FixedRing(rotated))
    second = asked(world, token, pay(world, 2))
    world.tracker.grant_approval(
        second, by=approver(world, "cy", "finance"), reason="with the new key"
    )
    assert world.check(token, "a", pay(world, 2)).allowed


def test_an_approval_of_another_service_is_worth_nothing(world: World) -> None:
    """Its key is not in our ring."""
    other = World()
    entry = granted(other, asked(other, paying(other)), approver(other, "bo", "finance"))
    token = paying(world)
    request = asked(world, token)
    sql(world, "UPDATE approval SET state = 'granted', statement = :s WHERE id = :id",
        id=request, s=entry.statement)  # fmt: skip
    assert verdict(world.check(token, "a", pay(world))) == NEEDED


def test_a_statement_serves_the_request_and_the_call_that_it_names(world: World) -> None:
    """Well signed, and copied beside another request, or about another call: not believed."""
    token = paying(world)
    first, other = asked(world, token), asked(world, token, pay(world, 1))
    approver(world, "bo", "finance")
    ring, shown = world.tracker._desk.ring, world.tracker.approval
    act = (
        "INSERT INTO approval_act (approval, person, verdict, shown_as, key, roles, reason, at)"
        " VALUES (:id, 'bo', 'grant', 'bo', 'bo', 'finance', 'x', 0)"
    )
    for name, other_call in (("another request's id", False), ("another call", True)):
        request = asked(world, token)
        binding = shown(other if other_call else first).binding
        forged = Approval(request if other_call else other, binding, ("bo",), NOW + 60)
        sql(world, act, id=request)
        sql(world, "UPDATE approval SET state = 'granted', statement = :s WHERE id = :id",
            id=request, s=sign_approval(ring, forged))  # fmt: skip
        assert verdict(world.check(token, "a", pay(world))) == NEEDED, name
    honest = asked(world, token)
    sql(world, act, id=honest)
    good = Approval(honest, shown(honest).binding, ("bo",), NOW + 60)
    sql(world, "UPDATE approval SET state = 'granted', statement = :s WHERE id = :id",
        id=honest, s=sign_approval(ring, good))  # fmt: skip
    assert world.check(token, "a", pay(world)).allowed


def test_an_act_that_nobody_signed_for_does_not_count(world: World) -> None:
    """The statement names the people; a row beside it makes no quorum."""
    token = paying(world)
    request = asked(world, token)
    for name in ("bo", "cy"):
        approver(world, name, "finance")
    ring = world.tracker._desk.ring
    stated = Approval(request, world.tracker.approval(request).binding, ("cy",), NOW + 60)
    sql(
        world,
        "INSERT INTO approval_act (approval, person, verdict, shown_as, key, roles, reason, at)"
        " VALUES (:id, 'bo', 'grant', 'bo', 'bo', 'finance', 'x', 0)",
        id=request,
    )
    sql(world, "UPDATE approval SET state = 'granted', statement = :s WHERE id = :id",
        id=request, s=sign_approval(ring, stated))  # fmt: skip
    assert verdict(world.check(token, "a", pay(world))) == NEEDED
