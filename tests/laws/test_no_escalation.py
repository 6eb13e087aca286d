"""The law: whatever holders do, nothing is allowed that an ancestor's grant would refuse."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import DESK, NOW, PAY, READ, SEND, TOOLS, World

from delegation import (
    Access,
    Grant,
    HolderKey,
    any_of,
    anything,
    between,
    email,
    exact,
    may,
    one_of,
    path,
    text,
)
from delegation.authority import narrowing
from delegation.authority.chain import child_payload
from delegation.authority.constraints import Constraint
from delegation.errors import DelegationError
from delegation.tokens import biscuit, biscuit_wire, macaroon, macaroon_wire
from delegation.tokens.text import TokenBytes, read_text

_SPEC = importlib.util.spec_from_file_location(
    "naive", Path(__file__).parents[1] / "oracle" / "naive.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
naive = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(naive)

CATALOGUE = {t.name: {"effect": t.effect, "sensitivity": t.sensitivity} for t in TOOLS}
HOLDERS = [HolderKey(f"h{n}", bytes([n + 1]) * 32) for n in range(4)]

paths = st.sampled_from([path("/"), path("/a"), path("/a/b"), path("/ab"), exact("/a"), anything()])
mails = st.sampled_from(
    [email("acme.example"), email("x@acme.example"), email("evil.example"), anything()]
)
amounts: st.SearchStrategy[Constraint] = st.sampled_from(
    [
        between(1, 500),
        between(1, 100),
        between(1, 5000),
        one_of(1, 7),
        exact(7),
        any_of(exact(1), exact(600)),
        anything(),
    ]
)
capabilities = st.one_of(
    st.builds(lambda c: may("files.read", path=c), paths),
    st.builds(lambda c, r: may("mail.send", resources=[r], to=c, body=text(max=100), cc=anything()),
              mails, st.sampled_from(["mail:acme/*", "mail:acme/**", "mail:acme/x%40acme.example"])),
    st.builds(lambda c: may("pay.refund", order=anything(), amount=c), amounts),
)  # fmt: skip
grants = st.fixed_dictionaries(
    {},
    optional={
        "capabilities": st.lists(capabilities, max_size=3),
        "effects": st.lists(st.sampled_from(["read", "write", "actuate"]), max_size=3),
        "max_sensitivity": st.integers(0, 3),
        "audience": st.lists(st.sampled_from([DESK, "https://other.example"]), max_size=2),
        "purpose": st.sampled_from(["", "desk", "desk/a", "desktop"]),
        "not_before": st.sampled_from([0, NOW, NOW + 1]),
        "expires_at": st.sampled_from([NOW, NOW + 10, NOW + 1000, NOW + 2000]),
        "delegations_left": st.integers(0, 7),
        "budget": st.sampled_from([{}, {"calls": 3}, {"calls": 90}, {"usd_cents": 5000}]),
    },
)
CALLS = [
    *(Access("files.read", {"path": p}, DESK, "desk/a") for p in ("/a", "/a/b", "/ab", "/c")),
    *(
        Access("mail.send", {"to": to, "body": "x"}, DESK, "desk")
        for to in ("x@acme.example", "y@acme.example", "e@evil.example")
    ),
    *(
        Access("pay.refund", {"order": "o", "amount": n}, DESK, "desk", {"usd_cents": n})
        for n in (1, 7, 101, 501, 600)
    ),
    Access("ops.restart", {"host": "h.acme.example"}, DESK, "desk"),
    Access("files.read", {"path": "/a"}, "https://other.example", "desk"),
    Access("files.read", {"path": "/a"}, DESK, "desktop"),
]
# What a holder does with the tokens it has: (deed, which token, which other token, signer, holder, grant)
deeds = st.tuples(
    st.sampled_from(["delegate", "force", "strip", "splice", "reorder"]),
    st.integers(0, 9),
    st.integers(0, 9),
    st.integers(0, 3),
    st.integers(0, 3),
    grants,
)


def delegated(tokens, format, deed):
    """Do one deed; return the new token's text, or None if it cannot even be written down."""
    what, first, second, by, to, fields = deed
    one, two = tokens[first % len(tokens)], tokens[second % len(tokens)]
    back_end = biscuit if format == "biscuit" else macaroon
    grant = Grant(
        fields.get("capabilities"), **{k: v for k, v in fields.items() if k != "capabilities"}
    )
    try:
        if what == "delegate":
            made = one.delegate(by=HOLDERS[by], to=HOLDERS[to].public, grant=grant)
            return made, made.text
        if what == "force":
            payload = child_payload(
                one.id, holder_key=HOLDERS[to].public.key, holder_name=HOLDERS[to].name,
                grant=grant.filled_from(one.grant), salt=b"f" * 16)  # fmt: skip
            body = back_end.append(
                read_text(one.text).body, payload, holder_seed=HOLDERS[by].secret_seed()
            )
            return one, TokenBytes(format, body).to_text()
        body, other = read_text(one.text).body, read_text(two.text).body
        if format == "biscuit":
            wire, more = biscuit_wire.read(body), biscuit_wire.read(other)
            blocks = {
                "strip": wire.blocks[:-1] or wire.blocks,
                "splice": (*wire.blocks, more.blocks[-1]),
                "reorder": (wire.blocks[0], *reversed(wire.blocks[1:])),
            }[what]
            return one, TokenBytes(
                format, biscuit_wire.write(replace(wire, blocks=blocks, seed=more.seed))
            ).to_text()
        found = macaroon_wire.read(body)
        payloads = [c.id for c in found.caveats]
        extra = {
            "strip": payloads[:-1],
            "splice": [*payloads, payloads[-1]],
            "reorder": payloads[::-1],
        }[what]
        made = _macaroon(found.identifier, extra, found.signature)
        return one, TokenBytes(format, made).to_text()
    except DelegationError:
        return None


