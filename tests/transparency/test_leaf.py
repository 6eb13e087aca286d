"""Leaves: frozen bytes, one spelling, no arguments in them, and true after arguments are erased."""

from __future__ import annotations

import contextlib
import json

import pytest
from cases import every
from hypothesis import given
from hypothesis import strategies as st
from logs import busy
from world import World

from delegation import canonical
from delegation.authority.chain import parse_payload
from delegation.authority.ids import DecisionId, TaskId
from delegation.errors import MalformedError
from delegation.records.log.log import SqlLog
from delegation.tokens.evidence import LinkEvidence
from delegation.transparency.leaf import (
    ChangeLeaf,
    DecisionLeaf,
    LinkLeaf,
    erasable_digest,
    read_leaf,
)
from delegation.transparency.merkle import leaf_hash

TASK = TaskId("tsk_" + "A" * 22)
DECISION = DecisionLeaf(
    id=DecisionId("dec_" + "B" * 22),
    sequence=7,
    at=1_800_000_000,
    task=TASK,
    links=("lnk_" + "C" * 43,),
    holder="k",
    tool="mail.send",
    audience="https://mail.acme.example",
    purpose="support/refund",
    allowed=False,
    step=8,
    code="argument_not_granted",
    message="The argument cc is not granted.",
    denied_link="lnk_" + "C" * 43,
    denied_depth=0,
    caveat="arguments.cc",
    remedy="Leave cc out.",
    cost={"calls": 1},
    valid_until=0,
    steps="pppppppfnnnnnp",
    claimed_cause=None,
    epoch=3,
    catalogue=17,
    client="mail",
    arguments="AAAA",
    erasable="BBBB",
)
# Frozen: another byte here is another format, and every log that was ever signed would differ.
DECISION_BYTES = (
    '{"allowed":false,"arguments":"AAAA","at":1800000000,"audience":"https://mail.acme.example",'
    '"catalogue":17,"caveat":"arguments.cc","claimed_cause":null,"client":"mail",'
    '"code":"argument_not_granted","cost":{"calls":1},"denied_depth":0,'
    '"denied_link":"lnk_CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC","epoch":3,"erasable":"BBBB",'
    '"holder":"k","id":"dec_BBBBBBBBBBBBBBBBBBBBBB","kind":"decision",'
    '"links":["lnk_CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"],'
    '"message":"The argument cc is not granted.","purpose":"support/refund",'
    '"remedy":"Leave cc out.","sequence":7,"step":8,"steps":"pppppppfnnnnnp",'
    '"task":"tsk_AAAAAAAAAAAAAAAAAAAAAA","tool":"mail.send","v":1,"valid_until":0}'
)
CHANGE = ChangeLeaf(
    epoch=3,
    act="revoke",
    subject_kind="link",
    subject="lnk_" + "C" * 43,
    by="ana",
    reason='leaked \u00e9 e\u0301 "q" \ud800',
    at=1_800_000_000,
    effective_at=1_800_000_100,
    cause="",
)
# Frozen likewise. People's words are spelled as they wrote them, in the one way of `sent_json`.
CHANGE_BYTES = (
    '{"act":"revoke","at":1800000000,"by":"ana","cause":"","effective_at":1800000100,"epoch":3,'
    '"kind":"change","reason":"leaked \u00e9 e\u0301 \\"q\\" \\ud800",'
    '"subject":"lnk_CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC","subject_kind":"link","v":1}'
)
PAYLOAD = (
    '{"catalogue":1,"grant":{"audience":["d"],"budget":{},"capabilities":[],"delegations_left":0,'
    '"effects":["read"],"expires_at":10,"flow":[],"max_sensitivity":0,"needs_approval":[],'
    '"not_before":0,"purpose":"d"},"holder":{"key":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",'
    '"name":"b"},"issuer":"https://a.example","salt":"AAAAAAAAAAAAAAAAAAAAAA",'
    '"task":"tsk_AAAAAAAAAAAAAAAAAAAAAA","under":null,"v":1}'
)
LINK_HEAD = (
    '{"at":5,"depth":0,"evidence":{"block":"YWI","format":"biscuit","previous_signature":null,'
    '"signature":"Y2Q"},"id":"'
)


