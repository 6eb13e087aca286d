"""Reads free values: JSON that no definition describes, bounded in size, depth and count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, cast

from delegation import sent_json
from delegation.authority.arguments.argument_type import NoCanonicalFormError
from delegation.authority.arguments.character import character_at
from delegation.authority.arguments.member import place_of
from delegation.authority.arguments.number import json_number
from delegation.authority.arguments.text import refuse_surrogates
from delegation.authority.fields import integer
from delegation.canonical import Json
from delegation.errors import MalformedError

MAX_JSON_BYTES: Final = 32_768
MAX_JSON_DEPTH: Final = 16
MAX_JSON_COUNT: Final = 4096
KINDS: Final[dict[type, str]] = {
    bool: "boolean", dict: "object", float: "number", int: "number", list: "list", str: "text",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class JsonType:
    """Any JSON value but null: for unions and objects that a document leaves open.

    A grant can say little of it. Describe what you know as an `object` instead.

    Args:
        bytes: Most bytes of its canonical JSON.
        depth: How deep lists and objects may be nested; a plain value has depth 0.
        count: Most members and items at all depths together.
        kinds: Which kinds of values it may be at the top, of `KINDS`; empty is any.
    """

    name: ClassVar[str] = "json"
    bytes: int = MAX_JSON_BYTES
    depth: int = 8
    count: int = 1024
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        integer("json bytes", self.bytes, 1, MAX_JSON_BYTES)
        integer("json depth", self.depth, 0, MAX_JSON_DEPTH)
        integer("json count", self.count, 0, MAX_JSON_COUNT)
        if not set(self.kinds) <= set(KINDS.values()):
            raise MalformedError(
                "json kinds", wanted="some of " + ", ".join(sorted(KINDS.values()))
            )
        object.__setattr__(self, "kinds", tuple(sorted(set(self.kinds))))

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return (
            (f"one of {', '.join(self.kinds)}" if self.kinds else "any JSON value but null")
            + f", of at most {self.bytes} bytes, {self.count} members and items, and nested at most "
            f"{self.depth} deep"
        )

    def canonicalise(self, value: Json) -> Json:
        """Return the value with each number in its one form; `5.0` is 5, `-0.0` is 0."""
        if value is None:
            raise NoCanonicalFormError("wrong_type", "it may not be null")
        kind = KINDS.get(type(value), "number")
        if self.kinds and kind not in self.kinds:
            raise NoCanonicalFormError("wrong_type", f"it is of the kind {kind}")
        made, _ = _read(value, self.depth, self.count)
        if (size := len(sent_json.encode(made))) > self.bytes:
            raise NoCanonicalFormError(
                "json_size",
                f"it has {size} bytes of JSON",
                remedy=f"Send at most {self.bytes} bytes.",
            )
        return made

    def to_json(self) -> Json:
        """Return the type's JSON."""
        if self == JsonType():
            return self.name
        body: dict[str, Json] = {
            "type": self.name, "bytes": self.bytes, "depth": self.depth, "count": self.count,
        }  # fmt: skip
        return {**body, "kinds": [*self.kinds]} if self.kinds else body


def _read(value: object, depth: int, left: int) -> tuple[Json, int]:
    """Return the canonical value and how many members and items may follow it."""
    if isinstance(value, list | dict):
        if depth == 0:
            raise NoCanonicalFormError("json_depth", "it is nested too deep")
        left -= len(value)
        if left < 0:
            raise NoCanonicalFormError("json_count", "with it there are too many members and items")
    if isinstance(value, list):
        items: list[Json] = []
        for number, item in enumerate(value):
            made, left = _inside(item, f"[{number}]", depth - 1, left)
            items.append(made)
        return items, left
    if isinstance(value, dict):
        members: dict[str, Json] = {}
        for name, member in value.items():
            made, left = _inside(member, place_of(str(name)), depth - 1, left)
            members[str(_text(name))] = made
        return members, left
    if isinstance(value, str):
        return _text(value), left
    if value is None or isinstance(value, bool):
        return value, left
    return json_number(cast("Json", value)), left


def _inside(value: object, place: str, depth: int, left: int) -> tuple[Json, int]:
    try:
        return _read(value, depth, left)
    except NoCanonicalFormError as error:
        raise error.within(place, value)  # noqa: B904  # the same error, with its place


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise NoCanonicalFormError("json_form", "it has a name that is no text")
    if "\x00" in value:
        raise NoCanonicalFormError(
            "json_form",
            f"it holds {character_at(value, value.index(chr(0)))}",
            remedy="Leave U+0000 out.",
        )
    refuse_surrogates(value)
    return value
