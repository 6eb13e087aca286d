"""Exports of what is recorded, on both engines: whole, counted as the listings count, without secrets."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from below import open_below
from sqlalchemy import insert, select
from world import NOW, World

from delegation import Grant
from delegation.errors import ExportTooLargeError, MalformedError, NotFoundError
from delegation.lineage.export_forms import FORMS
from delegation.lineage.selection import VIEWS
from delegation.records.engine.database import Database
from delegation.records.schema.migrate import prepare
from delegation.records.store import open_store
from delegation.records.tables.records import Table
from delegation.tracker import Tracker
from delegation.tracker.exports import AT_ONCE

SECRET = "hunter2-argument"


def lived(world: World) -> list[str]:
    """Let something happen; return what must be in no export: token texts, proofs, arguments."""
    secrets = []
    tracker = world.tracker
    tracker.add_agent("boss", owner="ana@acme.example", keys=[world.key("boss").public])
    for task in range(2):
        if task:
            world.at += 10
            world.task = world.open()
        left, right = world.chain("boss", "a", "b"), world.chain("boss", "c", format="macaroon")
        for token, by, access in (
            (left, "b", world.access(path=f"/{SECRET}")),
            (left, "b", world.access("mail.send", to="x@evil.example", body=SECRET)),
            (right, "c", world.access("ops.restart", host="h.acme.example")),
        ):
            proof = world.key(by).prove(token, access, at=world.at)
            tracker.check(token, proof, access)
            secrets += [token.text, token.text[8:60], proof, proof.rsplit(".", 1)[-1]]
    tracker.check("garbage", None, world.access())
    tracker.revoke("link", left.chain.links[1].id, by="t", reason="seen")
    secret = tracker.create_api_key("rev", "reviewer")
    tracker.update_log()
    return [*secrets, secret, SECRET]


def every(world: World, *, pictures: bool = False):
    """Yield every view in every form."""
    for view, one in VIEWS.items():
        given = {"task": world.task.id} if view == "timeline" else {}
        for form in one.forms:
            if FORMS[form].is_text or pictures:
                yield view, form, given


def test_no_export_has_a_token_a_proof_or_an_argument(world: World, needs_dot: str) -> None:
    """Whatever the view and the form: no secret of a call or of a caller is in it."""
    assert needs_dot
    secrets = [one.encode() for one in lived(world)]
    for view, form, given in every(world, pictures=True):
        made = world.tracker.export(view, form, **given)
        assert made.is_intact
        assert not any(one in made.data for one in secrets), (view, form)
        assert not re.search(rb"dct\.[bm]1\.[A-Za-z0-9_-]", made.data)


def test_counts_are_those_of_the_listings(world: World) -> None:
    """A row for each entry that a listing has, with and without filters."""
    lived(world)
    tracker = world.tracker

    def rows(view: str, **given) -> list[list[str]]:
        made = tracker.export(view, "csv", **given)
        read = list(csv.reader(io.StringIO(made.data.decode(), newline="")))[1:]
        assert len(read) == made.manifest.shown
        return read

    task = world.task.id
    assert [r[0] for r in rows("links")] == [one.id for one in tracker.links()]
    assert len(rows("links", task=task)) == len(tracker.links(task=task)) == 5
    assert tracker.export("links", "csv", task=task).manifest.total == 5
    assert len(rows("links", holder="b")) == len(tracker.links(holder="b")) == 2
    assert tracker.export("links", "csv", holder="b").manifest.total == 10
    key = world.key("c").public
    assert len(rows("links", key=key.text)) == len(tracker.links(key=key)) == 2
    assert [r[1] for r in rows("decisions")] == [one.id for one in tracker.decisions()]
    assert len(rows("decisions", allowed=False)) == len(tracker.decisions(allowed=False)) == 5
    assert tracker.export("decisions", "csv", allowed=False).manifest.total == 7
    assert len(rows("decisions", tool="files.read", task=task)) == 1
    assert len(rows("decisions", code="effect_not_granted")) == 2
    assert len(rows("tasks")) == len(tracker.tasks()) == 2
    assert len(rows("agents")) == 1
    assert len(rows("findings")) == len(tracker.findings().open)
    assert len(rows("risks")) == len(tracker.risks(limit=200))
    assert [r[0] for r in rows("owners")] == [one.name for one in tracker.owners()]
    assert len(rows("handovers")) == len(tracker.handovers())
    assert [r[:4] for r in rows("endings")] == [
        [str(one.epoch), one.act, *one.subject]
        for one in tracker.feed(after=0, limit=100).changes
        if one.act == "revoke"
    ]
    assert len(rows("endings")) == 1
    assert len(rows("lineage")) == 10
    assert len(rows("lineage", task=task)) == len(tracker.lineage(task).entry.links) == 5
    assert len(rows("timeline", task=task)) == 5 + 3 + 1
    events = json.loads(tracker.export("decisions", "ocsf").data)["events"]
    assert [one["metadata"]["uid"] for one in events] == [one.id for one in tracker.decisions()]


def test_filters_of_lineage_keep_the_way_up(world: World) -> None:
    """Links that a filter admits come with what is above them, marked; the rest is only counted."""
    lived(world)
    made = world.tracker.export("lineage", "graphml", standing="revoked", task=world.task.id)
    assert (made.manifest.shown, made.manifest.total) == (3, 5)
    assert made.data.count(b'<data key="n_context">true</data>') == 1
    assert world.tracker.export("lineage", "csv", outcome="denied").manifest.shown == 3 * 2 + 2 * 2
    (leaf,) = [one.id for one in world.tracker.links(task=world.task.id, holder="a")]
    below = world.tracker.export("lineage", "csv", link=leaf)
    assert (below.manifest.shown, below.manifest.total) == (3, 5)
    assert world.tracker.export("lineage", "csv", standing="expired").manifest.shown == 0
    assert (
        json.loads(world.tracker.export("lineage", "json", standing="expired").data)["tasks"] == []
    )


def test_a_past_instant_is_stated_and_looked_at(world: World) -> None:
    """With `at` an export has what was recorded by then, as it stood then."""
    lived(world)
    tracker = world.tracker
    world.at += 50
    for view in ("links", "lineage"):
        made = tracker.export(view, "csv", at=NOW)
        assert (made.manifest.at, made.manifest.shown) == (NOW, 5)
        assert b"revoked" not in made.data
        assert b"revoked" in tracker.export(view, "csv").data
    assert tracker.export("decisions", "csv", at=NOW).manifest.shown == 3
    assert tracker.export("agents", "csv", at=NOW - 1).manifest.shown == 0
    assert tracker.export("lineage", "csv", at=NOW - 1).manifest.shown == 0
    with pytest.raises(NotFoundError):
        tracker.export("lineage", "csv", at=NOW, task=world.task.id)
    with pytest.raises(NotFoundError):
        tracker.export("timeline", "csv", at=NOW, task=world.task.id)


def test_what_cannot_be_exported_is_refused(world: World) -> None:
    """Unknown views, forms, filters and subjects; never an empty file in their place."""
    for view, form, given in (
        ("secrets", "csv", {}), ("links", "exe", {}), ("links", "svg", {}), ("tasks", "csv", {"at": NOW}), ("risks", "csv", {"task": "x"}),
        ("links", "csv", {"holder": "a\x00"}), ("links", "csv", {"holder": "\ud800"}), ("links", "csv", {"holder": ""}), ("links", "csv", {"holder": "x" * 2049}), ("lineage", "csv", {"standing": "fine"}),
        ("lineage", "csv", {"outcome": "allowed,maybe"}), ("decisions", "csv", {"allowed": "yes"}), ("decisions", "csv", {"since": -1}),
        ("findings", "csv", {"severity": "worst"}), ("approvals", "csv", {"state": "x"}), ("timeline", "csv", {}), ("links", "csv", {"key": "short"}),
        ("decisions", "csv", {"at": 2**60}), ("decisions", "csv", {"at": True}),
    ):  # fmt: skip
        with pytest.raises(MalformedError):
            world.tracker.export(view, form, **given)
    for view, given in (
        ("lineage", {"task": "tsk_none"}), ("lineage", {"link": "lnk_none"}), ("timeline", {"task": "tsk_none"}), ("handovers", {"task": "tsk_none"}),
    ):  # fmt: skip
        with pytest.raises(NotFoundError):
            world.tracker.export(view, "csv", **given)


def test_what_is_too_large_is_refused_whole(world: World, monkeypatch) -> None:
    """An export is never cut: above its bound it is refused, and says by how much."""
    lived(world)
    from delegation.tracker import exports

    small = type(AT_ONCE)(rows=4, links=4)
    monkeypatch.setattr(exports, "AT_ONCE", small)
    for view, form, given in every(world):
        number = world.tracker.lineage(world.task).entry if view == "timeline" else None
        if view in {"lineage", "links", "decisions"} or number is not None:
            with pytest.raises(ExportTooLargeError):
                world.tracker.export(view, form, **given)
    assert world.tracker.export("decisions", "csv", task=world.task.id).manifest.shown == 3


def test_the_same_records_give_the_same_bytes_on_both_engines(server, tmp_path) -> None:
    """Text forms are equal, byte for byte, whether SQLite or PostgreSQL kept the records."""
    first = World(path=tmp_path / "a.db")
    lived(first)
    url = server.new_database("t1")
    source, target = Database(f"sqlite:///{tmp_path / 'a.db'}"), Database(url)
    prepare(target)
    with source.reading() as read, target.writing() as write:
        for table in Table.metadata.sorted_tables:
            rows = [dict(row) for row in read.execute(select(table)).mappings()]
            write.execute(table.delete())
            if rows:
                write.execute(insert(table), rows)
    source.close()
    target.close()
    second = Tracker(open_store(url), first.tracker._desk.ring, clock=lambda: first.at)
    for view, form, given in every(first):
        one, other = (tracker.export(view, form, **given) for tracker in (first.tracker, second))
        assert one.data == other.data, (view, form)
        assert one.manifest == other.manifest
        assert one.manifest.checkpoint
    second.close()
    first.tracker.close()


def test_a_checkpoint_is_named_once_there_is_one(world: World) -> None:
    """The manifest names origin, size and root hash of the log; nothing before the first checkpoint."""
    world.chain("boss", "a")
    assert world.tracker.export("tasks", "csv").manifest.checkpoint == ""
    world.tracker.update_log()
    head = world.tracker.log_checkpoint()
    said = world.tracker.export("tasks", "csv").manifest.checkpoint
    assert said.split(" ")[:2] == [head.origin, str(head.size)]


def test_many_pages_are_one_export(world: World, monkeypatch) -> None:
    """Entries on later pages are there once, in order, and told as they are read."""
    from delegation.commands import export as deed

    monkeypatch.setattr(deed, "PAGE", 2)
    lived(world)
    ids = [one.id for one in world.tracker.decisions()]
    made = json.loads(world.tracker.export("decisions", "ocsf").data)["events"]
    assert [one["metadata"]["uid"] for one in made] == ids
    links = [one.id for one in world.tracker.links()]
    rows = json.loads(world.tracker.export("links", "json").data)["rows"]
    assert [one["id"] for one in rows] == links
    past = json.loads(world.tracker.export("links", "json", at=world.at).data)["rows"]
    assert [one["id"] for one in past] == links
    assert world.tracker.export("tasks", "csv").manifest.shown == 2


def test_child_tasks_are_there_once_below_their_openers(world: World) -> None:
    """Of the store and of the task above, every link is in each form once, below what it hangs under."""
    opener = world.chain("boss", "a")
    first, sub = open_below(world, opener, "a", "sub", lasts=900)
    leaf = sub.delegate(by=world.key("sub"), to=world.key("leaf").public, grant=Grant())
    assert world.check(leaf, "leaf")
    tracker = world.tracker
    above = {link.id: link.above for link in tracker.links()}
    assert above[sub.id] == opener.id
    for given in ({}, {"task": world.task.id}, {"link": leaf.id}, {"standing": "active"}):
        for form in ("csv", "graphml", "prov", "json"):
            made = tracker.export("lineage", form, **given)
            assert (made.manifest.shown, made.manifest.total) == (4, 4), (form, given)
            text = made.data.decode()
            if form == "csv":
                rows = list(csv.DictReader(io.StringIO(text, newline="")))
                assert sorted(row["id"] for row in rows) == sorted(above)
            if form == "prov":
                raw = json.loads(text)
                derived = {(r["prov:generatedEntity"], r["prov:usedEntity"]) for r in raw["wasDerivedFrom"].values()}  # fmt: skip
                assert derived == {(f"d:{a}", f"d:{b}") for a, b in above.items() if b}
                assert {f"d:{world.task.id}", f"d:{first.id}"} <= set(raw["activity"])
            if form == "graphml":
                assert text.count("<edge ") == 4
                assert text.count('<data key="n_kind">task</data>') == 1
                assert text.count(f'<data key="n_task">{first.id}</data>') == 2
    (event,) = json.loads(tracker.export("decisions", "ocsf", tool="files.read").data)["events"]
    assert event["delegation"]["parent_uid"] == sub.id
    alone = tracker.export("lineage", "prov", task=first.id)
    assert (alone.manifest.shown, alone.manifest.total) == (2, 2)
