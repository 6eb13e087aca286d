r"""Spells every JSON value in exactly one way, as it was sent: for accesses, records and their digests.

Signed link payloads have a stricter form (`canonical`). Here nothing is refused that JSON can say: any
text, a lone surrogate as its escape `\udXXX`, any member name, any depth, and every number by its
exact value (`json_number`). What RFC 8785 can spell is spelled so. Reading is exact likewise: no digit
is dropped before a number was judged. Whether a value has a canonical form is for its type to say.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, NoReturn

from delegation.errors import MalformedError
from delegation.json_number import (
    MAX_INTEGER,
    WideNumber,
    decimal_text,
    number_text,
    read_number,
)

MAX_DEPTH: Final = 32  # deeper than any argument type; far from Python's recursion limit
_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False
)
_MESSAGE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_STRING: Final = json.JSONEncoder(ensure_ascii=False)
SURROGATE: Final = re.compile("[\ud800-\udfff]")
_TOKEN: Final = re.compile(
    r"[ \t\n\r]*(?:([\[\]{},:])|(\")|(true|false|null)"
    r"|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?))"
)
_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}
_END: Final = object()


def encode(value: Any, *, what: str = "the value") -> bytes:
    """Return the one spelling of a JSON value.

    Args:
        value: Text, numbers (`Decimal` among them), booleans, None, and lists and dicts of them.
        what: How an error names the value.

    Raises:
        MalformedError: It is none: another type, a member name that is no text, two names that are
            one text, or a circle.
    """
    return text_of(value, what=what).encode()


def text_of(value: Any, *, what: str = "the value") -> str:
    """Return the one spelling as text, which holds no surrogate.

    Raises:
        MalformedError: As `encode`.
    """
    return plain_text(value) or "".join(_spelled(value, what))


def plain_text(value: Any) -> str | None:
    """Return the spelling of a value that is plain (`is_plain`), None of every other."""
    return _ENCODER.encode(value) if is_plain(value) else None


def written(value: Any) -> bytes:
    """Return a message as JSON: any spelling that is read as exactly this value.

    Raises:
        MalformedError: It is no JSON value.
    """
    try:
        return _MESSAGE.encode(value).encode()
    except (TypeError, ValueError, RecursionError):  # what only `encode` can say, or nobody
        return encode(value, what="The message")


def is_plain(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Return whether every reader of JSON reads a value alike, and at once spells it as here.

    No floats, no integers beyond 53 bits, no surrogates, ASCII member names, bounded depth.
    """
    if (kind := type(value)) is str:
        return bool(value.isascii()) or SURROGATE.search(value) is None
    if kind is int:
        return bool(-MAX_INTEGER <= value <= MAX_INTEGER)
    if value is None or kind is bool:
        return True
    if depth == 0:
        return False
    if kind is dict:
        for name, member in value.items():
            if type(name) is not str or not name.isascii() or not is_plain(member, depth - 1):
                return False
        return True
    if kind is list:
        return all(is_plain(item, depth - 1) for item in value)
    return False


def _spelled(value: Any, what: str) -> Iterator[str]:
    """Yield the spelling piece by piece, however deep the value is."""
    waiting: list[Any] = [value]
    marks: list[str] = [""]  # what stands before each of them
    within: dict[int, None] = {}  # the lists and objects around it, by identity
    while waiting:
        one, before = waiting.pop(), marks.pop()
        if one is _END:
            within.popitem()
            yield before
            continue
        if (kind := type(one)) is dict or kind is list:
            if id(one) in within:
                raise MalformedError(what, wanted="a JSON value, which holds itself nowhere")
            within[id(one)] = None
            pairs = _pairs(one, what) if kind is dict else [("", item) for item in one]
            waiting.append(_END)
            marks.append("}" if kind is dict else "]")
            for number in range(len(pairs) - 1, -1, -1):
                name, member = pairs[number]
                waiting.append(member)
                marks.append(("," if number else "") + name)
            piece = "{" if kind is dict else "["
        else:
            piece = _scalar(one, what)
        yield before + piece


