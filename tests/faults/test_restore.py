"""Real backups of a real service under load, restored: nothing that was ended lives, nothing is twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import warm
from load import Load, call
from proxies import free_port
from under_fault import Place, until
from world import DESK, OWNER, PAY, READ, verdict

from delegation import Access, Client, Grant, Tool, may, text
from delegation.authority.approval import ApprovalRule
from delegation.authority.pattern import tool_pattern
from delegation.errors import ClockError, ConflictError, UnauthenticatedError
from delegation.tracker import Tracker

ROOT = Path(__file__).parents[2]
RULE = ApprovalRule((tool_pattern("pay.*"),), approvers=("fin",), quorum=1)


def back_up(place: Place, request, target: Path) -> Path:
    """Back a store up with the engine's own tool, while it is written."""
    if place.url.startswith("sqlite"):
        file = place.url.removeprefix("sqlite:///")
        subprocess.run(["sqlite3", file, f".backup {target}"], check=True, timeout=280)
        return target
    server = request.getfixturevalue("server")
    target = server._home / target.name
    server._run("pg_dump", "--format=custom", f"--file={target}", place.url)
    return target


def restore(place: Place, request, copy: Path) -> None:
    """Put it in the store's place; nobody has it open."""
    if place.url.startswith("sqlite"):
        file = place.url.removeprefix("sqlite:///")
        for ending in ("", "-wal", "-shm"):
            Path(f"{file}{ending}").unlink(missing_ok=True)
        shutil.copy(copy, file)
        return
    server = request.getfixturevalue("server")
    server._run("pg_restore", "--clean", "--if-exists", f"--dbname={place.url}", copy)


def doctor(place: Place) -> str:
    """Return what doctor says."""
    env = {**os.environ, "DELEGATION_RING": str(place.folder / "ring.json"), "COLUMNS": "4000"}
    words = [sys.executable, "-m", "delegation.cli", "doctor", "--store", place.url]
    done = subprocess.run(
        words, capture_output=True, text=True, env=env, cwd=ROOT, timeout=280, check=False
    )
    assert "Traceback" not in done.stderr
    return done.stdout


