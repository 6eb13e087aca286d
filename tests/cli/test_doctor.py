"""`delegation doctor`: each thing is broken, and its finding appears; nothing else changes, no secret shows."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import time
from pathlib import Path

import pytest
from serving import serving
from typer.testing import CliRunner
from world import World
from writing import scalar

from delegation import Grant, Tool
from delegation.cli.checkup import environment
from delegation.cli.checkup.ring import judge_file, judge_keys
from delegation.cli.checkup.service import judge_transport
from delegation.cli.checkup.store import judge_clock, judge_durability, judge_space
from delegation.cli.loopback import is_loopback
from delegation.cli.main import app
from delegation.errors import ClockError, StoreUnavailableError
from delegation.identity.keyring import KeyRing
from delegation.identity.proof import MAX_AGE, MAX_AHEAD, NONCE_SECONDS
from delegation.records.engine.numbers import raise_number
from delegation.tracker import Tracker

RUN = CliRunner()
RING = "delegation.ring.json"


@pytest.fixture
def sound(tmp_path: Path, monkeypatch) -> World:
    """Return a deployment in the working folder with nothing wrong."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith("DELEGATION_")]:
        monkeypatch.delenv(name)
    world = World(path=tmp_path / "delegation.db", at=int(time.time()))
    world.tracker._desk.ring.save(tmp_path / RING)
    for role in ("operator", "reviewer"):
        world.tracker.create_api_key(role, role)
    return world


def examined(*words: str, code: int | None = None) -> dict[str, list[dict]]:
    """Run doctor and return its findings that are not ok, by check."""
    done = RUN.invoke(app, ["doctor", "--json", *words])
    assert "Traceback" not in done.output
    body = json.loads(done.stdout)
    assert done.exit_code == (0 if body["ok"] else 1)
    if code is not None:
        assert done.exit_code == code
    found: dict[str, list[dict]] = {}
    for one in body["findings"]:
        assert one.keys() == {"check", "level", "what", "why", "remedy"}
        if one["level"] != "ok":
            assert one["why"]
            assert one["remedy"]
            found.setdefault(one["check"], []).append(one)
    seeds = json.loads(Path(RING).read_text()).get("keys", []) if Path(RING).is_file() else []
    assert not any(key["seed"] in done.output for key in seeds)
    return found


def test_a_sound_deployment_has_nothing(sound: World) -> None:
    """Exit code 0, in words too, and the ring is as it was."""
    before = Path(RING).read_bytes()
    rows = sound.tracker.catalogue().revision
    assert examined(code=0) == {}
    assert "0 wrong, 0 to look at" in RUN.invoke(app, ["doctor"]).stdout
    assert Path(RING).read_bytes() == before
    assert sound.tracker.catalogue().revision == rows


def test_without_a_store_nothing_is_made(tmp_path: Path, monkeypatch) -> None:
    """A doctor that makes the patient."""
    monkeypatch.chdir(tmp_path)
    found = examined(code=1)
    assert found.keys() >= {"store", "ring"}
    assert list(tmp_path.iterdir()) == []


def _mode() -> None:
    Path(RING).chmod(0o644)


def _gone() -> None:
    Path(RING).unlink()


def _link() -> None:
    Path(RING).rename("other")
    Path(RING).symlink_to("other")


def _no_ring() -> None:
    Path(RING).write_text("{}")


@pytest.mark.parametrize("breaks", [_mode, _gone, _link, _no_ring])
def test_a_ring_that_is_not_right_is_wrong(sound: World, breaks) -> None:
    """Readable by others, missing, a link, or no ring."""
    breaks()
    found = examined(code=1)
    assert [one["level"] for one in found["ring"]] == ["wrong"]


def test_keys_that_end_or_are_missing_are_said(sound: World) -> None:
    """A role without a key, a retired key without end or with a near one, a revoked one."""
    now = int(time.time())
    ring = KeyRing.load(RING)
    ends = {one["what"] for one in _keys(ring.rotated("issuer", at=now, keep=600), now)}
    assert any("stops to verify" in what for what in ends)
    assert not [
        f
        for f in judge_keys(ring.rotated("issuer", at=now, keep=90000).keys, now)
        if f.level != "ok"
    ]
    (kid,) = [k.kid for k in ring.keys if k.role == "service"]
    off = ring.with_state("service", kid, "retired")
    assert {
        "for ever" in one["what"] or "no active service key" in one["what"]
        for one in _keys(off, now)
    } == {True}
    said = [
        f
        for f in judge_keys(ring.with_state("service", kid, "revoked").keys, now)
        if "revoked and still known" in f.what
    ]
    assert said


