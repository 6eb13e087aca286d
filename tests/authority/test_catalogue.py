"""Tools: from code, from hints, from OpenAPI; templates, costs, revisions."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegation import Catalogue, Tool
from delegation.authority.openapi import tools_from_openapi
from delegation.authority.pattern import resource_pattern, tool_pattern
from delegation.authority.refusal import Refusal
from delegation.authority.tool_decorator import tool
from delegation.errors import ConflictError, MalformedError


class Address(TypedDict):
    """A place."""

    street: str


@dataclasses.dataclass
class Order:
    """An order."""

    number: Annotated[str, "opaque"]
    note: str = ""


@tool("shop.send", effect="write", labels=("external",), cost={"usd_cents": "amount"})
def send(
    to: list[Annotated[str, "email"]], amount: int, order: Order, place: Address, price: Decimal = Decimal(1),
    kind: Literal["a", "b"] = "a", raw: bytes | None = None, urgent: bool = False,
) -> str:  # fmt: skip
    """Send something."""
    return f"{to}{amount}{order}{place}{price}{kind}{raw!r}{urgent}"


def test_a_function_carries_the_tool_that_its_hints_define() -> None:
    """Every hint has its type; defaults and None make arguments optional; the function still works."""
    assert send.tool.to_json()["arguments"] == {
        "to": {"type": "list", "of": "email"}, "amount": "integer", "price?": "decimal", "kind?": {"type": "enum", "values": ["a", "b"]},
        "order": {"type": "object", "fields": {"note?": "text", "number": "opaque"}}, "place": {"type": "object", "fields": {"street": "text"}},
        "raw?": "bytes", "urgent?": "boolean",
    }  # fmt: skip
    assert send([], 1, Order("x"), {"street": "y"}).startswith("[]1")
    assert Tool.from_json(send.tool.to_json()) == send.tool


def no_hint(x):
    """Lack a hint."""


def a_float(x: float) -> None:
    """Take a float."""


def a_union(x: int | str) -> None:
    """Take a union."""


def stars(*x: int) -> None:
    """Take any number."""


def words(**x: int) -> None:
    """Take any words."""


@pytest.mark.parametrize("function", [no_hint, a_float, a_union, stars, words])
def test_a_hint_that_no_type_stands_for_is_refused(function) -> None:
    """Nothing is guessed about a parameter."""
    with pytest.raises(MalformedError):
        tool(effect="read")(function)


BAD_TOOLS = [
    {"name": "Mail.Send", "effect": "read"}, {"name": "mail", "effect": "nuke"}, {"name": "a..b", "effect": "read"}, {"name": "a", "effect": "read", "x": 1},
    {"name": "a", "effect": "read", "arguments": {"x": 0.5}}, {"name": "a", "effect": "read", "arguments": {"x": "text", "x?": "text"}},
    {"name": "a", "effect": "read", "arguments": {"x\ty": "text"}}, {"name": "a", "effect": "read", "resource": "a/{x}"},
    {"name": "a", "effect": "read", "resource": "a/{x?}", "arguments": {"x?": "text"}}, {"name": "a", "effect": "read", "resource": "a//b"},
    {"name": "a", "effect": "read", "resource": "a/../b"}, {"name": "a", "effect": "read", "cost": {"calls": 1}}, {"name": "a", "effect": "read", "cost": {"eur": "x"}},
    {"name": "a", "effect": "read", "cost": {"eur": -1}}, {"name": "a", "effect": "read", "sensitivity": 4}, {"name": "a", "effect": "read", "sensitivity": True},
    {"name": "a", "effect": "read", "labels": ["UP"]}, [], None, {"name": "a"},
]  # fmt: skip


@pytest.mark.parametrize("body", BAD_TOOLS)
def test_a_definition_off_its_form_is_refused(body) -> None:
    """Unknown fields, odd names, placeholders and costs without arguments define nothing."""
    with pytest.raises(MalformedError):
        Tool.from_json(body)


@given(value=st.text(min_size=1, max_size=12))
def test_no_value_adds_a_segment_or_a_wildcard_to_a_resource(value: str) -> None:
    """Template injection: whatever fills a placeholder stays within its segment."""
    made = Tool(
        "a.b", effect="read", arguments={"x": "text"}, resource="crm:acme/{x}/notes"
    ).resources_of({"x": value})
    if isinstance(made, Refusal):
        return
    (name,) = made
    assert name.count("/") == 2
    assert "*" not in name
    assert resource_pattern("crm:acme/*/notes").matches(name)
    assert not resource_pattern("crm:acme/other/notes").matches(name) or value == "other"


def test_every_item_of_a_list_is_a_resource() -> None:
    """A list argument touches one resource for each item; an empty one names none and is refused."""
    made = Tool(
        "a.b", effect="read", arguments={"x": {"type": "list", "of": "opaque"}}, resource="r:x/{x}"
    )
    assert made.resources_of({"x": ["1", "2", "1"]}) == ("r:x/1", "r:x/2")
    assert isinstance(made.resources_of({"x": []}), Refusal)


AMBIGUOUS = ["db:{a}-{b}/rows", "{a}{b}", "{a}.{b}", "x/{a}_{b}~/y", "x/{a}:{b}-{c}", "{a}{a}"]


@pytest.mark.parametrize("template", AMBIGUOUS)
def test_a_template_that_makes_one_name_of_two_calls_is_refused(template: str) -> None:
    """No catalogue takes it; one that was recorded before is read, and denied when it is called."""
    old = Tool("a.b", effect="read", arguments=dict.fromkeys("abc", "opaque"), resource=template)
    with pytest.raises(MalformedError):
        Catalogue().with_tool(old)
    made = old.resources_of({"a": "acme", "b": "eu-1", "c": "x"})
    assert isinstance(made, Refusal)
    assert made.code == "resource_ambiguous"
    assert Tool.from_json(old.to_json()) == old


values = st.text("ab-.:@+/%~{}*", min_size=1, max_size=4)


@given(one=st.tuples(values, values, values), two=st.tuples(values, values, values))
@pytest.mark.parametrize("template", ["db:{a}:{b}/{c}", "{a}@{b}+{c}", "x-{a}-:-{b}/{c}-y", "{a}/{b}/{c}"])  # fmt: skip
def test_different_arguments_make_different_resources(template, one, two) -> None:
    """Whatever the values hold, a name says which arguments made it."""
    tool = Tool("a.b", effect="read", arguments=dict.fromkeys("abc", "text"), resource=template)
    assert Catalogue().with_tool(tool).revision == 1
    made = [tool.resources_of(dict(zip("abc", v, strict=True))) for v in (one, two)]
    if not any(isinstance(names, Refusal) for names in made):
        assert (made[0] == made[1]) == (one == two)


def test_revisions_are_immutable_and_equal_definitions_add_none() -> None:
    """Looking at an old revision shows the old definition; reserved names are nobody's."""
    one, two = Tool("a.b", effect="read"), Tool("a.b", effect="write")
    catalogue = Catalogue().with_tool(one).with_tool(one).with_tool(two)
    assert catalogue.revision == 2
    assert (catalogue.tool("a.b", 1), catalogue.tool("a.b"), catalogue.tool("a.b", 0)) == (
        one,
        two,
        None,
    )
    with pytest.raises(ConflictError):
        catalogue.with_tool(Tool("delegation.revoke", effect="read"))


