"""What holds calls and proofs is its owner's to read: whatever the umask, and whatever was there before."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from delegation.cli.checkup.store import judge_file
from delegation.cli.holder import write_private
from delegation.integrations.spool import Spool
from delegation.records.engine.sqlite import BESIDE
from delegation.tracker import Tracker


@pytest.fixture(autouse=True)
def open_handed() -> Iterator[None]:
    """Make files readable and writable by all, as a careless shell does."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    """Return the mode of each file."""
    return {
        one.name: oct(stat.S_IMODE(one.stat().st_mode)) for one in folder.iterdir() if one.is_file()
    }


def test_a_new_store_and_all_beside_it_are_private(tmp_path: Path) -> None:
    """Main file, WAL, shared memory, ring: from the first byte, also where the WAL is made later."""
    with Tracker.open(
        f"sqlite:///{tmp_path / 's.db'}", ring_file=tmp_path / "ring.json"
    ) as tracker:
        assert {"s.db", "s.db-wal", "s.db-shm"} <= modes(tmp_path).keys()
        assert set(modes(tmp_path).values()) == {"0o600"}
        tracker.create_api_key("edge", "operator")
    assert not (tmp_path / "s.db-wal").exists()  # the last connection put it into the main file
    with Tracker.open(
        f"sqlite:///{tmp_path / 's.db'}", ring_file=tmp_path / "ring.json"
    ) as tracker:
        tracker.create_api_key("edge2", "operator")
        assert set(modes(tmp_path).values()) == {"0o600"}
    connection = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("CREATE TABLE more (n)")
    assert modes(tmp_path).get("s.db-journal") == "0o600"
    connection.close()


def test_a_store_that_others_could_read_is_narrowed(tmp_path: Path) -> None:
    """What an older version left, and a WAL that a killed process left, are narrowed when opened."""
    file = tmp_path / "s.db"
    Tracker.open(f"sqlite:///{file}", ring_file=tmp_path / "ring.json").close()
    other = sqlite3.connect(file)
    other.execute("SELECT count(*) FROM sqlite_master").fetchone()  # keeps the WAL there
    for name in ("s.db", "s.db-wal", "s.db-shm"):
        (tmp_path / name).chmod(0o664)
    with Tracker.open(f"sqlite:///{file}", ring_file=tmp_path / "ring.json"):
        assert set(modes(tmp_path).values()) == {"0o600"}
    other.close()


def test_a_link_to_a_store_narrows_the_store(tmp_path: Path) -> None:
    """The link has no mode of its own."""
    file = tmp_path / "there.db"
    Tracker.open(f"sqlite:///{file}").close()
    file.chmod(0o644)
    (tmp_path / "here.db").symlink_to(file)
    ring = tmp_path / "there.ring.json"
    Tracker.open(f"sqlite:///{tmp_path / 'here.db'}", ring_file=ring).close()
    assert set(modes(tmp_path).values()) == {"0o600"}


def test_locks_survive_what_looks_at_modes(tmp_path: Path) -> None:
    """Closing a descriptor of a database drops the process's locks: another writer must still wait."""
    import subprocess
    import sys

    file = tmp_path / "s.db"
    with Tracker.open(f"sqlite:///{file}"):
        own = sqlite3.connect(file, isolation_level=None)
        own.execute("BEGIN IMMEDIATE")
        file.chmod(0o644)
        from delegation.records.engine.sqlite import keep_private

        keep_private(str(file))
        script = f"import sqlite3; sqlite3.connect({str(file)!r}, timeout=0, isolation_level=None).execute('BEGIN IMMEDIATE')"
        tried = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False
        )
        assert "locked" in tried.stderr
        own.execute("ROLLBACK")
        own.close()


def test_the_doctor_says_what_it_may_not_narrow(tmp_path: Path) -> None:
    """Another user's file stays as it is, and is named."""
    file = tmp_path / "s.db"
    Tracker.open(f"sqlite:///{file}").close()
    assert not [found for found in judge_file(file) if "mode" in found.what]
    for ending in ("", *BESIDE):
        Path(f"{file}{ending}").touch()
        Path(f"{file}{ending}").chmod(0o640)
    told = [found for found in judge_file(file) if "0640" in found.what]
    assert len(told) == 1 + len(BESIDE)
    assert all(found.remedy.startswith("chmod 600") for found in told)


def test_spools_and_exports_are_private(tmp_path: Path) -> None:
    """They hold the same calls."""
    spool = Spool(tmp_path / "spool.db")
    assert set(modes(tmp_path).values()) == {"0o600"}
    spool.close()
    (tmp_path / "old.csv").write_text("was wide")
    write_private(tmp_path / "old.csv", b"1")
    write_private(tmp_path / "new.csv", b"2")
    assert set(modes(tmp_path).values()) == {"0o600"}
    assert (tmp_path / "old.csv").read_bytes() == b"1"
    write_private(Path(os.devnull), b"3")


def test_nobody_else_writes_what_the_log_remembers(tmp_path: Path) -> None:
    """Its memory is the owner's alone; tiles and checkpoint are read by a web server, and not written."""
    folder = tmp_path / "deep" / "log"
    with Tracker.open(
        f"sqlite:///{tmp_path / 's.db'}", ring_file=tmp_path / "ring.json", log_dir=folder
    ) as tracker:
        tracker.freeze(by="op", reason="drill")
        tracker.update_log()
        assert {"ring.json.signed", "ring.json.ended"} <= modes(tmp_path).keys()
        assert set(modes(tmp_path).values()) == {"0o600"}
    public = [folder.parent, folder, *folder.rglob("*")]
    assert {stat.S_IMODE(one.stat().st_mode) for one in public} == {0o644, 0o755}
