"""Hints: what FastAPI takes, a tool takes, and its function is handed exactly what was judged."""

from __future__ import annotations

import dataclasses
import enum
import ipaddress
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import (  # fmt: skip
    Annotated,
    Any,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    TypedDict,
    Union,
)
from uuid import UUID

import pytest
from annotated_types import Gt, Interval, Len, MultipleOf
from cases import every
from fastapi import Body, Cookie, Header, Query
from fastapi import Path as PathPart
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PastDate,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)
from pydantic.dataclasses import dataclass as checked_dataclass
from pydantic_core import SchemaError

from delegation.authority.arguments import LineType, NoCanonicalFormError, parse_type
from delegation.authority.handing import handed
from delegation.authority.hints import type_json
from delegation.authority.refusal import Refusal
from delegation.authority.tool_decorator import tool
from delegation.errors import MalformedError

ONE = UUID("12345678-1234-5678-9abc-123456789abc")
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


class Colour(enum.Enum):
    """A choice of texts."""

    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    """A choice of integers."""

    LOW = 1
    HIGH = 2


class Word(str, enum.Enum):  # noqa: UP042  # as people wrote it before 3.11
    """A choice that is text itself."""

    ONE = "one"


class Point(NamedTuple):
    """Two numbers."""

    x: int
    y: float = 0.5


class Address(TypedDict):
    """A place."""

    street: str
    number: NotRequired[int]


@dataclasses.dataclass
class Order:
    """An order, with others within."""

    id: UUID
    due: date | None = None
    parts: list[Order] = dataclasses.field(default_factory=list)


@checked_dataclass
class Checked:
    """A dataclass of Pydantic's."""

    size: int = Field(ge=1, default=1)


class Item(BaseModel):
    """A model with an alias, a bound, a choice and another model."""

    model_config = ConfigDict(strict=True)
    name: Annotated[str, StringConstraints(max_length=5)]
    amount: int = Field(alias="amountCents", ge=1, le=9)
    colour: Colour = Colour.RED
    at: datetime | None = None
    inner: Other | None = None


class Other(BaseModel):
    """A model within itself, without bounds."""

    note: str = ""
    inner: Other | None = None


class Tree(BaseModel):
    """A model within itself, with a bound."""

    note: str = Field("", max_length=3)
    inner: Tree | None = None


class Odd(BaseModel):
    """A model with a pattern that looks ahead."""

    code: str = Field(pattern="^a", json_schema_extra={"pattern": "(?=a)"})


class Said(BaseModel):
    """The same with what the tool is to hold it to."""

    code: Annotated[str, Field(pattern="^a"), WithJsonSchema({"type": "string", "maxLength": 9})]


class Until(BaseModel):
    """A model with a moment that ends."""

    at: datetime = Field(gt=NOON)


class Priced(BaseModel):
    """A model with amounts."""

    price: Decimal = Field(gt=0, max_digits=4, decimal_places=2)
    tax: Decimal | None = Field(None, ge=0, lt=1)


@dataclasses.dataclass
class Deep:
    """A dataclass within itself, with a bound."""

    size: Annotated[int, Field(ge=0)] = 0
    inner: Deep | None = None


class Cat(BaseModel):
    """One of two."""

    kind: Literal["cat"]
    lives: int = Field(9, ge=0)


class Dog(BaseModel):
    """The other one."""

    kind: Literal["dog"]
    name: str = Field(max_length=4)