names = st.lists(st.sampled_from(["a", "b", "read", "read2"]), min_size=1, max_size=4).map(".".join)
patterns = st.tuples(
    st.lists(st.sampled_from(["a", "b", "read", "*"]), min_size=1, max_size=3), st.booleans()
).map(lambda p: ".".join([*p[0], *(["**"] if p[1] else [])]))


@given(child=patterns, parent=patterns, name=names)
def test_a_pattern_within_another_matches_nothing_more(child: str, parent: str, name: str) -> None:
    """Inclusion of patterns is sound; there is no partial wildcard."""
    if tool_pattern(child).is_within(tool_pattern(parent)) and tool_pattern(child).matches(name):
        assert tool_pattern(parent).matches(name)
    assert tool_pattern(child).is_within(tool_pattern(child))


@pytest.mark.parametrize(
    "text", ["", "a.", ".a", "a*", "a.**.b", "A", "a b", "a/..", "a" * 300, "**.a"]
)
def test_an_odd_pattern_is_refused(text: str) -> None:
    """Patterns are whole segments."""
    with pytest.raises(MalformedError):
        tool_pattern(text)


DOCUMENT = {
    "openapi": "3.1.0", "paths": {
        "/contacts/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}],
            "get": {"operationId": "getContact", "parameters": [{"$ref": "#/components/parameters/limit"}]},
            "delete": {"operationId": "deleteContact"},
            "patch": {"operationId": "patchContact", "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Contact"}}}}},
        },
        "/odd": {
            "get": {"operationId": "getContact"}, "post": {"operationId": "loop", "requestBody": {"$ref": "#/components/x"}},
            "put": {"operationId": "away", "requestBody": {"$ref": "https://evil.example/x.json"}}, "head": {},
            "delete": {"operationId": "cookie", "parameters": [{"name": "c", "in": "cookie", "schema": {"type": "string"}}]},
        },
    },
    "components": {
        "x": {"$ref": "#/components/x"}, "parameters": {"limit": {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 50}}},
        "schemas": {"Contact": {"type": "object", "required": ["email"], "properties": {
            "email": {"type": "string", "format": "email"}, "score": {"type": "number"}, "tags": {"type": "array", "items": {"type": "string", "maxLength": 9}}}}},
    },
}  # fmt: skip


