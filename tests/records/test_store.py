"""The store: durable, whole or not at all, standing from ancestors, budgets never overspent."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from world import ISSUER, NOW, OWNER, World, verdict

from delegation import Access, Grant, HolderKey, Tool, anything, may
from delegation.errors import (
    ConfigurationError,
    ConflictError,
    MalformedError,
    NotFoundError,
    StoreUnavailableError,
    WiderThanParentError,
)
from delegation.records.store import open_store
from delegation.tracker import Tracker


def rows(world: World, table: str) -> int:
    """Count a table's rows."""
    with world.tracker._store._database.reading() as connection:
        return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


def test_durability_is_asserted_on_the_writers_own_connection(tmp_path) -> None:
    """WAL, synchronous=FULL and foreign keys hold where decisions are written."""
    filed = World(path=tmp_path / "s.db")
    with filed.tracker._store._database.writing() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {p}").scalar_one()
            for p in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert found == ["wal", 2, 1]


@pytest.mark.parametrize("url", ["oracle://localhost/x", "nonsense", "mysql://x"])
def test_another_engine_is_refused_by_name(url: str) -> None:
    """Records are kept in SQLite or PostgreSQL, and the refusal says so."""
    with pytest.raises(ConfigurationError):
        open_store(url)


def test_an_exception_inside_a_transaction_leaves_nothing(filed: World) -> None:
    """Half a deed is no deed."""
    before = rows(filed, "tool")
    with pytest.raises(ZeroDivisionError), filed.tracker._store.write() as work:
        work.add_tool(replace_tool(), at=NOW)
        raise ZeroDivisionError
    assert rows(filed, "tool") == before
    assert filed.tracker.catalogue().revision == before


def replace_tool():
    """Return one more tool."""
    from delegation import Tool

    return Tool("extra.tool", effect="read")


def test_a_locked_database_refuses_and_writes_nothing(tmp_path, monkeypatch) -> None:
    """While another program holds the write lock, a check is refused with nothing half-written."""
    filed = World(path=tmp_path / "s.db")
    monkeypatch.setattr(
        "delegation.records.engine.sqlite._PRAGMAS",
        ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=50"),
    )
    monkeypatch.setattr("delegation.records.engine.sqlite.BUSY_SECONDS", 0.05)
    monkeypatch.setattr("delegation.records.settling.writer.ANSWER_SECONDS", 0.3)
    token = filed.chain("boss", "a")
    filed.tracker._store._database.close()
    before = rows(filed, "decision"), rows(filed, "nonce"), rows(filed, "counter")
    other = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError):
        filed.check(token, "a")
    other.execute("ROLLBACK")
    other.close()
    assert (rows(filed, "decision"), rows(filed, "nonce"), rows(filed, "counter")) == before
    assert filed.check(token, "a")


def test_a_database_that_is_gone_refuses(tmp_path) -> None:
    """A folder that cannot be opened as a database is an outage, not a crash."""
    with pytest.raises(StoreUnavailableError):
        open_store(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}")
    (tmp_path / "garbage.db").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StoreUnavailableError):
        open_store(f"sqlite:///{tmp_path / 'garbage.db'}")