ANY_WORD = Union[Literal["a"], str]  # noqa: PYI051, UP007  # what people write all the same
EITHER = {"type": "either", "of": ["integer", "text"]}
UserId = NewType("UserId", int)
# Hint, its type's JSON where it is short, a value as sent, and what the function is handed.
TAKEN: list[tuple[Any, Any, Any, Any]] = [
    (str, "text", "a\r\ne\u0301", "a\r\ne\u0301"), (int, "integer", 5.0, 5), (float, "number", 5, 5.0), (float, "number", 0.25, 0.25), (bool, "boolean", True, True),
    (Decimal, "decimal", 12.5, Decimal("12.5")), (bytes, "bytes", "aGk", b"hi"), (UUID, None, str(ONE), ONE), (datetime, "datetime", "2026-11-30T13:00:00+01:00", NOON),
    (date, "date", "2026-11-30", date(2026, 11, 30)), (time, None, "12:00:05", time(12, 0, 5)), (timedelta, None, "P1DT2H", timedelta(days=1, hours=2)),
    (Path, "path", "/a/b", Path("/a/b")), (ipaddress.IPv4Address, "host", "93.184.216.34", ipaddress.IPv4Address("93.184.216.34")),
    (Colour, {"type": "enum", "values": ["red", "blue"]}, "blue", Colour.BLUE), (Level, {"type": "enum", "values": [1, 2]}, 2, Level.HIGH), (Word, None, "one", Word.ONE),
    (Literal["a", 1, True], {"type": "enum", "values": ["a", 1, True]}, 1, 1), (Literal["a"] | None, {"type": "enum", "values": ["a"], "nullable": True}, None, None),
    (Literal[Colour.RED], None, "red", Colour.RED), (str | None, {"type": "text", "nullable": True}, None, None), (Optional[int], None, 3, 3),  # noqa: UP045
    (int | str, EITHER, "x", "x"), (int | str, EITHER, 5.0, 5), (Union[int, str, None], {**EITHER, "nullable": True}, None, None), (dict, "json", {"a": [1]}, {"a": [1]}),  # noqa: UP007
    (dict[str, Any], "json", {"a": None}, {"a": None}), (dict[str, UUID], None, {"a": str(ONE)}, {"a": ONE}), (Mapping[str, int], {"type": "map", "of": "integer"}, {"a": 1}, {"a": 1}),
    (Annotated[dict[Annotated[str, Len(1, 3)], Annotated[int, Gt(0)]], Len(1, 2)], {"type": "map", "of": {"type": "integer", "min": 1}, "names": {"type": "text", "min": 1, "max": 3}, "min": 1, "max": 2}, {"a": 1}, {"a": 1}), (Annotated[dict, Len(0, 2)], {"type": "map", "of": {"type": "json", "nullable": True}, "min": 0, "max": 2}, {"a": None}, {"a": None}),
    (Literal["auto"] | Annotated[int, Field(ge=0)], {"type": "either", "of": [{"type": "enum", "values": ["auto"]}, {"type": "integer", "min": 0}]}, 3, 3), (ANY_WORD, "text", "b", "b"), (int | float, "number", 0.5, 0.5), (date | datetime, "text", "2026-11-30", date(2026, 11, 30)), (str | list[str], {"type": "either", "of": ["text", {"type": "list", "of": "text"}]}, ["a"], ["a"]), (UUID | int, None, 4, 4),
    (dict[int, UUID], None, {"-7": str(ONE)}, {-7: ONE}), (dict[UserId, int], None, {"0": 1}, {0: 1}), (dict[Any, int], {"type": "map", "of": "integer"}, {"a": 1}, {"a": 1}),
    (Priced, None, {"price": "9.50", "tax": 0.05}, Priced(price=Decimal("9.5"), tax=Decimal("0.05"))), (Any, "json", [1, "a"], [1, "a"]),
    (list, {"type": "list", "of": "json"}, [1], [1]), (list[int], {"type": "list", "of": "integer"}, [1, 1], [1, 1]), (Sequence[str], None, ["a"], ["a"]),
    (set[int], {"type": "list", "of": "integer", "unique": True}, [1, 2], {1, 2}), (frozenset[str], None, ["a"], frozenset({"a"})), (tuple[int, ...], None, [1, 2], (1, 2)),
    (tuple[int, int], {"type": "list", "of": "integer", "min": 2, "max": 2}, [1, 2], (1, 2)), (tuple[int, str], {"type": "list", "of": EITHER, "min": 2, "max": 2}, [1, "a"], (1, "a")), (list[UUID | None], None, [None, str(ONE)], [None, ONE]),
    (Point, {"type": "object", "fields": {"x": "integer", "y?": "number"}}, {"x": 1}, Point(1)), (Address, None, {"street": "x"}, {"street": "x"}),
    (Order, None, {"id": str(ONE), "due": None, "parts": [{"id": str(ONE)}]}, Order(ONE, None, [Order(ONE)])), (Checked, None, {"size": 2}, Checked(2)),
    (Item, None, {"name": "x", "amountCents": 2, "colour": "blue", "at": "2026-11-30T12:00:00Z"}, Item(name="x", amountCents=2, colour=Colour.BLUE, at=NOON)),
    (list[Item], None, [], []), (Item | None, None, None, None), (UserId, "integer", 4, 4),
    (Annotated[str, "email"], "email", "Bo@Acme.example", "Bo@acme.example"), (Annotated[str, LineType(max=9)], {"type": "line", "max": 9}, "x", "x"), (Annotated[str, {"type": "line", "max": 3}], None, "x", "x"),
    (Annotated[str, "line"], "line", "Subject", "Subject"), (Annotated[int, Field(gt=0, lt=10)], {"type": "integer", "min": 1, "max": 9}, 3, 3),
    (Annotated[int, Interval(ge=0.5, le=9.5)], {"type": "integer", "min": 1, "max": 9}, 9, 9), (Annotated[int, MultipleOf(5)], {"type": "integer", "multiple": 5}, 10, 10),
    (Annotated[float, Gt(0)], {"type": "number", "above": "0"}, 1, 1.0), (Annotated[Decimal, Field(gt=0, max_digits=4, decimal_places=2)], {"type": "decimal", "places": 2, "digits": 4, "above": "0", "min": "-99.99", "max": "99.99"}, "9.5", Decimal("9.5")),
    (Annotated[list[int], Len(1, 2)], {"type": "list", "of": "integer", "min": 1, "max": 2}, [1], [1]), (Annotated[str, PathPart(max_length=9)], {"type": "segment", "max": 9}, "a", "a"),
    (Annotated[str | None, Header()], {"type": "line", "nullable": True}, "x", "x"), (Annotated[str, Cookie()], "line", "x", "x"), (Annotated[str, Query(max_length=3)], {"type": "text", "max": 3}, "x", "x"),
    (Annotated[str, Query(pattern="^[a-z]{1,3}$")], {"type": "text", "shape": [{"of": "a-z", "min": 1, "max": 3}]}, "abc", "abc"), (Annotated[int, Body(ge=1)], {"type": "integer", "min": 1}, 1, 1),
]  # fmt: skip


