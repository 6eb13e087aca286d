"""What stands, over HTTP: with both clients' own methods, long polls, and answers that wait."""

from __future__ import annotations

import asyncio
import threading

import pytest
from service import Service
from wire import handler
from world import NOW, World, verdict

from delegation import HolderKey
from delegation.client import Client
from delegation.errors import ConflictError, ForbiddenError, NotFoundError
from delegation.identity.freeze import check_freeze
from delegation.lineage.feed import Feed, Renewal
from delegation_api.waiting import awaited_feed

httpx2 = pytest.importorskip("httpx2")


@pytest.fixture
def service() -> Service:
    """Return a service."""
    return Service(World())


def client(service: Service, role: str = "operator") -> Client:
    """Return a client with a role's key."""
    transport = httpx2.MockTransport(handler(service))
    return Client("http://testserver", api_key=service.keys[role], transport=transport)


def test_the_client_revokes_suspends_freezes_and_follows(service: Service) -> None:
    """Each deed answers with the recorded change; the feed has them in order."""
    world = service.world
    token = world.chain("boss", "a")
    operator, reviewer = client(service), client(service, "reviewer")
    begun = operator.feed(limit=1000).epoch
    assert world.check(token, "a")
    preview = reviewer.preview("link", token.id)
    assert (preview.links, preview.surviving) == ((token.id,), 1)
    assert operator.preview("everything", "*").surviving == 0
    operator.suspend("tool", "files.read", reason="odd")
    assert verdict(world.check(token, "a")) == (10, "tool_suspended")
    operator.resume("tool", "files.read")
    frozen = operator.freeze(reason="drill")
    assert frozen.last_allowance.tool == "files.read"
    assert check_freeze(frozen.receipt, operator.public_ring())["epoch"] == frozen.change.epoch
    assert frozen.change.barrier.is_confirmed
    operator.unfreeze()
    done = reviewer.revoke("link", token.id, reason="done", wait=True)
    assert done.barrier.is_confirmed
    acts = [(c.act, c.subject.kind) for c in client(service, "service").feed(after=begun).changes]
    assert acts == [
        ("suspend", "tool"),
        ("resume", "tool"),
        ("suspend", "everything"),
        ("resume", "everything"),
        ("revoke", "link"),
    ]
    with pytest.raises(ConflictError):
        operator.unfreeze()
    for deed in (reviewer.freeze, lambda: reviewer.suspend("tool", "files.read")):
        with pytest.raises(ForbiddenError):
            deed()


def test_credentials_are_rotated_renewed_and_looked_after(service: Service) -> None:
    """Rotation, recertification, renewal and last use, with the client's methods."""
    world, operator = service.world, client(service)
    old, new = world.key("a"), HolderKey.generate("a")
    operator.add_agent("a", owner="ana@acme.example", keys=[old.public], recertify_by=NOW + 500)
    (agent,) = service.ask("GET", "/v1/agents").json()["agents"]
    assert agent["recertify_by"] == NOW + 500
    done = operator.rotate_key("a", old=old.public, new=new.public, effective_at=NOW + 60)
    assert done.effective_at == NOW + 60
    root = world.root()
    fresh = operator.renew(root.id, lasts=50)
    assert world.check(fresh, "boss")
    found = service.ask("GET", f"/v1/links/{fresh.id}").json()
    assert (found["renews"], found["renewed_by"]) == (root.id, [])
    assert operator.renewal(root.id) == Renewal(root.id, None, (fresh.id,))
    assert operator.renewal(fresh.id) == world.tracker.renewal(fresh.id)
    assert operator.last_use("link", fresh.id).allowed
    with pytest.raises(NotFoundError):
        operator.renew("lnk_" + "A" * 43)


def test_a_wait_is_answered_for_a_silent_verifier_when_time_has_ended_its_lease() -> None:
    """The answer says that it waited, and for whom."""
    world = World()
    world.tracker.bound = 0.1
    service = Service(world)
    name = client(service, "service").register_replica().replica
    done = client(service).revoke("link", "lnk_" + "A" * 43, wait=True)
    assert not done.barrier.is_confirmed
    assert done.barrier.silent == (name,)
    body = service.ask(
        "POST",
        "/v1/revocations",
        json={"kind": "link", "id": "lnk_" + "B" * 43, "wait": True},
    ).json()
    assert body["everywhere"] == {"how": "waited", "confirmed": [], "silent": [name]}


def test_a_verifier_of_one_key_is_none_of_anothers_business(service: Service) -> None:
    """Nobody polls or unregisters under a name that another API key was given."""
    name = client(service, "service").register_replica().replica
    thief = client(service)
    for deed in (lambda: thief.poll_replica(name, after=0), lambda: thief.leave_replica(name)):
        with pytest.raises(NotFoundError):
            deed()
    found = client(service, "service").poll_replica(name, after=0)
    assert found.ring == service.world.tracker.public_ring()
    assert found.feed.catalogue == service.world.tracker.catalogue().revision
    assert [r["replica"] for r in service.ask("GET", "/v1/replicas").json()["replicas"]] == [name]


class Rung:
    """A tracker whose bell a test rings."""

    def __init__(self) -> None:
        self.heard = None
        self.ended = False

    def on_change(self, heard):
        """Keep what is to be called."""
        self.heard = heard

        def end() -> None:
            self.ended = True

        return end


def test_a_long_poll_looks_again_when_it_is_woken_and_once_more_when_time_is_up() -> None:
    """It holds no thread while it waits, and does not rest on being woken."""
    tracker, looks = Rung(), []
    nothing, news = Feed((), 3, 3, 1), Feed((), 4, 4, 1)

    def look() -> Feed:
        looks.append(threading.active_count())
        if len(looks) == 1:
            # From another thread, as a commit elsewhere would: heard only once the loop runs on.
            threading.Timer(0.01, tracker.heard).start()
            return nothing
        return news

    found = asyncio.run(awaited_feed(look, tracker, after=3, wait=60))
    assert (found, len(looks), tracker.ended) == (news, 2, True)
    looks.clear()
    quiet = Rung()

    def silent() -> Feed:
        looks.append(1)
        return nothing

    assert asyncio.run(awaited_feed(silent, quiet, after=3, wait=0.05)) == nothing
    assert len(looks) == 2
    # An epoch that went back is news: a restored database, and its reader must begin anew.
    assert asyncio.run(awaited_feed(lambda: nothing, quiet, after=9, wait=60)) == nothing
