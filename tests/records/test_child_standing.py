"""Child tasks to those who ask what stands, who may approve, what is settled elsewhere, what is in the log."""

from __future__ import annotations

import pytest
from below import open_below
from consent import approver, asked, rule
from logs import audited
from sqlalchemy import text
from world import NOW, World, verdict

from delegation import Grant, anything, may
from delegation.authority.catalogue import Catalogue
from delegation.authority.flow import AtMost
from delegation.authority.resource_labels import ResourceLabels
from delegation.canonical import b64u
from delegation.errors import ApproverRefusedError
from delegation.judge.limits import Limits


def stands(world: World, link: str) -> tuple[str, str]:
    """Return what the lean question and the entry agree on: standing and what ended it."""
    with world.tracker._store.read() as reader:
        path, entry = reader.path(link, at=world.at), reader.link(link, at=world.at)
    assert (path.standing, path.ended_by) == (entry.standing, entry.ended_by)
    return path.standing, path.ended_by


def test_a_way_up_goes_on_above_the_child_task(world: World) -> None:
    """Revoked, suspended, closed, late or idle above: so is what stands below, in every answer."""
    opener = world.chain("boss", "a")
    first, root = open_below(world, opener, "a", "sub", lasts=80)
    _, deep = open_below(world, root, "sub", "deeper", lasts=60)
    assert stands(world, deep.id) == ("active", "")
    with world.tracker._store.read() as reader:
        above = reader.path(deep.id, at=world.at).above
    assert above == (*(link.id for link in opener.chain.links), root.id)
    world.tracker.suspend("link", opener.id, by="op")
    assert stands(world, deep.id) == ("suspended", opener.id)
    assert verdict(world.check(deep, "deeper")) == (10, "link_suspended")
    world.tracker.resume("link", opener.id, by="op")
    assert world.check(deep, "deeper")
    with world.tracker._store.read() as reader:
        assert reader.path(deep.id, at=NOW + 85).standing == "expired"
    world.tracker.close_task(first)
    assert stands(world, deep.id)[0] == "task_closed"
    world.tracker.revoke("link", opener.chain.root.id, by="op")
    assert stands(world, deep.id) == ("revoked", opener.chain.root.id)


def test_an_idle_parent_ends_what_is_below(world: World) -> None:
    """A child's root is expired from the second on in which its task's parent is idle."""
    world.task = world.tracker.open_task(
        "T", owner="ana@acme.example", ceiling=world.task.ceiling, lasts=1000, idle=30
    )
    opener = world.chain("boss", "a")
    _, root = open_below(world, opener, "a", "sub", lasts=90)
    with world.tracker._store.read() as reader:
        for at, standing in ((NOW + 29, "active"), (NOW + 30, "expired")):
            assert reader.path(root.id, at=at).standing == standing
            assert reader.link(root.id, at=at).standing == standing


def test_a_preview_counts_what_child_tasks_hold(world: World) -> None:
    """Whoever cuts an opener is shown the links of the tasks that it opened, and of those below."""
    opener = world.chain("boss", "a")
    _, root = open_below(world, opener, "a", "sub")
    _, deep = open_below(world, root, "sub", "deeper")
    wanted = {opener.id, root.id, deep.id}
    key = b64u(world.key("a").public.key)
    for kind, name in (("link", opener.id), ("key", key), ("task", world.task.id)):
        assert wanted <= set(world.tracker.preview(kind, name).links), kind
    assert set(world.tracker.preview("link", root.id).links) == {root.id, deep.id}


def test_each_closing_is_told(world: World) -> None:
    """Followers drop what they know of a task when they hear of its end, so of each child's too."""
    opener = world.chain("boss", "a")
    first, root = open_below(world, opener, "a", "sub")
    second, _ = open_below(world, root, "sub", "deeper")
    other, _ = open_below(world, opener, "a", "other")
    world.tracker.close_task(second)
    world.tracker.close_task(world.task)
    told = [c.subject.id for c in world.tracker.revocations() if c.act == "close"]
    assert told[:2] == [second.id, world.task.id]
    assert sorted(told) == sorted([second.id, world.task.id, first.id, other.id])