def _keys(ring: KeyRing, now: int) -> list[dict]:
    return [f.to_json() for f in judge_keys(ring.keys, now) if f.level != "ok"]


def test_a_ring_of_somebody_else_is_wrong() -> None:
    """Neither the caller's nor the store's owner's."""
    mine = os.geteuid()
    levels = [f.level for f in judge_file(Path("r"), stat.S_IFREG | 0o600, mine + 1, mine + 2)]
    assert levels == ["ok", "wrong"]
    assert [f.level for f in judge_file(Path("r"), stat.S_IFREG | 0o600, mine + 1, mine + 1)] == [
        "ok"
    ]


SETTINGS = {
    ("DELEGATION_ISSUER", "https://other.example"): ("issuer", "wrong"),
    ("DELEGATION_WORKERS", "4"): ("workers", "wrong"),
    ("DELEGATION_WORKERS", "many"): ("settings", "wrong"),
    ("DELEGATION_MAX_BODY", "1"): ("settings", "wrong"),
    ("DELEGATION_ISUER", "https://x.example"): ("settings", "wrong"),
    ("DELEGATION_QUUX", "1"): ("settings", "wrong"),
    ("DELEGATION_HOST", "0.0.0.0"): ("listening", "warn"),
    ("DELEGATION_FORWARD_ROUTES", "none.toml"): ("routes", "wrong"),
    ("DELEGATION_RING", "elsewhere.json"): ("ring", "wrong"),
}  # fmt: skip


@pytest.mark.parametrize(("setting", "said"), SETTINGS.items(), ids=lambda v: v[0])
def test_a_setting_that_is_not_right_is_said(sound: World, monkeypatch, setting, said) -> None:
    """Out of bounds, misspelled, unknown, against the ring or the engine."""
    monkeypatch.setenv(*setting)
    found = examined()
    assert list(found) == [said[0]]
    assert [one["level"] for one in found[said[0]]] == [said[1]]


def test_a_setting_is_never_quoted(sound: World, monkeypatch) -> None:
    """A value that stands in the wrong variable may be a password."""
    monkeypatch.setenv("DELEGATION_MAX_BODY", "dk_hunter2hunter2")
    monkeypatch.setenv("DELEGATION_STOR", "postgresql://u:hunter2@h/d")
    monkeypatch.setenv("DELEGATION_STORE", "postgresql://u:hunter2@127.0.0.1:1/d")
    done = RUN.invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "hunter2" not in done.output
    assert "cannot be used" in done.output


def test_routes_that_no_longer_fit_are_wrong(sound: World, monkeypatch) -> None:
    """The table fitted; a tool was redefined since."""
    Path("r.toml").write_text(
        '[[mount]]\naudience = "https://a.example"\n[[mount.route]]\nmethod = "GET"\npath = "/f/{path...}"\ntool = "files.read"\n'
    )
    monkeypatch.setenv("DELEGATION_FORWARD_ROUTES", "r.toml")
    assert examined(code=0) == {}
    sound.tracker.add_tool(
        Tool("files.read", effect="read", arguments={"path": "path", "as?": "text"})
    )
    assert "as" in examined(code=1)["routes"][0]["what"]


def test_a_store_that_is_not_right_is_wrong(sound: World) -> None:
    """No database, another schema, an unreadable one; each is one finding."""
    Path("other.db").write_bytes(b"no database at all")
    assert "no SQLite" in examined("--store", "other.db", code=1)["store"][0]["what"]
    with sqlite3.connect("delegation.db") as raw:
        raw.execute("UPDATE alembic_version SET version_num = '0001'")
    raw.close()
    assert "db upgrade" in examined(code=1)["schema"][0]["remedy"]
    Path("torn.db").write_bytes(Path("delegation.db").read_bytes()[:5000])
    assert examined("--store", "torn.db", code=1).keys() & {"store", "schema"}


def test_another_journal_mode_is_said(sound: World) -> None:
    """Somebody opened the file with another program."""
    sound.tracker.close()
    raw = sqlite3.connect("delegation.db")
    raw.execute("PRAGMA journal_mode=DELETE")
    raw.close()
    assert [one["level"] for one in examined(code=0)["durability"]] == ["warn"]