@every(("hint", "form", "sent", "given"), TAKEN)
def test_a_function_is_handed_what_its_hint_says(hint, form, sent, given) -> None:
    """The hint has a type, the type a canonical value, and the function gets that as its own type."""
    made = type_json("x", hint)
    assert form is None or made == form
    assert parse_type(made).to_json() == parse_type(parse_type(made).to_json()).to_json()

    def function(x):
        """Take one thing."""

    function.__annotations__["x"] = hint
    carrier = tool("a.b", effect="read")(function)
    canonical = carrier.tool.canonicalise({"x": sent})
    assert not isinstance(canonical, Refusal), canonical
    found = handed(carrier, canonical)["x"]
    assert found == given
    assert type(found) is type(given)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 12) | st.floats(-2, 12, width=16)
    | st.sampled_from(["red", "one", "a", str(ONE), "2026-11-30", "2026-11-30T12:00:00Z", "P1D", "12:00:00", "/a", "12.5", "x" * 12, "a\nb", "aGk"]),
    lambda i: st.lists(i, max_size=3) | st.dictionaries(st.sampled_from(["x", "y", "name", "amountCents", "at", "id", "parts", "street", "inner", "size"]), i, max_size=3),
    max_leaves=6,
)  # fmt: skip


@pytest.mark.parametrize("hint", [h for h, *_ in TAKEN], ids=str)
@settings(max_examples=12)
@given(data=st.data())
def test_what_is_handed_is_what_pydantic_reads(hint, data) -> None:
    """A foreign reader: of each value that the tool admits, Pydantic makes the same, or refuses it."""
    of = parse_type(type_json("x", hint))
    value = data.draw(JSON)
    if of.to_json() == "bytes" or (isinstance(hint, type) and issubclass(hint, bytes | Point)):
        return  # to Pydantic, bytes are UTF-8 and a named tuple is an array
    try:
        canonical = None if value is None and hint is None else of.canonicalise(value)
    except NoCanonicalFormError:
        return

    def function(x):
        """Take one thing."""

    function.__annotations__["x"] = hint
    try:
        foreign = TypeAdapter(hint).validate_json(json.dumps(canonical))
    except (ValidationError, SchemaError):
        return  # stricter than its schema says, or no bound that it takes; the function refuses
    found = handed(function, {"x": canonical})["x"]
    assert found == foreign


@tool("mail.send", effect="write", aliases=("sendMail",))
def send(
    to: Annotated[str, "email"], subject: Annotated[str, "line"], due: datetime | None = None,
    colour: Colour = Colour.RED, limit: int = Query(5, ge=1), needed: str | None = Body(),
) -> tuple[Any, ...]:  # fmt: skip
    """Send something."""
    return to, subject, due, colour, limit, needed


