"""Imports texts of a schema: by format, with lengths and shape, within the place that they go to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from delegation.authority.arguments.character_class import CharacterClass
from delegation.authority.arguments.segment import MAX_SEGMENT
from delegation.authority.arguments.shape import Shape, shape_of
from delegation.authority.arguments.shape_parts import Choice, Literal, Part
from delegation.authority.arguments.text import MAX_TEXT
from delegation.authority.documents.facts import Facts
from delegation.authority.documents.imported import Report
from delegation.authority.documents.inputs import Place
from delegation.authority.documents.numbers import NeverError
from delegation.canonical import Json

_HEX: Final = "[0-9a-fA-F]"
_UUID: Final = f"^{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}$"
_ASCII: Final = r"^[\u0000-\u007f]*$"
_BASE64: Final = "^[A-Za-z0-9+/]*={0,2}$"
_BASE64URL: Final = "^[A-Za-z0-9_-]*={0,2}$"
_NAMED: Final = {  # formats with a type of their own, and the lengths that all its values have
    "email": ("email", 3, 254), "idn-email": ("email", 3, 254),
    "uri": ("url", 8, 2048), "url": ("url", 8, 2048), "iri": ("url", 8, 2048),
    "hostname": ("host", 1, 253), "idn-hostname": ("host", 1, 253),
    "ipv4": ("host", 1, 253), "ipv6": ("host", 1, 253), "ip": ("host", 1, 253),
    "date-time": ("datetime", 20, 27), "date": ("date", 10, 10),
}  # fmt: skip
_OTHERWISE: Final = {
    "url": "only http and https URLs without user and fragment are admitted, and no special addresses",
    "host": "no special addresses are admitted, nor unusual spellings",
    "email": "only bare mailboxes without quotes are admitted",
    "datetime": "moments are in UTC, without leap seconds, with at most 6 digits of a second",
}
_LOOSE: Final = frozenset({"ipv4", "ipv6", "idn-email"})
_SHAPED: Final = {"uuid": _UUID, "byte": _BASE64, "base64": _BASE64, "base64url": _BASE64URL}
_KNOWN: Final = frozenset({
    "time", "duration", "regex", "json-pointer", "relative-json-pointer", "uri-reference",
    "iri-reference", "uri-template",
})  # fmt: skip
_PLAIN: Final = frozenset({"password", "binary", "string", "text"})  # they bound nothing


def text_type(facts: Facts, at: Place, place: str, report: Report) -> Json:
    """Return the type of the texts that the facts admit at a place.

    Args:
        facts: Of a value that is text.
        at: Where it goes.
        place: Where notes are.
        report: Takes what is kept and lost.

    Raises:
        NeverError: There is no such text.
    """
    low, high = facts.bounds.get("minLength", 0), facts.bounds.get("maxLength", MAX_TEXT)
    if low > min(high, MAX_TEXT):
        raise NeverError("no text that is read is as long as it asks for")
    shape = _shape(facts, report)
    is_bytes = "binary" in dict(facts.formats) or "application/octet-stream" in facts.media
    if is_bytes and facts.bounds and not facts.patterns:
        report.note(
            place, "its length is one of bytes: it is held to characters that are a byte each"
        )
        shape = shape_of(_ASCII)
    formats = dict(facts.formats)
    for encoding in facts.encodings:  # says what a text is, and refuses none: people send data URLs
        report.note(place, f"that it is encoded as {encoding} is not held against it")
    made: Json = None
    for name, where in formats.items():
        if made is None and name in _NAMED:
            made = _named(name, where, facts, at, shape, report)
        elif name in _SHAPED and shape is None:
            shape = shape_of(_SHAPED[name])
            report.keep([where], "format")
        elif name in _KNOWN:
            report.lose([where], "format", f"any text goes; none is held to be a {name}")
        elif name in _NAMED or name in _SHAPED:
            report.lose([where], "format", f"no type is {name} and all else that is said of it")
        elif name not in _PLAIN:
            report.note(where, f"the format {name} is not known and bounds nothing")
    if made is not None:
        return made
    for key in ("minLength", "maxLength"):
        report.keep(facts.said.get(key, []), key)
    if high > MAX_TEXT:
        report.note(place, f"texts of more than {MAX_TEXT} characters are refused")
    longest = min(high, MAX_SEGMENT if at.kind == "path" else MAX_TEXT)
    quick = _quick(shape, longest, facts, report)
    return _text(at, low, min(high, MAX_TEXT), _within(quick, at.avoid, facts, report))


def _text(at: Place, low: int, high: int, shape: Shape | None) -> Json:
    kind, most, least = {"path": ("segment", MAX_SEGMENT, 1), "body": ("text", MAX_TEXT, 0)}.get(
        at.kind, ("line", MAX_TEXT, 0)
    )
    if high < least or low > most:
        raise NeverError("no text fits there")
    body: dict[str, Json] = {"type": kind}
    body |= {"max": high} if high < most else {}
    body |= {"min": low} if low > least else {}
    body |= {"shape": shape.to_json()} if shape is not None else {}
    return body if len(body) > 1 else kind


def _shape(facts: Facts, report: Report) -> Shape | None:
    found: Shape | None = None
    for pattern, where in facts.patterns:
        if (shape := shape_of(pattern)) is None:
            report.lose([where], "pattern", f"{pattern} is no plain shape")
        elif found is not None and found != shape:
            report.lose([where], "pattern", f"there is another one; {pattern}")
        else:
            found = shape
            report.keep([where], "pattern")
    return found


def _named(
    name: str, where: str, facts: Facts, at: Place, shape: Shape | None, report: Report
) -> Json:
    """Return the type that a format has, None where it cannot stand there or a shape says more."""
    kind, least, most = _NAMED[name]
    keeps_shape = kind in {"datetime", "date"} and shape is not None
    # An address may hold a slash, a URL a comma and an ampersand.
    leaves = kind in {"email", "url"} and (
        at.kind in {"path", "cookie"} or not set(at.avoid) <= set("|\t ")
    )
    if keeps_shape or leaves:
        report.lose([where], "format", f"{name} does not go with its pattern or place")
        return None
    report.keep([where], "format")
    if name in _LOOSE:
        report.lose([where], "format", f"{kind} does not tell {name} from others")
    if kind in _OTHERWISE:
        report.note(where, _OTHERWISE[kind])
    if shape is not None:
        for pattern, at_pattern in facts.patterns:
            report.lose([at_pattern], "pattern", f"{kind} has no shape; {pattern}")
    for key, holds in (
        ("minLength", facts.bounds.get("minLength", 0) <= least),
        ("maxLength", facts.bounds.get("maxLength", most) >= most),
    ):
        if holds:
            report.keep(facts.said.get(key, []), key)
        else:
            report.lose(facts.said.get(key, []), key, f"{kind} has a length of its own")
    return {"type": "url", "schemes": ["http", "https"]} if kind == "url" else kind


def _quick(shape: Shape | None, longest: int, facts: Facts, report: Report) -> Shape | None:
    """Return a shape that no text of such a length takes long to match."""
    if shape is None or shape.is_quick(longest):
        return shape
    for pattern, where in facts.patterns:
        report.lose([where], "pattern", f"texts of {longest} characters would take long; {pattern}")
    return None


def _within(shape: Shape | None, avoid: str, facts: Facts, report: Report) -> Shape | None:
    """Return a shape that holds none of some characters."""
    if not avoid or (shape is not None and not _holds(shape.parts, avoid)):
        return shape
    for pattern, where in facts.patterns if shape is not None else ():
        report.lose([where], "pattern", f"the place has a shape of its own; {pattern}")
    spelled = "".join(f"\\u{ord(character):04x}" for character in avoid)
    return shape_of(f"^[^{spelled}]*$")


def _holds(parts: Iterable[Part], avoid: str) -> bool:
    for part in parts:
        if isinstance(part, Literal):
            if not set(part.text).isdisjoint(avoid):
                return True
        elif isinstance(part, Choice):
            if any(_holds(one, avoid) for one in part.any_of):
                return True
        elif any(part.of.meets(CharacterClass.of(character)) for character in avoid):
            return True
    return False
