"""What stands: subjects of every kind, suspension, the feed, and the rows of replicas."""

from __future__ import annotations

import threading

import pytest
from clocks import passing
from world import DESK, NOW, OWNER, World, verdict

from delegation import Access, Grant, HolderKey, Tool, anything, may
from delegation.canonical import b64u
from delegation.commands import follow
from delegation.errors import ConflictError, MalformedError, NotFoundError
from delegation.judge.in_process import Holder

KINDS = ("link", "task", "agent", "key", "owner", "tool", "system")


class Desk:
    """A world with an agent, a tool of a system, and a chain that calls it."""

    def __init__(self, world: World) -> None:
        self.world, self.tracker = world, world.tracker
        self.tracker.add_tool(
            Tool("crm.read", effect="read", system="crm", arguments={"id": "opaque"})
        )
        ceiling = Grant([may("crm.read", id=anything())], audience=[DESK], delegations_left=3)
        self.task = self.tracker.open_task("T", owner=OWNER, ceiling=ceiling, lasts=1000)
        self.tracker.add_agent("a", owner="bo@acme.example", keys=[world.key("a").public])
        root = self.tracker.issue(self.task, to=world.key("boss").public)
        self.token = root.delegate(by=world.key("boss"), to=world.key("a").public, grant=Grant())
        self.access = Access("crm.read", {"id": "1"}, DESK)

    def subject(self, kind: str) -> tuple[str, str]:
        """Return the chain's subject of a kind."""
        names = {
            "link": self.token.id,
            "task": self.task.id,
            "agent": "a",
            "key": b64u(self.world.key("a").public.key),
            "owner": "bo@acme.example",
            "tool": "crm.read",
            "system": "crm",
            "everything": "*",
        }
        return kind, names[kind]

    def check(self, **fields):
        """Prove and check the call."""
        proof = self.world.key("a").prove(self.token, self.access, at=self.world.at)
        return self.tracker.check(self.token, proof, self.access, **fields)


@pytest.fixture
def desk(world: World) -> Desk:
    """Return a desk on either engine."""
    return Desk(world)


@pytest.mark.parametrize("kind", KINDS)
def test_each_subject_ends_what_is_under_it_with_its_own_code(desk: Desk, kind: str) -> None:
    """A revocation of any kind is found at step 10, and it is final."""
    assert desk.check()
    desk.tracker.revoke(*desk.subject(kind), by="t")
    assert verdict(desk.check()) == (10, f"{kind}_revoked")
    with pytest.raises(ConflictError):
        desk.tracker.suspend(*desk.subject(kind), by="t")
    with pytest.raises(ConflictError):
        desk.tracker.resume(*desk.subject(kind), by="t")
    assert verdict(desk.check()) == (10, f"{kind}_revoked")


@pytest.mark.parametrize("kind", [*KINDS, "everything"])
def test_a_suspension_ends_calls_until_it_is_resumed(desk: Desk, kind: str) -> None:
    """Suspend, suspend again, resume, resume again: ordered by epoch, and a revocation stays."""
    subject = desk.subject(kind)
    first = desk.tracker.suspend(*subject, by="t", reason="looking into it")
    assert desk.tracker.suspend(*subject, by="t").epoch == first.epoch
    code = "frozen" if kind == "everything" else f"{kind}_suspended"
    assert verdict(desk.check()) == (10, code)
    assert desk.tracker.resume(*subject, by="t").epoch > first.epoch
    assert desk.check()
    with pytest.raises(ConflictError):
        desk.tracker.resume(*subject, by="t")
    if kind != "everything":
        desk.tracker.suspend(*subject, by="t")
        desk.tracker.revoke(*subject, by="t")
        assert verdict(desk.check()) == (10, f"{kind}_revoked")


def test_the_tasks_owner_answers_for_all_of_it(desk: Desk) -> None:
    """An owner ends the tasks that are theirs, whoever owns the agents in them."""
    desk.tracker.suspend("owner", OWNER, by="t")
    assert verdict(desk.check()) == (10, "owner_suspended")


def test_names_that_are_nobodys_are_refused(desk: Desk) -> None:
    """A revocation of a mistyped name would end nothing and look done; everything has one name."""
    for kind in ("task", "agent", "owner", "tool", "system"):
        for deed in (desk.tracker.revoke, desk.tracker.suspend):
            with pytest.raises(NotFoundError):
                deed(kind, "crm.reed", by="t")
    with pytest.raises(MalformedError):
        desk.tracker.revoke("everything", "*", by="t")
    with pytest.raises(MalformedError):
        desk.tracker.suspend("everything", "all", by="t")
    with pytest.raises(MalformedError):
        desk.tracker.suspend("planet", "*", by="t")
    assert desk.check()


