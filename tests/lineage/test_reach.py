"""Reach is never less than what the judge admits, and spelled grants are the grants they spell."""

from __future__ import annotations

from itertools import product

from cases import every
from hypothesis import given
from hypothesis import strategies as st
from tiny import ACCESSES, CATALOGUE, chain_of, full, grants, judged

import delegation
from delegation import Grant, Tool, anything, exact, may
from delegation.authority.approval import ApprovalRule
from delegation.authority.arguments import TYPES
from delegation.authority.constraints import KINDS, parse_constraint
from delegation.authority.flow import parse_flow_rule
from delegation.authority.pattern import resource_pattern, tool_pattern
from delegation.authority.resource_labels import ResourceLabels
from delegation.lineage.analysis.spelling import python_constraint, python_grant
from delegation.lineage.reach import may_name, reach

_segments = st.lists(st.sampled_from(["a", "b", "*"]), min_size=1, max_size=3)
_patterns = st.builds(
    lambda segments, tail: resource_pattern("/".join([*segments, *tail])),
    _segments,
    st.sampled_from([[], ["**"]]),
)
NAMES = ["/".join(parts) for n in range(1, 6) for parts in product("ab", repeat=n)]


@given(left=_patterns, right=_patterns)
def test_patterns_overlap_exactly_where_a_name_matches_both(left, right) -> None:
    """Names of up to five segments decide it for patterns of up to four."""
    assert left.overlaps(right) == any(left.matches(n) and right.matches(n) for n in NAMES)


@given(grant=grants)
def test_what_the_judge_admits_is_reached(grant: Grant) -> None:
    """No access that steps 7 and 8 admit is of a tool, or on a resource, that reach leaves out."""
    chain = chain_of(grant)
    found = reach(grant, CATALOGUE, CATALOGUE.revision)
    for access, at in ACCESSES:
        if judged(chain, access, at) is not None:
            continue
        mine = [one for one in found if one.tool.name == access.tool]
        assert mine, access
        tool = mine[0].tool
        canonical = tool.canonicalise(access.arguments)
        for resource in tool.resources_of(canonical):
            assert any(one.touches(resource_pattern(resource)) for one in mine), resource


OUT_OF_REACH = {
    "no such effect": full(effects=["read"]),
    "too sensitive": full(max_sensitivity=1),
    "no audience": full(audience=[]),
    "no time": full(not_before=5, expires_at=5),
    "an argument is missing": full(capabilities=[may("pay.refund")]),
    "a required argument must be absent": full(capabilities=[may("pay.refund", amount=delegation.absent())]),
    "an argument that the tool lacks must be given": full(capabilities=[may("pay.refund", amount=anything(), more=exact(1))]),
    "the constraint does not go with the type": full(capabilities=[may("pay.refund", amount=delegation.path("/a"))]),
}  # fmt: skip


@every("grant", OUT_OF_REACH.values(), ids=OUT_OF_REACH)
def test_what_is_proven_out_of_reach_is_not_reached(grant: Grant) -> None:
    """Guardrails would otherwise blame links for calls that no judge admits."""
    assert "pay.refund" not in {one.tool.name for one in reach(grant, CATALOGUE, None)}


def test_a_tool_without_granted_resources_is_out_of_reach() -> None:
    """A template that no granted pattern can meet admits no call."""
    grant = full(capabilities=[may("mail.send", resources=["files:acme/*"], to=anything())])
    assert reach(grant, CATALOGUE, None) == ()


def test_a_pinned_revision_knows_no_later_tool() -> None:
    """A wildcard does not reach a tool that was added after the root was issued."""
    later = CATALOGUE.with_tool(Tool("files.wipe", effect="read", arguments={}))
    grant = full(capabilities=[may("files.*")])
    assert reach(grant, later, CATALOGUE.revision) == ()
    assert [one.tool.name for one in reach(grant, later, later.revision)] == ["files.wipe"]


def test_the_stricter_of_both_labels_counts() -> None:
    """A tool that lost its label since is still what it was when the grant was made."""
    before = CATALOGUE.with_tool(Tool("crm.read", effect="read", labels=["pii"], sensitivity=2))
    after = before.with_tool(Tool("crm.read", effect="read", labels=["crm"]))
    (found,) = reach(full(capabilities=[may("crm.*")]), after, before.revision)
    assert found.labels == {"pii", "crm"}
    assert found.sensitivity == 2


def test_labels_of_resources_count_where_they_are_reached() -> None:
    """What some granted resource brings into a history, a call may bring; what is beside it, not."""
    tool = Tool("db.query", effect="read", arguments={"t": "opaque"}, resource="db:acme/{t}")
    labelled = CATALOGUE.with_tool(tool)
    labelled = labelled.with_resource(ResourceLabels("db:acme/customers", ["pii"]))
    for resource, labels in (("db:acme/*", {"pii"}), ("db:acme/orders", set())):
        grant = full(capabilities=[may("db.query", resources=[resource], t=anything())])
        (found,) = reach(grant, labelled, labelled.revision)
        assert found.labels == labels


