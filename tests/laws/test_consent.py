"""The law of consent: no call passes step 13 but one for which enough different strangers to it signed."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import CATALOGUE, ISSUER, NOW, TASK, chain_of, full

from delegation import Access, KeyRing
from delegation.authority.approval import ApprovalRule
from delegation.authority.ids import DecisionId, LinkId
from delegation.authority.pattern import tool_pattern
from delegation.identity.approval import Approval, Binding, arguments_digest, sign_approval
from delegation.identity.keyring import RingKey
from delegation.judge.approval import is_reached, judge_approval, needed_consent
from delegation.judge.approval_request import Act, ApprovalFacts, RequestFact
from delegation.judge.capability import Clearance, judge_capability
from delegation.judge.facts import Facts, TaskFact
from delegation.judge.line import Line

RING = KeyRing(ISSUER, [RingKey("approval", 1, "active", 0, b"a" * 32), RingKey("service", 2, "active", 0, b"s" * 32)])  # fmt: skip
REQUEST = "apr_" + "r" * 22
CALL = Access("pay.refund", {"amount": 5}, "one", max_cost={"usd_cents": 5})
PEOPLE, ROLES = ("ana", "bo", "BO", "cy"), ("finance", "legal")

rules = st.builds(
    ApprovalRule,
    st.sampled_from([(tool_pattern("pay.*"),), (tool_pattern("**"),), (tool_pattern("mail.*"),)]),
    st.lists(st.sampled_from([*ROLES, "bo", "cy"]), min_size=1, max_size=3, unique=True).map(tuple),
    st.integers(1, 3),
)
acts = st.builds(
    Act,
    st.sampled_from(PEOPLE),
    st.lists(st.sampled_from(ROLES), max_size=2, unique=True).map(tuple),
    st.sampled_from(["grant", "grant", "grant", "refuse"]),
)
facts = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["granted", "granted", "granted", "pending", "refused", "used"]),
        "acts": st.lists(acts, max_size=5),
        "signers": st.lists(st.sampled_from(["ana", "bo", "cy"]), min_size=1, max_size=3, unique=True),
        "signed": st.sampled_from(["rightly", "rightly", "rightly", "not", "late", "for another call", "elsewhere"]),
        "owner": st.sampled_from(["ana", "Bo", "nobody"]),
        "rules": st.lists(rules, max_size=2),
    }
)  # fmt: skip


def is_owed(case: dict) -> bool:
    """Say by hand whether the call may pass, from the words of docs/explanation/approvals.md alone."""
    asked = [r for r in case["rules"] if any(p.text in ("pay.*", "**") for p in r.tools)]
    if not asked:
        return True
    if case["state"] != "granted" or case["signed"] != "rightly":
        return False
    for rule in asked:
        people = set()
        for act in case["acts"]:
            called = {act.person, *act.roles} & set(rule.approvers)
            stranger = act.person.lower() != case["owner"].lower()
            if act.verdict == "grant" and called and stranger and act.person in case["signers"]:
                people.add(act.person.lower())
        if len(people) < rule.quorum:
            return False
    return True


@settings(max_examples=400)
@given(case=facts)
def test_consent_is_what_the_words_say(case: dict) -> None:
    """Whatever the store holds, step 13 agrees with an oracle that was written from the page."""
    chain = chain_of(full(needs_approval=case["rules"]))
    clearance = judge_capability(chain, CALL, CATALOGUE)
    assert isinstance(clearance, Clearance)
    needed = needed_consent(chain, CALL, clearance, CATALOGUE, RING)
    statement = ""
    if needed is not None and case["signed"] != "not":
        bound = needed.binding
        if case["signed"] == "for another call":
            bound = Binding(**{**bound.to_json(), "arguments": arguments_digest({"amount": 6})})  # type: ignore[arg-type]
        ring = RING
        if case["signed"] == "elsewhere":
            ring = KeyRing(ISSUER, [RingKey("approval", 1, "active", 0, b"x" * 32)])
        ends = NOW if case["signed"] == "late" else NOW + 60
        statement = sign_approval(ring, Approval(REQUEST, bound, tuple(case["signers"]), ends))
    request = RequestFact(REQUEST, case["state"], NOW + 60, statement, tuple(case["acts"]))
    known = Facts(
        tasks=(TaskFact(TASK, True, NOW + 90, case["owner"]),),
        is_root_recorded=True,
        is_nonce_used=False,
        approval=ApprovalFacts(request),
    )
    ruling = judge_approval(
        needed, Line(chain), CALL, clearance, known, decision=DecisionId("dec_" + "d" * 22), at=NOW
    )
    assert (ruling.denial is None) == is_owed(case)
    assert ruling.uses == (ruling.denial is None and needed is not None)
    assert (ruling.opens is not None) <= (ruling.denial is not None)


def test_one_person_is_one_person_however_often_and_however_spelled() -> None:
    """A quorum of two is not reached by one person twice, nor by one in two spellings."""
    two = [ApprovalRule((tool_pattern("**"),), ("finance",), 2)]

    def said(*people: str) -> list[Act]:
        return [Act(person, ("finance",), "grant") for person in people]

    assert not is_reached(two, said("bo", "bo"), frozenset())
    assert not is_reached(two, said("bo", "BO"), frozenset())
    assert not is_reached(two, said("bo", "cy"), frozenset({"cy"}))
    assert is_reached(two, said("bo", "cy"), frozenset())
    assert not is_reached([], said("bo", "cy"), frozenset())


def test_the_statement_is_frozen() -> None:
    """The same inputs give the same bytes for ever; a change here is another version of the format."""
    binding = Binding(
        ISSUER, LinkId("lnk_" + "k" * 43), "pay.refund", arguments_digest({"amount": 5}), "one", {"usd_cents": 5}, {"catalogue": 3}
    )  # fmt: skip
    assert (
        binding.digest().hex() == "62dde3aed7382d9bb29061af47cae89cb5044d6b9f9aa8e4a582cee8ca667f8b"
    )
    text = sign_approval(RING, Approval(REQUEST, binding, ("bo", "cy"), NOW + 60))
    assert (
        hashlib.sha256(text.encode()).hexdigest()
        == "a7e3b856c0c92d9e161a010acc0bbe63c8aacf52ac610afb6a6d4f8051a5aac5"
    )
