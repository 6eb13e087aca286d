"""The spool, and what the service makes of reports: verified, recorded as made, compared."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest
from below import open_below
from sides import Sides
from world import NOW, verdict

from delegation import Access
from delegation.authority.flow import AtMost
from delegation.errors import ConfigurationError
from delegation.integrations.spool import Spool, SpoolFullError
from delegation.judge.in_process import InProcessDecision

httpx2 = pytest.importorskip("httpx2")


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    """Return a service and a verifier that asks it where it must."""
    return Sides(tmp_path)


def test_a_proof_used_on_two_hosts_is_a_conflict_once_both_reported(tmp_path: Path) -> None:
    """Two spools know nothing of each other; the service finds the second use."""
    sides = Sides(tmp_path)
    token, access = sides.world.chain("boss", "a"), sides.world.access()
    proof = sides.world.key("a").prove(token, access, at=NOW)
    first = sides.check(token, proof=proof)
    sides.spool = Spool(tmp_path / "other.db")
    other = sides.start()
    second = sides.check(token, proof=proof, verifier=other)
    assert first
    assert second
    sides.report()
    asyncio.run(other.local.report())
    ((_, found),) = sides.tracker.local_decisions(conflicts=True)
    assert (found.decision, found.conflict_step, found.conflict_code) == (second.id, 14, "replayed")


def test_a_report_of_what_was_revoked_long_before_is_a_conflict_and_is_kept(sides: Sides) -> None:
    """The call was made, whoever should have stopped it: recorded as made, with what speaks against it."""
    token = sides.world.chain("boss", "a")
    sides.poll()
    sides.tracker.revoke("link", token.id, by="t")
    early = sides.check(token)  # within the bound
    sides.world.at = NOW + 10
    late = sides.check(token)  # a verifier that keeps no bound: its boot clock stands still
    assert early
    assert late
    sides.report()
    found = {e.decision: e.conflict_code for _, e in sides.tracker.local_decisions()}
    assert found == {early.id: None, late.id: "link_revoked"}
    assert sides.tracker.decision(late.id).decision.allowed
    answer = sides.service.ask("GET", "/v1/local-decisions?conflicts=true", "reviewer").json()
    assert [d["decision"] for d in answer["decisions"]] == [late.id]


def test_what_was_resumed_before_the_call_is_no_conflict(sides: Sides) -> None:
    """A suspension that ended within the bound before the call spoke against nothing when it was made."""
    token = sides.world.chain("boss", "a")
    sides.tracker.suspend("link", token.id, by="t")
    sides.world.at = NOW + 3
    sides.tracker.resume("link", token.id, by="t")
    sides.poll()
    soon = sides.check(token)
    assert isinstance(soon, InProcessDecision)
    assert soon
    sides.report()
    assert {e.decision: e.conflict_code for _, e in sides.tracker.local_decisions()} == {
        soon.id: None
    }


def _report(sides: Sides, **changes):
    token = sides.world.chain("boss", "a") if not hasattr(sides, "token") else sides.token
    sides.token, access = token, sides.world.access()
    proof = sides.world.key("a").prove(token, access, at=changes.get("at", NOW))
    body = {
        "decision": "dec_" + "A" * 22,
        "token": token.text,
        "proof": proof,
        "access": access.to_json(),
        "at": NOW,
        "epoch": 0,
        "catalogue": sides.tracker.catalogue().revision,
        **changes,
    }
    answer = sides.service.ask("POST", "/v1/decisions/report", "service", json={"reports": [body]})
    return answer.json()["results"][0] if answer.status_code == 200 else answer.json(), body


def test_a_report_is_verified_before_it_is_believed(sides: Sides) -> None:
    """What does not verify as of then, is out of time or of another audience enters no history."""
    sides.tracker.decisions()
    far = Access("files.read", {"path": "/a"}, "https://elsewhere.example", purpose="desk")
    for changes, code in (
        ({"token": "garbage"}, "token_malformed"),
        ({"proof": "x"}, "proof_malformed"),
        ({"access": sides.world.access(path="/b").to_json()}, "proof_other_access"),
        ({"at": NOW + 6}, "report_out_of_time"),
        ({"at": NOW - 8 * 24 * 3600}, "report_out_of_time"),
        ({"decision": "dec_1"}, "report_malformed"),
        ({"denied": "No!"}, "report_malformed"),
        ({"access": far.to_json()}, "report_other_audience"),
    ):
        result, _ = _report(sides, **changes)
        assert result["refused"] == code, changes
    assert sides.tracker.local_decisions() == []
    old = sides.world.key("a").prove(sides.token, sides.world.access(), at=NOW - 100)
    assert _report(sides, proof=old)[0]["refused"] == "proof_stale"


def test_reports_are_idempotent_by_decision_and_nobody_takes_anothers_id(sides: Sides) -> None:
    """A report that was lost on the way is sent again; an id that is another's is refused."""
    first, body = _report(sides)
    assert first == {"decision": body["decision"], "refused": "", "conflict": ""}
    count = len(sides.tracker.decisions())
    again = sides.service.ask(
        "POST", "/v1/decisions/report", "service", json={"reports": [body, body]}
    )
    assert again.json()["results"] == [first, first]
    assert len(sides.tracker.decisions()) == count
    sides.tracker.create_api_key("other", "operator")
    stolen = sides.service.ask("POST", "/v1/decisions/report", "operator", json={"reports": [body]})
    assert stolen.json()["results"][0]["refused"] == "conflict"
    own = sides.world.check(sides.world.chain("boss", "a"), "a")
    taken, _ = _report(sides, decision=own.id)
    assert taken["refused"] == "conflict"
    for role in ("reviewer", None):
        answer = sides.service.ask("POST", "/v1/decisions/report", role, json={"reports": [body]})
        assert answer.status_code in {401, 403}