def test_a_key_may_end_at_an_instant(desk: Desk) -> None:
    """Until then it serves, from then on it does not; an earlier end counts, a later one does not."""
    key = desk.subject("key")
    desk.tracker.revoke(*key, by="t", effective_at=NOW + 30)
    assert desk.check()
    assert desk.tracker.revoke(*key, by="t", effective_at=NOW + 60).effective_at == NOW + 30
    desk.world.at = NOW + 29
    assert desk.check()
    desk.world.at = NOW + 30
    assert verdict(desk.check()) == (10, "key_revoked")
    other = ("link", desk.token.id)
    desk.tracker.revoke(*other, by="t", effective_at=NOW + 500)
    assert desk.tracker.revoke(*other, by="t").effective_at == NOW + 30


def test_an_agent_nobody_vouched_for_in_time_is_recognised_no_more(desk: Desk) -> None:
    """From its recertify-by date on it is denied; registering it again with a later one helps."""
    public = desk.world.key("a").public
    desk.tracker.add_agent("a", owner="bo@acme.example", keys=[public], recertify_by=NOW + 10)
    assert desk.check()
    desk.world.at = NOW + 10
    assert verdict(desk.check()) == (10, "recertification_due")
    assert desk.tracker.link(desk.token.id).standing == "suspended"
    desk.tracker.add_agent("a", owner="bo@acme.example", keys=[public], recertify_by=NOW + 99)
    assert desk.check()


def test_the_feed_tells_all_that_turns_standing_in_order(desk: Desk) -> None:
    """Revocations, suspensions, closings and registrations: numbered densely, nothing missing."""
    begun = desk.tracker.feed(limit=1000).epoch
    desk.tracker.revoke("tool", "crm.read", by="t")
    desk.tracker.suspend("system", "crm", by="t")
    desk.tracker.resume("system", "crm", by="t")
    desk.tracker.add_agent("b", owner=OWNER, keys=[HolderKey.generate("b").public])
    desk.tracker.close_task(desk.task)
    found = desk.tracker.feed(after=begun, limit=1000)
    assert [(c.act, c.subject.kind) for c in found.changes] == [
        ("revoke", "tool"),
        ("suspend", "system"),
        ("resume", "system"),
        ("register", "agent"),
        ("close", "task"),
    ]
    assert [c.epoch for c in found.changes] == list(range(begun + 1, begun + 6))
    assert (found.epoch, found.newest) == (begun + 5, begun + 5)
    page = desk.tracker.feed(after=begun, limit=2)
    assert (page.epoch, page.newest) == (begun + 2, begun + 5)
    with desk.tracker._store.read() as reader:
        kept = reader.feed(after=begun, limit=1000, history=True)
    assert [c.act for c in kept.changes] == ["revoke", "suspend", "resume"]
    assert kept.epoch == begun + 5


def test_a_caller_that_has_seen_a_later_change_is_refused(desk: Desk) -> None:
    """As after a restored backup: what the caller knows to be revoked may be allowed here."""
    done = desk.tracker.revoke("tool", "files.read", by="t")
    assert desk.check(at_least_epoch=done.epoch)
    assert verdict(desk.check(at_least_epoch=done.epoch + 1)) == (10, "epoch_behind")


def test_a_poll_writes_its_row_and_says_what_was_applied(desk: Desk) -> None:
    """The barrier believes what a replica applied, not what it was sent; strangers touch nothing."""
    replica = desk.tracker.register_replica(by="svc")
    name = replica.name
    done = desk.tracker.revoke("tool", "crm.read", by="t")
    sent = desk.tracker.poll_replica(name, by="svc", after=0)
    assert sent.epoch == done.epoch
    assert desk.tracker.confirmed(done.epoch).silent == (name,)
    desk.tracker.poll_replica(name, by="svc", after=sent.epoch)
    assert desk.tracker.confirmed(done.epoch).confirmed == (name,)
    for thief in (
        lambda: desk.tracker.poll_replica(name, by="other", after=10**6),
        lambda: desk.tracker.leave_replica(name, by="other"),
        lambda: desk.tracker.poll_replica("rep_" + "A" * 22, by="svc", after=0),
    ):
        with pytest.raises(NotFoundError):
            thief()
    desk.tracker.leave_replica(name, by="svc")
    assert desk.tracker.replicas() == []
    with pytest.raises(NotFoundError):
        desk.tracker.poll_replica(name, by="svc", after=sent.epoch)


def test_rows_of_processes_that_are_gone_are_forgotten_and_one_key_has_few(desk: Desk) -> None:
    """A crashed replica costs waiters 1.2 D for a while, never for ever."""
    passing(desk.world)
    old = desk.tracker.register_replica(by="svc")
    desk.world.at = NOW + 61
    fresh = desk.tracker.register_replica(by="svc")
    assert [r.name for r in desk.tracker.replicas()] == [fresh.name]
    with pytest.raises(NotFoundError):
        desk.tracker.poll_replica(old.name, by="svc", after=0)
    for _ in range(255):
        desk.tracker.register_replica(by="svc")
    with pytest.raises(ConflictError):
        desk.tracker.register_replica(by="svc")
    assert desk.tracker.register_replica(by="other")


