"""Finds what a reader of a text may take for a link, and whether all of it leads to given hosts.

A mail client, a chat, a browser and a person each find links in their own way. So a text is read as it
stands and as they may decode it, and three finders look at each reading: linkify-it, which many of
them use; what has a scheme, or two slashes; and names that end in a top-level domain. What is found
must be a plain `http` or `https` URL of the default port, a name or a mailbox of a given host. What
nobody can be sure of (another scheme, a user before the host, `//host`, a port, a broken URL) is no
link to a given host. Not looked at: what a person reads out of words (`evil dot com`), pictures.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import idna

from delegation.authority.arguments import NoCanonicalFormError
from delegation.authority.arguments.host import canonical_host
from delegation.authority.arguments.top_level_domains import DELEGATED
from delegation.authority.arguments.url import parse_url
from delegation.ignorable import IGNORABLE

if TYPE_CHECKING:
    from linkify_it import LinkifyIt

_LABEL: Final = 63  # characters; a longer one is no label
_MOST_ROUNDS: Final = 4  # who decodes more often than that reads what nobody wrote
_SOME: Final = re.compile(r"[.:/\\@]|localhost", re.IGNORECASE)
_SCHEME: Final = re.compile(r"(?<![a-z0-9+.-])([a-z][a-z0-9+.-]+):(?=\S)", re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"//([^\s/?#\\<>\"]*)")
_PATH: Final = re.compile(r"[/?#][A-Za-z0-9._~/?&=%+:#$!*-]*")  # beyond an @ there may be a mailbox
_SLASHES: Final = re.compile(r"[/\\]{2}(?=\S)")
_MAILBOX: Final = re.compile(r"<[^<>\s]{1,256}@([^<>\s@]{1,256})>")  # whatever its domain is
_NAME: Final = re.compile(r"[^\x00-,/:-@\[-^`{-\x7f\s]+")
_OTHER_DOTS: Final = str.maketrans("\u3002\uff0e\uff61", "...")  # IDNA reads them as dots
_DEFANGED: Final = re.compile(r"\s?[\[({<]\s?(?:\.|dot|punkt)\s?[\])}>]\s?", re.IGNORECASE)
# Readers of attributes drop these wherever they stand in a URL.
_DROPPED: Final = re.compile(r"[\t\r\n]")
_SPLIT: Final = re.compile(
    r"(?:java|vb|live)script:.|data:[a-z]*[/;,]|(?:https?|ftp|file|wss?|blob):[/\\]|[/\\]{2}",
    re.IGNORECASE,
)
# Not of the DNS root, yet names of hosts where they are answered (RFC 6761 and its kin).
_SPECIAL: Final = frozenset({
    "alt", "arpa", "corp", "example", "home", "internal", "invalid", "lan", "local", "localdomain",
    "localhost", "onion", "test",
})  # fmt: skip
_OPENING: Final = frozenset("\"'`<=([")


def leads_only_to(text: str, is_given: Callable[[str], bool]) -> bool:
    """Return whether every link that a reader may find in a text leads to a given host.

    Args:
        text: The text.
        is_given: Returns whether a canonical host is one of those.
    """
    readings = list(_readings(text))
    return len(readings) < _MOST_ROUNDS * len(_DECODERS) and all(
        _is_plain(seen) or _Reading(seen, is_given).is_given() for seen in readings
    )


def _is_plain(text: str) -> bool:
    return _SOME.search(text) is None


def _readings(text: str) -> Iterator[str]:
    """Yield the text, and what comes of it wherever one more reader decodes it."""
    yield text
    for _ in range(_MOST_ROUNDS):
        before = text
        for decode in _DECODERS:
            seen = decode(text)
            if seen != text:
                yield seen
            text = seen
        if text == before:
            return
    yield from [text] * (_MOST_ROUNDS * len(_DECODERS))  # it never ends: refused


def _normal(text: str) -> str:
    if text.isascii():
        return text
    visible = IGNORABLE.sub("", unicodedata.normalize("NFKC", text))
    return unicodedata.normalize("NFKC", visible).translate(_OTHER_DOTS)


_DECODERS: Final[tuple[Callable[[str], str], ...]] = (
    html.unescape,
    unquote,
    _normal,
    lambda text: _DEFANGED.sub(".", text),
)


class _Reading:
    """One reading of a text.

    Args:
        text: What a reader sees.
        is_given: Whether a canonical host is given.
    """

    def __init__(self, text: str, is_given: Callable[[str], bool]) -> None:
        self._text, self._given = text, is_given
        self._slashes: set[int] = set()  # where those of an accepted URL stand
        self._paths: list[tuple[int, int]] = []  # host and path of one

    def is_given(self) -> bool:
        """Return whether all that is found leads to a given host."""
        return (
            all(map(self._is_scheme_given, _SCHEME.finditer(self._text)))
            and all(one.start() in self._slashes for one in _SLASHES.finditer(self._text))
            and all(self._is_host_given(one[1]) for one in _MAILBOX.finditer(self._text))
            and not self._is_split()
            and self._are_names_given()
            and self._are_matches_given()
        )

    def _is_host_given(self, name: str) -> bool:
        try:
            return self._given(canonical_host(name, special=True))
        except NoCanonicalFormError:
            return False

    def _is_scheme_given(self, found: re.Match[str]) -> bool:
        rest = _AUTHORITY.match(self._text, found.end())
        if found[1].lower() not in {"http", "https"} or rest is None:
            return False
        end = len(rest[1])
        while end and not rest[1][end - 1].isalnum():
            end -= 1
        host, tail = rest[1][:end], rest[1][end:]
        if not all(unicodedata.category(c)[0] in "PSZ" for c in tail):
            return False  # a mark or a hidden character is part of a name to some
        after = self._text[rest.end() : rest.end() + 1]
        is_cut = bool(tail)  # punctuation after it: then nothing of a URL may follow
        path = _PATH.match(self._text, rest.end())
        if not self._is_host_given(host) or after == "\\" or (is_cut and path is not None):
            return False
        if path is None and after in {"\t", "\r", "\n"} and self._is_opened(found.start()):
            return False  # an attribute's reader drops the break, and reads on
        self._slashes.add(found.end())
        self._paths.append((rest.start(), rest.end() if path is None else path.end()))
        return True

    def _is_opened(self, place: int) -> bool:
        """Return whether what begins at a place stands behind a quote or bracket."""
        while place and self._text[place - 1].isspace():
            place -= 1
        return place > 0 and self._text[place - 1] in _OPENING

    def _is_split(self) -> bool:
        """Return whether a URL begins where line breaks or tabs are left out."""
        if _DROPPED.search(self._text) is None:
            return False
        kept = [place for place, c in enumerate(self._text) if c not in "\t\r\n"]
        joined = "".join(self._text[place] for place in kept)
        return any(
            kept[one.end() - 1] - kept[one.start()] != one.end() - 1 - one.start()
            for one in _SPLIT.finditer(joined)
        )

    def _are_names_given(self) -> bool:
        # A symbol may be part of a name or end it, and to some readers so may every other letter.
        for kinds in ("LMNS", "LMN", ""):
            text = "".join(
                c if c.isascii() or unicodedata.category(c)[0] in kinds else " " for c in self._text
            )
            for token in _NAME.finditer(text):
                bare = token[0].strip(".-_")
                if bare.lower() == "localhost" and not self._is_host_given("localhost"):
                    return False
                if "." in bare and not self._is_path(token.start()):
                    parts = filter(None, re.split(r"\.{2,}", bare))
                    if not all(map(self._is_name_given, parts)):
                        return False
            if self._text.isascii():
                break
        return True

    def _is_path(self, place: int) -> bool:
        return any(start <= place < end for start, end in self._paths)

    def _is_name_given(self, name: str) -> bool:
        """Return whether the longest beginning of a dotted name that is a host is a given one."""
        labels = [label.strip("-_").lower() for label in name.strip(".").split(".")]
        if len(labels) == 4 and all(one.isdigit() and len(one) <= 3 for one in labels):  # noqa: PLR2004  # IPv4
            return self._is_host_given(".".join(labels))
        for place in range(len(labels) - 1, 0, -1):
            if _is_top(labels[place]) or (labels[0] == "www" and place > 1):
                return self._is_host_given(".".join(labels[: place + 1]))
        return True

    def _are_matches_given(self) -> bool:
        for found in _finder().match(self._text) or ():
            if found.schema == "mailto:":
                if not self._is_host_given(found.url.rpartition("@")[2].partition("?")[0]):
                    return False
                continue
            try:
                parts = parse_url(found.url.partition("#")[0], special=True)
            except NoCanonicalFormError:
                return False
            if not self._given(parts.host) or parts.port not in {80, 443}:
                return False
        return True


@lru_cache(maxsize=4096)
def _is_top(label: str) -> bool:
    if label in _SPECIAL or label in DELEGATED:
        return True
    if label.isascii() or len(label) > _LABEL:
        return False
    try:
        return idna.encode(label).decode("ascii") in DELEGATED
    except (idna.IDNAError, UnicodeError):
        return False


@cache
def _finder() -> LinkifyIt:
    """Return the finder; imported late, since few constraints need it."""
    from linkify_it import LinkifyIt  # noqa: PLC0415

    shown = {name if not name.startswith("xn--") else idna.decode(name) for name in DELEGATED}
    finder = LinkifyIt(options={"fuzzy_link": True, "fuzzy_email": True, "fuzzy_ip": True})
    return finder.tlds(sorted(shown | DELEGATED))
