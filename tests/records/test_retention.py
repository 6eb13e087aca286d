"""Retention: arguments, salts and proofs go; lineage, explanations and the log stay true."""

from __future__ import annotations

import pytest
from logs import audited, busy, with_files
from world import NOW, World
from writing import scalar

from delegation.commands.retention import DAY, MIN_DAYS, ClockAheadError, Erasure, Retention
from delegation.errors import MalformedError
from delegation.tracker.log import ERASE_SECONDS
from delegation.transparency.leaf import DecisionLeaf

LATER = NOW + (MIN_DAYS + 1) * DAY


def test_nothing_is_erased_before_its_time(filed: World) -> None:
    """190 days is the least: a second less is refused, whatever asks."""
    busy(filed)
    filed.tracker.update_log()
    for before in (NOW + 1, NOW, NOW - MIN_DAYS * DAY + 1):
        with pytest.raises(MalformedError, match="190 days"):
            filed.tracker.erase(before=before)
    for days in (1, MIN_DAYS - 1, -1):
        with pytest.raises(MalformedError):
            filed.tracker.keep_log(retain_days=days)
    assert filed.tracker.erase(before=NOW - MIN_DAYS * DAY) == 0
    assert scalar(filed, "SELECT count(*) FROM decision WHERE arguments_salt IS NULL") == 0


def test_what_is_erased_is_gone_and_what_it_was_part_of_stays(filed: World, tmp_path) -> None:
    """Arguments, what was offered, proofs and salts are null; decisions, lineage, leaves as before."""
    with_files(filed, tmp_path)
    token = filed.chain("boss", "a")
    made = [
        filed.check(token, "a", filed.access(path="/very-secret")),
        filed.check(token, "a", filed.access("mail.send", to="secret@evil.example", body="x")),
        filed.tracker.check("?", None, filed.access()),
    ]
    filed.tracker.update_log()
    before = (filed.tracker.lineage(filed.task).as_text(), filed.tracker.log_checkpoint())
    details = [filed.tracker.decision(one.id) for one in made]
    assert "secret" in str(details)
    filed.at = LATER
    assert filed.tracker.erasable(before=NOW + 1) == 3
    with pytest.raises(ClockAheadError):  # or the store was idle: somebody has to say so
        filed.tracker.erase(before=NOW + 1)
    assert filed.tracker.erase(before=NOW + 1, is_clock_right=True) == 3
    assert filed.tracker.erase(before=NOW + 1, is_clock_right=True) == 0
    assert filed.tracker.erasures() == [Erasure(LATER, NOW + 1, "command", 3)]
    columns = "arguments_salt, access, arguments, proof"
    for column in columns.split(", "):
        assert scalar(filed, f"SELECT count(*) FROM decision WHERE {column} IS NOT NULL") == 0
    for column in ("detail", "resources", "message", "remedy", "caveat"):
        assert scalar(filed, f"SELECT count(*) FROM decision WHERE {column} LIKE '%secret%'") == 0
    after = [filed.tracker.decision(one.id) for one in made]
    for was, now in zip(details, after, strict=True):
        assert now.access is None
        assert now.decision.allowed == was.decision.allowed
        assert now.decision.links == was.decision.links
        assert now.decision.steps == was.decision.steps
        if was.decision.denial is not None:
            assert now.decision.denial.code == was.decision.denial.code
            assert now.decision.denial.remedy == was.decision.denial.remedy
            assert now.decision.denial.offered is None
    filed.at = NOW
    assert filed.tracker.lineage(filed.task).as_text() == before[0]
    filed.at = LATER
    assert filed.tracker.log_checkpoint() == before[1]
    assert audited(filed)
    assert audited(filed, tmp_path)
    assert filed.tracker.compare_log() == ()
    leaf = filed.tracker.decision_proof(made[1].id).verify(filed.tracker.log_status().keys)
    assert isinstance(leaf, DecisionLeaf)
    assert leaf.code == "argument_refused"
    assert filed.tracker.update_log().stopped == ""


def test_a_younger_decision_keeps_its_arguments(filed: World) -> None:
    """Erasing goes by each decision's own time, in portions of any size."""
    from delegation.commands.retention import erase

    token = filed.chain("boss", "a")
    for second in range(5):
        filed.at = NOW + second
        filed.check(token, "a")
    filed.tracker.update_log()
    store = filed.tracker._store
    assert erase(store, before=NOW + 3, at=LATER, is_clock_right=True, most=2) == 3
    assert store.erasures() == [Erasure(LATER, NOW + 3, "command", 3)]
    left = "SELECT min(at) FROM decision WHERE arguments_salt IS NOT NULL"
    assert scalar(filed, left) == NOW + 3


def test_a_decision_without_a_place_in_the_log_is_not_erased_yet(filed: World) -> None:
    """Its leaf could not be compared or, for old stores, not even be made without the salt."""
    busy(filed)
    filed.at = LATER
    assert filed.tracker.erase(before=NOW + 1, is_clock_right=True) == 0
    filed.tracker.update_log()
    assert filed.tracker.erase(before=NOW + 1, is_clock_right=True) == 5


