"""Denials beyond a rate: each is a row of its own, and what fills the disk is not kept of it."""

from __future__ import annotations

import contextlib

import pytest
from logs import audited
from processes import announce
from sqlalchemy import text
from world import NOW, World, verdict
from writing import scalar

from delegation import Grant
from delegation.authority.approval import ApprovalRule
from delegation.authority.pattern import tool_pattern
from delegation.commands.work import KEPT_DENIALS
from delegation.errors import StoreUnavailableError, UnverifiedError
from delegation.records.settling.kept_denials import BRANCH_SHARE
from delegation.tracker import Tracker

BIG = "x" * 60_000
EXTRA = 5


def flood(world: World, token, name: str, count: int) -> list:
    """Send denied calls of 60 kB."""
    return [
        world.check(token, name, world.access(path=f"/{number}{BIG}")) for number in range(count)
    ]


def kept(world: World) -> int:
    """Return of how many denied calls the arguments are kept."""
    return scalar(world, "SELECT count(*) FROM decision WHERE NOT allowed AND access IS NOT NULL")


@pytest.fixture
def few(filed: World, monkeypatch) -> World:
    """Return a world that keeps five denials a minute whole."""
    filed.tracker._store._caches.kept_denials = 5
    return filed


def test_a_holder_whose_link_is_revoked_fills_no_disk(filed: World) -> None:
    """Every denial is a row with code, link and digests; beyond the rate it is a small one."""
    token = filed.chain("boss", "a")
    assert filed.check(token, "a")
    filed.tracker.revoke("link", token.id, by="t")
    found = flood(filed, token, "a", KEPT_DENIALS + EXTRA)
    assert not any(found)
    assert kept(filed) == KEPT_DENIALS
    last = filed.tracker.decision(found[-1].id)
    assert (last.evidence, last.access) == ("over_rate", None)
    assert filed.tracker.decision(found[0].id).evidence == "kept"
    assert last.decision.denial.code == found[-1].denial.code
    assert last.decision.links == found[-1].links
    size = (
        "SELECT max(length(message) + length(detail) + length(links) + length(caveat)"
        " + length(remedy) + length(steps)) FROM decision WHERE access IS NULL"
    )
    assert scalar(filed, size) < 2000
    digests = "SELECT count(*) FROM decision WHERE length(arguments_digest) = 32"
    assert scalar(filed, digests) == len(found) + 1
    assert filed.tracker.writer_stats()[1].shortened == EXTRA
    filed.tracker.update_log()
    assert audited(filed).findings == ()
    assert filed.tracker.compare_log() == ()
    filed.at = NOW + 61  # a minute later they are kept again
    filed.tracker.revoke("task", filed.task.id, by="t")
    assert filed.tracker.decision(flood(filed, token, "a", 1)[0].id).evidence == "kept"


def test_fresh_keys_below_an_ended_link_do_not_multiply_the_rate(few: World) -> None:
    """Links are made offline: each branch has a rate too, and beyond it no new link is recorded."""
    top = few.chain("boss", "a")
    few.tracker.revoke("link", top.id, by="t")
    most = 5 * BRANCH_SHARE
    for number in range(most + EXTRA):
        leaf = top.delegate(by=few.key("a"), to=few.key(f"k{number}").public, grant=Grant())
        last = few.check(leaf, f"k{number}", few.access(path=f"/{BIG}"))
        assert not last
    assert kept(few) == most + BRANCH_SHARE  # and some that nobody had asked before
    links = scalar(few, "SELECT count(*) FROM link")
    assert links == 2 + most
    told = few.tracker.account(last.id)  # what is not recorded is left out, not a fault
    assert told.chain == ()
    assert last.id in {one.id for one in few.tracker.decisions(limit=1000)}
    few.tracker.update_log()
    assert few.tracker.compare_log() == ()


def test_a_fresh_link_that_is_allowed_is_recorded_whatever_was_denied_before(few: World) -> None:
    """The rate is of denials: authority that stands keeps its lineage."""
    top = few.chain("boss", "a")
    flood(few, top, "a", 3)
    few.tracker._store._caches.kept_denials = 0
    leaf = top.delegate(by=few.key("a"), to=few.key("b").public, grant=Grant())
    assert not few.check(leaf, "b", few.access(path=f"/{BIG}"))
    assert few.check(leaf, "b")
    assert few.tracker.link(leaf.id).id == leaf.id


def test_announcing_below_an_ended_link_keeps_no_texts(few: World) -> None:
    """What was shown in time goes on being shown; what is made under what was ended is refused."""
    top = few.chain("boss", "a")
    announce(few, top, "a")
    texts = scalar(few, "SELECT count(*) FROM announced")
    few.tracker.revoke("link", top.id, by="t")
    links = scalar(few, "SELECT count(*) FROM link")
    for number in range(3):
        leaf = top.delegate(by=few.key("a"), to=few.key(f"k{number}").public, grant=Grant())
        with pytest.raises(UnverifiedError) as caught:
            announce(few, leaf, f"k{number}")
        assert caught.value.reason == "link_revoked"
    announce(few, top, "a")
    assert scalar(few, "SELECT count(*) FROM announced") == texts
    assert scalar(few, "SELECT count(*) FROM link") == links


def test_the_rate_holds_across_workers_and_restarts(few: World, url: str) -> None:
    """It stands in the store: a second process adds nothing to it."""
    token = few.chain("boss", "a")
    flood(few, token, "a", 4)
    second = Tracker.open(url, ring=few.tracker._desk.ring, clock=lambda: NOW, kept_denials=5)
    access = few.access(path=f"/{BIG}")
    for _ in range(3):
        assert not second.check(token, few.key("a").prove(token, access, at=NOW), access)
    second.close()
    flood(few, token, "a", 1)
    assert kept(few) == 5


