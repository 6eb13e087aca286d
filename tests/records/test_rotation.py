"""A key of the ring is replaced while it is used: announced to all, then switched for all at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from replicas import NOW, Replica, copy, kid, reopened

from delegation import Token, Tool, Tracker
from delegation.errors import KeyFileError, KeyRingError, MalformedError, StoreUnavailableError
from delegation.identity.keyring import MAX_KEYS, ROLES, KeyRing, RingKey
from delegation.identity.ring_state import LEAST_KEEP, LOG_KEEP
from delegation.records import ring_book
from delegation.records.log.publish import Publisher
from delegation.tracker import held_ring


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return a store on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 's.db'}"
    return str(request.getfixturevalue("server").new_database())


@pytest.fixture
def two(url: str, tmp_path: Path, monkeypatch) -> Iterator[tuple[Replica, Replica]]:
    """Return two replicas on one store, each with its copy; nothing needs time to settle."""
    monkeypatch.setattr(ring_book, "SETTLED", 0)
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    one = Replica(url, first)
    one.tracker.add_tool(Tool("files.read", effect="read", arguments={"path": "path"}))
    copy(first, second)
    other = Replica(url, second)
    yield one.serve(), other.serve()
    one.tracker.close()
    other.tracker.close()


@pytest.mark.parametrize("role", ROLES)
def test_no_replica_signs_with_a_key_before_all_hold_it(two, role: str) -> None:
    """Announced, copied, confirmed, switched; at each step what either issues verifies at both."""
    one, other = two
    form = "macaroon" if role in {"statement", "macaroon"} else "biscuit"
    old = [one.issue(form=form), other.issue(form=form)]
    before = kid(one, role)

    def both_verify() -> None:
        fresh = [one.issue(form=form), other.issue(form=form)]
        for token in (*old, *fresh):
            assert (one.code(token), other.code(token)) == (None, None)
        one.tracker.update_log()
        other.tracker.update_log()
        assert one.tracker.log_status().stopped == ""

    found = one.tracker.announce_key(role)
    assert not found.is_done
    both_verify()
    waiting = one.tracker.switch_key(role, found.key.kid, keep=0)
    assert [holder.name for holder in waiting.lacking] == [other.keys.name], "who lacks it is named"
    both_verify()
    copy(one.ring, other.ring)
    other.look()
    one.look()
    both_verify()
    assert kid(one, role) == kid(other, role) == before, "held by both, and not signed with yet"
    done = one.tracker.switch_key(role, found.key.kid, keep=0)
    assert done.is_done
    both_verify()  # `other` has not looked since: its transaction sees what signs
    other.look()
    assert kid(one, role) == kid(other, role) == found.key.kid
    both_verify()
    file = KeyRing.load(one.ring)
    assert file.active(role).kid == found.key.kid
    assert one.ring.stat().st_mode & 0o777 == 0o600
    other.tracker.close()
    again = reopened(other)
    assert kid(again, role) == found.key.kid, "a copy that says `coming` signs with it all the same"
    again.tracker.close()


def test_an_old_key_is_believed_as_long_as_a_root_needs_it(two) -> None:
    """Whatever `keep` says: to the end of the last root that it signed, and for ten minutes."""
    one, other = two
    long, mac = one.issue(lasts=90_000), one.issue(lasts=40_000, form="macaroon")
    ends = {}
    for role in ROLES:
        found = one.tracker.announce_key(role)
        copy(one.ring, other.ring)
        other.look()
        one.look()
        done = one.tracker.switch_key(role, found.key.kid, keep=5)
        (old,) = done.ended
        ends[role] = old.not_after - NOW
    assert ends == {
        "issuer": long.chain.root.grant.expires_at - NOW,
        "statement": mac.chain.root.grant.expires_at - NOW,
        "macaroon": mac.chain.root.grant.expires_at - NOW,
        "service": LEAST_KEEP,
        "approval": LEAST_KEEP,
        "log": LOG_KEEP,
    }
    other.look()
    for later, token in ((39_000, mac), (89_000, long)):
        for replica in two:
            replica.at = NOW + later
            assert replica.code(token) is None


def test_who_has_not_looked_yet_signs_with_the_new_key_all_the_same(two) -> None:
    """What the transaction sees counts: with the old key, its end would not know of this root."""
    one, other = two
    found = one.tracker.announce_key("issuer")
    copy(one.ring, other.ring)
    other.look()
    one.look()
    assert one.tracker.switch_key("issuer", found.key.kid, keep=0).is_done
    assert kid(other, "issuer") != found.key.kid, "it has not looked"
    late = other.issue(lasts=90_000)
    for replica in two:
        replica.look()
        replica.at = NOW + LEAST_KEEP + 1
        assert replica.code(late) is None


def test_it_goes_on_where_it_stood(two, monkeypatch) -> None:
    """Cut off anywhere, or begun twice, a rotation makes one key, and the same call ends it."""
    one, other = two
    role = "issuer"
    inserted = ring_book._row

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ring_book, "_row", killed)
    with pytest.raises(KeyboardInterrupt):  # the file is written, and the store knows nothing of it
        one.tracker.announce_key(role)
    monkeypatch.setattr(ring_book, "_row", inserted)
    (made,) = [key for key in KeyRing.load(one.ring).keys if key.state == "coming"]
    assert one.tracker.announce_key(role).key.kid == made.kid
    assert one.tracker.announce_key(role).key.kid == made.kid
    with pytest.raises(KeyFileError, match="announced already by"):
        other.tracker.announce_key(
            role
        )  # on a copy that lacks it: another key would be a second one
    copy(one.ring, other.ring)
    other.look()
    one.look()
    assert other.tracker.announce_key(role).key.kid == made.kid
    monkeypatch.setattr(KeyRing, "replace_in", killed)
    with pytest.raises(KeyboardInterrupt):  # before COMMIT: nothing signs with it
        one.tracker.switch_key(role, made.kid, keep=0)
    monkeypatch.undo()
    monkeypatch.setattr(ring_book, "SETTLED", 0)
    one.look()
    assert kid(one, role) != made.kid
    assert one.tracker.switch_key(role, made.kid, keep=0).is_done
    assert one.tracker.switch_key(role, made.kid, keep=0).is_done, "once more changes nothing"
    brought = other.tracker.announce_key(role)  # its file says `coming`: it is brought up to date
    assert brought.is_done
    assert brought.key.kid == made.kid
    assert KeyRing.load(other.ring).active(role).kid == made.kid
    assert other.tracker.announce_key(role).key.kid > made.kid, "and then the next one is made"


def test_two_who_announce_at_once_make_one_key(two) -> None:
    """Of one role; of two roles each makes its own, and neither is lost from the file."""
    one, _ = two
    made: list[tuple[str, int]] = []

    def announce(role: str) -> None:
        made.append((role, one.tracker.announce_key(role).key.kid))

    threads = [Thread(target=announce, args=(role,)) for role in ("issuer", "log") * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 6
    assert len(set(made)) == 2
    coming = {(k.role, k.kid) for k in KeyRing.load(one.ring).keys if k.state == "coming"}
    assert coming == set(made)


def test_a_file_that_cannot_be_read_takes_no_key_away(two) -> None:
    """Half written, open to others, gone, or an older copy: the keys of before serve, and it is told."""
    one, other = two
    token = one.issue()
    one.tracker.announce_key("issuer")
    copy(one.ring, other.ring)
    other.look()
    good, before = other.ring.read_bytes(), KeyRing.load(one.ring)
    older = KeyRing(before.issuer, [key for key in before.keys if key.state != "coming"])
    for spoil, said in (
        (lambda: other.ring.write_bytes(good[: len(good) // 2]), "holds no"),
        (lambda: other.ring.chmod(0o644), "others"),
        (lambda: older.replace_in(other.ring), "older copy"),
        (other.ring.unlink, "gone"),
    ):
        spoil()
        other.look()
        assert other.code(token) is None
        with one.tracker._store._database.reading() as connection:
            problems = {h.name: h.problem for h in ring_book.holders(connection)}
        assert said in problems[other.keys.name], said
        other.ring.unlink(missing_ok=True)
        other.ring.write_bytes(good)
        other.ring.chmod(0o600)
        other.look()
        with one.tracker._store._database.reading() as connection:
            assert all(not h.problem for h in ring_book.holders(connection))


def rotated(one: Replica, other: Replica, role: str = "issuer") -> int:
    """Rotate a key, both holding it; return its id."""
    found = one.tracker.announce_key(role)
    copy(one.ring, other.ring)
    other.look()
    one.look()
    assert one.tracker.switch_key(role, found.key.kid, keep=0).is_done
    return int(found.key.kid)


def test_an_older_copy_does_not_start_after_the_switch(two, tmp_path: Path) -> None:
    """For a key of any role, before it signed anything that the store would show."""
    one, other = two
    old = tmp_path / "old.json"
    for role in ("log", "service", "issuer"):
        copy(other.ring, old)
        made = rotated(one, other, role)
        with pytest.raises(KeyFileError, match=f"lacks the {role} key {made}") as caught:
            reopened(other, old)
        assert one.keys.name in caught.value.remedy, "whoever announced it has it"


def test_another_key_under_the_same_id_is_no_copy(two, tmp_path: Path) -> None:
    """Two copies that were rotated apart, by hand or an older program, are told from each other."""
    one, other = two
    apart = tmp_path / "apart.json"
    copy(one.ring, apart)
    KeyRing.load(apart).rotated("service", at=NOW, keep=9).replace_in(apart)
    rotated(one, other, "service")
    with pytest.raises(KeyFileError, match="holds another under its id"):
        reopened(other, apart)


def test_a_store_from_a_backup_does_not_switch_back(two) -> None:
    """The file that was brought up to date tells the store again; till then the old key signs."""
    one, other = two
    token = one.issue()
    made = rotated(one, other)
    fresh = one.issue()
    with one.tracker._store._database.writing() as connection:  # as the older store knew it
        connection.execute(ring_book.RING_KEYS.delete().where(ring_book.RING_KEYS.c.kid == made))
        connection.execute(ring_book.update(ring_book.RING_KEYS).values(not_after=0))
    other.look()
    assert other.code(fresh) is None
    assert other.code(token) is None
    one.look()
    other.look()
    assert kid(one, "issuer") == kid(other, "issuer") == made
    assert (one.code(token), other.code(fresh)) == (None, None)


def test_who_slept_denies_nothing_as_unknown(two, tmp_path: Path) -> None:
    """Taken for gone, it wakes after the switch: 503 until it has looked, then all is known."""
    one, other = two
    found = one.tracker.announce_key("issuer")
    with one.tracker._store._database.writing() as connection:  # nobody heard it for long
        silent = ring_book.RING_HOLDERS.c.name == other.keys.name
        connection.execute(ring_book.update(ring_book.RING_HOLDERS).where(silent).values(at=1))
    assert one.tracker.switch_key("issuer", found.key.kid, keep=0).is_done
    token = one.issue()
    other.running += 3600
    with pytest.raises(StoreUnavailableError, match="unknown here"):
        other.code(token)
    with pytest.raises(StoreUnavailableError, match="lacks the issuer key"):
        other.issue()  # not signed with the old one either
    other.look()
    with pytest.raises(StoreUnavailableError, match="lacks the issuer key"):
        other.code(token)
    copy(one.ring, other.ring)
    other.look()
    assert other.code(token) is None
    assert other.issue().chain.root
    assert other.code(Token.read(token.text, one.tracker.public_ring())) is None


def test_a_replica_that_lacks_a_key_freezes_and_says_so(two) -> None:
    """It was 503 after everything was frozen: only the receipt cannot be signed there."""
    one, other = two
    token = one.issue()
    found = one.tracker.announce_key("service")
    with one.tracker._store._database.writing() as connection:  # nobody heard it for long
        silent = ring_book.RING_HOLDERS.c.name == other.keys.name
        connection.execute(ring_book.update(ring_book.RING_HOLDERS).where(silent).values(at=1))
    assert one.tracker.switch_key("service", found.key.kid, keep=0).is_done
    other.look()
    done = other.tracker.freeze(by="op", reason="now", wait=False)
    assert done.receipt is None
    assert other.tracker.ending(done.change.epoch).receipt is None
    assert one.tracker.ending(done.change.epoch).receipt is not None
    assert other.tracker.revoke("link", token.id, by="op").epoch > done.change.epoch


def test_what_is_opened_for_a_moment_looks_by_itself(two) -> None:
    """A command or an embedded tracker that nobody waits for: it reads the file when it must."""
    one, other = two
    brief = reopened(one)
    token = None
    made = rotated(one, other)
    token = one.issue()
    brief.running += 3600
    assert brief.code(token) is None
    assert brief.issue().chain.root
    assert kid(brief, "issuer") == made
    brief.tracker.close()


def test_verifiers_have_time_to_learn_of_a_key(two, monkeypatch) -> None:
    """All hold it, and it signs six seconds later: a verifier outside relies on keys for five."""
    one, other = two
    monkeypatch.setattr(ring_book, "SETTLED", 6000)
    found = one.tracker.announce_key("issuer")
    copy(one.ring, other.ring)
    other.look()
    one.look()
    told = one.tracker.switch_key("issuer", found.key.kid, keep=0)
    assert (len(told.lacking), len(told.settling)) == (0, 2)
    assert other.tracker.public_ring().key("issuer", found.key.kid) is not None, "it is published"
    with one.tracker._store._database.writing() as connection:
        since = ring_book.RING_HOLDERS.c.since - 6000
        connection.execute(ring_book.update(ring_book.RING_HOLDERS).values(since=since))
    assert one.tracker.switch_key("issuer", found.key.kid, keep=0).is_done


def test_a_role_that_the_ring_has_not_begins_by_being_rotated(two) -> None:
    """Rings from before a role, and names that are none."""
    one, _other = two
    with pytest.raises(MalformedError):
        one.tracker.announce_key("oracle")
    memory = Tracker.open()
    with pytest.raises(KeyRingError, match="memory"):
        memory.announce_key("log")
    memory.close()
    before = KeyRing.load(one.ring)
    full = [*before.keys]
    full += [
        RingKey("log", 1000 + n, "coming", 0, os.urandom(32)) for n in range(MAX_KEYS - len(full))
    ]
    with pytest.raises(KeyRingError, match="room for no other"):
        KeyRing(before.issuer, full).rotated("log", at=NOW, keep=1)


def test_a_log_signed_by_a_newer_key_is_not_called_broken(two) -> None:
    """By who has not looked yet, or was asleep: it waits until it has, and the log goes on."""
    one, other = two
    one.issue()
    one.tracker.update_log()
    found = one.tracker.announce_key("log")
    with one.tracker._store._database.writing() as connection:
        silent = ring_book.RING_HOLDERS.c.name == other.keys.name
        connection.execute(ring_book.update(ring_book.RING_HOLDERS).where(silent).values(at=1))
    assert one.tracker.switch_key("log", found.key.kid, keep=0).is_done
    one.issue()
    one.tracker.update_log()
    desk: Publisher = other.tracker._log.publisher
    other.running += 3600
    desk.update(at=NOW)  # the old key signed along
    one.issue()
    with pytest.raises(StoreUnavailableError, match="lacks the log key"):
        desk.update(at=NOW)  # there is something to sign, and it has not the key for it
    one.at += LOG_KEEP + 1
    one.issue()
    one.tracker.update_log()
    assert not one.tracker.log_checkpoint().is_signed_by(one.tracker.log_status().keys[:1])
    other.running += 3600
    for told in ("unknown here", "lacks the log key"):
        with pytest.raises(StoreUnavailableError, match=told):
            desk.update(at=NOW)
        assert one.tracker.log_status().stopped == ""
        other.look()
    copy(one.ring, other.ring)
    other.look()
    other.at = one.at
    other.issue()
    assert other.tracker.update_log().stopped == ""
    assert other.tracker.log_checkpoint().is_signed_by(one.tracker.log_status().keys[1:])


def test_the_looks_bounds_fit_together() -> None:
    """Who relies on a look was heard so lately that no key began to sign without it."""
    assert held_ring.FRESH < held_ring._TOLD < ring_book.GONE / 1000
    assert held_ring._HELD_SECONDS + held_ring.LOOK_SECONDS < held_ring._TOLD