def test_a_local_use_claims_the_nonce_at_the_service(sides: Sides) -> None:
    """Once it is reported, the same proof is a replay there; days later, a conflict."""
    token, access = sides.world.chain("boss", "a"), sides.world.access()
    sides.token = token
    proof = sides.world.key("a").prove(token, access, at=NOW)
    assert sides.check(token, proof=proof)
    sides.report()
    assert verdict(sides.tracker.check(token, proof, access)) == (14, "replayed")
    sides.world.at = NOW + 3 * 24 * 3600
    with sides.tracker._store._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM nonce")  # as the service forgets them by itself
    result, _ = _report(sides, token=token.text, proof=proof, decision="dec_" + "B" * 22)
    assert result["conflict"] == "replayed"


def test_a_full_spool_settles_nothing_here(tmp_path: Path) -> None:
    """What cannot be reported must not pile up for ever: the service decides, or nobody."""
    sides = Sides(tmp_path, most_rows=2)
    token = sides.world.chain("boss", "a")
    assert [isinstance(sides.check(token), InProcessDecision) for _ in range(3)] == [
        True,
        True,
        False,
    ]
    assert sides.sent.count("/v1/check") == 1
    strict = sides.start("refuse")
    assert verdict(sides.check(token, verifier=strict)) == (14, "spool_full")
    assert sides.report() == 2
    assert isinstance(sides.check(token), InProcessDecision)


def test_a_spool_is_bounded_in_bytes_and_closed_to_others(tmp_path: Path) -> None:
    """It holds tokens and arguments: mode 0600, and no other program's file."""
    sides = Sides(tmp_path, most_bytes=100)
    assert not isinstance(sides.check(sides.world.chain("boss", "a")), InProcessDecision)
    file = tmp_path / "spool.db"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o640)
    with pytest.raises(ConfigurationError):
        Spool(file)
    other = tmp_path / "notes.db"
    with sqlite3.connect(other) as made:
        made.execute("CREATE TABLE note (n)")
    made.close()
    other.chmod(0o600)
    with pytest.raises(ConfigurationError):
        Spool(other)
    row = sides.spool._connection.execute("PRAGMA synchronous").fetchone()
    assert row == (2,)
    assert sides.spool._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_unreported_decisions_survive_a_restart(sides: Sides, tmp_path: Path) -> None:
    """The file is all that is needed; what it holds is a report as it will be sent."""
    decision = sides.check(sides.world.chain("boss", "a"))
    sides.spool.close()
    sides.spool = Spool(tmp_path / "spool.db")
    (entry,) = sides.spool.waiting(rows=10, size=10**6)
    assert json.loads(entry.body)["decision"] == entry.decision == decision.id
    again = sides.start()
    assert asyncio.run(again.local.report()) == 1
    assert sides.tracker.decision(decision.id).local.by == "svc"


def test_the_spool_is_exact_when_it_is_full(tmp_path: Path) -> None:
    """Counted in the same transaction: full refuses, and emptying makes room again."""
    from delegation.integrations.spool import Entry

    spool = Spool(tmp_path / "s.db", most_rows=3)
    for n in range(3):
        assert spool.claim(Entry(f"d{n}", "{}"), holder=b"h", jti=bytes([n]) * 16, at=NOW)
    with pytest.raises(SpoolFullError):
        spool.claim(Entry("d9", "{}"), holder=b"h", jti=b"z" * 16, at=NOW)
    spool.reported(["d0", "d0", "unknown"])
    assert spool.depth() == (2, 8)
    assert spool.claim(Entry("d9", "{}"), holder=b"h", jti=b"z" * 16, at=NOW)


def test_what_was_called_elsewhere_is_in_its_tasks_history(sides: Sides) -> None:
    """A flow rule counts reported calls; from then on the task's calls are the service's alone."""
    token = sides.world.chain("boss", "a")
    assert sides.check(token)
    sides.report()
    ruled = sides.world.chain("boss", "b", flow=[AtMost({"calls": 1})])
    assert verdict(sides.world.check(ruled, "b")) == (11, "flow_count_spent")
    assert sides.tracker.standing(token.chain.root.id).needs_service == ("flow",)
    late = sides.start()
    assert not isinstance(sides.check(token, verifier=late), InProcessDecision)


def test_a_child_tasks_calls_are_asked_of_the_service(sides: Sides) -> None:
    """Its opener's chain is told to nobody else, so the end of a link on it would not be seen."""
    opener = sides.world.chain("boss", "a")
    _, root = open_below(sides.world, opener, "a", "sub")
    decision = sides.check(root, "sub")
    assert decision
    assert not isinstance(decision, InProcessDecision)
    assert sides.verifier.local.reasons["child_task"] == 1