def link_leaf() -> LinkLeaf:
    """Return a link's leaf."""
    return LinkLeaf(
        link=parse_payload(PAYLOAD.encode(), root=True),
        task=TASK,
        sequence=2,
        depth=0,
        at=5,
        evidence=LinkEvidence("biscuit", b"ab", b"cd"),
    )


def test_a_decisions_leaf_has_these_bytes() -> None:
    """The golden vector of version 1."""
    assert DECISION.entry == DECISION_BYTES.encode()
    assert (
        leaf_hash(DECISION.entry).hex()
        == "009ccb1964872936f579c9094ae9b03132ef3a332cb2944da5aad863fa04ee9d"
    )
    assert read_leaf(DECISION.entry) == DECISION


def test_a_links_leaf_has_these_bytes() -> None:
    """The golden vector of version 1; the payload stands in it as it was signed."""
    leaf = link_leaf()
    text = leaf.entry.decode()
    assert text == (
        f'{LINK_HEAD}{leaf.id}","kind":"link","payload":{PAYLOAD},"sequence":2,'
        '"task":"tsk_AAAAAAAAAAAAAAAAAAAAAA","v":1}'
    )
    assert (
        leaf_hash(leaf.entry).hex()
        == "83ff10991a971bfc56612177b2452fec01ff3368e250d1278b91c1913cfd6452"
    )
    assert read_leaf(leaf.entry) == leaf


def test_what_may_be_erased_has_this_digest() -> None:
    """The golden vector of the salted digest; each part and the salt count."""
    parts = {"access": "{}", "arguments": "{}", "proof": "p", "detail": "[]", "resources": "[]"}
    whole = erasable_digest(bytes(16), **parts)
    assert whole == "IXTi80_IPiiyFSIZkKHZn6svW54acsH0fnFmPBpZOBo"
    assert erasable_digest(b"1" * 16, **parts) != whole
    for name in parts:
        assert erasable_digest(bytes(16), **{**parts, name: "x"}) != whole
    # Where one part ends and the next begins is part of it.
    moved = erasable_digest(bytes(16), **{**parts, "access": "{", "arguments": "}{}"})
    assert moved != whole


BODY = json.loads(DECISION_BYTES)
BAD = {
    "another version": {**BODY, "v": 2},
    "true for 1": {**BODY, "v": True},
    "no version": {k: v for k, v in BODY.items() if k != "v"},
    "another kind": {**BODY, "kind": "task"},
    "a link's kind": {**BODY, "kind": "link"},
    "a member more": {**BODY, "x": 1},
    "a member less": {k: v for k, v in BODY.items() if k != "tool"},
    "a number as text": {**BODY, "sequence": "7"},
    "a flag as number": {**BODY, "allowed": 0},
    "a cost that is text": {**BODY, "cost": {"calls": "1"}},
    "a link that is a number": {**BODY, "links": [1]},
}


@every("body", BAD.values(), ids=BAD)
def test_another_form_is_no_leaf(body) -> None:
    """Unknown versions and members are refused, not skipped."""
    with pytest.raises(MalformedError):
        read_leaf(canonical.encode(body))


def test_a_leaf_has_one_spelling() -> None:
    """White space, another order, doubled members and changed ids are refused."""
    text = DECISION_BYTES
    link = link_leaf()
    other_id = link.entry.replace(link.id.encode(), b"lnk_" + b"A" * 43)
    for entry in (
        text.replace(":", ": ", 1).encode(),
        json.dumps(dict(reversed(BODY.items()))).encode(),
        text.replace('"at"', '"at":1,"at"', 1).encode(),
        other_id,
        link.entry.replace(b'"depth":0', b'"depth":1'),
        link.entry.replace(b'"Y2Q"', b'"Y2R"'),
        link.entry.replace(b'"biscuit"', b'"paper"'),
        b"[]", b"", b"\xff", bytes(70_000),
    ):  # fmt: skip
        with pytest.raises(MalformedError):
            read_leaf(entry)


