"""Reads a document's text, JSON or YAML, in the one way that all readers share.

Numbers are exact: integers, and `Decimal` for all others. Of YAML, the core of version 1.2 is read:
`no` and `2026-11-30` are texts, tags name nothing but plain values, and aliases are counted as often
as they are used. Two members of one name are refused in both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

from delegation.errors import MalformedError

MAX_DOCUMENT: Final = 16 * 1024 * 1024  # bytes
MAX_VALUES: Final = 4_000_000  # in one document, those behind aliases each time they are used
MAX_NESTING: Final = 200
_MAX_DIGITS: Final = 400  # of a number, and its greatest power of ten
_INTEGER: Final = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OTHER_INTEGER: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?", re.ASCII)
_WORDS: Final = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NOT_JSON: Final = object()
_TAG: Final = "tag:yaml.org,2002:"
_PLAIN_TAGS: Final = frozenset(
    {"!", *(_TAG + word for word in ("str", "int", "float", "bool", "null", "map", "seq"))}
)


def read_document(text: str) -> Any:
    """Return the value of a text: JSON where it begins like it and is it, else YAML.

    Raises:
        MalformedError: It is neither, or larger, deeper or more than the bounds.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_DOCUMENT:
        raise MalformedError("The document", wanted=f"at most {MAX_DOCUMENT} bytes")
    found = _json(text) if text.lstrip(" \t\r\n\ufeff")[:1] in {"{", "["} else _NOT_JSON
    if found is _NOT_JSON:
        return _yaml(text)
    refuse_deep(found)
    return found


def refuse_deep(value: Any) -> None:
    """Refuse a value that is nested deeper than `MAX_NESTING`.

    Raises:
        MalformedError: It is.
    """
    level = [value]
    for _ in range(MAX_NESTING + 1):
        level = [inner for one in level for inner in inside(one) if isinstance(inner, dict | list)]
        if not level:
            return
    raise MalformedError("The document", wanted=f"nested at most {MAX_NESTING} deep")


def inside(value: Any) -> Iterable[Any]:
    """Return the values that stand directly in a value."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _json(text: str) -> Any:
    try:
        return json.loads(
            text.removeprefix("\ufeff"),
            object_pairs_hook=_members,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_no_number,
        )
    except RecursionError as error:
        raise MalformedError("The document", wanted=f"nested at most {MAX_NESTING} deep") from error
    except json.JSONDecodeError:
        return _NOT_JSON


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        _refuse_twice()
    return members


def _refuse_twice() -> NoReturn:
    raise MalformedError("The document", wanted="one without two members of one name")


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return _no_number(text)
    # As an integer, 1e9999999 has ten million digits.
    is_usual = len(text) <= _MAX_DIGITS and abs(number.adjusted()) <= _MAX_DIGITS
    return number if is_usual else _no_number(text)


def _integer(text: str) -> int:
    return int(text) if len(text) <= _MAX_DIGITS else _no_number(text)


def _no_number(_: str) -> NoReturn:
    raise MalformedError("The document", wanted="one with finite numbers of usual length")


def _yaml(text: str) -> Any:
    try:
        import yaml  # noqa: PLC0415  # only who reads YAML needs it
    except ImportError as error:
        raise MalformedError(
            "The document", wanted="JSON, or YAML with PyYAML installed (pip install PyYAML)"
        ) from error
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Composer(yaml).document(yaml.parse(text, Loader=loader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise MalformedError("The document", wanted="JSON or YAML") from error


class _Composer:
    """Makes values of YAML's events, with its own stack: no depth of the text is a depth of calls."""

    def __init__(self, yaml: Any) -> None:
        self._yaml = yaml
        self._known: dict[str, tuple[Any, int]] = {}
        self._count = 0

    def document(self, events: Iterator[Any]) -> Any:
        yaml, stack, found = self._yaml, list[_Open](), list[Any]()
        for event in events:
            if isinstance(event, yaml.AliasEvent):
                value, size = self._behind(event.anchor)
            elif isinstance(event, yaml.ScalarEvent):
                value, size = _scalar(event), 1
                self._know(event.anchor, value, size)
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                if event.tag is not None and event.tag not in _PLAIN_TAGS:
                    _refuse_tag()
                is_map = isinstance(event, yaml.MappingStartEvent)
                stack.append(_Open({} if is_map else [], event.anchor, self._count))
                if len(stack) > MAX_NESTING:
                    raise MalformedError(
                        "The document", wanted=f"nested at most {MAX_NESTING} deep"
                    )
                continue
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                closed = stack.pop()
                value, size = closed.close(), self._count - closed.before + 1
                self._know(closed.anchor, value, size)
                size = 1  # what is inside was counted as it came
            elif isinstance(event, yaml.DocumentStartEvent) and found:
                raise MalformedError("The document", wanted="one YAML document")
            else:
                continue
            self._count += size
            if self._count > MAX_VALUES:
                raise MalformedError("The document", wanted=f"at most {MAX_VALUES} values")
            if stack:
                stack[-1].take(value, getattr(event, "value", None))
            else:
                found.append(value)
        if len(found) != 1:
            raise MalformedError("The document", wanted="JSON or YAML")
        return found[0]

    def _know(self, anchor: str | None, value: Any, size: int) -> None:
        if anchor is not None:
            self._known[anchor] = (value, size)

    def _behind(self, anchor: str) -> tuple[Any, int]:
        if anchor not in self._known:
            raise MalformedError("The document", wanted="aliases of what stands before them")
        return self._known[anchor]


class _Open:
    """A mapping or sequence whose end has not come yet."""

    __slots__ = ("_has_key", "_key", "_merged", "anchor", "before", "value")

    def __init__(self, value: Any, anchor: str | None, before: int) -> None:
        self.value, self.anchor, self.before = value, anchor, before
        self._key: str = ""
        self._has_key = False
        self._merged: list[dict[str, Any]] = []

    def take(self, value: Any, text: str | None) -> None:
        """Take the next value; of a key, its text counts."""
        if isinstance(self.value, list):
            self.value.append(value)
        elif not self._has_key:
            if text is None and not isinstance(value, str):
                raise MalformedError("The document", wanted="one whose members have plain names")
            self._key, self._has_key = value if text is None else text, True
        else:
            self._has_key = False
            if self._key == "<<" and isinstance(value, dict | list):
                sources = value if isinstance(value, list) else [value]
                if not all(isinstance(source, dict) for source in sources):
                    raise MalformedError("The document", wanted="merges (<<) of mappings")
                self._merged += sources
            elif self._key in self.value:
                _refuse_twice()
            else:
                self.value[self._key] = value

    def close(self) -> Any:
        """Return the whole, with what was merged into it."""
        for source in self._merged:
            for key, value in source.items():
                self.value.setdefault(key, value)
        return self.value


def _refuse_tag() -> NoReturn:
    raise MalformedError("The document", wanted="YAML without tags of other kinds of values")


def _scalar(event: Any) -> Any:
    text: str = event.value
    if event.tag is not None and event.tag not in _PLAIN_TAGS:
        _refuse_tag()
    is_text = not event.implicit[0] if event.tag is None else event.tag in {"!", _TAG + "str"}
    if is_text:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _OTHER_INTEGER.fullmatch(text) and len(text) <= _MAX_DIGITS:
        return int(text, 0)
    return _decimal(text) if _FLOAT.fullmatch(text) else text