def test_defaults_stand_for_what_is_absent_and_null_is_none() -> None:
    """Optional is the default, nullable is the hint; `= Query(...)` says bounds and default."""
    assert send.tool.to_json()["arguments"] == {
        "to": "email", "subject": "line", "due?": {"type": "datetime", "nullable": True}, "colour?": {"type": "enum", "values": ["red", "blue"]},
        "limit?": {"type": "integer", "min": 1, "max": 9007199254740991}, "needed": {"type": "text", "nullable": True},
    }  # fmt: skip
    assert send.tool.aliases == ("sendMail",)
    given = send.tool.canonicalise({"to": "bo@acme.example", "subject": "Hi", "due": None, "needed": None})  # fmt: skip
    assert handed(send, given) == {"to": "bo@acme.example", "subject": "Hi", "due": None, "needed": None}  # fmt: skip
    assert send(**handed(send, given))[2:4] == (None, Colour.RED)
    assert isinstance(send.tool.canonicalise({"to": "bo@acme.example", "subject": "Hi"}), Refusal)
    two_lines = {"to": "bo@acme.example", "subject": "Hi\nBcc: eve@evil.example", "needed": None}
    assert isinstance(send.tool.canonicalise(two_lines), Refusal)


@pytest.mark.parametrize(
    "arguments", [{"other": 1}, {"colour": "green"}, {"due": "soon"}, {"due": 5}]
)
def test_arguments_of_another_tool_are_not_handed(arguments) -> None:
    """What was not judged by this function's tool does not reach it."""
    with pytest.raises(MalformedError):
        handed(send, arguments)


@every("hint", [
    Annotated[str, Query(pattern="(a|b)*c+(?=d)")], Annotated[bytes, Field(max_length=4)], Annotated[datetime, Field(gt=NOON)], type, Literal[b"x"],
    Odd, list[Odd], Odd | None, Odd | int, dict[str, Odd], Until, Tree, Deep, Annotated[timedelta, Field(ge=timedelta(0))], Annotated[Colour, Field(max_length=3)], Annotated[list[int], Field(ge=0)], PastDate,
    Annotated[str, Field(max_length=3)] | date, tuple[Annotated[int, Field(ge=0)], float], dict[Annotated[int, Field(ge=0)], int], dict[float, int], dict[bool, int], dict[Level, int], Annotated[int | str, Field(gt=0)], Annotated[Order, Field(min_length=1)],
    enum.Enum("E", {"A": (1, 2)}), None, "text", 5,
])  # fmt: skip
def test_a_bound_or_a_hint_that_no_type_keeps_is_refused(hint) -> None:
    """A tool never says less than its function: it is refused, with the parameter's name."""
    with pytest.raises(MalformedError, match="x"):
        type_json("x", hint)


@pytest.mark.parametrize("name", ["01", "-0", "+1", "1.0", "x", ""])
def test_of_a_mapping_by_integers_no_two_names_are_one_key(name) -> None:
    """Each integer has one spelling, and what is none is denied before a function is called with it."""
    of = parse_type(type_json("x", dict[int, str]))
    assert of.canonicalise({"1": "a", "-9007199254740991": "b"})
    with pytest.raises(NoCanonicalFormError):
        of.canonicalise({name: "a"})


def test_a_model_s_bounds_are_its_tool_s() -> None:
    """Amounts, unions of models, and the remedy that a refusal names."""
    assert type_json("x", Priced) == {
        "type": "object",
        "fields": {
            "price": {"type": "decimal", "above": "0", "digits": 4, "max": "99.99", "min": "-99.99", "places": 2},
            "tax?": {"type": "decimal", "min": "0", "below": "1", "nullable": True},
        },
    }  # fmt: skip
    either = type_json("x", Cat | Dog | None)
    assert either == type_json("x", Annotated[Cat | Dog, Field(discriminator="kind")] | None)
    of = parse_type(either)
    for refused in (
        {"kind": "cat", "lives": -1},
        {"kind": "dog", "name": "Fidos"},
        {"kind": "cow"},
    ):
        with pytest.raises(NoCanonicalFormError):
            of.canonicalise(refused)
    with pytest.raises(MalformedError, match=r"without pattern of .code; give .*WithJsonSchema"):
        type_json("x", Odd)
    assert type_json("x", Said) == {
        "type": "object",
        "fields": {"code": {"type": "text", "max": 9}},
    }
    assert type_json("x", Annotated[Odd, {"type": "json", "kinds": ["object"]}])["type"] == "json"