def test_missing_api_keys_are_said(sound: World) -> None:
    """No operator left; the withdrawn one is named as still known."""
    sound.tracker.revoke_api_key("operator")
    done = json.loads(RUN.invoke(app, ["doctor", "--json"]).stdout)
    said = [one["what"] for one in done["findings"] if one["check"] == "api_keys"]
    assert "There is no live operator key." in said
    assert "Withdrawn and still known: operator." in said


def test_the_ring_of_another_store_is_wrong(sound: World, tmp_path: Path, monkeypatch) -> None:
    """It is sound by itself, and nothing that was issued would verify; the remedy names the right one."""
    sound.chain("boss", "a")
    other = tmp_path / "other.json"
    KeyRing.generate(sound.tracker._desk.ring.issuer).save(other)
    monkeypatch.setenv("DELEGATION_RING", str(other))
    (found,) = examined(code=1)["ring"]
    assert (found["level"], RING in found["remedy"]) == ("wrong", True)
    assert "does not sign for the store" in found["what"]


def test_one_service_in_two_spellings_is_said(sound: World) -> None:
    """Once for each pair; who has both has said what is meant, and what is over is not looked at."""
    plain, odd = "https://shop.example", "https://Shop.example:443/"
    for audience in ((odd,), (odd, plain), ("https://shop.example:8443",)):
        sound.tracker.open_task("T", owner="a@b.example", ceiling=Grant(audience=audience))
    assert examined(code=0).keys() == {"audience"}
    sound.tracker.create_api_key("shop", "service", [plain])
    (found,) = examined(code=0)["audience"]
    assert (found["level"], plain in found["what"], odd in found["what"]) == ("warn", True, True)


def test_a_clock_behind_the_records_is_wrong_exactly_when_calls_are_refused(
    tmp_path: Path, monkeypatch
) -> None:
    """Doctor and the service draw the line at the same second."""
    monkeypatch.chdir(tmp_path)
    now = int(time.time())
    fresh = MAX_AGE + MAX_AHEAD
    for ahead, is_refused in ((-fresh - 1, False), (-fresh, True)):
        path = tmp_path / f"{ahead}.db"
        world = World(path=path, at=now + ahead)
        token = world.chain("boss", "clerk")
        assert world.check(token, "clerk")
        world.at += NONCE_SECONDS + 1  # from here on that proof's nonce is forgotten
        assert world.check(token, "clerk")
        mark = "SELECT n FROM numbers WHERE name = 'nonces_before'"
        for _ in range(200):
            if scalar(world, mark):
                break
            time.sleep(0.05)  # the writer forgets after it has answered
        world.at = now
        proof = world.key("clerk").prove(token, world.access(), at=now)
        try:
            world.tracker.check(token, proof, world.access())
            refused = False
        except StoreUnavailableError:
            refused = True
        assert refused is is_refused
        (found, *_) = judge_clock(now, now, None, scalar(world, mark))
        assert (found.level == "wrong") is is_refused
    far = World(path=tmp_path / "far.db", at=now + 9000)  # seconds pass while a command starts
    with far.tracker._store.write() as work:
        raise_number(work._connection, "nonces_before", now + 9000)
    far.tracker._desk.ring.save(tmp_path / "far.ring.json")
    assert "clock" in examined("--store", "far.db", code=1)


def test_an_older_database_is_not_a_wrong_clock(tmp_path: Path) -> None:
    """Until used proofs are stale calls are refused: doctor says until when, and `health` says it, too."""
    now = 1_800_000_000
    for stopped, newest, mark, words in (
        ("older", now - 900, now - 10, "older than what was signed"),
        ("older", now, now - 10, "older than what was signed"),  # denials are recorded meanwhile
        ("", now - 900, now - 10, "The clock says"),
        ("older", now + 900, now + 901, "The clock says"),
    ):
        (found, *_) = judge_clock(now, newest, None, mark, stopped)
        assert found.level == "wrong"
        assert words in found.what
    (found, *_) = judge_clock(now, now - 900, None, now - 65, "older")
    assert found.level == "ok"
    world = World(path=tmp_path / "older.db", at=now)
    world.tracker.health()
    with world.tracker._store.write() as work:
        raise_number(work._connection, "nonces_before", now - 10)
    with pytest.raises(ClockError):
        world.tracker.health()
    world.at = now + 55
    world.tracker.health()