def test_an_openapi_document_becomes_tools_and_says_what_it_left_out(tmp_path: Path) -> None:
    """Methods give effects, schemas give types; what cannot be mapped is listed with its reason."""
    file = tmp_path / "api.json"
    file.write_text(json.dumps({**DOCUMENT, "x-float": 1.5}))
    for source in (DOCUMENT, file):
        found = tools_from_openapi(source, prefix="crm", system="crm")
        assert {t.name: t.effect for t in found.tools} == {
            "crm.get_contact": "read",
            "crm.delete_contact": "delete",
            "crm.patch_contact": "write",
        }
        patch = next(t for t in found.tools if t.name == "crm.patch_contact")
        assert patch.to_json()["arguments"] == {
            "email": "email",
            "id": "opaque",
            "score?": "decimal",
            "tags?": {"type": "list", "of": {"type": "text", "max": 9}},
        }
        get = next(t for t in found.tools if t.name == "crm.get_contact")
        assert get.to_json()["arguments"] == {
            "id": "opaque",
            "limit?": {"type": "integer", "min": 1, "max": 50},
        }
        assert sorted(place for place, _ in found.skipped) == [
            "DELETE /odd",
            "GET /odd",
            "HEAD /odd",
            "POST /odd",
            "PUT /odd",
        ]


@given(
    body=st.recursive(
        st.none() | st.booleans() | st.text(max_size=6) | st.integers(),
        lambda i: (
            st.lists(i, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "get",
                        "operationId",
                        "parameters",
                        "schema",
                        "$ref",
                        "type",
                        "properties",
                        "requestBody",
                        "content",
                        "application/json",
                        "in",
                        "name",
                        "items",
                    ]
                ),
                i,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_document_raises_anything_but_malformed(body) -> None:
    """A hostile document is refused or reported, never a crash."""
    try:
        tools_from_openapi(
            {"openapi": "3.0.0", "paths": {"/x": body, "/y": {"get": body}}}, prefix="x"
        )
    except MalformedError:
        return


@pytest.mark.parametrize(
    "body", [None, [], {}, {"openapi": "2.0"}, {"swagger": "2.0"}, {"openapi": 3}]
)
def test_what_is_no_openapi_3_is_refused(body) -> None:
    """Other documents define no tools."""
    with pytest.raises(MalformedError):
        tools_from_openapi(body, prefix="x")


@pytest.mark.parametrize(
    ("kind", "rule", "amount", "expected"),
    [
        ("integer", "amount", 5, 5), ("integer", "amount*100", 5, 500), ("number", "amount*100", 12.34, 1234), ("number", "amount", 1e15, 10**15),
        ("decimal", "amount*100", "0.29", 29), ("decimal", "amount", 7, 7), ("number", "amount*100", 12.345, "cost_fraction"), ("number", "amount", 0.5, "cost_fraction"),
        ("number", "amount", -1, "cost_negative"), ("number", "amount", 1e300, "cost_too_large"), ("number", "amount*999999999", 9e15, "cost_too_large"), ("number", "amount*3", 0, 0),
    ],
)  # fmt: skip
def test_a_cost_is_whole_and_exact_or_refused(kind, rule, amount, expected) -> None:
    """No float in a ledger, and nothing is rounded."""
    made = Tool("pay.now", effect="write", arguments={"amount": kind}, cost={"usd_cents": rule})
    assert Tool.from_json(made.to_json()) == made
    cost = made.cost_of(made.canonicalise({"amount": amount}))
    if isinstance(expected, str):
        assert isinstance(cost, Refusal)
        assert (cost.code, cost.field) == (expected, "arguments.amount")
    else:
        assert cost == {"usd_cents": expected}
        assert type(cost["usd_cents"]) is int


@pytest.mark.parametrize("rule", ["amount*0", "amount*", "amount*1.5", "amount*-1", "2*amount", "none", "label", "maybe", "open", "amount*1000000000"])  # fmt: skip
def test_a_cost_names_a_required_number(rule: str) -> None:
    """Not text, not what may be absent or null, no factor but a whole one."""
    kinds = {"amount": "number", "label": "text", "maybe?": "integer", "open": {"type": "number", "nullable": True}}  # fmt: skip
    with pytest.raises(MalformedError):
        Tool("pay.now", effect="write", arguments=kinds, cost={"usd_cents": rule})


@pytest.mark.parametrize("value", ["e\u0301", "a\u202e", "\u0378", "a\rb"])
def test_a_resource_is_named_by_text_in_one_form(value: str) -> None:
    """Labels and grants go by the name; a text that another reader normalises would be another one."""
    made = Tool("crm.read", effect="read", arguments={"who": "text"}, resource="crm:acme/{who}")
    assert isinstance(made.resources_of({"who": value}), Refusal)
    assert made.resources_of({"who": "\u00e9"}) == ("crm:acme/%C3%A9",)
    with pytest.raises(MalformedError):
        Tool("crm.read", effect="read", arguments={"who": {"type": "text", "nullable": True}}, resource="crm:acme/{who}")  # fmt: skip