def test_waiting_ends_with_the_last_confirmation_or_with_time(desk: Desk) -> None:
    """Nobody registered: at once. One that is silent: 1.2 bounds later. The answer says which."""
    done = desk.tracker.revoke("tool", "crm.read", by="t", wait=True)
    assert done.barrier.is_confirmed
    replica = desk.tracker.register_replica(by="svc")
    now = [0.0]

    def pause(seconds: float) -> None:
        now[0] += seconds

    held = follow.wait_everywhere(
        desk.tracker._store, done.epoch, bound=1.0, monotonic=lambda: now[0], pause=pause
    )
    assert (held.is_confirmed, held.silent) == (False, (replica.name,))
    assert now[0] == pytest.approx(1.2)
    now[0] = 0.0

    def polls(seconds: float) -> None:
        now[0] += seconds
        desk.tracker.poll_replica(replica.name, by="svc", after=done.epoch)

    held = follow.wait_everywhere(
        desk.tracker._store, done.epoch, bound=1.0, monotonic=lambda: now[0], pause=polls
    )
    assert (held.is_confirmed, held.confirmed) == (True, (replica.name,))
    assert now[0] < 1.2


def test_a_change_in_one_process_is_heard_in_another(url) -> None:
    """A hint, by NOTIFY where there are several processes: who waits is woken."""
    one = World(url=url)
    two = World(url=url, ring=one.tracker._desk.ring)
    heard = threading.Event()
    end = two.tracker.on_change(heard.set)
    if url.startswith("sqlite"):
        two.tracker.revoke("task", one.task.id, by="t")
    else:
        for _ in range(50):  # the listener may not listen yet
            one.tracker.suspend("task", one.task.id, by="t")
            one.tracker.resume("task", one.task.id, by="t")
            if heard.wait(0.2):
                break
    assert heard.wait(90)
    end()
    one.tracker.close()
    two.tracker.close()


def test_a_root_is_told_with_its_task_registry_and_why_only_the_service_settles(desk: Desk) -> None:
    """What step 10 asks, from one snapshot; a ledger anywhere above keeps calls at the service."""
    root = desk.token.chain.root
    holders = [Holder(link.holder_key, link.holder_name) for link in desk.token.chain.links]
    found = desk.tracker.standing(root.id, holders)
    assert [t.id for t in found.tasks] == [desk.task.id]
    assert found.tasks[0].owner == OWNER
    assert {a.name for a in found.agents_by_key.values()} == {"a"} == set(found.agents_by_name)
    assert found.needs_service == ()
    assert found.epoch == desk.tracker.feed(limit=1000).epoch
    ledger = desk.world.root()
    assert desk.tracker.standing(ledger.id).needs_service == ("ledger",)
    for unknown in (desk.token.id, "lnk_" + "A" * 43):  # a child is no root
        with pytest.raises(NotFoundError):
            desk.tracker.standing(unknown)


def test_lineage_names_what_ended_a_link(desk: Desk) -> None:
    """Suspended and revoked by any kind above: the subject is named, and resuming is seen."""
    assert desk.check()
    for kind in ("everything", "owner", "agent", "key", "task", "link"):
        subject = desk.subject(kind)
        desk.tracker.suspend(*subject, by="t")
        entry = desk.tracker.link(desk.token.id)
        assert (entry.standing, entry.ended_by) == ("suspended", subject[1])
        desk.tracker.resume(*subject, by="t")
        assert desk.tracker.link(desk.token.id).standing == "active"
    desk.tracker.suspend("link", desk.token.chain.root.id, by="t")
    desk.tracker.revoke("owner", "bo@acme.example", by="t")
    entry = desk.tracker.link(desk.token.id)
    assert (entry.standing, entry.ended_by) == ("revoked", "bo@acme.example")
    assert "SUSPENDED" in desk.tracker.lineage(desk.task).as_text()


def test_a_repeated_request_is_not_answered_by_what_is_denied_by_now(desk: Desk) -> None:
    """The tool was redefined, or its system suspended, since the first answer: it is not repeated."""
    proof = desk.world.key("a").prove(desk.token, desk.access, at=NOW)

    def ask():
        return desk.tracker.check(
            desk.token, proof, desk.access, client="svc", idempotency_key="once"
        )

    first = ask()
    assert first
    assert ask().id == first.id
    desk.tracker.suspend("system", "crm", by="t")
    assert verdict(ask()) == (10, "system_suspended")
    desk.tracker.resume("system", "crm", by="t")
    desk.tracker.add_tool(
        Tool("crm.read", effect="read", system="crm", arguments={"id": "opaque"}, sensitivity=3)
    )
    assert verdict(ask()) == (8, "sensitivity_not_granted")