def test_pure_rules_draw_their_lines() -> None:
    """Disk, durability, clocks, workers, libraries, TLS: what each calls wrong, to look at, ok."""
    assert [judge_space(n).level for n in (0, 500 * 1024**2, 2 * 1024**3)] == [
        "wrong",
        "warn",
        "ok",
    ]
    for durable, level in (
        ({"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}, "ok"),
        ({"fsync": "off", "full_page_writes": "on", "synchronous_commit": "on"}, "wrong"),
        ({"fsync": "on", "full_page_writes": "off", "synchronous_commit": "on"}, "wrong"),
        ({"fsync": "on", "full_page_writes": "on", "synchronous_commit": "off"}, "wrong"),
        ({"synchronous": "FULL"}, "ok"), ({"synchronous": "NORMAL"}, "wrong"),
    ):  # fmt: skip
        assert [f.level for f in judge_durability(durable)] == [level]
    levels = {
        (newest, clock, mark): [f.level for f in judge_clock(1000, newest, clock, mark)]
        for newest, clock, mark in (
            (0, 1000, 0),
            (1006, None, 935),
            (1006, None, 936),
            (1000, 1020, 0),
            (900, 940, 0),
            (900, 939, 0),
        )
    }
    assert levels == {
        (0, 1000, 0): ["ok"],
        (1006, None, 935): ["warn"],
        (1006, None, 936): ["wrong"],
        (1000, 1020, 0): ["ok", "wrong"],  # as readiness has it: behind by more than five seconds
        (900, 940, 0): ["ok", "warn"],
        (900, 939, 0): ["ok", "wrong"],
    }
    assert environment.judge_workers(2, "postgresql://h/d", 4).level == "ok"
    assert environment.judge_workers(8, "postgresql://h/d", 4).level == "warn"
    assert environment.pins(["biscuit-python==0.4.0", "idna<4,>=3.10", "x==1 ; extra == 'y'"]) == {
        "biscuit-python": "0.4.0"
    }
    assert [
        f.level
        for f in environment.judge_libraries({"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2"})
    ] == ["ok", "wrong", "wrong"]
    assert {f.level for f in environment.look_at_libraries()} == {"ok"}
    assert [
        is_loopback(h)
        for h in (
            "127.0.0.1",
            "::1",
            "localhost",
            "0.0.0.0",
            "localhost.evil.example",
            "127.evil.example",
        )
    ] == [True] * 3 + [False] * 3
    assert judge_transport("http://authority.example").level == "wrong"
    assert judge_transport("https://authority.example").level == "ok"


def test_a_service_is_looked_at(sound: World, monkeypatch, tmp_path: Path) -> None:
    """Ready; of another issuer; with a key that it does not know; gone."""
    with serving("delegation.db", tmp_path, "--no-make-keys") as started:
        assert examined("--store", "delegation.db", "--url", started["url"], code=0) == {}
        monkeypatch.setenv("DELEGATION_API_KEY", "dk_nobody")
        assert list(examined("--url", started["url"], code=1)) == ["api_key"]
        monkeypatch.setenv("DELEGATION_API_KEY", "")
        with Tracker.open(
            "sqlite:///o.db", ring_file="o.ring.json", issuer="https://o.example"
        ) as other:
            other.create_api_key("operator", "operator")
            other.create_api_key("reviewer", "reviewer")
        assert list(examined("--store", "o.db", "--url", started["url"], code=1)) == ["issuer"]
    assert list(examined("--url", started["url"], code=1)) == ["service"]


def test_postgresql_is_looked_at(server, tmp_path: Path, monkeypatch) -> None:
    """Sound; then with synchronous_commit off, which a power cut would show; then gone."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith("DELEGATION_")]:
        monkeypatch.delenv(name)
    url = server.new_database()
    empty = examined("--store", url, code=1)
    assert "no revision" in empty["schema"][0]["what"]
    with Tracker.open(url, ring_file=RING) as tracker:
        tracker.create_api_key("operator", "operator")
        tracker.create_api_key("reviewer", "reviewer")
    assert examined("--store", url, code=0) == {}
    name = url.rsplit("/", 1)[1]
    server.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    assert list(examined("--store", url, code=1)) == ["durability"]
    assert list(examined("--store", url + "_gone", code=1)) == ["store"]
