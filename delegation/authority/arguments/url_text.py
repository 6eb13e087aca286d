"""Reads the value that a text in a URL states: in a path or a query everything is text.

What does not state a value of the kind stays text, so that it is refused as what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from delegation import sent_json
from delegation.authority.arguments.argument_type import ArgumentType, admits
from delegation.authority.arguments.composite import ListType
from delegation.authority.arguments.either import EitherType
from delegation.authority.arguments.enum import EnumType
from delegation.authority.arguments.families import STATED_AS
from delegation.authority.arguments.nullable import inner
from delegation.canonical import Json
from delegation.json_number import NUMBER, read_number

KINDS: Final = ("text", "integer", "number", "boolean")
_BOOLEANS: Final[Mapping[str, bool]] = {"true": True, "false": False}


def stated(text: str, kind: str) -> Json:
    """Return the value of a text that is read as this kind, or the text itself if it states none.

    Args:
        text: As it stands in a path or query, decoded.
        kind: One of `KINDS`. A number has JSON's spelling; one that no double is keeps its digits.
    """
    if kind in {"integer", "number"} and NUMBER.fullmatch(text):
        return cast("Json", read_number(text))
    return _BOOLEANS.get(text, text) if kind == "boolean" else text


def kind_of(of: ArgumentType, *, many: bool = False) -> str:
    """Return the kind as which a text is read that states a value of this type.

    Args:
        of: The argument's type.
        many: Whether each text states one item of it.
    """
    of = inner(of)
    if many and isinstance(of, ListType):
        of = inner(of.of)
    if isinstance(of, EnumType):
        kinds = {_kind_of_value(cast("Json", value)) for value in of.values}
        return kinds.pop() if len(kinds) == 1 else "text"
    if isinstance(of, EitherType):
        # What a text type takes is text to its reader, a few listed texts stay what they are.
        read = {kind_of(one) for one in of.of if not isinstance(one, EnumType | ListType)}
        return read.pop() if len(read) == 1 else "text"
    return STATED_AS.get(of.name, "text")


def _kind_of_value(value: Json) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "integer" if isinstance(value, int) else "number" if isinstance(value, float) else "text"


def stated_as(text: str, of: ArgumentType) -> Json:
    """Return the value that a text states for an argument of this type, in its one spelling only.

    For whoever hands on the text as it was sent: `1.50` and `1e2` state no number here, since what
    reads them behind may not read one.
    """
    if isinstance(of := inner(of), EitherType):
        values = [] if admits(of, text) else [stated_as(text, one) for one in of.of]
        return next((value for value in values if not isinstance(value, str)), text)
    if isinstance(of, EnumType):
        found = [value for value in of.values if _spelled(cast("Json", value)) == text]
        return cast("Json", found[0]) if len(found) == 1 else text
    value = stated(text, STATED_AS.get(of.name, "text"))
    return value if _spelled(value) == text else text


def _spelled(value: Json) -> str:
    return value if isinstance(value, str) else sent_json.text_of(value)
