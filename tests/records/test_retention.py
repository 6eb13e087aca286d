"""Retention: arguments, salts and proofs go; lineage, explanations and the log stay true."""

from __future__ import annotations

import pytest
from logs import audited, busy, with_files
from world import NOW, World
from writing import scalar

from delegation.commands.retention import DAY, MIN_DAYS
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
    assert filed.tracker.erase(before=NOW + 1) == 3
    assert filed.tracker.erase(before=NOW + 1) == 0
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
    assert erase(store, before=NOW + 3, at=LATER, most=2) == 3
    left = "SELECT min(at) FROM decision WHERE arguments_salt IS NOT NULL"
    assert scalar(filed, left) == NOW + 3


def test_a_decision_without_a_place_in_the_log_is_not_erased_yet(filed: World) -> None:
    """Its leaf could not be compared or, for old stores, not even be made without the salt."""
    busy(filed)
    filed.at = LATER
    assert filed.tracker.erase(before=NOW + 1) == 0
    filed.tracker.update_log()
    assert filed.tracker.erase(before=NOW + 1) == 5


def test_a_kept_store_erases_by_itself(filed: World, monkeypatch) -> None:
    """With a number of days set, the chore of the service does what the command does."""
    chores = {}

    def keep(name, seconds, chore, *, at_end=False) -> None:
        chores[name] = (seconds, chore)

    busy(filed)
    filed.at = LATER
    monkeypatch.setattr(filed.tracker._store, "keep", keep)
    filed.tracker.keep_log(retain_days=MIN_DAYS)
    assert chores["retention"][0] == ERASE_SECONDS
    chores["log"][1]()
    chores["retention"][1]()
    assert scalar(filed, "SELECT count(*) FROM decision WHERE proof IS NOT NULL") == 0
    chores.clear()
    filed.tracker.keep_log()
    assert chores.keys() == {"log", "journal"}  # by default everything is kept


def test_a_repeated_key_after_erasing_is_no_new_decision(filed: World) -> None:
    """An idempotency key is forgotten long before anything is erased; nothing is decided twice."""
    from delegation.records.settling.claims import REQUEST_SECONDS

    assert REQUEST_SECONDS < MIN_DAYS * DAY
