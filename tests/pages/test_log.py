"""The log's page says what was checked for it and nothing more; a call's page shows its own place."""

from __future__ import annotations

import re
from html import unescape

from browsing import Browser
from sqlalchemy import create_engine, text
from world import World


def seen(answer) -> str:
    """Return what a page shows, without its tags."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text)))


def test_the_status_is_that_of_the_store(world: World) -> None:
    """Before the first checkpoint nothing is claimed; afterwards size, age and key are shown."""
    token = world.chain("boss", "a")
    made = world.check(token, "a")
    browser = Browser(world)
    before = seen(browser.get("/log"))
    assert "No checkpoint yet" in before
    assert "under no signed checkpoint yet" in seen(browser.get(f"/decisions/{made.id}"))
    status = world.tracker.update_log()
    world.at += 7
    page = browser.get("/log")
    shown = seen(page)
    assert f"{status.signed} entries are under the newest checkpoint, signed 7 seconds ago" in shown
    assert "Its signature was verified for this page; its entries were not." in shown
    assert "Not looked for: this page reads no entries." in shown
    assert status.keys[0].text in shown
    assert f"delegation log verify {world.tracker.public_ring().issuer} --key KEY" in shown
    proof = world.tracker.decision_proof(made.id)
    told = seen(browser.get(f"/decisions/{made.id}"))
    assert f"included as entry {proof.index} of {status.signed}" in told


def test_a_comparison_is_claimed_only_where_it_was_made(world: World, tmp_path) -> None:
    """It takes a post with its token; a changed record is the first bad entry."""
    kept = World(path=tmp_path / "store.db")
    made = kept.check(kept.chain("boss", "a"), "a")
    kept.tracker.update_log()
    browser = Browser(kept)
    assert browser.http.post("/log").status_code in {403, 422}
    good = browser.post("/log", "/log")
    assert good.status_code == 200
    assert "entries were compared with the records" in seen(good)
    with create_engine(f"sqlite:///{tmp_path / 'store.db'}").begin() as connection:
        connection.execute(text("UPDATE decision SET tool = 'x.y' WHERE id = :id"), {"id": made.id})
    assert "Not looked for" in seen(browser.get("/log"))
    bad = seen(browser.post("/log", "/log"))
    assert "row_changed" in bad
    assert made.id in bad
    assert "None :" not in bad
    kept.tracker.close()


def test_a_proof_that_does_not_verify_is_said_to(world: World, monkeypatch) -> None:
    """The page never shows a check that failed as one that passed."""
    made = world.check(world.chain("boss", "a"), "a")
    world.tracker.update_log()
    browser = Browser(world)
    real = world.tracker.decision_proof(made.id)
    broken = type(real)(real.index, real.entry + b" ", real.path, real.checkpoint)
    monkeypatch.setattr(world.tracker, "decision_proof", lambda _: broken)
    shown = seen(browser.get(f"/decisions/{made.id}"))
    assert "does not verify" in shown
    assert "included" not in shown


def test_a_stopped_log_says_why(world: World, monkeypatch) -> None:
    """The reason stands first, and nothing is said to be signed."""
    from dataclasses import replace

    world.check(world.chain("boss", "a"), "a")
    status = replace(world.tracker.update_log(), stopped="The database has fewer entries.")
    browser = Browser(world)
    monkeypatch.setattr(world.tracker, "log_status", lambda: status)
    shown = seen(browser.get("/log"))
    assert "Stopped : nothing is signed any more. The database has fewer entries." in shown
    assert "signed 0 seconds ago" not in shown