def test_an_opener_is_no_stranger_to_its_child_task(world: World) -> None:
    """The owner of an agent on the opener's chain may not approve, before or after it is asked."""
    world.tracker.add_agent("a", owner="bo@acme.example", keys=[world.key("a").public])
    world.task = world.open(needs_approval=[rule(approvers="finance")])
    opener = world.chain("boss", "a")
    _, root = open_below(world, opener, "a", "sub")
    request = asked(world, root, world.access("pay.refund", order="o1", amount=300), by="sub")
    with pytest.raises(ApproverRefusedError) as caught:
        world.tracker.grant_approval(
            request, by=approver(world, "Bo@acme.example", "finance"), reason="ok"
        )
    assert caught.value.reason == "approver_on_chain"
    world.tracker.grant_approval(
        request, by=approver(world, "cy@acme.example", "finance"), reason="ok"
    )
    pay = world.access("pay.refund", order="o1", amount=300)
    assert world.check(root, "sub", pay)


def test_consent_of_who_owns_the_opener_by_now_does_not_count(world: World) -> None:
    """The approver came to own an agent on the opener's chain after granting: the call is denied."""
    world.task = world.open(needs_approval=[rule(approvers="finance")])
    opener = world.chain("boss", "a")
    _, root = open_below(world, opener, "a", "sub")
    pay = world.access("pay.refund", order="o1", amount=300)
    request = asked(world, root, pay, by="sub")
    world.tracker.grant_approval(
        request, by=approver(world, "dee@acme.example", "finance"), reason="ok"
    )
    world.tracker.add_agent("a", owner="Dee@acme.example", keys=[world.key("a").public])
    assert verdict(world.check(root, "sub", pay)) == (13, "approval_needed")


def test_an_earlier_catalogue_keeps_labels_of_resources() -> None:
    """A report is judged by the revision of then: its labels count, later ones not yet."""
    early = Catalogue().with_resource(ResourceLabels("db:acme/*", ["pii"]))
    later = early.with_resource(ResourceLabels("db:acme/a", ["hr"]))
    assert later.upto(1).labels_of(["db:acme/a"], 1) == {"pii"}
    assert later.upto(1) == early


def test_what_is_not_told_elsewhere_needs_the_service(world: World) -> None:
    """Child tasks, idleness, paces, breakers and kept histories: each is a reason by name."""
    tracker, plain = (
        world.tracker,
        Grant([may("files.read", path=anything())], audience=[], delegations_left=3),
    )

    def why(task) -> tuple[str, ...]:
        root = tracker.issue(task, to=world.key("boss").public)
        return tracker.standing(root.id).needs_service

    def opened(**fields):
        return tracker.open_task("T", owner="ana@acme.example", ceiling=plain, **fields)

    assert why(opened()) == ()
    assert why(opened(idle=60)) == ("idle",)
    assert why(opened(limits=Limits(calls_per_minute=5))) == ("pace",)
    assert why(opened(limits=Limits(denials_per_minute=5))) == ("circuit",)
    ruled = tracker.open_task(
        "T",
        owner="ana@acme.example",
        ceiling=Grant(
            [may("files.read", path=anything())], audience=[], flow=[AtMost({"calls": 3})]
        ),
    )
    assert why(ruled) == ("flow",)
    world.task = opened(lasts=1000)
    opener = world.chain("boss", "a")
    child, root = open_below(world, opener, "a", "sub")
    assert tracker.standing(root.id).needs_service == ("child_task",)
    assert child.parent == world.task.id


def test_a_child_tasks_root_is_in_the_log(filed: World) -> None:
    """Its leaf rebuilds the link, opener's link included, and verifies."""
    opener = filed.chain("boss", "a")
    _, root = open_below(filed, opener, "a", "sub")
    assert filed.check(root, "sub")
    filed.tracker.update_log()
    leaf = filed.tracker.link_proof(root.id).verify(filed.tracker.log_status().keys)
    assert (leaf.id, leaf.link.origin.under) == (root.id, opener.id)
    assert audited(filed)
    assert filed.tracker.compare_log() == ()
    with filed.tracker._store._database.writing() as connection:
        connection.execute(text("UPDATE link SET root = task WHERE id = :id"), {"id": root.id})
    assert [finding.code for finding in filed.tracker.compare_log()] == ["row_changed"]
