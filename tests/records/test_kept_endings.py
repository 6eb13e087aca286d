"""What is kept beside the ring: for each store its own, past cut lines, and more than the feed says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from world import DESK, NOW, OWNER, READ, World, verdict

from delegation import Grant
from delegation.authority.approval import ApprovalRule
from delegation.authority.pattern import tool_pattern
from delegation.errors import ApproverRefusedError, ConflictError
from delegation.tracker import Tracker


class Store:
    """A store in a file, its backup, and a ring that others may use as well."""

    def __init__(self, folder: Path, name: str = "s") -> None:
        self.file, self.copy = folder / f"{name}.db", folder / f"{name}.copy"
        self.ring, self.kept = folder / "ring.json", folder / "ring.json.ended"
        self.world = World.__new__(World)
        self.world.at, self.world.keys, self.world.url = NOW, {}, str(self.file)
        self.open()
        for tool in __import__("world").TOOLS:
            self.world.tracker.add_tool(tool)
        self.world.task = self.world.open()

    def open(self) -> Tracker:
        self.world.tracker = Tracker.open(
            f"sqlite:///{self.file}", ring_file=self.ring, clock=lambda: self.world.at
        )
        return self.world.tracker

    def back_up(self) -> None:
        self.world.tracker.close()
        shutil.copy(self.file, self.copy)
        self.open()

    def restore(self) -> Tracker:
        self.world.tracker.close()
        shutil.copy(self.copy, self.file)
        for name in ("-wal", "-shm"):
            Path(f"{self.file}{name}").unlink(missing_ok=True)
        self.world.at += 200
        tracker = self.open()
        self.world.at += 70  # of an older database, used proofs are forgotten: a minute passes
        return tracker


def test_each_store_of_a_ring_finds_its_own(tmp_path: Path) -> None:
    """Another store of the same ring wrote last: what this one has forgotten is told again."""
    one = Store(tmp_path)
    token = one.world.root()
    one.back_up()
    one.world.tracker.revoke("link", token.id, by="op", reason="stolen")
    other = Store(tmp_path, "staging")
    other.world.tracker.revoke("link", other.world.root().id, by="op")
    other.world.tracker.close()
    one.restore()
    assert verdict(one.world.check(token, "boss")) == (10, "link_revoked")
    one.restore()
    assert verdict(one.world.check(token, "boss")) == (10, "link_revoked")
    one.world.tracker.close()


@pytest.mark.parametrize("cut", [1, 5, 40, -2])
def test_a_cut_line_hides_nothing(tmp_path: Path, cut: int) -> None:
    """A disk was full in the middle of a line; what is written after it stands for itself."""
    store = Store(tmp_path)
    token = store.world.root()
    store.back_up()
    store.world.tracker.revoke("tool", "mail.send", by="op", reason="a ] in it, and [this")
    line = store.kept.read_bytes().strip().rpartition(b"\n")[2]
    with store.kept.open("ab") as file:
        file.write(line[:cut])
    store.world.tracker.revoke("link", token.id, by="op")
    tracker = store.restore()
    assert verdict(store.world.check(token, "boss")) == (10, "link_revoked")
    assert {change.subject.id for change in tracker.revocations()} == {"mail.send", token.id}
    tracker.close()


def test_a_backup_revives_no_key_session_consent_or_refusal(tmp_path: Path) -> None:
    """What is no change of the feed is kept as well, or shut where it cannot be known."""
    store = Store(tmp_path)
    tracker, world = store.world.tracker, store.world
    rule = ApprovalRule((tool_pattern("files.*"),), approvers=("fin",), quorum=1)
    ceiling = Grant([READ], audience=[DESK], purpose="desk", needs_approval=[rule])
    world.task = tracker.open_task("T", owner=OWNER, ceiling=ceiling)
    token = world.root(needs_approval=[rule])
    operator = tracker.create_api_key("ops", "operator")
    kept = tracker.create_api_key("kept", "operator")
    cy = tracker.create_api_key("cy", "approver", person="cy@acme.example", approves_as=["fin"])
    session = tracker.begin_session(tracker.authenticate(kept))
    asked = [world.check(token, "boss", world.access(path=f"/{n}")).approval for n in range(3)]
    for request in asked[:2]:
        tracker.grant_approval(request, by=tracker.authenticate(cy), reason="ok")
    store.back_up()
    tracker = world.tracker
    assert world.check(token, "boss", world.access(path="/0"))
    tracker.refuse_approval(asked[2], by=tracker.authenticate(cy), reason="no")
    tracker.revoke_api_key("ops")
    tracker = store.restore()
    found = [verdict(world.check(token, "boss", world.access(path=f"/{n}"))) for n in range(3)]
    assert found == [(13, "approval_needed"), (13, "approval_needed"), (13, "approval_refused")]
    assert [tracker.authenticate(key) is None for key in (operator, kept)] == [True, False]
    assert tracker.session_key(session) is None
    tracker.close()


@pytest.mark.parametrize("spelled", ["Cy@acme.example", "cy@ACME.example.", "cy@acme.example"])
def test_who_is_ended_consents_to_nothing(world: World, spelled: str) -> None:
    """An owner who was revoked answers no request, and what was consented to counts no more."""
    rule = ApprovalRule((tool_pattern("files.*"),), approvers=("fin",), quorum=1)
    ceiling = Grant([READ], audience=[DESK], purpose="desk", needs_approval=[rule])
    world.task = world.tracker.open_task("T", owner=OWNER, ceiling=ceiling)
    token, tracker = world.root(needs_approval=[rule]), world.tracker
    secret = tracker.create_api_key("cy", "approver", person="cy@acme.example", approves_as=["fin"])
    first, second = (
        world.check(token, "boss", world.access(path=f"/{n}")).approval for n in range(2)
    )
    tracker.grant_approval(first, by=tracker.authenticate(secret), reason="ok")
    tracker.suspend("owner", spelled, by="op")
    with pytest.raises(ApproverRefusedError) as caught:
        tracker.grant_approval(second, by=tracker.authenticate(secret), reason="ok")
    assert caught.value.reason == "owner_suspended"
    found = world.check(token, "boss", world.access(path="/0"))
    assert verdict(found) == (13, "approval_needed")
    tracker.resume("owner", spelled, by="op")
    tracker.grant_approval(found.approval, by=tracker.authenticate(secret), reason="ok")
    assert world.check(token, "boss", world.access(path="/0"))


def test_people_are_one_however_they_are_spelled(world: World) -> None:
    """Revoked from an instant on, or looked for under a spelling that nobody used."""
    tracker, token = world.tracker, world.root()
    for spelled in ("ANA@acme.example", "ana@Acme.example."):
        tracker.suspend("owner", spelled, by="op")
        assert verdict(world.check(token, "boss")) == (10, "owner_suspended")
        tracker.resume("owner", spelled, by="op")
        assert world.check(token, "boss")
    tracker.revoke("owner", OWNER, by="op", effective_at=NOW + 100)
    with pytest.raises(ConflictError, match="known here as"):
        tracker.open_task("T", owner="Ana@acme.example", ceiling=Grant([READ], audience=[DESK]))


def test_a_reason_lifts_nothing(world: World) -> None:
    """What a suspension came with is not read from its words."""
    root = world.root()
    line = [
        root.delegate(
            by=world.key("boss"), to=world.key("a").public, grant=Grant(expires_at=NOW + end)
        )
        for end in (300, 400)
    ]
    assert all(world.check(link, "a") for link in line)
    world.tracker.suspend("link", line[0].id, by="bo")
    words = f"in one line of renewals with {line[0].id}: also mine"
    world.tracker.suspend("link", line[1].id, by="cy", reason=words)
    world.tracker.resume("link", line[0].id, by="bo")
    assert verdict(world.check(line[1], "a")) == (10, "link_suspended")