def _macaroon(identifier, caveats, signature):
    """Write a macaroon by hand, whatever its signature is worth."""

    def field(kind, data):
        return bytes([kind]) + biscuit_wire.varint(len(data)) + data

    out = b"\x02" + field(1, b"") + field(2, identifier) + b"\x00"
    for caveat in caveats:
        out += field(2, caveat) + b"\x00"
    return out + b"\x00" + field(6, signature)


def escalations(sequence, format):
    """Play a sequence of deeds; return every allowance that some ancestor's grant would refuse."""
    world = World(at=NOW)
    boss = HOLDERS[0]
    world.task = world.tracker.open_task(
        "T", owner="o@acme.example", lasts=1000,
        ceiling=Grant([READ, SEND, PAY], audience=[DESK], purpose="desk", delegations_left=6,
                      budget={"calls": 900, "usd_cents": 90000}))  # fmt: skip
    tokens = [world.tracker.issue(world.task, to=boss.public, format=format)]
    texts = [(tokens[0], tokens[0].text)]
    for deed in sequence:
        made = delegated(tokens, format, deed)
        if made is not None:
            like, written = made
            if written == like.text:
                tokens.append(like)
            texts.append((like, written))
    found = []
    for like, written in texts[-6:]:
        for call in CALLS:
            for holder in HOLDERS:
                shown = replace(like, text=written)
                decision = world.tracker.check(written, holder.prove(shown, call, at=NOW), call)
                if not decision:
                    if decision.denial.step in {3, 4, 5, 1, 2}:
                        break
                    continue
                with world.tracker._store.read() as reader:
                    payloads = [reader.link_payload(link) for link in decision.links]
                if not naive.admitted(payloads, call.tool, dict(call.arguments), audience=call.audience,
                                      purpose=call.purpose, now=NOW, catalogue=CATALOGUE):  # fmt: skip
                    found.append((decision.links, call))
    return found


@pytest.mark.parametrize("format", ["biscuit", "macaroon"])
@settings(max_examples=25)
@given(sequence=st.lists(deeds, min_size=1, max_size=6))
def test_no_sequence_of_deeds_allows_what_an_ancestor_refuses(format, sequence):
    """Delegating, forcing, stripping, splicing and reordering never widen authority."""
    assert escalations(sequence, format) == []


FULL = {
    "capabilities": [
        may("files.read", path=anything()),
        may("pay.refund", order=anything(), amount=between(1, 500)),
    ]
}
PLANTED = {
    # A rule of narrowing that is switched off, and two deeds of a holder that then escalate.
    "_capabilities": (
        {"capabilities": [may("files.read", path=path("/a"))]},
        {"capabilities": [READ]},
    ),
    "_effects": ({**FULL, "effects": ["read"]}, {"effects": ["read", "write"]}),
    "_sensitivity": ({"max_sensitivity": 1}, {"max_sensitivity": 2}),
    "_audience": ({"audience": []}, {"audience": [DESK]}),
    "_purpose": ({"purpose": "desk/a"}, {"purpose": "desk"}),
    "_window": ({"not_before": NOW + 1}, {"not_before": NOW}),
}


@pytest.mark.parametrize("rule", PLANTED)
def test_the_law_catches_a_rule_that_is_switched_off(rule, monkeypatch):
    """The oracle is awake: with any rule of narrowing off, it finds the escalation."""
    kept = tuple(r for r in narrowing._RULES if r.__name__ != rule)
    assert len(kept) == len(narrowing._RULES) - 1
    monkeypatch.setattr(narrowing, "_RULES", kept)
    narrow, widen = PLANTED[rule]
    sequence = [("delegate", 0, 0, 0, 1, narrow), ("force", 1, 0, 1, 2, widen)]
    for format in ("biscuit", "macaroon"):
        assert escalations(sequence, format) != []


def test_the_same_deeds_do_not_escalate_with_all_rules_on():
    """Each planted sequence is harmless while its rule stands."""
    for narrow, widen in PLANTED.values():
        sequence = [("delegate", 0, 0, 0, 1, narrow), ("force", 1, 0, 1, 2, widen)]
        assert escalations(sequence, "biscuit") == []
