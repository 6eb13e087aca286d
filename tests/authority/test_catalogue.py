"""Tools: from code, from hints, from OpenAPI; templates, costs, revisions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, TypedDict

import pytest
from cases import every
from hypothesis import given
from hypothesis import strategies as st

from delegation import Catalogue, Tool
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
        "raw?": {"type": "bytes", "nullable": True}, "urgent?": "boolean",
    }  # fmt: skip
    assert send([], 1, Order("x"), {"street": "y"}).startswith("[]1")
    assert Tool.from_json(send.tool.to_json()) == send.tool


def no_hint(x):
    """Lack a hint."""


def a_callable(x: Callable[[], int]) -> None:
    """Take a callable."""


def a_class(x: Path.__class__) -> None:
    """Take a class."""


def by_place(x: int, /) -> None:
    """Take a parameter without a name."""


def an_odd_name(x: "Nowhere") -> None:  # noqa: F821, UP037
    """Take what is not there."""


def stars(*x: int) -> None:
    """Take any number."""


def words(**x: int) -> None:
    """Take any words."""


@pytest.mark.parametrize(
    "function", [no_hint, a_callable, a_class, by_place, an_odd_name, stars, words]
)
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


@every("body", BAD_TOOLS)
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


@every("text", ["", "a.", ".a", "a*", "a.**.b", "A", "a b", "a/..", "a" * 300, "**.a"])
def test_an_odd_pattern_is_refused(text: str) -> None:
    """Patterns are whole segments."""
    with pytest.raises(MalformedError):
        tool_pattern(text)
