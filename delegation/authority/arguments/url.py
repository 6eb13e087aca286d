"""Reads http(s) URLs in one spelling, part by part. What two parsers could read apart is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final
from urllib.parse import unquote_to_bytes

from delegation.authority.arguments.argument_type import NoCanonicalFormError, text_in
from delegation.authority.arguments.character import character_at, named
from delegation.authority.arguments.host import canonical_host, is_special_host
from delegation.authority.arguments.text import refuse_unplain
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.ignorable import odd_ignorable
from delegation.lookalikes import read_as

MAX_URL: Final = 2048
MAX_PORT: Final = 65535
_PORTS: Final = {"https": 443, "http": 80}
_SHAPE: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?",
    re.ASCII,
)
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
# RFC 3986 pchar, less `;` (path parameters), `\` is none; query adds / and ?.
_PATH: Final = re.compile(r"(/([A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})*)+", re.ASCII)
_QUERY: Final = re.compile(r"([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*", re.ASCII)
_MEANINGFUL: Final = read_as("/\\.:;%*?\"'`<>|#@&=")
_NO_PATH: Final = re.compile(r"[^A-Za-z0-9._~!$&'()*+,=:@/%-]|%(?![0-9A-Fa-f]{2})", re.ASCII)
_NO_QUERY: Final = re.compile(r"[^A-Za-z0-9._~!$&'()*+,;=:@/?%-]|%(?![0-9A-Fa-f]{2})", re.ASCII)
_SPACE: Final = re.compile(r"\s")  # of any script, as `%20` is refused
_UTF8: Final = "Send escapes of plain letters alone, in UTF-8 and NFC, such as %C3%A9 for é."
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
)
# Decoded again these would split, climb or end a path: percent, slash, backslash, NUL to space.
_REFUSED_ESCAPES: Final = frozenset([*range(0x21), 0x23, 0x25, 0x2F, 0x3B, 0x3F, 0x5C, 0x7F])


@dataclass(frozen=True, slots=True)
class UrlParts:
    """A canonical URL, taken apart.

    Args:
        scheme: `https` or `http`.
        host: Canonical host.
        port: Number, the scheme's own if none was written.
        path: Begins with a slash.
        query: Without the question mark; None if there is none.
    """

    scheme: str
    host: str
    port: int
    path: str
    query: str | None

    @property
    def text(self) -> str:
        """The one spelling."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        query = "" if self.query is None else f"?{self.query}"
        return f"{self.scheme}://{host}{port}{self.path}{query}"


@dataclass(frozen=True, slots=True)
class UrlType:
    """An absolute http(s) URL without user, password or fragment.

    Args:
        schemes: Which of `https` and `http` are admitted.
        unsafe_special_addresses: See `HostType`.
    """

    name: ClassVar[str] = "url"
    schemes: tuple[str, ...] = ("https",)
    unsafe_special_addresses: bool = False

    def __post_init__(self) -> None:
        if not self.schemes or not set(self.schemes) <= _PORTS.keys():
            raise MalformedError("url schemes", wanted="https, http or both")
        if type(self.unsafe_special_addresses) is not bool:
            raise MalformedError("unsafe_special_addresses", wanted="a boolean")

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return f"a URL such as {self.schemes[0]}://api.acme.example/v1/orders"

    def canonicalise(self, value: Json) -> Json:
        """Return the URL in its one spelling."""
        value = text_in(value, "a URL")
        parts = parse_url(value, special=self.unsafe_special_addresses)
        if parts.scheme not in self.schemes:
            raise NoCanonicalFormError("url_scheme", f"its scheme is {parts.scheme}")
        return parts.text

    def to_json(self) -> Json:
        """Return the type's JSON."""
        if self == UrlType():
            return self.name
        return {
            "type": self.name,
            "schemes": [*self.schemes],
            "unsafe_special_addresses": self.unsafe_special_addresses,
        }


