"""Grants: one spelling in JSON, unset is not empty, nothing is guessed from an odd value."""

from __future__ import annotations

import json

import pytest
from cases import every
from hypothesis import given, settings
from tiny import FIELDS, RULE, full, grants

from delegation import Grant, canonical, email, may
from delegation.authority.capability import Capability
from delegation.authority.grant import FIELDS as NAMES
from delegation.errors import MalformedError


@settings(max_examples=100)
@given(grant=grants)
def test_json_is_read_back_and_canonical(grant: Grant) -> None:
    """What is written is read back equal, through canonical bytes too."""
    data = canonical.encode(grant.to_json())
    assert Grant.from_json(canonical.decode(data, max_bytes=16384)) == grant
    assert tuple(grant.to_json()) == NAMES


@given(grant=grants)
def test_a_missing_or_additional_field_is_no_payload(grant: Grant) -> None:
    """A payload carries every field and no other; people may leave fields out."""
    for name in NAMES:
        short = {key: value for key, value in grant.to_json().items() if key != name}
        with pytest.raises(MalformedError):
            Grant.from_json(short)
        assert Grant.from_json(short, partial=True).unset == {name}
    with pytest.raises(MalformedError):
        Grant.from_json({**grant.to_json(), "scope": "*"})
    with pytest.raises(MalformedError):
        Grant.from_json({"scope": "*"}, partial=True)


ODD = [None, False, True, 0, -1, 1.0, 2**53, "", "x", "\x00", "é", [], [None], [[]], ["x", "x"], ["b", "a"], [1], {}, {"x": 1}, {"calls": -1},
       {"calls": True}, {"Calls": 1}, {"calls": None}, [{}], [{"tool": "a"}], [{"any": True}]]  # fmt: skip


@every("name", NAMES)
@every("value", ODD, ids=repr)
def test_an_odd_value_is_read_as_itself_or_refused(name: str, value: object) -> None:
    """No value of another type stands for the empty one: `false` for a purpose would restrict none."""
    body = {**full().to_json(), name: value}
    try:
        read = Grant.from_json(body)
    except MalformedError:
        pass
    else:
        assert json.dumps(read.to_json()) == json.dumps(body)
    if value is None:
        return
    try:
        partial = Grant.from_json({name: value}, partial=True)
    except MalformedError:
        return
    assert type(partial.to_json()[name]) is type(value)
    assert name not in partial.unset


SPELLINGS = {
    "effects out of order": {"effects": ["write", "read"]},
    "an effect twice": {"effects": ["read", "read"]},
    "an audience out of order": {"audience": ["two", "one"]},
    "false for none": {"max_sensitivity": False},
    "one as true": {"delegations_left": True},
    "a label out of order": {"flow": [{"after": ["b", "a"], "never": ["c"]}]},
    "a rule of two kinds": {"flow": [{"after": ["a"], "never": ["c"], "at_most": {"writes": 1}}]},
    "a rule without labels": {"flow": [{"after": [], "never": ["c"]}]},
    "no count": {"flow": [{"at_most": {}}]},
    "a quorum of none": {"needs_approval": [{**RULE.to_json(), "quorum": 0}]},
    "a true quorum": {"needs_approval": [{**RULE.to_json(), "quorum": True}]},
    "no approver": {"needs_approval": [{**RULE.to_json(), "approvers": []}]},
    "no tool": {"needs_approval": [{**RULE.to_json(), "tools": []}]},
    "a capability with one field more": {"capabilities": [{"tool": "a", "resources": [], "arguments": {}, "x": 1}]},
    "a capability with one field less": {"capabilities": [{"tool": "a", "resources": []}]},
    "arguments as a list": {"capabilities": [{"tool": "a", "resources": [], "arguments": []}]},
    "an argument with a blank at its end": {"capabilities": [{"tool": "a", "resources": [], "arguments": {"a ": {"any": True}}}]},
    "a capability that is not only handed on": {"capabilities": [{"tool": "a", "resources": [], "arguments": {}, "delegate_only": False}]},
    "an unknown constraint": {"capabilities": [{"tool": "a", "resources": [], "arguments": {"a": {"regex": ".*"}}}]},
    "a tool with a partial wildcard": {"capabilities": [{"tool": "a*", "resources": [], "arguments": {}}]},
    "a resource with an empty segment": {"capabilities": [{"tool": "a", "resources": ["a//b"], "arguments": {}}]},
    "too many capabilities": {"capabilities": [may("a.b").to_json()] * 65},
    "too many caveats": {"capabilities": [may("a.b", resources=[f"r:{n}" for n in range(64)]).to_json()] * 4},
    "too many units": {"budget": {f"u{n}": 1 for n in range(17)}},
    "a line feed behind a purpose": {"purpose": "desk\n"},
    "a purpose that is too long": {"purpose": "a" * 201},
    "a purpose with an empty word": {"purpose": "a//b"},
    "a blank in an audience": {"audience": ["a b"]},
}  # fmt: skip


@every("change", SPELLINGS.values(), ids=SPELLINGS)
def test_another_spelling_is_refused(change: dict[str, object]) -> None:
    """Two payloads never mean one grant."""
    with pytest.raises(MalformedError):
        Grant.from_json({**full().to_json(), **change})


def test_unset_fields_are_copied_and_empty_ones_are_not() -> None:
    """`None` copies from the parent; an empty list admits nothing and stays so."""
    parent = full()
    assert Grant().unset == set(NAMES) == set(FIELDS)
    assert Grant(audience=[]).filled_from(parent).audience == ()
    assert Grant().filled_from(parent).audience == ("one", "two")
    assert Grant(delegations_left=0).filled_from(parent).delegations_left == 0
    assert not Grant().is_complete
    assert Grant().filled_from(parent).is_complete


def test_a_capability_that_was_read_before_is_not_taken_for_another() -> None:
    """What is remembered goes by canonical text with its types, and a refusal is never remembered."""
    body = {"tool": "a.b", "resources": [], "arguments": {"n": {"exact": {"value": 1}}}}
    other = {**body, "arguments": {"n": {"exact": {"value": True}}}}
    first, again, second = (Capability.from_json(b) for b in (body, body, other))
    assert first == again
    assert (first.to_json(), second.to_json()) == (body, other)
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    for bad in (1.5, float("nan"), {1, 2}, deep, "\ud800"):
        for _ in range(2):
            with pytest.raises(MalformedError):
                Capability.from_json({**body, "arguments": {"n": {"exact": {"value": bad}}}})
    for number in range(2000):  # more than are kept
        named = {**body, "tool": f"a.b{number}"}
        assert Capability.from_json(named).to_json() == named


@pytest.mark.parametrize("value", ["x", 5, None, ["x"], email])
def test_a_bare_value_is_no_constraint(value) -> None:
    """What looks like `exact` by accident is refused where it is written, not where it is judged."""
    with pytest.raises(MalformedError):
        may("mail.send", to=value)
