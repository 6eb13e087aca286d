"""Documents that an enemy made: small ones that unfold without end are left out with a reason, soon."""

from __future__ import annotations

import itertools

import pytest
from cases import every

from delegation.authority.documents import gathering, references
from delegation.authority.documents.imported import Report
from delegation.authority.documents.reading import read_document
from delegation.authority.documents.schema import type_of_schema
from delegation.authority.documents.tool_schemas import tools_of_list
from delegation.errors import MalformedError

PLAIN = {"name": "plain", "inputSchema": {"type": "object", "properties": {"x": {"type": "string"}}}}  # fmt: skip


def read(definitions, *others):
    """Return what an import makes of a tool whose one argument is the first definition."""
    first = next(iter(definitions))
    schema = {
        "type": "object",
        "properties": {"x": {"$ref": f"#/definitions/{first}"}},
        "definitions": definitions,
    }
    tools = [*others, {"name": "bomb", "inputSchema": schema}]
    return tools_of_list({"tools": tools}, prefix="p", system="s")


def ref(name):
    """Return a reference to a definition."""
    return {"$ref": f"#/definitions/{name}"}


BRANCHES_OF_THEMSELVES = [
    {"A": {"anyOf": [ref("A"), {"type": "string"}]}},
    {"A": {"oneOf": [ref("A"), {"type": "string"}]}},
    {"A": {"oneOf": [{"anyOf": [ref("A")]}, {"type": "string"}]}},
    {"A": {"anyOf": [ref("B"), {"type": "string"}]}, "B": {"oneOf": [ref("A"), {"type": "integer"}]}},
    {"A": {"allOf": [{"anyOf": [ref("A"), {"type": "string"}]}]}},
]  # fmt: skip


@pytest.mark.parametrize("definitions", BRANCHES_OF_THEMSELVES)
def test_a_union_that_is_a_branch_of_itself_is_left_out_with_the_reason(definitions):
    """It never ends, and the other tools of the document are read all the same."""
    found = read(definitions, PLAIN)
    assert [tool.name for tool in found.tools] == ["p.plain"]
    assert found.skipped == (("bomb", "a union is a branch of itself, or one of too many"),)


DOUBLING = {
    "anyOf": lambda one: {"anyOf": [one, one]},
    "oneOf": lambda one: {"oneOf": [one, one]},
    "both": lambda one: {"oneOf": [one, {"anyOf": [one, one]}]},
    "beside": lambda one: {"allOf": [one, {"anyOf": [one, {"type": "string"}]}]},
}


@pytest.mark.parametrize("kind", DOUBLING)
def test_a_schema_that_doubles_at_each_of_forty_levels_is_left_out(kind, monkeypatch):
    """Two kilobytes that unfold to a trillion branches: so many looks and no more."""
    monkeypatch.setattr(gathering, "_MOST_LOOKS", 2000)
    levels = {f"A{n}": DOUBLING[kind](ref(f"A{n + 1}")) for n in range(40)}
    found = read({**levels, "A40": {"type": "string", "maxLength": 5}}, PLAIN)
    assert [tool.name for tool in found.tools] == ["p.plain"]
    assert "too many" in found.skipped[0][1]


@pytest.mark.parametrize("key", ["allOf", "properties", "additionalProperties"])
def test_what_is_said_twice_is_taken_once(key):
    """So doubling what all parts must meet at each level costs nothing, and the bound is kept."""

    def twice(one):
        inside = {"allOf": one, "properties": {"a": one}, "additionalProperties": one}[key]
        return {key: [one, one]} if key == "allOf" else {"allOf": [{key: inside}, {key: inside}]}

    levels = {f"A{n}": twice(ref(f"A{n + 1}")) for n in range(30)}
    found = read({**levels, "A30": {"type": "string", "maxLength": 5}})
    assert found.bounds_kept + found.bounds_lost == 1
    assert len(found.tools) == 1


@every("number", ["1e9999999", "-1e9999999", "1e-9999999", "0." + "1" * 500])
@every("keyword", ["maxLength", "minimum", "multipleOf", "const"])
def test_a_number_of_millions_of_digits_is_refused_before_anybody_counts_with_it(number, keyword):
    """JSON writes it in ten characters; as an integer it fills the memory."""
    with pytest.raises(MalformedError, match="finite numbers of usual length"):
        read_document(f'{{"type": "object", "{keyword}": {number}}}')


def test_a_reference_that_is_spelled_in_many_ways_leads_to_one_schema():
    """Percent signs made two thousand references of one, each looked through anew."""
    name = "definitions"
    spellings = ["".join(s) for s in itertools.product(*([c, f"%{ord(c):02x}"] for c in name))]
    shared = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"anyOf": []}}]}
    shared["anyOf"][1]["items"]["anyOf"] = [{"$ref": f"#/{one}/A"} for one in spellings]
    schema = {"type": "object", "properties": {"x": ref("A")}, name: {"A": shared}}
    known = references.References(schema)
    assert len({known.circle(f"#/{one}/A") for one in spellings}) == 1
    assert set(known._edges()) == {"#/definitions/A"}


def test_references_to_more_values_than_anybody_writes_are_refused(monkeypatch):
    """Each looks through what is behind it, which may be nearly all of the document."""
    monkeypatch.setattr(references, "_MOST_SEEN", 2000)
    deep = {"type": "string"}
    for _ in range(100):
        deep = {"not": deep}
    pointers = ["#/definitions/A" + "/not" * n for n in range(100)]
    with pytest.raises(MalformedError, match="whose references lead to less"):
        read({"A": {"anyOf": [*({"$ref": one} for one in pointers), deep], **deep}})


@every("inner", ["anyOf", "oneOf"])
@every("outer", ["anyOf", "oneOf", "allOf"])
@every(
    ("beside", "made"),
    [
        ({"type": "integer"}, {"type": "integer", "max": 1}),
        ({"type": "string"}, {"type": "text", "max": 3}),
        ({"type": ["string", "null"]}, {"type": "text", "max": 3, "nullable": True}),
        ({"type": ["string", "null"], "enum": ["a", "long", None]}, {"type": "enum", "values": ["a"], "nullable": True}),
        ({"type": "object"}, {"type": "object", "fields": {"a?": "boolean"}}),
    ],
)  # fmt: skip
def test_a_bound_of_a_union_holds_where_one_kind_is_left_of_it(outer, inner, beside, made):
    """A union in a union beside a type lost its bounds without a word."""
    branches = [
        {"type": "integer", "maximum": 1},
        {"type": "string", "maxLength": 3},
        {"type": "object", "properties": {"a": {"type": "boolean"}}, "additionalProperties": False},
        {"type": "null"},
    ]
    report = Report()
    schema = {**beside, outer: [{inner: branches}]}
    assert type_of_schema(schema, None, report) == made
    assert not report.losses


def test_a_list_that_must_hold_anything_at_all_is_named():
    """`contains: {}` asks for one item."""
    report = Report()
    type_of_schema({"type": "array", "contains": {}, "items": {"type": "string"}}, None, report)
    assert [place for place, _ in report.losses] == ["#"]
