"""The journal beside the ring: followed by every process, told again to an older database."""

from __future__ import annotations

import shutil

import pytest
from keeping import Kept
from world import DESK, NOW, OWNER, verdict

from delegation import Access, Grant, HolderKey, Tool, may, text
from delegation.errors import ClockError, ConflictError


def test_an_older_backup_revives_nothing(kept: Kept) -> None:
    """Keys, sessions, consents, settled costs, definitions, agents: each as it was left."""
    world, tracker = kept.world, kept.tracker
    tracker.add_tool(
        Tool("llm.ask", effect="read", arguments={"q": "text"}, cost={"usd_cents": None})
    )
    ceiling = Grant([may("llm.ask", q=text())], audience=[DESK], budget={"usd_cents": 100})
    asks = tracker.open_task("Ask", owner=OWNER, ceiling=ceiling)
    token = tracker.issue(asks, to=world.key("a").public)
    access = Access("llm.ask", {"q": "hi"}, DESK, max_cost={"usd_cents": 80})
    first = tracker.check(
        token, world.key("a").prove(token, access, at=world.at), access, client="svc"
    )
    assert first
    plain = world.root("boss")
    secret = tracker.create_api_key("ops", "operator")
    session = tracker.begin_session(tracker.authenticate(secret))
    agent = HolderKey.generate("scout")
    tracker.add_agent("scout", owner=OWNER, keys=[agent.public])
    kept.back_up()

    tracker.report_outcome(first.id, "executed", by="svc", cost={"usd_cents": 30})
    tracker.log_out(session)
    tracker.revoke_api_key("ops")
    tracker.add_tool(
        Tool("ops.restart", effect="actuate", arguments={"host": "host"}, sensitivity=2)
    )
    new = HolderKey.generate("scout")
    tracker.add_agent("scout", owner=OWNER, keys=[new.public], recertify_by=world.at + 500)
    tracker.revoke("agent", "scout", by="op")
    revision = tracker.numbers()["catalogue"]

    tracker = kept.restore(passes=0)
    with pytest.raises(ClockError):
        world.check(plain, "boss")
    world.at += 300
    assert tracker.authenticate(secret) is None
    assert tracker.session_key(session) is None
    with pytest.raises(ConflictError, match="settled before"):
        tracker.report_outcome(first.id, "executed", by="svc", cost={"usd_cents": 0})
    (held,) = tracker.decision(first.id).reservations
    assert (held.settled, held.by) == (30, "svc")
    assert tracker.numbers()["catalogue"] > revision
    with tracker._store.read() as reader:
        assert reader.catalogue().tool("ops.restart").sensitivity == 2
    (scout,) = tracker.agents()
    assert set(scout.keys) == {agent.public.key, new.public.key}
    assert scout.recertify_by == NOW + 500
    # A key that was registered after the backup is the revoked agent's all the same.
    other = tracker.issue(world.task, to=new.public)
    wanted = world.access()
    denied = tracker.check(other, new.prove(other, wanted, at=world.at), wanted)
    assert verdict(denied) == (10, "agent_revoked")
    said = kept.said()
    for word in ("1 agent", "1 logout", "1 settle", "1 tool", "1 withdraw", "1 revoke"):
        assert word in said


def test_the_later_of_two_counts(kept: Kept) -> None:
    """What was lifted stays lifted, what was ended again stays ended; an older lifting undoes nothing."""
    world, tracker = kept.world, kept.tracker
    names = ("lifted", "again", "kept", "newer")
    tokens = {name: world.root(name) for name in names}
    for name in names[:3]:
        tracker.suspend("link", tokens[name].id, by="op")
    kept.back_up()
    world.at += 1
    tracker.resume("link", tokens["lifted"].id, by="op")
    tracker.resume("link", tokens["again"].id, by="op")
    tracker.suspend("link", tokens["again"].id, by="op", reason="once more")
    tracker.suspend("link", tokens["newer"].id, by="op")
    tracker.resume("link", tokens["newer"].id, by="op")
    tracker.close()
    kept.backups.restore()
    # Somebody opens the restored store without its journal, and ends something now.
    aside = kept.journal.rename(kept.folder / "aside")
    head = kept.head.rename(kept.folder / "aside.head") if kept.head.exists() else None
    world.at += 100
    with kept.open() as elsewhere:
        elsewhere.suspend("link", tokens["newer"].id, by="op", reason="seen since")
    kept.journal.unlink()
    kept.head.unlink(missing_ok=True)
    aside.rename(kept.journal)
    if head is not None:
        head.rename(kept.head)
    world.at += 10
    world.tracker = kept.open()
    world.at += 300
    assert {name: verdict(world.check(tokens[name], name)) for name in names} == {
        "lifted": None,
        "again": (10, "link_suspended"),
        "kept": (10, "link_suspended"),
        "newer": (10, "link_suspended"),
    }
    kept.tracker.resume("link", tokens["again"].id, by="op")
    world.tracker.close()
    world.tracker = kept.open()
    assert world.check(tokens["again"], "again"), "told once: a lifting holds at every later start"


def test_what_another_process_ended_stands_in_this_ones_journal(kept: Kept) -> None:
    """Two replicas, each with a file of its own: each follows what the other did."""
    world = kept.world
    mine, plain = world.root("boss"), world.root("boss")
    away = kept.folder / "elsewhere" / "ring.json"
    away.parent.mkdir()
    shutil.copy(kept.ring, away)
    other = kept.open(away)
    secret = other.create_api_key("ops", "operator")
    kept.back_up()
    other.revoke("link", mine.id, by="op")
    other.revoke_api_key("ops")
    kept.keep()
    other.close()
    shutil.rmtree(away.parent)
    tracker = kept.restore()
    assert verdict(world.check(mine, "boss")) == (10, "link_revoked")
    assert tracker.authenticate(secret) is None
    assert world.check(plain, "boss")


def test_a_second_machine_ends_no_session_again(kept: Kept) -> None:
    """A backup is dealt with once: the next journal that knows it finds all told, and shuts nothing."""
    world, tracker = kept.world, kept.tracker
    away = kept.folder / "elsewhere" / "ring.json"
    away.parent.mkdir()
    shutil.copy(kept.ring, away)
    key = tracker.authenticate(tracker.create_api_key("ops", "operator"))
    kept.back_up()
    tracker.revoke("link", world.root("boss").id, by="op")
    tracker.revoke_api_key(tracker.authenticate(tracker.create_api_key("gone", "reviewer")).name)
    kept.open(away).close()  # its journal has both
    tracker = kept.restore()
    session = tracker.begin_session(key)
    token = world.root("boss")
    with kept.open(away) as other:
        assert other.session_key(session) is not None
        assert verdict(other.check(token, *_call(world, token))) is None
    assert kept.said().count("Told again") == 1


def _call(world, token):
    access = world.access()
    return world.key("boss").prove(token, access, at=world.at), access


def test_a_database_that_is_put_back_below_a_process_is_told_again(kept: Kept) -> None:
    """Nobody restarts the service: it notices within a second that its store is older."""
    if kept.backups.engine == "sqlite":
        pytest.skip("a file that is replaced is another file: the process ends")
    world, tracker = kept.world, kept.tracker
    token = world.root("boss")
    kept.back_up()
    tracker.revoke("link", token.id, by="op")
    tracker._store._database.engine.dispose()
    kept.backups.restore()
    kept.keep()
    world.at += 300
    assert verdict(world.check(token, "boss")) == (10, "link_revoked")
