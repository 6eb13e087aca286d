"""Spells literals of constraints: any value of an argument, in one spelling in a payload.

A payload holds no floats and only NFC text. A literal that is made of more (`0.5`, a decomposed
letter, a member's name beyond ASCII) is *spelled*: as the text of its JSON (`sent_json`) with all
beyond ASCII escaped. That is payload version 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from delegation import canonical, sent_json
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.json_number import WideNumber, number_text, read_number

_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7f]")


def normal(value: Json, what: str) -> Json:
    """Return a literal as canonical arguments have it: numbers without a fraction are integers.

    Raises:
        MalformedError: It holds a number that no double is, a lone surrogate, or what is no JSON; or
            is nested too deep.
    """
    return _normal(value, what, canonical.MAX_DEPTH)


def _normal(value: object, what: str, depth: int) -> Json:
    if value is None or type(value) is bool:
        return value
    if type(value) is str:
        if sent_json.SURROGATE.search(value):
            raise MalformedError(what, wanted="text without lone surrogates")
        return value
    if type(value) is int or type(value) is float:
        number = read_number(number_text(value))
        if type(number) is WideNumber:
            raise MalformedError(what, wanted="numbers that a double holds exactly")
        return number  # type: ignore[return-value]  # one of the two others
    if depth and type(value) is list:
        return [_normal(item, what, depth - 1) for item in value]
    if depth and type(value) is dict and all(type(name) is str for name in value):
        return {
            str(_normal(name, what, 0)): _normal(member, what, depth - 1)
            for name, member in value.items()
        }
    raise MalformedError(what, wanted="a JSON value of exact numbers, nested a few deep")


def is_plain(value: Json) -> bool:
    """Return whether a payload of version 1 holds the literal as it is."""
    try:
        canonical.encode(value)
    except MalformedError:
        return False
    return True


def spell(value: Json) -> str:
    """Return the one spelling of a literal in normal form, ASCII throughout."""
    text = sent_json.text_of(value)
    return text if text.isascii() else _BEYOND_ASCII.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def unspell(text: Json, what: str) -> Json:
    """Return the literal of a spelling.

    Raises:
        MalformedError: It is no text, or not the spelling that `spell` gives.
    """
    if type(text) is not str:
        raise MalformedError(what, wanted="literals as texts of JSON")
    value = normal(sent_json.parse(text, what=what), what)
    if spell(value) != text:
        raise MalformedError(what, wanted="literals in their one spelling")
    return value


def shown(value: Json) -> str:
    """Return a literal for people: canonical JSON, spelled where it has none."""
    return canonical.encode(value).decode() if is_plain(value) else spell(value)


def same(left: Json, right: Json) -> bool:
    """Return whether two canonical values are equal with their types: `1` is not `True`."""
    kind = type(left)
    if kind is not type(right):
        return False
    return spell(left) == spell(right) if kind is dict or kind is list else left == right


def ordered(what: str, values: Iterable[Json], most: int) -> tuple[Json, ...]:
    """Return literals in normal form and in their one order, each once.

    Raises:
        MalformedError: None, more than `most`, or one that has no normal form.
    """
    made = [normal(value, what) for value in values]
    key = canonical.encode if is_plain(list(made)) else _spelled
    unique = {key(value): value for value in made}
    if not 0 < len(unique) <= most:
        raise MalformedError(what, wanted=f"1 to {most} values")
    return tuple(unique[one] for one in sorted(unique))


def _spelled(value: Json) -> bytes:
    return spell(value).encode()
