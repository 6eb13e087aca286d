"""The tool log's form, and every way in which an execution may not fit its decision."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from cases import every
from hypothesis import given
from hypothesis import strategies as st

from delegation.authority.ids import DecisionId
from delegation.errors import UnverifiedError
from delegation.identity.receipt import Receipt, arguments_digest
from delegation.lineage.mediation import (
    BYPASSES,
    Execution,
    FindingKind,
    Reconciliation,
    Recorded,
    UnreadableLineError,
    read_line,
    write_line,
)

CALL = DecisionId("dec_" + "a" * 22)
DIGEST = arguments_digest({"to": "x"})
RECORDED = Recorded(CALL, 100, "mail.send", "mail", allowed=True, valid_until=105, digest=DIGEST)
LINE = {
    "v": 1, "at": 101, "decision": CALL, "tool": "mail.send", "audience": "mail",
    "arguments": DIGEST, "outcome": "executed", "receipt": None,
}  # fmt: skip
RECEIPT = Receipt(CALL, "mail.send", "mail", 105)


def verify(done: Execution) -> Receipt:
    """Stand for the verifier of receipts: the text says what it finds."""
    if done.receipt == "good":
        return RECEIPT
    if done.receipt == "other":
        return Receipt(CALL, "mail.send", "elsewhere", 105)
    raise UnverifiedError("receipt_key", "unknown")


def kinds(*lines: dict, recorded: Recorded | None = RECORDED, skew: int = 0) -> list[str]:
    """Return what is found of these lines, in order."""
    found = Reconciliation(skew=skew)
    for number, line in enumerate(lines, start=1):
        done = read_line(json.dumps({**LINE, **line}).encode(), number)
        found.executed(done, recorded if done.decision else None, verify)
    return [one.kind for one in found.findings]


CASES = {
    "it fits": ({}, RECORDED, []),
    "at the last moment": ({"at": 104}, RECORDED, []),
    "with its arguments written out": ({"arguments": {"to": "x"}}, RECORDED, []),
    "with a good receipt": ({"receipt": "good"}, RECORDED, []),
    "without a decision": ({"decision": None}, RECORDED, ["no_decision"]),
    "with one that is not recorded": ({}, None, ["no_decision"]),
    "although denied": ({}, replace(RECORDED, allowed=False), ["denied"]),
    "another tool": ({"tool": "mail.wipe"}, RECORDED, ["other_tool"]),
    "another service": ({"audience": "elsewhere"}, RECORDED, ["other_audience"]),
    "other arguments": ({"arguments": {"to": "y"}}, RECORDED, ["other_arguments"]),
    "too early": ({"at": 99}, RECORDED, ["too_early"]),
    "too late": ({"at": 105}, RECORDED, ["too_late"]),
    "a receipt that does not verify": ({"receipt": "forged"}, RECORDED, ["receipt"]),
    "another's receipt": ({"receipt": "other"}, RECORDED, ["receipt"]),
    "erased arguments": ({}, replace(RECORDED, digest=None), ["arguments_unknown"]),
    "erased, and a receipt says them": ({"receipt": "good"}, replace(RECORDED, digest=None), []),
    "erased, and a forged receipt": ({"receipt": "no"}, replace(RECORDED, digest=None), ["receipt", "arguments_unknown"]),
    "several at once": ({"tool": "mail.wipe", "at": 200}, RECORDED, ["other_tool", "too_late"]),
}  # fmt: skip


@every(("line", "recorded", "expected"), CASES.values(), ids=CASES)
def test_an_execution_is_held_against_its_decision(line, recorded, expected) -> None:
    """Each way not to fit has its name."""
    assert kinds(line, recorded=recorded) == expected


def test_one_decision_is_one_execution() -> None:
    """The second line is the bypass."""
    assert kinds({}, {"at": 102}) == ["twice"]


def test_clocks_may_differ_by_the_skew() -> None:
    """Five seconds either way, and no more."""
    assert kinds({"at": 95}, skew=5) == []
    assert kinds({"at": 94}, skew=5) == ["too_early"]
    assert kinds({"at": 109}, skew=5) == []
    assert kinds({"at": 110}, skew=5) == ["too_late"]


def test_decisions_without_a_line_are_listed_and_are_no_bypass() -> None:
    """What was allowed need not be done."""
    found = Reconciliation()
    found.decided(RECORDED)
    assert [one.kind for one in found.findings] == ["not_executed"]
    assert not found.is_bypassed
    found.executed(read_line(json.dumps(LINE).encode(), 1), RECORDED, verify)
    found.decided(RECORDED)
    assert found.counts["not_executed"] == 1


def test_what_is_listed_is_bounded_and_all_is_counted() -> None:
    """A flood does not fill the memory."""
    found = Reconciliation()
    done = read_line(json.dumps({**LINE, "decision": None}).encode(), 1)
    for _ in range(1500):
        found.executed(done, None, verify)
    assert (found.counts["no_decision"], len(found.findings)) == (1500, 1000)
    assert found.is_bypassed


def test_every_kind_but_two_is_a_bypass() -> None:
    """What is not known to be allowed counts as bypassed."""
    assert {"not_executed", "arguments_unknown"}.isdisjoint(BYPASSES)
    assert "unreadable" in BYPASSES


WRONG = {
    "no JSON": b"{",
    "blank": b"\n",
    "a list": b"[]",
    "a member more": json.dumps({**LINE, "more": 1}).encode(),
    "a member twice": b'{"v":1,"v":1}',
    "a member missing": json.dumps({k: v for k, v in LINE.items() if k != "receipt"}).encode(),
    "another version": json.dumps({**LINE, "v": 2}).encode(),
    "version true": json.dumps({**LINE, "v": True}).encode(),
    "a float": json.dumps({**LINE, "at": 1.5}).encode(),
    "a negative instant": json.dumps({**LINE, "at": -1}).encode(),
    "no decision's id": json.dumps({**LINE, "decision": "lnk_x"}).encode(),
    "no tool's name": json.dumps({**LINE, "tool": "mail.*"}).encode(),
    "another outcome": json.dumps({**LINE, "outcome": "maybe"}).encode(),
    "no digest": json.dumps({**LINE, "arguments": "x"}).encode(),
    "no text": b"\xff\xfe",
    "too long": json.dumps({**LINE, "arguments": {"x": "y" * 70_000}}).encode(),
}


@every("data", WRONG.values(), ids=WRONG)
def test_a_line_of_another_form_is_refused_with_its_number(data: bytes) -> None:
    """And without what stands in it."""
    with pytest.raises(UnreadableLineError, match="line 17"):
        read_line(data, 17)


@given(
    at=st.integers(0, 2**53 - 1),
    decision=st.one_of(st.none(), st.just(str(CALL))),
    arguments=st.dictionaries(st.sampled_from("abc"), st.one_of(st.integers(-9, 9), st.booleans())),
    outcome=st.sampled_from(["executed", "failed"]),
)
def test_what_is_written_is_read(at, decision, arguments, outcome) -> None:
    """Line for line, and one line each."""
    line = write_line(at=at, decision=decision, tool="a.b", audience="x", arguments=arguments, outcome=outcome)  # fmt: skip
    assert line.count(b"\n") == 1
    read = read_line(line, 1)
    assert (read.at, read.decision, read.outcome) == (at, decision, outcome)
    assert read.digest == arguments_digest(arguments)


def test_what_no_reader_understands_is_not_written() -> None:
    """A service learns of it at once."""
    with pytest.raises(UnreadableLineError):
        write_line(at=1, decision="x", tool="a.b", audience="x", arguments={})


def test_the_page_documents_every_kind() -> None:
    """A kind cannot be added in silence."""
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "mediation.md").read_text()
    for kind in get_args(FindingKind):
        assert f"`{kind}`" in page