def test_a_changes_leaf_is_frozen_and_has_one_spelling() -> None:
    """Its bytes, its hash in the tree, and what is refused in their place."""
    assert CHANGE.entry == CHANGE_BYTES.encode()
    assert read_leaf(CHANGE.entry) == CHANGE
    assert (CHANGE.id, CHANGE.kind) == ("3", "change")
    assert leaf_hash(CHANGE.entry).hex() == (
        "2e636a95424459eb62c3aa0bf5f0369085ce2d8cb2a63c2b3c2cd4233852e948"
    )
    for entry in (
        CHANGE_BYTES.replace(":", ": ", 1),
        CHANGE_BYTES.replace('"v":1', '"v":2'),
        CHANGE_BYTES.replace('"epoch":3', '"epoch":"3"'),
        CHANGE_BYTES.replace('"epoch":3', '"epoch":true'),
        CHANGE_BYTES.replace('"cause":"",', ""),
        CHANGE_BYTES.replace('"act":"revoke"', '"act":"pardon"'),
        CHANGE_BYTES.replace('"act":"revoke"', '"act":"revoke","act":"resume"'),
        CHANGE_BYTES.replace("\u00e9", "\\u00e9"),
        CHANGE_BYTES.replace('"kind":"change"', '"kind":"decision"'),
    ):
        with pytest.raises(MalformedError):
            read_leaf(entry.encode())


@given(place=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_changed_byte_is_refused_or_another_leaf(place: int, byte: int) -> None:
    """No byte of an entry is without meaning."""
    for whole in (DECISION.entry, link_leaf().entry, CHANGE.entry):
        at = place % len(whole)
        changed = whole[:at] + bytes([byte]) + whole[at + 1 :]
        with contextlib.suppress(MalformedError):
            assert (read_leaf(changed) == read_leaf(whole)) is (changed == whole)


def test_no_leaf_holds_arguments(world: World) -> None:
    """Neither what was sent nor what was offered, nor the resource made of it, stands in the log."""
    token = world.chain("boss", "a")
    world.check(token, "a", world.access(path="/very-secret"))
    world.check(token, "a", world.access("mail.send", to="secret@acme.example", body="secret"))
    world.check(token, "a", world.access("mail.send", to="secret@evil.example", body="secret"))
    world.tracker.check(token, "?", {"very": "secret"})
    busy(world)
    world.tracker.update_log()
    with world.tracker._log.reading() as log:
        entries = [entry for _, _, entry in log.entries(100)]
    assert isinstance(log, SqlLog)
    assert len(entries) > 10
    assert not [entry for entry in entries if b"secret" in entry]


def test_the_quick_entry_of_a_row_is_the_leafs(world: World, monkeypatch) -> None:
    """What the writer makes for every decision is what the leaf of the same columns is."""
    from delegation.records.log import leaves
    from delegation.records.settling import batch

    seen = []
    real = batch.log_decisions

    def looking(connection, rows) -> None:
        seen.extend(dict(row) for row in rows)
        real(connection, rows)

    monkeypatch.setattr(batch, "log_decisions", looking)
    busy(world)
    token = world.chain("boss", "a")
    world.check(token, "a", world.access("pay.refund", order='o\u00e9"\\', amount=5))
    world.check(token, "a", world.access("mail.send", to="x@evil.example", body="b"))
    assert len(seen) == 7
    hostile = '"\\,"cost":{},\u2028\x00\x1f\x7f\U0001f600'
    seen.append({**seen[0], "message": hostile, "caveat": hostile, "client": hostile})
    for row in seen:
        assert leaves.decision_entry(row) == leaves.decision_leaf(row).entry
        read_leaf(leaves.decision_entry(row))