TEMPLATES = [
    ("mail:acme/{to}", "mail:acme/*", True),
    ("mail:acme/{to}", "mail:acme/x%40y", True),
    ("mail:acme/{to}", "mail:other/*", False),
    ("mail:acme/{to}", "mail:acme", False),
    ("mail:acme/{to}", "mail:acme/**", True),
    ("mail:acme/{to}", "mail:acme/a/b", False),
    ("db:{name}.v1/rows", "db:crm.v1/*", True),
    ("db:{name}.v1/rows", "db:crm.v2/*", False),
    ("db:{name}.v1/rows", "db:.v1/rows", False),
    ("a.c/{x}", "abc/*", False),
]


@every(("template", "pattern", "expected"), TEMPLATES)
def test_a_template_meets_a_pattern_segment_by_segment(template, pattern, expected) -> None:
    """A placeholder is part of one segment, and every other letter is itself."""
    assert may_name(template, resource_pattern(pattern)) is expected


SPELLED = [
    {"any": True}, {"absent": True}, {"exact": "x'\"\n\u202eé"}, {"exact": {"a": [1, True, None]}}, {"one_of": ["1", 1]},
    {"not_one_of": ["b"]}, {"range": {"max": None, "min": "1.5"}}, {"range": {"max": 9, "min": -1}}, {"contains": ["a"]},
    {"subset": ["a", "b"]}, {"each": {"exact": 1}}, {"all": [{"any": True}, {"exact": 1}]}, {"any_of": [{"absent": True}, {"exact": 1}]},
    {"length": {"max": 9, "min": 2}}, {"path": {"under": ["/a", "/b/c"]}}, {"url": {"query": True, "under": ["https://a.example/x"]}},
    {"url": {"query": False, "under": ["https://a.example/"]}}, {"host": {"names": ["*.a.example", "b.example"]}},
    {"spelled": {"exact": "0.5"}}, {"spelled": {"one_of": ['"e\\u0301"', "1.5", "2"]}}, {"count": {"max": 3, "min": 1}},
    {"range": {"above": "0.5", "below": None, "max": 3, "min": None}}, {"range": {"max": None, "min": "1e-20"}},
    {"argv": {"head": [{"exact": "git"}, {"one_of": ["log", "status"]}], "rest": {"any": True}}}, {"argv": {"head": [], "rest": None}},
    {"during": {"from": "2026-01-01T00:00:00Z", "to": None}}, {"during": {"from": "task+0d", "to": "task+7d"}},
    {"members": {"a": {"exact": 1}, "x meta": {"members": {"b": {"any": True}}}}}, {"links": {"hosts": []}}, {"links": {"hosts": ["*.a.example", "b.example"]}}, {"not_below": {"paths": ["/a", "/b/c"]}}, {"path": {"under": ["a"]}},
    {"cidr": {"networks": ["10.0.0.0/8"]}}, {"email": {"domains": ["a.example", "x@b.example"]}}, {"glob": ["a/*", "b/**"]},
]  # fmt: skip


def test_every_kind_has_its_spelling() -> None:
    """A kind that is added without one fails here, not in a reviewer's terminal."""
    assert {next(iter(body)) for body in SPELLED} == set(KINDS)
    assert TYPES


@every("body", SPELLED, ids=str)
def test_a_spelled_constraint_evaluates_to_itself(body) -> None:
    """What is pasted is what was shown, and no letter of it is outside ASCII."""
    constraint = parse_constraint(body)
    code = python_constraint(constraint)
    assert code.isascii()
    assert (
        eval(code, {name: getattr(delegation, name) for name in delegation.__all__}) == constraint
    )


@given(grant=grants)
def test_a_spelled_grant_runs_and_is_the_grant(grant: Grant) -> None:
    """The code imports what it needs."""
    names: dict[str, object] = {}
    exec(python_grant(grant), names)
    assert names["grant"] == grant


def test_odd_argument_names_are_spelled_too() -> None:
    """Names that Python or `may` keep for themselves go through `arguments`."""
    rule = ApprovalRule((tool_pattern("a.*"),), ("chief",))
    odd = (
        "class",
        "resources",
        "x-y",
        "tool",
        "arguments",
        "delegate_only",
        "filter[name]",
        "$top",
        'a"b',
    )
    grant = full(
        capabilities=[may("a.b", arguments=dict.fromkeys(odd, anything())), may("a.c", delegate_only=True)],
        needs_approval=[rule],
        flow=[parse_flow_rule({"at_most": {"writes": 1}})],
    )  # fmt: skip
    names: dict[str, object] = {}
    exec(python_grant(grant), names)
    assert names["grant"] == grant