def parse_url(text: str, *, special: bool) -> UrlParts:
    """Return a URL's parts in canonical form.

    Args:
        text: The URL.
        special: Whether special-purpose addresses and local names are admitted.

    Raises:
        NoCanonicalFormError: It has no canonical form.
    """
    if len(text) > MAX_URL:
        raise NoCanonicalFormError("url_too_long", f"it has {len(text)} characters")
    if "#" in text:
        raise NoCanonicalFormError(
            "url_fragment",
            f"it has a fragment: {character_at(text, text.index('#'))}",
            remedy="Leave the number sign out, and all that follows it.",
        )
    if (match := _SHAPE.fullmatch(text)) is None:
        raise NoCanonicalFormError("url_form", "it is no absolute URL")
    if (scheme := match["scheme"].lower()) not in _PORTS:
        raise NoCanonicalFormError("url_scheme", "its scheme is neither https nor http")
    host, port = _authority(match["authority"], scheme, special=special)
    path = _escaped(match["path"] or "/", _PATH, match.start("path"))
    for number, segment in enumerate(path[1:].split("/")[:-1], 1):
        if not segment:
            raise NoCanonicalFormError(
                "url_empty_segment",
                f"segment {number} of its path is empty",
                remedy="Send it with single slashes in its path.",
            )
    if any(segment in {".", ".."} for segment in path.split("/")):
        raise NoCanonicalFormError(
            "url_dot_segment",
            "its path has a segment . or ..",
            remedy="Send the whole URL that is meant, without . and .. in its path.",
        )
    query = None
    if match["query"] is not None:
        query = _escaped(match["query"], _QUERY, match.start("query"))
    return UrlParts(scheme, host, port, path, query)


def is_special_target(text: str) -> bool:
    """Return whether a canonical URL or host is, or leads to, a special host."""
    return is_special_host(parse_url(text, special=True).host if "://" in text else text)


def _authority(text: str, scheme: str, *, special: bool) -> tuple[str, int]:
    if "@" in text:
        raise NoCanonicalFormError(
            "url_userinfo",
            "it names a user before the host",
            remedy="Leave the user out, and the @ behind it.",
        )
    if "%" in text or "\\" in text:
        raise NoCanonicalFormError("url_form", "its host is escaped")
    host, port = text, ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in host or (rest and not rest.startswith(":")):
            raise NoCanonicalFormError("url_form", "its host is no bracketed address")
        has_port, port = bool(rest), rest[1:]
    else:
        host, colon, port = text.partition(":")
        has_port = bool(colon)
    if has_port and (_PORT.fullmatch(port) is None or int(port) > MAX_PORT):
        raise NoCanonicalFormError(
            "url_port",
            "its port is no number from 1 to 65535",
            remedy="Leave the colon and the port out, or send a port from 1 to 65535.",
        )
    return canonical_host(host, special=special), int(port) if has_port else _PORTS[scheme]


def _escaped(text: str, form: re.Pattern[str], start: int) -> str:
    """Return a path or query in its one spelling; `start` is where it stands in the URL."""
    if form.fullmatch(text) is None:
        odd = (_NO_PATH if form is _PATH else _NO_QUERY).search(text)
        index = odd.start() if odd else 0
        said = f"{named(text[index])} at character {start + index + 1}"
        raise NoCanonicalFormError(
            "url_foreign_character",
            f"it holds {said}, which a URL has not there",
            remedy="Escape it by its UTF-8 bytes, such as %C3%A9 for é, or leave it out.",
        )

    def spell(match: re.Match[str]) -> str:
        if (byte := int(match[1], 16)) in _REFUSED_ESCAPES:
            raise NoCanonicalFormError(
                "url_escape",
                f"it escapes {named(chr(byte))}, at character {start + match.start() + 1}",
                remedy="Send a URL without escapes of a space, # % / ; ? \\ and control characters.",
            )
        return chr(byte) if byte in _UNRESERVED else f"%{byte:02X}"

    spelled = _ESCAPE.sub(spell, text)
    if "%" in spelled:
        _refuse_odd_escapes(spelled)
    return spelled


def _refuse_odd_escapes(spelled: str) -> None:
    """Refuse escapes that are no UTF-8, or that some reader takes for another character or none."""
    try:
        decoded = unquote_to_bytes(spelled).decode("utf-8")
        refuse_unplain(decoded, MAX_URL)
    except (UnicodeDecodeError, NoCanonicalFormError) as error:
        raise NoCanonicalFormError(
            "url_escape_text", "its escapes are no plain UTF-8", remedy=_UTF8
        ) from error
    if _MEANINGFUL.search(decoded) or _SPACE.search(decoded) or odd_ignorable(decoded) is not None:
        raise NoCanonicalFormError(
            "url_escape_text",
            "it escapes a character that some readers take for another or none",
            remedy=_UTF8,
        )
