"""Bounds that Pydantic states, against Pydantic's own validator: what it refuses by one, a tool refuses too.

As a hint of `@tool` a type loses none. In a document that FastAPI writes, what is lost is named by keyword.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Optional, Union
from uuid import UUID

from cases import every
from fastapi import FastAPI
from pydantic import (  # fmt: skip
    BaseModel,
    ByteSize,
    Field,
    FiniteFloat,
    HttpUrl,
    Json,
    PastDate,
    SecretStr,
    TypeAdapter,
    ValidationError,
    conint,
    conlist,
    constr,
    create_model,
)

from delegation.authority.arguments import ArgumentType, NoCanonicalFormError, parse_type
from delegation.authority.hints import type_json
from delegation.errors import MalformedError
from delegation.integrations.app_tools import tools_from_app


class Mixed(Enum):
    """Values of two kinds."""

    WORD = "word"
    TWO = 2


class Pair(NamedTuple):
    """Two values by place."""

    size: Annotated[int, Field(ge=0)]
    name: Annotated[str, Field(max_length=3)]


class Cat(BaseModel):
    """One of two, told apart by its kind."""

    kind: Literal["cat"]
    lives: int = Field(9, ge=0)


class Dog(BaseModel):
    """The other one."""

    kind: Literal["dog"]
    name: str = Field("", max_length=4)


class Order(BaseModel):
    """What an order has."""

    price: Decimal = Field(gt=0, lt=100, max_digits=4, decimal_places=2)
    parts: dict[str, Annotated[int, Field(ge=1, le=9)]] = {}
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None


PAST = datetime(2026, 1, 1, tzinfo=UTC)
TYPES: list[Any] = [
    Decimal, Annotated[Decimal, Field(ge=0)], Annotated[Decimal, Field(gt=0, lt=10)], Annotated[Decimal, Field(max_digits=3, decimal_places=1)],
    Annotated[Decimal, Field(max_digits=2)], Annotated[Decimal, Field(decimal_places=2)], Annotated[Decimal, Field(multiple_of=Decimal("0.05"))],
    Optional[Annotated[Decimal, Field(le=5)]], Annotated[Decimal, Field(ge=0)] | list[int], bytes, Annotated[bytes, Field(max_length=4)], timedelta,  # noqa: UP045
    Annotated[timedelta, Field(ge=timedelta(0))], Path, IPv4Address, SecretStr, Annotated[SecretStr, Field(min_length=3)], conint(ge=3, multiple_of=2),
    constr(pattern="^[a-c]+$", max_length=3), conlist(int, min_length=1, max_length=2), Annotated[Cat | Dog, Field(discriminator="kind")], Json, Mixed, date | datetime,
    UUID | int, Annotated[float | None, Field(gt=0, lt=3)], set[Annotated[int, Field(ge=0)]], tuple[int, str], tuple[Annotated[int, Field(le=5)], ...], Pair,
    dict[str, Annotated[int, Field(ge=0)]], dict[Annotated[str, Field(max_length=3)], int], Annotated[dict[str, int], Field(max_length=1)], Annotated[datetime, Field(ge=PAST)],
    Annotated[date, Field(gt=date(2026, 1, 1))], PastDate, HttpUrl, ByteSize, FiniteFloat, Annotated[int | str, Field(gt=0)], Annotated[list[int] | None, Field(max_length=2)],
    Annotated[int, Field(ge=0)] | list[Annotated[int, Field(ge=0)]], Literal["auto"] | Annotated[int, Field(le=5)], Union[str, float, None], Order, list[Order],  # noqa: UP007
    Annotated[str, Field(max_length=2)] | Annotated[list[str], Field(max_length=1)] | Annotated[int, Field(ge=0)], Cat | Annotated[str, Field(max_length=3)],
]  # fmt: skip
REFUSED = [
    hint
    for hint in TYPES
    if any(
        word in str(hint)
        for word in (
            "datetime.timedelta(",
            "datetime.datetime(",
            "datetime.date(",
            "PastDate",
            "Annotated[int | str",
            "Annotated[bytes",
        )
    )
]
# What a validator calls the refusal of a value by a bound, and the keyword of JSON Schema that says it.
STATED = {
    "greater_than": {"exclusiveMinimum", "formatExclusiveMinimum", "gt"}, "greater_than_equal": {"minimum", "formatMinimum"},
    "less_than": {"exclusiveMaximum", "formatExclusiveMaximum"}, "less_than_equal": {"maximum", "formatMaximum"}, "multiple_of": {"multipleOf"},
    "string_too_long": {"maxLength"}, "string_too_short": {"minLength"}, "string_pattern_mismatch": {"pattern"}, "too_long": {"maxItems", "maxLength", "maxProperties"},
    "too_short": {"minItems", "minLength", "minProperties"}, "bytes_too_long": {"maxLength"}, "bytes_too_short": {"minLength"}, "literal_error": {"const", "enum"}, "enum": {"enum"},
    "decimal_max_digits": set(), "decimal_max_places": set(), "decimal_whole_digits": set(), "date_past": set(), "url_too_long": {"maxLength"},
}  # fmt: skip
PIECES = [0, -1, 1, 2, 5, 6, 9, 10, 100, 0.05, 0.07, 1.25, 2.5, -0.5, 12.34, 123.4, True, None, "", "a", "abc", "abcd", "abcde", "x", "auto", "word", "-5", "5", "0.05", "12.5", "123",
          "0.123", "2020-01-01", "2026-11-30T00:00:00Z", "2020-01-01T00:00:00Z", "-P1D", "P1D", "12345678-1234-5678-9abc-123456789abc", "/a", "93.184.216.34", "cat", "dog",
          "\u00e9\u00e9\u00e9", "https://a.example/x", "5 GB", [], {}]  # fmt: skip
NAMES = ["kind", "lives", "name", "price", "parts", "pet", "a", "abcd"]


def values(rng: random.Random, depth: int = 2) -> Any:
    """Return a value near what the types take."""
    roll = rng.random()
    if depth and roll < 0.25:
        return [values(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    if depth and roll < 0.6:
        made = {name: values(rng, depth - 1) for name in rng.sample(NAMES, rng.randint(0, 3))}
        if rng.random() < 0.6:
            made["kind"] = rng.choice(["cat", "dog"])
        return made
    return rng.choice(PIECES)


def stated(hint: TypeAdapter[Any], value: Any) -> set[str]:
    """Return the bounds by which Pydantic refuses a value; none where it takes it, or refuses its form."""
    try:
        hint.validate_json(json.dumps(value))
    except ValidationError as error:
        kinds = {one["type"] for one in error.errors()}
        return kinds if kinds <= STATED.keys() else set()
    except TypeError:  # a bound that Pydantic cannot compare with the value
        return {"greater_than"}
    return set()


def admitted(of: ArgumentType, rng: random.Random) -> Iterator[Any]:
    """Yield values that a type admits, in canonical form."""
    for value in [*PIECES, *(values(rng) for _ in range(300))]:
        try:
            yield of.canonicalise(value)
        except NoCanonicalFormError:
            continue


@every("hint", TYPES, ids=str)
def test_a_hint_admits_nothing_that_pydantic_refuses_by_a_bound(hint: Any) -> None:
    """No bound is lost: the hint has a type that keeps them all, or `@tool` refuses it."""
    try:
        of = parse_type(type_json("x", hint))
    except MalformedError:
        assert hint in REFUSED
        return
    for value in admitted(of, random.Random(5)):
        assert not stated(TypeAdapter(hint), value), (of, value)


@every("hint", TYPES, ids=str)
def test_an_application_s_tool_admits_nothing_so_but_what_a_note_names(hint: Any) -> None:
    """In a body as in a model within it: what the tool admits beyond a bound is in the notes by keyword."""

    def take(body: Any) -> None:
        """Take it."""

    take.__annotations__["body"] = create_model("Body", x=hint, y=(int, 0))
    app = FastAPI()
    app.post("/x")(take)
    found = tools_from_app(app, prefix="a")
    (tool,) = found.tools
    of, adapter = tool.arguments["x"].type, TypeAdapter(hint)
    named = {what.partition(" is not kept")[0] for _, what in found.notes}
    for value in admitted(of, random.Random(6)):
        for bound in stated(adapter, value):
            assert not STATED[bound] or STATED[bound] & named or is_end(hint), (
                of,
                value,
                found.notes,
            )


def is_end(hint: Any) -> bool:
    """Return whether a type is bounded in time, of which its document says nothing."""
    return "datetime." in str(hint)