def prepared(place: Place) -> SimpleNamespace:
    """Make a task whose payments need consent, tokens, and the keys of four callers."""
    world, tracker = place.world, place.world.tracker
    tracker.add_tool(
        Tool("llm.ask", effect="read", arguments={"q": "text"}, cost={"usd_cents": None})
    )
    ceiling = Grant(
        [READ, PAY, may("llm.ask", q=text())], audience=[DESK], purpose="desk",
        budget={"calls": 100_000, "usd_cents": 1_000_000}, needs_approval=[RULE], delegations_left=6,
    )  # fmt: skip
    place.task = tracker.open_task("Desk", owner=OWNER, ceiling=ceiling)
    closed = tracker.open_task("Closed", owner=OWNER, ceiling=ceiling)
    operator = tracker.create_api_key("ops", "operator")
    withdrawn = tracker.create_api_key("gone", "reviewer")
    cy = tracker.create_api_key("cy", "approver", person="cy@acme.example", approves_as=["fin"])
    boss = world.key("boss")
    loaded = tracker.issue(place.task, to=boss.public)
    revoked = tracker.issue(place.task, to=world.key("away").public)
    ended = tracker.issue(closed, to=world.key("late").public)
    return SimpleNamespace(
        closed=closed, operator=operator, withdrawn=withdrawn, cy=cy, loaded=loaded, revoked=revoked, ended=ended,
    )  # fmt: skip


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgres", marks=pytest.mark.thorough)])
def test_a_backup_made_under_load_revives_nothing(engine: str, request) -> None:
    """Keys, links, tasks, consents, settled costs and a freeze of then: all as they were left."""
    place: Place = request.getfixturevalue(f"on_{engine}")
    world, tracker, made = place.world, place.world.tracker, prepared(place)
    loaded, boss = made.loaded, world.key("boss")
    service = place.serving()
    service.start()
    url = f"http://127.0.0.1:{service.port}"
    pay = Access(
        "pay.refund", {"order": "o1", "amount": 5}, DESK, purpose="desk", max_cost={"usd_cents": 5}
    )
    ask = Access("llm.ask", {"q": "hi"}, DESK, purpose="desk", max_cost={"usd_cents": 80})
    now = lambda: int(time.time())  # noqa: E731  # a clock
    with (
        Client(url, api_key=made.operator) as ops,
        Client(url, api_key=place.key) as desk,
        Client(url, api_key=made.cy) as fin,
    ):
        asked = desk.check(loaded, boss.prove(loaded, pay, at=now()), pay)
        assert verdict(asked) == (13, "approval_needed")
        fin.grant_approval(asked.approval, reason="ok")
        first = desk.check(loaded, boss.prove(loaded, ask, at=now()), ask)
        assert first, first.denial
        with Load([service.port], place.key, lambda _: call(loaded, boss)) as load:
            load.wait_for(30)
            copy = back_up(place, request, place.folder / f"backup-{place.folder.name}")
            load.wait_for(len(load.decided) + 30)
            assert desk.check(loaded, boss.prove(loaded, pay, at=now()), pay), "used once"
            desk.report_outcome(first.id, "executed", cost={"usd_cents": 30})
            ops.revoke("link", made.revoked.id, reason="leaked")
            ops.close_task(made.closed.id)
            ops.freeze(reason="for now")
            ops.unfreeze(reason="over")
        tracker.revoke_api_key("gone")  # by another process: a command beside the service
        assert until(
            lambda: b'"withdraw","gone"' in (place.folder / "ring.json.ended").read_bytes()
        )
        service.kill()
    tracker._store._database.engine.dispose()
    restore(place, request, copy)

    # Within the minute in which used proofs could look fresh, nothing is decided; then all is as it was left.
    at, ahead = int(time.time()), [0]
    with Tracker.open(
        place.url, ring_file=place.folder / "ring.json", clock=lambda: at + ahead[0]
    ) as again:
        with pytest.raises(ClockError):
            again.check(loaded, boss.prove(loaded, pay, at=at), pay)
        ahead[0] = 100

        def decided(token, name, access):
            return verdict(
                again.check(
                    token, world.key(name).prove(token, access, at=at + 100), access, client="desk"
                )
            )

        read = Access("files.read", {"path": "/a"}, DESK, purpose="desk")
        assert decided(loaded, "boss", read) is None
        assert decided(made.revoked, "away", read) == (10, "link_revoked")
        assert decided(made.ended, "late", read) == (10, "task_closed")
        assert decided(loaded, "boss", pay) == (13, "approval_needed"), "a consent is used once"
        live = [again.authenticate(one) is not None for one in (made.withdrawn, made.operator)]
        assert live == [False, True]
        with pytest.raises(ConflictError, match="settled before"):
            again.report_outcome(first.id, "executed", by="desk", cost={"usd_cents": 0})
        assert again.log_status().stopped
    said = doctor(place)
    assert "entries of the log are gone" in said
    for word in ("1 close", "1 revoke", "1 settle", "1 used", "1 withdraw"):
        assert word in said, said


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgres", marks=pytest.mark.thorough)])
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_process_killed_beside_the_journal_forgets_nothing(
    engine: str, side: str, request
) -> None:
    """Killed after COMMIT, before the line and after it: the next start has both, or neither was done."""
    place: Place = request.getfixturevalue(f"on_{engine}")
    world, tracker = place.world, place.world.tracker
    ring = place.folder / "ring.json"
    Tracker.open(place.url, ring_file=ring).close()  # from then on the store has its number
    token = place.root()
    secret = tracker.create_api_key("gone", "reviewer")
    copy = back_up(place, request, place.folder / f"backup-{place.folder.name}")
    program = f"""
import os, signal, time
from delegation.records.journal import file
from delegation.tracker import Tracker
real = file._write_all
def dying(handle, data):
    {"real(handle, data)" if side == "after" else "pass"}
    os.kill(os.getpid(), signal.SIGKILL)
tracker = Tracker.open({place.url!r}, ring_file={str(place.folder / "ring.json")!r})
file._write_all = dying
with tracker._store.write(alone=True) as work:
    from delegation.judge.subject import Subject
    work.revoke(Subject("link", {token.id!r}), by="op", reason="", at=int(time.time()))
    work.revoke_api_key("gone")
print("answered", flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, cwd=ROOT, timeout=280, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert b"answered" not in done.stdout
    tracker._store._database.engine.dispose()
    if side == "before":  # it was never answered: the next start copies it
        Tracker.open(place.url, ring_file=ring).close()
    restore(place, request, copy)
    at = int(time.time()) + 100
    with Tracker.open(place.url, ring_file=ring, clock=lambda: at - 100) as again:
        again._clock = lambda: at
        access = world.access()
        denied = again.check(token, world.key("boss").prove(token, access, at=at), access)
        assert verdict(denied) == (10, "link_revoked")
        assert again.authenticate(secret) is None


def test_a_service_restored_under_its_feet_starts_and_is_shut_for_a_minute(
    on_sqlite: Place, request
) -> None:
    """The real program: it starts, answers health, decides nothing yet, and says why in its log."""
    place = on_sqlite
    token = place.root()
    secret = place.world.tracker.create_api_key("gone", "reviewer")
    service = place.serving()
    service.start()
    copy = back_up(place, request, place.folder / "backup.db")
    with Client(
        f"http://127.0.0.1:{service.port}",
        api_key=place.world.tracker.create_api_key("o", "operator"),
    ) as ops:
        ops.revoke("link", token.id)
    place.world.tracker.revoke_api_key("gone")
    assert until(lambda: b'"gone"' in (place.folder / "ring.json.ended").read_bytes())
    assert service.end() == 0
    restore(place, request, copy)
    with pytest.raises(UnauthenticatedError):
        service_started(service, secret)
    assert "restored from an older backup" in service.log.read_text()


def service_started(service, secret: str) -> None:
    """Start a service that is not ready for a minute, and ask it with a key that was withdrawn."""
    service.port = free_port()
    words = [
        "-m", "delegation.cli", "serve", "--store", service.url, "--no-make-keys",
        "--port", str(service.port), "--workers", "1",
    ]  # fmt: skip
    env = {**os.environ, "DELEGATION_RING": str(service.folder / "ring.json"), "WARM_WORKERS": "1"}
    with service.log.open("a") as out:
        service.process = warm.Program(words, ROOT, out.fileno(), env, out.fileno())
    assert until(lambda: service.status("/healthz")[0] == 200), service.log.read_text()
    assert service.status("/readyz")[0] == 503
    with Client(f"http://127.0.0.1:{service.port}", api_key=secret) as client:
        client.tasks()


def test_sqlite_is_the_real_one() -> None:
    """The program that people back up with is there."""
    assert shutil.which("sqlite3")
