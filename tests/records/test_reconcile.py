"""Reconciling whole logs with what two engines recorded, receipts and long lines included."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import text as sql
from world import DESK, World

from delegation.errors import MalformedError
from delegation.lineage.mediation import write_line


def allowed(world: World, count: int = 1):
    """Return allowed decisions."""
    token = world.chain("boss", "a")
    return [world.check(token, "a") for _ in range(count)]


def line(world: World, made, **fields) -> bytes:
    """Return the line that an honest service would write."""
    given = {
        "at": world.at, "decision": made.id, "tool": made.tool, "audience": DESK,
        "arguments": made.arguments, **fields,
    }  # fmt: skip
    return write_line(**given)


def found(world: World, *lines: bytes, **fields):
    """Return what is found of a log."""
    return world.tracker.reconcile(io.BytesIO(b"".join(lines)), **fields)


def test_an_honest_log_fits(world: World) -> None:
    """Every decision executed once, with its receipt: nothing is found."""
    decisions = allowed(world, 3)
    lines = [
        line(world, d, receipt=world.tracker.receipt(d, DESK), outcome=o)
        for d, o in zip(decisions, ("executed", "failed", "executed"), strict=True)
    ]
    world.at += 100
    done = found(world, *lines, until=world.at)
    assert (done.lines, done.decisions, done.to_counts()) == (3, 3, {})


def test_a_log_that_lies_is_found_out(world: World) -> None:
    """Invented, denied, doubled, altered, late: each with its line."""
    first, second, third = allowed(world, 3)
    denied = world.check(
        world.chain("boss", "a"), "a", world.access("ops.restart", host="h.example")
    )
    receipt = world.tracker.receipt(first, DESK)
    done = found(
        world,
        line(world, first, receipt=receipt),
        line(world, first),
        line(world, second, arguments={"path": "/etc/shadow"}),
        line(world, denied),
        line(world, first, decision="dec_" + "z" * 22),
        line(world, second, decision=None),
        b"{}\n",
        line(world, third, receipt=receipt),
        line(world, third, at=world.at + 60),
        until=world.at + 1,
    )
    assert [(one.line, one.kind) for one in done.findings] == [
        (2, "twice"),
        (3, "other_arguments"),
        (4, "denied"),
        (5, "no_decision"),
        (6, "no_decision"),
        (7, "unreadable"),
        (8, "receipt"),
        (9, "twice"),
        (9, "too_late"),
    ]
    assert done.is_bypassed


def test_decisions_that_nobody_executed_are_listed(world: World) -> None:
    """Of the log's services and time; requests to the service itself are no calls of tools."""
    first, second = allowed(world, 2)
    done = found(world, line(world, first), until=world.at + 1)
    assert [(one.kind, one.decision) for one in done.findings] == [("not_executed", second.id)]
    assert not done.is_bypassed
    assert found(world).decisions == 0
    assert found(world, line(world, first), since=world.at + 1, until=world.at + 2).decisions == 0


def test_erased_arguments_are_only_known_from_a_receipt(world: World) -> None:
    """What cannot be compared is said, and is no proof of anything."""
    first, second = allowed(world, 2)
    receipt = world.tracker.receipt(first, DESK)
    with world.tracker._store._database.writing() as connection:
        connection.execute(
            sql("UPDATE decision SET access = NULL, arguments = NULL, arguments_salt = NULL")
        )
    done = found(world, line(world, first, receipt=receipt), line(world, second))
    assert [(one.line, one.kind) for one in done.findings] == [(2, "arguments_unknown")]
    other = found(world, line(world, first, receipt=receipt, arguments={"path": "/x"}))
    assert [one.kind for one in other.findings] == ["receipt", "arguments_unknown"]


def test_a_long_log_is_read_in_parts(world: World) -> None:
    """More lines than are asked for together; numbers stay right, and one endless line is one line."""
    (decision,) = allowed(world)
    invented = line(world, decision, decision="dec_" + "q" * 22)
    lines = [invented] * 1200 + [b"x" * 300_000 + b"\n", line(world, decision)]
    done = found(world, *lines)
    assert done.lines == 1202
    assert done.to_counts() == {"unreadable": 1, "no_decision": 1200}
    assert next(one.line for one in done.findings if one.kind == "unreadable") == 1201


def test_a_log_cut_off_in_a_line_is_still_read(world: World) -> None:
    """A crash while writing costs that line."""
    first, second = allowed(world, 2)
    done = found(world, line(world, first), line(world, second)[:40])
    assert done.to_counts() == {"unreadable": 1}


def test_a_skew_that_proves_nothing_is_refused(world: World) -> None:
    """An hour at most."""
    for odd in (-1, 3601, True):
        with pytest.raises(MalformedError):
            found(world, skew=odd)
    for odd in (-1, 2**70):
        with pytest.raises(MalformedError):
            found(world, since=odd)
        with pytest.raises(MalformedError):
            found(world, until=odd)
