"""Reads the value that a text in a URL states: in a path or a query everything is text.

What does not state a value of the kind stays text, so that it is refused as what it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, cast

from delegation import sent_json
from delegation.authority.arguments.argument_type import ArgumentType
from delegation.authority.arguments.enum import EnumType
from delegation.authority.arguments.nullable import inner
from delegation.canonical import Json
from delegation.json_number import WideNumber, read_number

KINDS: Final = ("text", "integer", "number", "boolean")
_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,15}", re.ASCII)
_NUMBER: Final = re.compile(
    r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII
)
_BOOLEANS: Final[Mapping[str, bool]] = {"true": True, "false": False}
_KIND_OF: Final[Mapping[str, str]] = {
    "integer": "integer", "money": "integer", "number": "number", "boolean": "boolean",
}  # fmt: skip


def stated(text: str, kind: str) -> Json:
    """Return the value of a text that is read as this kind, or the text itself if it states none.

    Args:
        text: As it stands in a path or query, decoded.
        kind: One of `KINDS`. A number has JSON's spelling, and no digit that a double drops.
    """
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "boolean":
        return _BOOLEANS.get(text, text)
    if kind == "number" and _NUMBER.fullmatch(text):
        number = read_number(text)
        return text if isinstance(number, WideNumber) else number
    return text


def stated_as(text: str, of: ArgumentType) -> Json:
    """Return the value that a text states for an argument of this type, in its one spelling only.

    For whoever hands on the text as it was sent: `1.50` and `1e2` state no number here, since what
    reads them behind may not read one.
    """
    of = inner(of)
    if isinstance(of, EnumType):
        found = [value for value in of.values if _spelled(cast("Json", value)) == text]
        return cast("Json", found[0]) if len(found) == 1 else text
    value = stated(text, _KIND_OF.get(of.name, "text"))
    return value if _spelled(value) == text else text


def _spelled(value: Json) -> str:
    return value if isinstance(value, str) else sent_json.text_of(value)
