"""A ring that is lost, and a log's memory that is left over: refused, and the sentence names the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from consent import asked, rule
from world import NOW, READ, World

from delegation import Grant, Tool
from delegation.errors import ClockError, KeyFileError
from delegation.records.store import open_store
from delegation.tracker import Tracker

READS = Tool("files.read", effect="read", arguments={"path": "path"})


def opened(folder: Path, name: str = "s") -> Tracker:
    """Open a store in a folder, with its ring beside it."""
    url = f"sqlite:///{folder / name}.db"
    return Tracker.open(url, ring_file=folder / "s.ring.json", clock=lambda: NOW)


@pytest.mark.parametrize("used", ["task", "key", "links"])
def test_a_store_that_was_used_gets_no_new_ring(tmp_path: Path, used: str) -> None:
    """Nothing that was issued would verify; the error names ring and store, and no ring is made."""
    with opened(tmp_path) as tracker:
        if used == "key":
            tracker.create_api_key("op", "operator")
        else:
            tracker.add_tool(READS)
            task = tracker.open_task(
                "T", owner="ana@acme.example", ceiling=Grant([READ], audience=["x"])
            )
        if used == "links":
            tracker.issue(task, to=World().key("boss").public)
    ring = tmp_path / "s.ring.json"
    kept = ring.read_bytes()
    ring.unlink()
    with pytest.raises(KeyFileError) as caught:
        opened(tmp_path)
    assert str(ring) in str(caught.value)
    assert "s.db" in str(caught.value)
    assert "backup" in caught.value.remedy
    assert not ring.exists()
    ring.write_bytes(kept)
    ring.chmod(0o600)
    opened(tmp_path).close()


def test_an_empty_store_gets_a_ring(tmp_path: Path) -> None:
    """The first start makes both, and so does a start after one that came no further."""
    open_store(f"sqlite:///{tmp_path / 's'}.db").close()
    opened(tmp_path).close()
    assert (tmp_path / "s.ring.json").exists()


def test_an_empty_store_that_had_a_ring_gets_no_other(tmp_path: Path) -> None:
    """Whoever holds the first may have it open, and be about to issue; a new store is begun at once."""
    opened(tmp_path).close()
    ring = tmp_path / "s.ring.json"
    ring.unlink()
    with pytest.raises(KeyFileError) as caught:
        opened(tmp_path)
    assert not ring.exists()
    assert "begin with a new store" in caught.value.remedy
    (tmp_path / "s.db").unlink()
    opened(tmp_path).close()


def test_a_memory_that_is_left_over_is_named(tmp_path: Path) -> None:
    """A new store beside the files of an earlier one: the log says which file to move away."""
    with opened(tmp_path) as tracker:
        tracker.add_tool(READS)
        task = tracker.open_task(
            "T", owner="ana@acme.example", ceiling=Grant([READ], audience=["x"])
        )
        tracker.issue(task, to=World().key("boss").public)
        tracker.update_log()
    with opened(tmp_path, "new") as tracker:
        stopped = tracker.log_status().stopped
        assert "s.ring.json.signed" in stopped
        assert "move that file" in stopped
    assert "log status" in ClockError().remedy
    (tmp_path / "s.ring.json.signed").rename(tmp_path / "old.signed")
    with opened(tmp_path, "newer") as tracker:
        assert tracker.log_status().stopped == ""


def test_a_summary_counts_one_call(world: World) -> None:
    """Words are for people: one call, not one calls."""
    world.task = world.open(needs_approval=[rule(approvers="finance")])
    root = world.root()
    request = asked(world, root, world.access("pay.refund", order="o1", amount=300), by="boss")
    assert "charging 1 call, 300 usd_cents;" in world.tracker.approval(request).summary()