def test_two_threads_never_overspend(filed: World) -> None:
    """Concurrent siblings share their parent's budget exactly."""
    top = filed.chain("boss", "a", budget={"calls": 12})
    children = [
        top.delegate(by=filed.key("a"), to=filed.key(n).public, grant=Grant()) for n in ("b", "c")
    ]
    allowed: list[bool] = []

    def spend(token, name) -> None:
        allowed.extend([bool(filed.check(token, name)) for _ in range(10)])

    threads = [
        threading.Thread(target=spend, args=(t, n))
        for t, n in zip(children, ("b", "c"), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(allowed) == 12
    assert dict(filed.tracker.task(filed.task.id).spent)["calls"] == 12


def test_two_threads_with_one_proof_get_one_allowance(filed: World) -> None:
    """A replay in flight loses: the nonce is claimed in the deciding transaction."""
    token, access = filed.chain("boss", "a"), filed.access()
    proof = filed.key("a").prove(token, access, at=NOW)
    found: list[bool] = []
    threads = [
        threading.Thread(
            target=lambda: found.append(bool(filed.tracker.check(token, proof, access)))
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [False] * 5 + [True]


def test_nonces_outlive_every_proof_of_theirs_and_go(world: World) -> None:
    """A proof is refused as used for as long as it is fresh; later its nonce is forgotten."""
    token, access = world.chain("boss", "a"), world.access()
    proof = world.key("a").prove(token, access, at=NOW + 5)
    assert world.tracker.check(token, proof, access)
    world.at = NOW + 65
    assert verdict(world.tracker.check(token, proof, access)) == (14, "replayed")
    world.at = NOW + 200
    assert verdict(world.tracker.check(token, proof, access)) == (6, "proof_stale")
    assert world.check(token, "a")
    assert world.check(token, "a"), "by now the writer is done with forgetting"
    with world.tracker._store._database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM nonce")).scalar_one() == 2


@settings(max_examples=40)
@given(data=st.data())
def test_standing_equals_a_naive_walk(data) -> None:
    """Whatever is revoked in whatever forest, each link's standing is its first ended ancestor's."""
    world = World()
    tokens = [world.root("n0")]
    parents = {tokens[0].id: None}
    for n in range(data.draw(st.integers(1, 7))):
        above = data.draw(st.sampled_from(tokens))
        if above.grant.delegations_left == 0:
            continue
        child = above.delegate(
            by=world.key(above.holder.name), to=world.key(f"n{n + 1}").public, grant=Grant()
        )
        parents[child.id] = above.id
        tokens.append(child)
        world.check(child, child.holder.name)
    cut = set()
    for token in data.draw(st.lists(st.sampled_from(tokens), max_size=3)):
        kind = data.draw(st.sampled_from(["link", "key"]))
        world.tracker.revoke(kind, token.id if kind == "link" else token.holder.text[8:], by="t")
        cut |= (
            {token.id}
            if kind == "link"
            else {t.id for t in tokens if t.holder.key == token.holder.key}
        )
    lineage = world.tracker.lineage(world.task).entry
    for entry in lineage.links:
        walk, ended = entry.id, False
        while walk is not None:
            ended, walk = ended or walk in cut, parents[walk]
        assert (entry.standing == "revoked") is ended
        token = next(t for t in tokens if t.id == entry.id)
        assert (verdict(world.check(token, token.holder.name)) is None) is not ended
    assert [(e.parent, e.id) for e in lineage.links if e.parent] == [
        (e.parent, e.id) for e in lineage.links if parents[e.id]
    ]
    for entry in lineage.links:
        assert entry.parent == parents[entry.id]


def test_names_and_owners_come_from_the_registry(world: World) -> None:
    """An unregistered key is unnamed under its delegator's owner; a registered one has its own."""
    world.tracker.add_agent("a", owner="bo@acme.example", keys=[world.key("a").public])
    world.check(world.chain("boss", "a", "b"), "b")
    found = {e.claimed_name: e for e in world.tracker.lineage(world.task).entry.links}
    assert [(found[n].holder_name, found[n].owner) for n in ("boss", "a", "b")] == [
        ("", OWNER),
        ("a", "bo@acme.example"),
        ("", "bo@acme.example"),
    ]
    with pytest.raises(ConflictError):
        world.tracker.add_agent("other", owner=OWNER, keys=[world.key("a").public])
    with pytest.raises(ConflictError):
        world.tracker.add_agent("a", owner="eve@evil.example", keys=[world.key("z").public])
    with pytest.raises(MalformedError):
        world.tracker.add_agent("x", owner="", keys=[world.key("z").public])
    with pytest.raises(MalformedError):
        world.tracker.add_agent("x", owner=OWNER, keys=[])


def test_unproven_denials_are_counted_above_a_rate(world: World) -> None:
    """Ten a second and client are stored one by one; the rest is counted by code and minute."""
    for _ in range(25):
        world.tracker.check("garbage", None, world.access(), client="noisy")
    world.tracker.check("garbage", None, world.access(), client="quiet")
    with world.tracker._store.read() as reader:
        assert reader.unproven_counts() == {(NOW // 60, "token_malformed"): 15}
    assert len(world.tracker.decisions()) == 11
    assert all(d.task is None and d.link is None for d in world.tracker.decisions())


def test_a_decision_is_kept_with_its_access_cause_and_epoch(world: World) -> None:
    """What is recorded suffices to explain a call later; arguments stand beside a salted digest."""
    token = world.chain("boss", "a")
    first = world.check(token, "a")
    world.tracker.revoke("key", HolderKey.generate("x").public.text[8:], by="t")
    caused = replace(world.access(path="/b"), cause=first.id)
    detail = world.tracker.decision(world.check(token, "a", caused).id)
    assert detail.decision.claimed_cause == first.id
    assert detail.access == caused.to_json()
    assert (detail.epoch, detail.catalogue) == (1, 4)
    assert dict(detail.decision.arguments) == {"path": "/b"}
    with world.tracker._store._database.reading() as connection:
        digests = connection.execute(
            text("SELECT arguments_digest, arguments_salt FROM decision")
        ).all()
    assert len({d for d, _ in digests}) == 2
    assert all(len(s) == 16 for _, s in digests)


def test_nothing_is_issued_outside_an_open_task_or_beyond_its_ceiling(world: World) -> None:
    """Issuing is refused for a closed task, past the deadline, and for a wider grant."""
    with pytest.raises(WiderThanParentError):
        world.root("boss", audience=["https://other.example"])
    world.at = NOW + 1000
    with pytest.raises(ConflictError):
        world.root("boss")
    world.at = NOW
    world.tracker.close_task(world.task, "failed")
    with pytest.raises(ConflictError):
        world.root("boss")
    with pytest.raises(ConflictError):
        world.tracker.close_task(world.task)
    with pytest.raises(NotFoundError):
        world.tracker.issue("tsk_none", to=world.key("boss").public)


@pytest.mark.parametrize("text_", ["\ud800", "a\x00", "", "x" * 3000])
def test_odd_texts_are_malformed_and_stored_nowhere(world: World, text_: str) -> None:
    """Titles, owners, names and reasons are checked before the database sees them."""
    with pytest.raises(MalformedError):
        world.tracker.open_task(text_, owner=OWNER, ceiling=Grant())
    with pytest.raises(MalformedError):
        world.tracker.add_agent(text_, owner=OWNER, keys=[world.key("z").public])
    if text_:
        with pytest.raises(MalformedError):
            world.tracker.revoke("task", world.task.id, by="t", reason=text_ * 2)


def test_a_wildcard_at_a_root_needs_the_unsafe_word(world: World, caplog) -> None:
    """Naming tools by pattern is refused, or logged at each use."""
    from delegation import anything, may

    ceiling = Grant([may("files.*", path=anything())], audience=["x"])
    with pytest.raises(MalformedError):
        world.tracker.open_task("T", owner=OWNER, ceiling=ceiling)
    assert world.tracker.open_task("T", owner=OWNER, ceiling=ceiling, unsafe_wildcards=True)
    assert "unsafe_wildcards" in caplog.text
    with pytest.raises(MalformedError):
        world.tracker.open_task("T", owner=OWNER, ceiling=Grant([may("no.such")]))


def test_a_holder_cuts_only_below_its_own_link(world: World) -> None:
    """Revoking by proof works strictly below, without the issuer, and once per proof."""
    from delegation.commands.announce import announcement
    from delegation.commands.revoke import revocation_request

    top, leaf = world.chain("boss", "a"), None
    leaf = top.delegate(by=world.key("a"), to=world.key("b").public, grant=Grant())
    world.tracker.announce(leaf, world.key("b").prove(leaf, announcement(ISSUER), at=NOW))
    for target in (top.id, top.chain.root.id, "lnk_" + "x" * 43):
        request = revocation_request(ISSUER, target)
        with pytest.raises(Exception, match="only links below"):
            world.tracker.revoke_below(top, world.key("a").prove(top, request, at=NOW), target)
    request = revocation_request(ISSUER, leaf.id)
    proof = world.key("a").prove(top, request, at=NOW)
    assert world.tracker.revoke_below(top, proof, leaf.id).subject.id == leaf.id
    with pytest.raises(Exception, match="used before"):
        world.tracker.revoke_below(top, proof, leaf.id)
    assert verdict(world.check(leaf, "b")) == (10, "link_revoked")
    assert world.check(top, "a")


def test_a_store_opens_again_with_everything_in_it(filed: World, url: str) -> None:
    """Closing and opening loses nothing: tasks, tokens, nonces, revocations."""
    token, access = filed.chain("boss", "a"), filed.access()
    proof = filed.key("a").prove(token, access, at=NOW)
    assert filed.tracker.check(token, proof, access)
    ring = filed.tracker._desk.ring
    filed.tracker.close()
    again = Tracker.open(url, ring=ring, clock=lambda: NOW)
    assert verdict(again.check(token, proof, access)) == (14, "replayed")
    assert len(again.lineage(filed.task).entry.links) == 2


def test_a_tool_with_an_ambiguous_template_is_not_recorded_and_denied_where_it_is(
    monkeypatch,
) -> None:
    """An older store may hold one: the catalogue is read, other tools work, this one is denied."""
    tracker = Tracker.open("sqlite://")
    arguments = {"tenant": "opaque", "doc": "opaque"}
    tool = Tool("db.read", effect="read", arguments=arguments, resource="db:{tenant}-{doc}/rows")
    with pytest.raises(MalformedError):
        tracker.add_tool(tool)
    with monkeypatch.context() as older, tracker._store.write() as work:
        older.setattr("delegation.authority.catalogue.refuse_ambiguous", lambda _: None)
        work.add_tool(tool, at=0)
    tracker.add_tool(Tool("db.list", effect="read"))
    given = {"tenant": anything(), "doc": anything()}
    granted = [may("db.read", resources=["db:acme-eu-1/rows"], **given), may("db.list")]
    task = tracker.open_task("T", owner="ana@acme.example", ceiling=Grant(granted, audience=["s"]))
    holder = HolderKey.generate("h")
    token = tracker.issue(task, to=holder.public)
    for tenant, doc in (("acme-eu", "1"), ("acme", "eu-1")):
        access = Access("db.read", {"tenant": tenant, "doc": doc}, "s")
        decision = tracker.check(token, holder.prove(token, access), access)
        assert decision.denial is not None
        assert decision.denial.code == "resource_ambiguous"
    other = Access("db.list", {}, "s")
    assert tracker.check(token, holder.prove(token, other), other)
