"""The decision writer under faults: exact budgets, whole batches, nothing said of what was written."""

from __future__ import annotations

import random
import threading

import pytest
from world import NOW, World, verdict
from writing import Faults, begin, held_back, scalar

from delegation import Grant
from delegation.errors import (
    StoreUnavailableError,
    UnknownOutcomeError,
)
from delegation.records.settling import batch


def test_one_row_that_the_database_refuses_fails_alone(filed: World, monkeypatch) -> None:
    """A fault of one call, found by the database only, does not refuse its neighbours."""
    token = filed.chain("boss", "a")
    gate = held_back(filed, monkeypatch)
    waiting = [begin(filed, token, "a") for _ in range(5)]
    poisoned = (
        filed.tracker._store.writer._queue[-1][0] if filed.tracker._store.writer._queue else None
    )
    real = batch.decisions.proven_row

    def poison(settlement, *args, **kw):
        row = real(settlement, *args, **kw)
        if poisoned is not None and row["id"] == poisoned.id:
            row["step"] = 99  # the CHECK refuses it
        return row

    monkeypatch.setattr(batch.decisions, "proven_row", poison)
    gate.set()
    found = [one.exception(10) for one in waiting]
    assert [type(one) for one in found] == [*[type(None)] * 4, StoreUnavailableError]
    assert scalar(filed, "SELECT count(*) FROM decision") == 4
    assert scalar(filed, "SELECT max(used) FROM counter WHERE scope = 'task'") == 4


@pytest.mark.parametrize("seed", [1, 2])
def test_under_faults_budgets_are_exact_and_what_is_stored_is_what_was_answered(
    filed: World, monkeypatch, seed: int
) -> None:
    """Batches fail before COMMIT, answers are lost after it, proofs are replayed: still exact."""
    top = filed.chain("boss", "a", budget={"calls": 40})
    leaves = [top.delegate(by=filed.key("a"), to=filed.key(n).public, grant=Grant()) for n in "bcd"]
    faults = Faults(monkeypatch, seed, before=0.1, after=0.15)
    answers: list[object] = []
    access = filed.access()
    proofs = [
        (t, filed.key(t.holder.name).prove(t, access, at=NOW)) for t in leaves for _ in range(12)
    ]

    def caller(seed_: int) -> None:
        chance = random.Random(seed_)
        for _ in range(25):
            token, proof = chance.choice(proofs)
            try:
                answers.append((proof, filed.tracker.check(token, proof, access)))
            except (StoreUnavailableError, UnknownOutcomeError) as error:
                answers.append((proof, error))

    threads = [threading.Thread(target=caller, args=(seed * 100 + n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monkeypatch.undo()
    decided = [(p, d) for p, d in answers if not isinstance(d, Exception)]
    stored = {d.id: d.allowed for d in filed.tracker.decisions(limit=1000)}
    assert {d.id: d.allowed for _, d in decided}.items() <= stored.items()
    allowed = [p for p, d in decided if d]
    assert len(allowed) == len(set(allowed)), "no proof is allowed twice"
    used = scalar(filed, "SELECT used FROM counter WHERE scope = 'task' AND unit = 'calls'")
    assert used == sum(stored.values()) <= 36
    assert faults.before + faults.after > 0
    assert 0 < filed.tracker._store.writer.stats.reused_markers <= faults.after


def test_a_fault_of_one_call_charges_nothing_and_spares_its_neighbours(
    filed: World, monkeypatch
) -> None:
    """A bug that one call meets is that call's alone: no record, no charge, an exception for its caller."""
    token = filed.chain("boss", "a")
    gate = held_back(filed, monkeypatch)
    waiting = [begin(filed, token, "a") for _ in range(4)]
    real, made = batch.decisions.proven_row, []

    def faulty(settlement, *args, **kw):
        made.append(settlement)
        if len(made) == 2:
            raise ZeroDivisionError
        return real(settlement, *args, **kw)

    monkeypatch.setattr(batch.decisions, "proven_row", faulty)
    gate.set()
    found = [one.exception(10) for one in waiting]
    assert [type(one).__name__ for one in found] == [
        "NoneType",
        "ZeroDivisionError",
        "NoneType",
        "NoneType",
    ]
    assert scalar(filed, "SELECT max(used) FROM counter WHERE scope = 'task'") == 3
    assert scalar(filed, "SELECT count(*) FROM decision") == 3


def test_a_tracker_that_is_closed_by_its_own_writer_ends(filed: World) -> None:
    """The collector may drop a tracker in the writer's thread, which must not wait for itself."""
    token, failed, ended = filed.chain("boss", "a"), [], threading.Event()

    def close(_: object) -> None:
        try:
            filed.tracker.close()
        except RuntimeError as error:
            failed.append(error)
        ended.set()

    begin(filed, token, "a").add_done_callback(close)
    assert ended.wait(90)
    assert not failed
    with pytest.raises(StoreUnavailableError):
        filed.check(token, "a")


def test_what_is_logged_of_a_failed_batch_holds_no_arguments(
    filed: World, monkeypatch, caplog
) -> None:
    """A database error is logged without the values that it was about."""
    token = filed.chain("boss", "a")
    real = batch.decisions.proven_row
    monkeypatch.setattr(
        batch.decisions, "proven_row", lambda *a, **k: {**real(*a, **k), "step": 99}
    )
    with pytest.raises(StoreUnavailableError):
        filed.check(token, "a", filed.access(path="/very-secret-file"))
    assert "a batch of decisions failed" in caplog.text
    assert "very-secret-file" not in caplog.text


def test_a_plan_on_an_older_snapshot_does_not_undo_what_is_known_to_be_revoked(
    filed: World,
) -> None:
    """Snapshots may be old, databases restored; the copy of what is revoked never goes back for them."""
    token = filed.chain("boss", "a")
    filed.tracker.revoke("link", token.id, by="t")
    assert verdict(filed.check(token, "a")) == (10, "link_revoked")
    shelf = filed.tracker._store._caches.revoked
    with filed.tracker._store._database.reading() as connection:
        assert shelf.upto(connection, 0, settles=False).revoked
        assert shelf._epoch == 1
        assert shelf.upto(connection, 0, settles=True).revoked
        assert shelf._epoch == 0
    assert verdict(filed.check(token, "a")) == (10, "link_revoked")