def test_a_kept_store_erases_by_itself(filed: World, monkeypatch) -> None:
    """With a number of days set, the chore of the service does what the command does: once an hour."""
    chores = {}

    def keep(name, seconds, chore, *, at_end=False) -> None:
        chores[name] = (seconds, chore)

    busy(filed)
    monkeypatch.setattr(filed.tracker._store, "keep", keep)
    filed.tracker.keep_log(retain_days=MIN_DAYS)
    assert chores["retention"][0] == ERASE_SECONDS
    chores["log"][1]()
    filed.at = LATER
    chores["retention"][1]()
    assert left(filed) == 5, "never at once"
    assert [one.code for one in filed.tracker.readiness().reasons] == ["clock_ahead"]
    assert filed.tracker.readiness().is_ready
    chores.clear()
    filed.tracker.keep_log()
    assert chores.keys() == {"log", "journal"}  # by default everything is kept


def left(world: World) -> int:
    """Return how many decisions have their arguments' salt."""
    found: int = scalar(world, "SELECT count(*) FROM decision WHERE arguments_salt IS NOT NULL")
    return found


def test_erasing_follows_the_clock_by_a_day_an_hour(filed: World, caplog) -> None:
    """An idle store is erased some day; each round is announced, logged and recorded with it."""
    busy(filed)
    filed.tracker.update_log()
    now = [0.0]
    rounds = Retention(filed.tracker._store, MIN_DAYS, lambda: filed.at, lambda: now[0])
    other = Retention(filed.tracker._store, MIN_DAYS, lambda: filed.at, lambda: now[0])
    filed.at = LATER
    with caplog.at_level("INFO", "delegation.retention"):
        hours = 0
        while left(filed):
            rounds.round()
            other.round()  # a second worker makes nothing faster
            now[0] += 3600
            hours += 1
    assert hours - 1 == MIN_DAYS + 1  # the first one only says what is due
    assert "in an hour" in caplog.text
    assert "erased arguments, salts and proofs of 5 decisions" in caplog.text
    assert "days past what this service has seen" in caplog.text
    (erased,) = filed.tracker.erasures()
    assert (erased.at, erased.by, erased.count) == (LATER, "retention", 5)
    assert NOW < erased.before <= NOW + DAY


def test_a_clock_that_is_ahead_for_hours_costs_as_many_days(filed: World) -> None:
    """Not all of what there is; set right again it costs nothing more, and what was lost is known."""
    token = filed.chain("boss", "a")
    for day in range(4):
        filed.at = NOW + day * DAY
        filed.task = filed.open()
        filed.check(filed.chain("boss", "a"), "a")
    assert token
    filed.tracker.update_log()
    now = [0.0]
    for _ in range(50):  # one that is started again and again erases nothing at all
        Retention(
            filed.tracker._store, MIN_DAYS, lambda: filed.at + 300 * DAY, lambda: now[0]
        ).round()
    assert left(filed) == 4
    filed.at = NOW + MIN_DAYS * DAY  # nothing is old enough yet, but one second
    filed.task = filed.open()
    filed.check(filed.chain("boss", "a"), "a")
    filed.tracker.update_log()
    ahead = [300 * DAY]
    rounds = Retention(filed.tracker._store, MIN_DAYS, lambda: filed.at + ahead[0], lambda: now[0])
    rounds.round()
    for _ in range(MIN_DAYS):  # until the time of erasing has come to the newest record
        now[0] += 3600
        if left(filed) < 5:
            break
        ahead[0] = 0 if filed.tracker._store.erasing_time() >= filed.at - DAY else 300 * DAY
        rounds.round()
    ahead[0] = 300 * DAY
    for _ in range(2):
        now[0] += 3600
        rounds.round()
    assert left(filed) >= 2, "two hours cost two days"
    ahead[0] = 0
    before = left(filed)
    for _ in range(30):
        now[0] += 3600
        rounds.round()
    assert left(filed) == before


def test_what_was_erased_is_not_in_the_file_either(tmp_path) -> None:
    """Written over in its pages, and gone from the WAL, without VACUUM."""
    world = World(path=tmp_path / "s.db")
    world.check(world.chain("boss", "a"), "a", world.access(path="/secret-of-the-call"))
    world.tracker.update_log()
    world.at = LATER
    assert world.tracker.erase(before=NOW + 1, is_clock_right=True) == 1
    for file in tmp_path.glob("s.db*"):
        assert b"secret-of-the-call" not in file.read_bytes()
    world.tracker.close()


def test_a_repeated_key_after_erasing_is_no_new_decision(filed: World) -> None:
    """An idempotency key is forgotten long before anything is erased; nothing is decided twice."""
    from delegation.records.settling.claims import REQUEST_SECONDS

    assert REQUEST_SECONDS < MIN_DAYS * DAY