def test_a_repeated_denial_is_the_same_answer(few: World) -> None:
    """What was left out of the record was left out of the answer, so a retry gets the same."""
    few.tracker._store._caches.kept_denials = 0
    token = few.chain("boss", "a")
    for path in ("/" + "y" * 3000, "/z"):
        access = few.access("mail.send", to="a@evil.example", body=path)
        proof = few.key("a").prove(token, access, at=few.at)
        first, again = (
            few.tracker.check(token, proof, access, client="svc", idempotency_key=path[:9])
            for _ in range(2)
        )
        assert first.id == again.id
        assert first.denial == again.denial
        assert first.to_json() == {**again.to_json(), **first.to_json()}


def test_what_people_are_asked_for_keeps_its_arguments(few: World) -> None:
    """A denial that opens a request is kept whole; the rest that waits for it is not."""
    few.tracker._store._caches.kept_denials = 0
    rule = ApprovalRule((tool_pattern("files.read"),), ("finance",), 1)
    few.task = few.open(needs_approval=[rule])
    token = few.chain("boss", "a")
    access = few.access(path="/shown")
    asked, again = few.check(token, "a", access), few.check(token, "a", access)
    assert verdict(asked) == verdict(again) == (13, "approval_needed")
    assert few.tracker.decision(asked.id).access["arguments"] == {"path": "/shown"}
    assert few.tracker.decision(again.id).evidence == "over_rate"
    request = few.tracker.approval(asked.approval)
    assert request.arguments == {"path": "/shown"}


def test_counts_of_holders_that_say_nothing_any_more_go(few: World) -> None:
    """A row for each key that was ever denied would fill the disk as well, only slower."""
    token = few.chain("boss", "a")
    flood(few, token, "a", 2)
    assert scalar(few, "SELECT count(*) FROM kept_denial") == 4
    few.at = NOW + 500
    few.check(token, "a")
    few.check(token, "a")
    few.tracker._store.writer.close()
    assert scalar(few, "SELECT count(*) FROM kept_denial") == 0
    with few.tracker._store._database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM decision")).scalar_one() == 4


def test_no_branch_uses_up_what_is_kept_of_another(few: World) -> None:
    """However many keys a holder makes below its link, and however deep both stand."""
    for depth in range(3):
        stem = few.chain("boss", *(f"s{n}" for n in range(depth)))
        by = few.key("boss" if depth == 0 else f"s{depth - 1}")
        evil, innocent = (
            stem.delegate(by=by, to=few.key(name).public, grant=Grant())
            for name in (f"evil{depth}", f"in{depth}")
        )
        for number in range(6):
            name = f"k{depth}{number}"
            leaf = evil.delegate(by=few.key(f"evil{depth}"), to=few.key(name).public, grant=Grant())
            flood(few, leaf, name, 6)
        assert few.tracker.decision(flood(few, leaf, name, 1)[0].id).evidence == "over_rate"
        assert few.tracker.decision(flood(few, innocent, f"in{depth}", 1)[0].id).evidence == "kept"


def test_a_flood_of_one_kind_hides_no_other(few: World) -> None:
    """Beyond the rate the first of another code or tool in a minute is kept whole."""
    token = few.chain("boss", "a")
    flood(few, token, "a", 20)
    other = few.access("mail.send", to="thief@evil.example", body="it all")
    found = [few.tracker.decision(few.check(token, "a", other).id) for _ in range(2)]
    assert [one.evidence for one in found] == ["kept", "over_rate"]
    assert found[0].access["arguments"]["to"] == "thief@evil.example"


def test_garbage_uses_up_nothing_of_what_a_thief_leaves(few: World) -> None:
    """A stolen token with the thief's own proof is stored, whatever came before it by the same client."""
    token, access = few.chain("boss", "a"), few.access()
    for number in range(30):
        few.tracker.check(f"garbage{number}", "x", access, client="svc")
    proof = few.key("thief").prove(token, access, at=few.at)
    denied = few.tracker.check(token, proof, access, client="svc")
    assert verdict(denied)[0] == 6
    assert few.tracker.decision(denied.id).evidence == "unproven"
    for _ in range(
        30
    ):  # one thief floods; what another holds of another link is stored all the same
        few.tracker.check(token, few.key("thief").prove(token, access, at=few.at), access)
    fresh = token.delegate(by=few.key("a"), to=few.key("b").public, grant=Grant())
    denied = few.tracker.check(fresh, few.key("thief").prove(fresh, access, at=few.at), access)
    assert few.tracker.decision(denied.id).evidence == "unproven"


def test_counts_of_a_batch_that_failed_are_written_with_the_next(few: World, monkeypatch) -> None:
    """A denial is a row or is counted, whatever becomes of the batch that it travels with."""
    writer = few.tracker._store.writer
    attempt = type(writer)._attempt

    def fails(*_args: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(type(writer), "_attempt", fails)
    token, access = few.chain("boss", "a"), few.access()
    for number in range(30):
        with contextlib.suppress(StoreUnavailableError):
            few.tracker.check(f"garbage{number}", "x", access, client="svc")
    monkeypatch.setattr(type(writer), "_attempt", attempt)
    assert few.check(token, "a")
    writer.close()
    with few.tracker._store.read() as reader:
        assert sum(reader.unproven_counts().values()) == 20
