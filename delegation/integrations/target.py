"""Reads the target of a request as its client spelled it, so that nobody can read it otherwise.

A proxy, this service and the server behind each decode a path. Whatever one of them might resolve,
split or decode another way is refused here, before any route is looked at. Source: RFC 3986 §3.3
(characters), §6.2.2 (one spelling of each escape).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from delegation.authority.refusal import Refusal
from delegation.errors import MalformedError

MAX_TARGET: Final = 4096  # characters; nginx refuses header lines above 8 kB by default
MAX_PARAMETERS: Final = 32
_PATH: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-F]{2})+", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9._~-]{1,64}", re.ASCII)
# `+` is a space to some readers and a plus to others; `;` separates parameters for some.
# `filter[limit]` and `ids[]`, which clients escape or do not.
_STRUCTURED: Final = re.compile(r"(?:[A-Za-z0-9._~!$'()*,:@/\[\]-]|%[0-9A-F]{2}){1,600}", re.ASCII)
PARAMETER: Final = re.compile(r"(?! )[A-Za-z0-9._~!$'()*,:@/\[\] -]{1,200}(?<! )", re.ASCII)
_VALUE: Final = re.compile(r"(?:[A-Za-z0-9._~!$'()*,:@/?-]|%[0-9A-F]{2})*", re.ASCII)
_ESCAPE: Final = re.compile(r"%([0-9A-F]{2})")
_FIRST_PRINTABLE: Final = 0x20
_DELETE: Final = 0x7F
_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@dataclass(frozen=True, slots=True)
class Target:
    """A path and query of one reading.

    Args:
        segments: Decoded segments; the last is empty if the path ends in a slash.
        query: Decoded values by name.
    """

    segments: tuple[str, ...]
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RequestTarget:
    """A path and query of one reading, in which a name may come again.

    Args:
        segments: Decoded segments; the last is empty if the path ends in a slash.
        parameters: Decoded names and values, in order; of a bare `?flag` the value is empty.
    """

    segments: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        """The decoded path."""
        return "/" + "/".join(self.segments)


def target_of(path: str, query: str = "") -> RequestTarget:
    """Return a raw path and query as everybody reads them.

    Raises:
        MalformedError: Two servers might read them as two things.
    """
    found = read_target(path) if "?" not in path else _odd("has a question mark")
    if isinstance(found, Refusal) or len(path) + len(query) > MAX_TARGET:
        raise MalformedError("The request's target", wanted="one that every server reads alike")
    parameters = tuple(_parameter(part) for part in query.split("&")) if query else ()
    return RequestTarget(found.segments, parameters)


def _parameter(part: str) -> tuple[str, str]:
    spelled, _, value = part.partition("=")
    if _STRUCTURED.fullmatch(spelled) and _VALUE.fullmatch(value):
        name, text = _decoded(spelled, refused=b"%&=+;#"), _decoded(value, refused=b"%")
        if name is not None and text is not None and PARAMETER.fullmatch(name):
            return name, text
    raise MalformedError("The query", wanted="plain parameters that every server reads alike")


def read_target(raw: str) -> Target | Refusal:
    """Return the target of a request line, or why it has more than one reading.

    Not checked here: whether a route is declared for it.

    Args:
        raw: Path and query exactly as the client sent them.
    """
    if len(raw) > MAX_TARGET:
        return _odd("is too long")
    path, mark, rest = raw.partition("?")
    if not path.startswith("/"):
        return _odd("does not begin with a slash")
    spelled = path[1:].split("/")
    segments: list[str] = []
    for number, segment in enumerate(spelled):
        if segment == "" and number == len(spelled) - 1:
            segments.append("")
            continue
        if segment == "":
            return _odd("has an empty segment")
        if _PATH.fullmatch(segment) is None:
            return _odd("has a character or an escape of another form")
        if (decoded := _decoded(segment, refused=b"/\\;%")) is None:
            return _odd("has an escape that some readers decode otherwise")
        if decoded in {".", ".."}:
            return _odd("has a dot segment")
        segments.append(decoded)
    query = _read_query(rest) if mark else {}
    return query if isinstance(query, Refusal) else Target(tuple(segments), query)


def _read_query(rest: str) -> dict[str, str] | Refusal:
    found: dict[str, str] = {}
    parts = rest.split("&")
    if len(parts) > MAX_PARAMETERS:
        return _odd_query("has too many parameters")
    for part in parts:
        name, equals, spelled = part.partition("=")
        if not equals or _NAME.fullmatch(name) is None or _VALUE.fullmatch(spelled) is None:
            return _odd_query("has a parameter of another form than name=value")
        if (value := _decoded(spelled, refused=b"%")) is None:
            return _odd_query("has an escape that some readers decode otherwise")
        if name in found:
            return _odd_query("names a parameter twice")
        found[name] = value
    return found


def _decoded(text: str, *, refused: bytes) -> str | None:
    """Return decoded text; None if an escape stands for something plain, refused, or no UTF-8."""
    for escape in _ESCAPE.findall(text):
        byte = int(escape, 16)
        # An escaped `%` is how a second decoding is smuggled past the first.
        if byte in _PLAIN or byte in refused or byte < _FIRST_PRINTABLE or byte == _DELETE:
            return None
    data = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text).encode("latin-1")
    try:
        return data.decode("utf-8", "strict")
    except UnicodeError:
        return None


def _odd(what: str) -> Refusal:
    return Refusal(
        "target_ambiguous", f"The path {what}.", "path", remedy="Send it in one spelling."
    )


def _odd_query(what: str) -> Refusal:
    return Refusal(
        "query_ambiguous",
        f"The query {what}.",
        "query",
        remedy="Send each parameter once, plainly.",
    )