def _pairs(value: dict[Any, Any], what: str) -> list[tuple[str, Any]]:
    """Return an object's members, sorted as RFC 8785 sorts them: by UTF-16 code units."""
    named = {_joined(name): member for name, member in value.items() if type(name) is str}
    if len(named) != len(value):
        raise MalformedError(what, wanted="an object whose member names are different texts")
    order = sorted(named, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
    return [(_quoted(name) + ":", named[name]) for name in order]


def _scalar(value: Any, what: str) -> str:
    if (kind := type(value)) is str:
        return _quoted(_joined(value))
    if kind is bool or value is None:
        return "null" if value is None else str(value).lower()
    if kind is int or kind is float:
        return number_text(value)
    if kind is Decimal:
        return decimal_text(value)
    if kind is WideNumber:
        return str(value)
    raise MalformedError(what, wanted="JSON: texts, numbers, booleans, null, lists and objects")


def _joined(text: str) -> str:
    """Return a text whose surrogates that stand in pairs are the characters that they spell."""
    if text.isascii() or SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _quoted(text: str) -> str:
    return SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", _STRING.encode(text))


def parse(data: bytes | str, *, what: str = "the value") -> Any:
    """Return the value of a JSON text, exactly: no digit is dropped, nothing is too deep.

    Lone surrogates pass, for JSON can say them. Not bounded here: the size.

    Raises:
        MalformedError: Readers would differ, or this is no JSON: duplicate members, NaN, infinity, a
            byte order mark, bytes that are no UTF-8.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8", "strict")
        try:
            return _DECODER.decode(text)
        except RecursionError:
            return _parse_deep(text)
    except (ValueError, IndexError) as error:
        raise MalformedError(what, wanted="JSON that every reader reads alike") from error


def _parse_deep(text: str) -> Any:
    """Return the value of a JSON text without recursion."""
    at, stack, value = 0, [], None
    is_value = False  # whether `value` was just read and waits for its place
    while True:
        if (match := _TOKEN.match(text, at)) is None:
            raise ValueError
        sign, quote, word, number = match.groups()
        at = match.end()
        if sign is not None and sign in "[{":
            if is_value:
                raise ValueError
            stack.append(_Open(sign))
            continue
        if sign is not None and sign in "]}":
            value, is_value = stack[-1].closed(sign, value, is_value=is_value), True
            stack.pop()
        elif sign is not None:
            stack[-1].take(sign, value, is_value=is_value)
            value, is_value = None, False
            continue
        elif is_value:
            raise ValueError
        elif quote is not None:
            value, at = _DECODER.raw_decode(text, at - 1)
            is_value = True
        else:
            value, is_value = (_WORDS[word] if number is None else read_number(number)), True
        if not stack:
            if text[at:].strip(" \t\n\r"):
                raise ValueError
            return value


class _Open:
    """A list or object that is being read."""

    __slots__ = ("_items", "_name", "_sign", "_takes")

    def __init__(self, sign: str) -> None:
        self._sign = sign
        self._items: list[Any] = []
        self._name: str | None = None
        self._takes = False  # whether a comma came, so that something must follow

    def take(self, sign: str, value: Any, *, is_value: bool) -> None:
        """Take what stood before a comma or a colon."""
        if not is_value:
            raise ValueError
        if sign == ":":
            if self._sign != "{" or self._name is not None or type(value) is not str:
                raise ValueError
            self._name = value
        else:
            self._add(value)
            self._takes = True

    def closed(self, sign: str, value: Any, *, is_value: bool) -> Any:
        """Return the whole, with what stood before its end."""
        if (self._sign, sign) not in {("[", "]"), ("{", "}")}:
            raise ValueError
        if is_value:
            self._add(value)
        elif self._takes or self._name is not None:
            raise ValueError
        return self._items if sign == "]" else members_once(self._items)

    def _add(self, value: Any) -> None:
        if self._sign == "[":
            self._items.append(value)
        elif self._name is None:
            raise ValueError
        else:
            self._items.append((self._name, value))
            self._name = None


def portable(value: Any, *, halves: bool = False, depth: int = MAX_DEPTH) -> Any:
    """Return a value that every reader of JSON reads alike, for answers and pages.

    What some of them do not read stands in it as a text of its spelling: a number that no double is,
    a lone surrogate, what is nested deeper than `MAX_DEPTH`. Every value that an allowed call holds is
    returned as it is.

    Args:
        value: Any JSON.
        halves: Whether lone surrogates stay, for who looks for what is hidden.
        depth: How deep it may still be nested.
    """
    if is_plain(value):
        return value
    if (kind := type(value)) is str:
        whole = _joined(value)
        return whole if halves else SURROGATE.sub(lambda one: f"\\u{ord(one[0]):04x}", whole)
    if (kind is dict or kind is list) and depth == 0:
        return text_of(value)
    if kind is dict:
        return {
            portable(name, halves=halves): portable(member, halves=halves, depth=depth - 1)
            for name, member in value.items()
        }
    if kind is list:
        return [portable(item, halves=halves, depth=depth - 1) for item in value]
    if kind is WideNumber or (kind is int and type(read_number(number_text(value))) is WideNumber):
        return str(value) if kind is WideNumber else number_text(value)
    if kind is float and not math.isfinite(value):
        return number_text(value)
    return value


def members_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object's members; ValueError, caught by whoever parses, if one comes twice."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


def _no_number(_: str) -> NoReturn:
    raise ValueError("NaN or infinity")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=members_once,
    parse_float=read_number,
    parse_int=read_number,
    parse_constant=_no_number,
)
