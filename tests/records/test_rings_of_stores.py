"""Whose keys sign for a store: each way to open one finds its ring, or refuses with a remedy that works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Timer

import pytest
from serving import serving
from typer.testing import CliRunner
from world import READ

from delegation import Grant, HolderKey, Tool
from delegation.cli.main import app
from delegation.errors import KeyFileError
from delegation.identity.keyring import KeyRing
from delegation.tokens.token import Token
from delegation.tracker import Tracker

ISSUER = "http://localhost"
RUN = CliRunner()
READS = Tool("files.read", effect="read", arguments={"path": "path"})


def by_the_library(folder: Path) -> None:
    """Make a store with nothing named but its file."""
    Tracker.open(f"sqlite:///{folder / 's.db'}").close()


def by_the_command(folder: Path) -> None:
    """Make it with `init`."""
    words = ["init", "--store", str(folder / "s.db"), "--issuer", ISSUER]
    assert RUN.invoke(app, words).exit_code == 0


def by_the_service(folder: Path) -> None:
    """Make it with the first start of a service."""
    with serving(folder / "s.db", folder):
        pass


CEILING = Grant([READ], audience=["https://desk.acme.example"])
MAKERS = [by_the_library, by_the_command, by_the_service]


def issued(folder: Path, **named: object) -> Token:
    """Issue a root on the store."""
    with Tracker.open(f"sqlite:///{folder / 's.db'}", **named) as tracker:
        tracker.add_tool(READS)
        task = tracker.open_task("T", owner="ana@acme.example", ceiling=CEILING)
        return tracker.issue(task, to=HolderKey.generate("a").public)


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch) -> None:
    """Let no setting of the caller's name a store or ring."""
    for name in ("DELEGATION_STORE", "DELEGATION_RING", "DELEGATION_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("is_used", [False, True], ids=["no root yet", "roots"])
@pytest.mark.parametrize("made", MAKERS)
def test_each_opening_finds_the_ring_or_refuses_another(
    tmp_path: Path, made: Callable[[Path], None], is_used: bool, monkeypatch
) -> None:
    """All pairs of who made a store and who opens it; the file that the remedy names opens it."""
    made(tmp_path)
    url, right = f"sqlite:///{tmp_path / 's.db'}", tmp_path / "s.ring.json"
    if is_used:
        token = issued(tmp_path)
        with Tracker.open(url) as tracker:
            assert tracker.inspect(token).denial is None, "the same keys as those that issued it"
    other = tmp_path / "other.json"
    KeyRing.generate(ISSUER).save(other)
    for named in ({"ring": KeyRing.generate(ISSUER)}, {"ring_file": other}):
        with pytest.raises(KeyFileError) as caught:
            Tracker.open(url, **named)
        assert "does not sign for the store" in str(caught.value)
        assert str(right) in caught.value.remedy
    monkeypatch.setenv("DELEGATION_RING", str(other))
    for words in (["tasks"], ["keys", "issuer"], ["lineage", "tsk_" + "A" * 22]):
        done = RUN.invoke(app, [*words, "--store", str(tmp_path / "s.db")])
        assert done.exit_code == 1
        assert str(right) in done.stderr.replace("\n", "")
    done = RUN.invoke(app, ["serve", "--store", str(tmp_path / "s.db"), "--port", "0"])
    assert done.exit_code == 1
    assert "does not sign for the store" in done.stderr.replace("\n", " ")
    monkeypatch.setenv("DELEGATION_RING", str(right))
    assert RUN.invoke(app, ["tasks", "--store", str(tmp_path / "s.db")]).exit_code == 0
    with Tracker.open(url, ring_file=right) as tracker, Tracker.open(url) as again:
        assert tracker.public_ring() == again.public_ring()


def test_an_older_copy_of_the_ring_is_another_ring(tmp_path: Path) -> None:
    """Put back from a backup made before a rotation, it would verify nothing that was issued since."""
    by_the_library(tmp_path)
    url, file = f"sqlite:///{tmp_path / 's.db'}", tmp_path / "s.ring.json"
    old = KeyRing.load(file)
    old.rotated("issuer", at=1, keep=1).replace_in(file)
    issued(tmp_path)
    Tracker.open(url).close()
    with pytest.raises(KeyFileError, match="a newer copy of it"):
        Tracker.open(url, ring=old)


def test_a_macaroon_names_its_ring_as_well(tmp_path: Path) -> None:
    """The root's author is the statement key, in the record without any MAC."""
    url = f"sqlite:///{tmp_path / 's.db'}"
    with Tracker.open(url) as tracker:
        tracker.add_tool(READS)
        task = tracker.open_task("T", owner="ana@acme.example", ceiling=CEILING)
        tracker.issue(task, to=HolderKey.generate("a").public, format="macaroon")
    Tracker.open(url).close()
    with pytest.raises(KeyFileError):
        Tracker.open(url, ring=KeyRing.generate(ISSUER))


def test_a_servers_database_is_opened_with_a_ring_or_not_at_all(server, tmp_path: Path) -> None:
    """It outlives the process, and no file is beside it: keys of this process alone would be lost."""
    url, file = server.new_database(), tmp_path / "r.json"
    with pytest.raises(KeyFileError) as caught:
        Tracker.open(url)
    assert "ring_file" in caught.value.remedy
    Tracker.open(url, ring_file=file).close()
    Tracker.open(url, ring=KeyRing.load(file)).close()
    with pytest.raises(KeyFileError):
        Tracker.open(url, ring=KeyRing.generate(ISSUER))


def test_a_store_in_memory_gets_keys_of_its_own() -> None:
    """All of it is gone with the process, and so may they be."""
    with Tracker.open() as one, Tracker.open() as two:
        assert one.public_ring() != two.public_ring()


def test_while_a_store_is_open_no_other_ring_is_made_for_it(tmp_path: Path) -> None:
    """Two first openings that name two files: both would issue, and one of them for nothing."""
    url, first, other = f"sqlite:///{tmp_path / 's.db'}", tmp_path / "a.json", tmp_path / "b.json"
    with Tracker.open(url, ring_file=first) as tracker:
        with pytest.raises(KeyFileError, match="another ring serves the store"):
            Tracker.open(url, ring_file=other)
        assert not other.exists(), "nothing is left of it"
        tracker.add_tool(READS)
    issued(tmp_path, ring_file=first)
    with pytest.raises(KeyFileError):
        Tracker.open(url, ring_file=other)
    assert not other.exists()


def test_first_openings_at_the_same_time_share_one_ring(tmp_path: Path, monkeypatch) -> None:
    """Whoever comes second reads the file that the first has made in between, once it is filled."""
    url, file = f"sqlite:///{tmp_path / 's.db'}", tmp_path / "r.json"
    Tracker.open(url, ring_file=file).close()
    made = file.read_bytes()
    file.unlink()
    save = KeyRing.save

    def later(ring: KeyRing, where: Path) -> None:
        where.touch(0o600)  # another process, that is not done yet
        Timer(0.1, lambda: where.write_bytes(made)).start()
        save(ring, where)

    monkeypatch.setattr(KeyRing, "save", later)
    with Tracker.open(url, ring_file=file) as tracker:
        assert tracker.public_ring() == KeyRing.load(file).public_ring()
    assert file.read_bytes() == made
