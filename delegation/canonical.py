"""Spells canonical JSON and base64url: one spelling for every value that is hashed or signed.

The subset of RFC 8785 that docs/reference/token-format.md defines: objects with ASCII member names, arrays,
NFC text, integers within 53 bits, booleans, null; no floats. What `decode` accepts, `encode` writes
back byte for byte, so that no two texts mean the same payload. Arguments of calls are spelled by
`sent_json`, which refuses nothing that JSON can say.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import unicodedata
from typing import Any, Final, NoReturn, TypeAlias

from delegation import sent_json
from delegation.assigned import UNASSIGNED
from delegation.errors import MalformedError
from delegation.json_number import MAX_INTEGER
from delegation.sent_json import members_once

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

# Made once: `json.dumps` makes a new encoder at each call.
_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False,
    sort_keys=True,
    separators=(",", ":"),
    check_circular=False,  # depth is bounded before, which no circle keeps to
)
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")
MAX_DEPTH: Final = 32  # deeper than any grant or argument; far from Python's recursion limit


def encode(value: Json, *, what: str = "the value") -> bytes:
    """Return the canonical bytes of a JSON value.

    Args:
        value: Text, integer, boolean, None, and lists and dicts of them.
        what: How an error names the value.

    Returns:
        UTF-8 text without white space, members sorted.

    Raises:
        MalformedError: The value has no canonical form: a float, another type, an integer beyond
            53 bits, text that is not NFC or has unassigned code points, a member name outside
            ASCII, or nesting beyond `MAX_DEPTH`.
    """
    _refuse_uncanonical(value, what, MAX_DEPTH)
    return _ENCODER.encode(value).encode()


def text_of(value: Json) -> str:
    """Return the canonical text of a value that is known to have one, such as one just decoded."""
    return _ENCODER.encode(value)


def _refuse_uncanonical(value: object, what: str, depth: int) -> None:
    if (kind := type(value)) is str:
        text: str = value  # type: ignore[assignment]  # `kind` has narrowed it; mypy cannot see
        if not text.isascii():
            refuse_odd_text(text, what)
    elif kind is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:  # type: ignore[operator]  # an int, as above
            raise MalformedError(what, wanted="made of integers within 53 bits")
    elif kind is dict:
        if depth == 0:
            raise MalformedError(what, wanted=f"nested at most {MAX_DEPTH} deep")
        for name, member in value.items():  # type: ignore[attr-defined]  # a dict, as above
            if type(name) is not str or not name.isascii():
                raise MalformedError(what, wanted="an object with ASCII member names")
            _refuse_uncanonical(member, what, depth - 1)
    elif kind is list:
        if depth == 0:
            raise MalformedError(what, wanted=f"nested at most {MAX_DEPTH} deep")
        for item in value:  # type: ignore[attr-defined]  # a list, as above
            _refuse_uncanonical(item, what, depth - 1)
    elif value is not None and kind is not bool:
        raise MalformedError(what, wanted="JSON without floating-point numbers")


def refuse_odd_text(text: str, what: str) -> None:
    """Refuse text that is not NFC or holds code points that Unicode 14.0 does not assign.

    Raises:
        MalformedError: It does.
    """
    if UNASSIGNED.search(text) is not None:
        raise MalformedError(what, wanted="text of characters that Unicode 14.0 assigns")
    if not unicodedata.is_normalized("NFC", text):
        raise MalformedError(what, wanted="text in Unicode normal form C")


def decode(data: bytes, *, max_bytes: int, what: str = "the value") -> Json:
    """Return the value of canonical JSON bytes.

    Args:
        data: The bytes.
        max_bytes: The most that is looked at, in bytes.
        what: How an error names the value.

    Raises:
        MalformedError: Too long, not JSON, or not in canonical form: duplicate members, floats,
            white space, another member order, another escape.
    """
    if len(data) > max_bytes:
        raise MalformedError(what, wanted=f"at most {max_bytes} bytes")
    value = _parsed(_CANONICAL, data, what)
    if not _is_plain(data):
        _refuse_uncanonical(value, what, MAX_DEPTH)
    if _ENCODER.encode(value).encode() != data:
        raise MalformedError(what, wanted="canonical JSON (RFC 8785)")
    return value


def _is_plain(data: bytes) -> bool:
    """Return whether a glance at JSON bytes that parsed shows that nothing in them is refused.

    Texts are ASCII where the bytes are and nothing is escaped; nothing is nested deeper than there
    are brackets. Floats and long integers did not parse. What looks odd is looked at value by value.
    """
    return data.isascii() and b"\\" not in data and data.count(b"{") + data.count(b"[") <= MAX_DEPTH


def parse(data: bytes | str, *, what: str = "the value") -> Json:
    """Return the value of a JSON text whose spelling need not be canonical.

    For files and records. Duplicate members, floats and NaN are refused all the same, since two
    readers would see two values. Not bounded here: the size.

    Raises:
        MalformedError: The text is not such JSON.
    """
    return _parsed(_EXACT, data, what)


def _parsed(decoder: json.JSONDecoder, data: bytes | str, what: str) -> Json:
    try:
        value: Json = decoder.decode(
            data if isinstance(data, str) else data.decode("utf-8", "strict")
        )
    except (ValueError, RecursionError) as error:
        raise MalformedError(what, wanted="JSON without duplicate members or floats") from error
    return value


def parse_one_way(data: bytes) -> Any:
    """Return the value that every JSON reader sees in these bytes.

    For bodies of requests, before their schema is looked at: no duplicate members, NaN, infinity,
    lone surrogates or byte order mark. Floats pass here; whatever is signed refuses them.

    Raises:
        MalformedError: Readers would differ, or this is no JSON.
    """
    try:
        text = data.decode("utf-8", "strict")
        value = _ONE_WAY.decode(text)
        if "\\u" in text:  # only an escape can bring in a lone surrogate
            json.dumps(value, ensure_ascii=False).encode("utf-8", "strict")
    except (ValueError, RecursionError) as error:
        raise MalformedError("The body", wanted="JSON that every reader reads alike") from error
    return value


def _exact(text: str) -> int:
    number = int(text)
    if not -MAX_INTEGER <= number <= MAX_INTEGER:
        raise ValueError("integer beyond 53 bits")
    return number


def _no_float(_: str) -> NoReturn:
    raise ValueError("float")


# Made once, as the encoder; a byte order mark is no JSON to them, as it is none to `json.loads`.
_EXACT: Final = json.JSONDecoder(
    object_pairs_hook=members_once, parse_float=_no_float, parse_constant=_no_float
)
_CANONICAL: Final = json.JSONDecoder(
    object_pairs_hook=members_once,
    parse_float=_no_float,
    parse_constant=_no_float,
    parse_int=_exact,
)
_ONE_WAY: Final = json.JSONDecoder(object_pairs_hook=members_once, parse_constant=_no_float)


def same(left: Json, right: Json) -> bool:
    """Return whether two JSON values are equal with their types: `1` is not `True`, nor `1.0`.

    Both are made of JSON's own types, as parsed or about to be encoded.
    """
    if (kind := type(left)) is not type(right):
        return False
    if kind is not dict and kind is not list:
        return left == right
    # Their one text tells values and types apart, and is made in C where it is plain.
    return sent_json.text_of(left) == sent_json.text_of(right)


def b64u(data: bytes) -> str:
    """Return base64url without padding (RFC 4648 section 5)."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL).decode("ascii")


def unb64u(text: str, *, what: str = "the text") -> bytes:
    """Return the bytes of unpadded base64url that re-encodes to itself.

    Raises:
        MalformedError: Foreign characters, padding, or stray low bits: two texts of one value.
    """
    try:
        # The decoder may be lenient: whatever has another spelling does not re-encode to itself.
        data = binascii.a2b_base64(
            text.encode("ascii").translate(_FROM_URL) + b"=" * (-len(text) % 4)
        )
    except ValueError as error:
        raise MalformedError(what, wanted="base64url without padding") from error
    if b64u(data) != text:
        raise MalformedError(what, wanted="base64url without padding")
    return data


def digest(tag: bytes, data: bytes) -> bytes:
    """Return SHA-256(tag 0x00 data): the tag keeps one kind of digest from serving as another."""
    return hashlib.sha256(tag + b"\x00" + data).digest()
