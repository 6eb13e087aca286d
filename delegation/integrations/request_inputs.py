"""Reads query, headers and cookies as arguments, and writes them so that they read the same again.

Each is text on the wire. What has a second reading is refused: a name that comes twice, a header that
is folded, a quoted cookie.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias
from urllib.parse import quote

from delegation import sent_json
from delegation.authority.argument import cut
from delegation.authority.arguments.url_text import stated
from delegation.authority.documents.inputs import Input
from delegation.canonical import Json
from delegation.errors import MalformedError

Headers: TypeAlias = Iterable[tuple[str, str]]
"""Names and values as they were sent, read as Latin-1; names in any case, each as often as it came."""

_NAMES: Final = 300  # characters of the names in a sentence
_HEADER_VALUE: Final = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?)?")
COOKIE_NAME: Final = re.compile(r"[!#'*+.0-9A-Z^_`a-z|~-][!#$&'*+.0-9A-Z^_`a-z|~-]*")
# RFC 6265 section 4.1.1, without the escape that some frameworks decode and others do not.
_COOKIE_VALUE: Final = re.compile(r"[!#$&-+./0-9:<-\[\]-~-]*")


def text_of(value: Json) -> str:
    """Return the one spelling of a plain value outside of JSON.

    Raises:
        MalformedError: Null, a list or an object, which have none.
    """
    if value is None or isinstance(value, list | dict):
        raise MalformedError("An argument in a URL", wanted="plain: null has no spelling there")
    return value if isinstance(value, str) else sent_json.text_of(value)


def texts_of(one: Input, value: Json) -> list[str]:
    """Return the spellings of what an input states: of a list each item's, of all else one.

    Raises:
        MalformedError: It has none; an empty list reads as nothing stated.
    """
    if one.many and (not isinstance(value, list) or not value):
        raise MalformedError(f"The argument {one.argument}", wanted="a list of one item at least")
    items = value if one.many and isinstance(value, list) else [value]
    texts = [text_of(item) for item in items]
    again: list[Json] = [stated(text, one.kind) for text in texts]
    if sent_json.encode(again) != sent_json.encode(items):
        raise MalformedError(f"The argument {one.argument}", wanted=f"text that states {one.kind}")
    return texts


def undeclared(what: str, names: Iterable[str]) -> MalformedError:
    """Return the refusal of an input that no route declares; only those that one does are named."""
    known = cut(", ".join(sorted(names)), _NAMES)
    return MalformedError(
        what,
        wanted=f"of declared inputs only: {known}" if known else "empty: nothing is declared there",
        remedy=f"Leave out of {what[:1].lower()}{what[1:]} what is not declared.",
    )


def stated_by(
    inputs: Sequence[Input], pairs: Iterable[tuple[str, str]], what: str
) -> dict[str, Json]:
    """Return the arguments that pairs of a query or form state.

    Args:
        inputs: All that are declared there.
        pairs: Decoded names and values.
        what: How an error names the place.

    Raises:
        MalformedError: One is not declared, or comes twice and is no list.
    """
    declared = {one.name: one for one in inputs}
    found: dict[str, list[str]] = {}
    for name, text in pairs:
        if name not in declared:
            raise undeclared(what, declared)
        found.setdefault(name, []).append(text)
    stated_values: dict[str, Json] = {}
    for name, texts in found.items():
        one = declared[name]
        if one.many:
            stated_values[one.argument] = [stated(text, one.kind) for text in texts]
        elif len(texts) == 1:
            stated_values[one.argument] = stated(texts[0], one.kind)
        else:
            raise MalformedError(
                f"{name} in {what[:1].lower()}{what[1:]}", wanted="stated once: it is no list"
            )
    return stated_values


def written_query(inputs: Sequence[Input], arguments: Mapping[str, Json]) -> str:
    """Return the escaped query that carries arguments.

    Raises:
        MalformedError: A value has no spelling in a query.
    """
    return "&".join(
        f"{quote(one.name, safe='')}={quote(text, safe='')}"
        for one in inputs
        if one.argument in arguments
        for text in texts_of(one, arguments[one.argument])
    )


def stated_by_headers(inputs: Sequence[Input], headers: Headers) -> dict[str, Json]:
    """Return the arguments that headers and cookies state; all that are not declared are passed over.

    Raises:
        MalformedError: One comes twice and is no list, or some reader takes it for another value.
    """
    sent: dict[str, list[str]] = {}
    for name, value in headers:
        sent.setdefault(name.lower(), []).append(value)
    cookies = [one for one in inputs if one.place == "cookie"]
    found: dict[str, Json] = {}
    for one in inputs:
        if one.place != "header" or one.name not in sent:
            continue
        values = sent[one.name]
        if len(values) != 1 and not one.many:
            raise MalformedError(f"The header {one.name}", wanted="there once: it is no list")
        for value in values:
            _refuse_odd_header(one, value)
        read: list[Json] = [stated(value, one.kind) for value in values]
        found[one.argument] = read if one.many else read[0]
    if cookies and "cookie" in sent:
        if len(sent["cookie"]) != 1:
            raise MalformedError("Cookie", wanted="one header")
        jar = _cookies(sent["cookie"][0])
        for one in cookies:
            if one.name in jar:
                found[one.argument] = stated(jar[one.name], one.kind)
    return found


def written_headers(
    inputs: Sequence[Input], arguments: Mapping[str, Json]
) -> list[tuple[str, str]]:
    """Return the headers that carry arguments, cookies in one.

    Raises:
        MalformedError: A value has no spelling there.
    """
    headers, cookies = [], []
    for one in inputs:
        if one.argument not in arguments or one.place not in {"header", "cookie"}:
            continue
        for text in texts_of(one, arguments[one.argument]):
            if one.place == "header":
                _refuse_odd_header(one, text)
                headers.append((one.name, text))
            elif _COOKIE_VALUE.fullmatch(text) is None:
                raise MalformedError(f"The cookie {one.name}", wanted="one line of plain ASCII")
            else:
                cookies.append(f"{one.name}={text}")
    return [*headers, ("cookie", "; ".join(cookies))] if cookies else headers


def _refuse_odd_header(one: Input, value: str) -> None:
    """Refuse what is no line, or as an item of a list might be read as two: who forwards joins them."""
    if _HEADER_VALUE.fullmatch(value) is None:
        raise MalformedError(f"The header {one.name}", wanted="one line of printable ASCII")
    if one.many and (not value or "," in value):
        raise MalformedError(
            f"The header {one.name}", wanted="one header for each item, without commas in it"
        )


def _cookies(header: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in header.split("; "):
        name, equals, value = part.partition("=")
        if (
            not equals
            or name in found
            or COOKIE_NAME.fullmatch(name) is None
            or _COOKIE_VALUE.fullmatch(value) is None
        ):
            raise MalformedError(
                "Cookie", wanted="each cookie once, plainly: name=value; name=value"
            )
        found[name] = value
    return found
