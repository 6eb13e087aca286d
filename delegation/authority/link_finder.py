"""Finds what a reader of a text may take for a link, and whether all of it leads to given hosts.

A mail client, a chat, a browser and a person each find links in their own way. So a text is read as it
stands and as they may decode it, and three finders look at each reading: linkify-it, which many of
them use; what has a scheme, or two slashes; and names that end in a top-level domain. What is found
must be a plain `http` or `https` URL of the default port, a name or a mailbox of a given host. What
nobody can be sure of (another scheme, a user before the host, `//host`, a port, a broken URL, more
names than anybody writes) is no link to a given host. Not looked at: what a person reads out of words
(`evil dot com`), pictures, what only one program makes a link of (`@name`, phone numbers, `[[wiki]]`),
and targets without a host (`/page`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache
from hashlib import blake2b
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Final

import idna

from delegation.authority.arguments import NoCanonicalFormError
from delegation.authority.arguments.host import canonical_host
from delegation.authority.arguments.top_level_domains import DELEGATED
from delegation.authority.arguments.url import parse_url
from delegation.authority.link_readings import readings_of

if TYPE_CHECKING:
    from linkify_it import LinkifyIt

_LABEL: Final = 63  # characters; a longer one is no label
_MOST_CANDIDATES: Final = 512  # places in a reading where a link may be; beyond, nobody is sure
_MOST_HOSTS: Final = 64  # different ones in a text
_REMEMBERED: Final = 4 * 1024 * 1024  # bytes, of all that was found together
_SOME: Final = re.compile(r"[.:/\\@]|localhost", re.IGNORECASE)
_SCHEME: Final = re.compile(r"(?<![a-z0-9+.-])([a-z][a-z0-9+.-]+):(?=\S)", re.IGNORECASE)
# HTML takes white space behind a scheme; people write it, but not so at the start of a target.
_RUN: Final = re.compile(
    r"(?<![a-z0-9+.-])(?:java|vb|live|j)script:|(?<![a-z0-9+.-])data:\s*+(?:[a-z]+/|[;,])",
    re.IGNORECASE,
)
_HELD: Final = re.compile(
    r"(?:=\s*+[\"'`]?|<|\]\(<?|\]:)[\s\x00-\x20]*+[a-z][a-z0-9+.-]+:\s", re.IGNORECASE
)
_CANDIDATE: Final = re.compile(r"[.:@](?=[^\s\d.:@])|//|(?<!\d)[.:@](?=\d)|\d\.\d+\.(?=\d)")
_AUTHORITY: Final = re.compile(r"//([^\s/?#\\<>\"]*)")
# It ends where some reader's does: at an @ there may be a mailbox, at a mark the end of emphasis.
_PATH: Final = re.compile(r"[/?#](?:[A-Za-z0-9_/?&=%+:#]|\.(?!\.)|-(?!--))*")
# Breaks and tabs behind them too: readers of attributes and of quoted targets drop those.
_SLASHES: Final = re.compile(r"[/\\]{2}[\t\r\n]*+(?=\S)")
# Mailboxes and what begins with `www.` are linked by some whatever top their names have.
_MAILBOX: Final = re.compile(r"<[^<>\s]{1,256}@([^<>\s@]{1,256})>")
_BARE_MAILBOX: Final = re.compile(r"(?<=[^\s@])@((?:[\w-]+\.)+[^\W\d][\w-]*)")
_NAMELESS: Final = re.compile(r"www\.(?:(?![^\W_])|[^\s@/]*+@)", re.IGNORECASE)
_NAME: Final = re.compile(r"[^\x00-,/:-@\[-^`{-\x7f\s]+")
# Readers of attributes drop these wherever they stand in a URL.
_BREAKS: Final = re.compile(r"[\t\r\n]+(?=\S)")
_ALNUM: Final = re.compile(r"\w")
_GOES_ON: Final = re.compile(r"[.@:%\\/?#]|-\w")  # as a host, a user before one, or a port
_DOTS: Final = re.compile(r"\.{2,}")
_DROPPED: Final = re.compile(r"[\t\r\n]")
_SPLIT: Final = re.compile(
    r"(?:java|vb|live)script:.|data:\s*+[a-z]*[/;,]|(?:https?|ftp|file|wss?|blob):[/\\]|[/\\]{2}"
    r"|(?:=\s*+[\"'`]?|<)[a-z][a-z0-9+.-]+:",
    re.IGNORECASE,
)
# Not of the DNS root, yet names of hosts where they are answered (RFC 6761 and its kin, other roots).
_SPECIAL: Final = frozenset({
    "alt", "arpa", "bit", "corp", "crypto", "dao", "eth", "example", "gnu", "home", "i2p", "internal",
    "invalid", "lan", "local", "localdomain", "localhost", "loki", "nft", "onion", "test", "wallet", "zil",
})  # fmt: skip
_OPENING: Final = frozenset("\"'`<=([")
_LED: Final = re.compile(r".*(www)|(?:.*[_-])?ftp")  # linked by some whatever follows


def leads_only_to(text: str, is_given: Callable[[str], bool]) -> bool:
    """Return whether every link that a reader may find in a text leads to a given host.

    Args:
        text: The text.
        is_given: Returns whether a canonical host is one of those.
    """
    hosts = _MEMORY.hosts_in(text)
    return hosts is not None and all(map(is_given, hosts))


class _Memory:
    """What was found in the texts of late, so that many constraints on one value look once.

    It keeps no text, only its digest; the oldest is forgotten first.
    """

    def __init__(self) -> None:
        self._found: dict[bytes, frozenset[str] | None] = {}
        self._size = 0
        self._lock = Lock()

    def hosts_in(self, text: str) -> frozenset[str] | None:
        """Return the hosts of a text's links, or None where nobody can be sure of them."""
        key = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).digest()
        with self._lock:
            if key in self._found:
                return self._found[key]
        hosts = _hosts_in(text)
        with self._lock:
            if key not in self._found:
                self._found[key] = hosts
                self._size += _size(hosts)
            while self._size > _REMEMBERED:
                self._size -= _size(self._found.pop(next(iter(self._found))))
        return hosts


def _size(hosts: frozenset[str] | None) -> int:
    return 512 + sum(100 + len(host) for host in hosts or ())


_MEMORY: Final = _Memory()


def _hosts_in(text: str) -> frozenset[str] | None:
    if (readings := readings_of(text)) is None:
        return None
    found: set[str] = set()
    names: set[str] = set()
    for seen in readings:
        if _SOME.search(seen) is not None and not _Reading(seen, found, names).is_sure():
            return None
    return frozenset(found)


class _Reading:
    """One reading of a text.

    Args:
        text: What a reader sees.
        hosts: Where the canonical hosts of all links are put.
        names: Those that were looked at in other readings.
    """

    def __init__(self, text: str, hosts: set[str], names: set[str]) -> None:
        self._text, self._hosts, self._names = text, hosts, names
        self._underscore = text.find("_") % (len(text) + 1)  # the first; the end if there is none
        self._markup = min(text.find(c) % (len(text) + 1) for c in "<=")  # what has attributes
        self._slashes: set[int] = set()  # where those of an accepted URL stand
        self._paths: list[tuple[int, int]] = []  # host and path of one

    def is_sure(self) -> bool:
        """Return whether each link that is found plainly leads to a host; the cheap looks first."""
        return (
            not self._is_crowded()
            and _RUN.search(self._text) is None
            and _HELD.search(self._text) is None
            and _NAMELESS.search(self._text) is None
            and all(map(self._is_plain_url, _SCHEME.finditer(self._text)))
            and all(one.start() in self._slashes for one in _SLASHES.finditer(self._text))
            and all(self._is_host(one[1]) for one in _MAILBOX.finditer(self._text))
            and all(self._is_host(one[1]) for one in _BARE_MAILBOX.finditer(self._text))
            and not self._is_split()
            and self._are_names_sure()
            and self._are_matches_sure()
        )

    def _is_crowded(self) -> bool:
        most = islice(_CANDIDATE.finditer(self._text), _MOST_CANDIDATES, None)
        return next(most, None) is not None

    def _is_host(self, name: str) -> bool:
        """Return whether a name is that of a host, which is kept, and not one too many."""
        try:
            self._hosts.add(canonical_host(name, special=True))
        except NoCanonicalFormError:
            return False
        return len(self._hosts) <= _MOST_HOSTS

    def _is_plain_url(self, found: re.Match[str]) -> bool:
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
        path_end = self._path_end(found.start(), rest.end())
        if not self._is_host(host) or after == "\\" or (is_cut and path_end is not None):
            return False
        if path_end is None and self._is_continued(found.start(), rest.end()):
            return False
        self._slashes.add(found.end())
        self._paths.append((rest.start(), path_end or rest.end()))
        return True

    def _path_end(self, start: int, place: int) -> int | None:
        """Return where the path of a URL ends that starts at a place, or None without one."""
        if (path := _PATH.match(self._text, place)) is None:
            return None
        if self._underscore >= start:
            return path.end()
        closing = self._text.find("_", place, path.end())  # of emphasis
        return path.end() if closing < 0 else closing

    def _is_continued(self, start: int, end: int) -> bool:
        """Return whether a reader that drops line breaks and tabs may read on after a host.

        Those of attributes do, and of quoted targets; that prose goes on in another line is no such case.
        """
        if (after := _BREAKS.match(self._text, end)) is None:
            return False
        if _ALNUM.match(self._text, after.end()) is None:
            return _GOES_ON.match(self._text, after.end()) is not None
        while start and (self._text[start - 1].isspace() or self._text[start - 1] < " "):
            start -= 1
        return start == 0 or self._text[start - 1] in _OPENING or self._markup < start

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

    def _are_names_sure(self) -> bool:
        # A symbol may be part of a name or end it, and to some readers so may every other letter.
        for kinds in ("LMNS", "LMN", ""):
            others = {ord(c): " " for c in set(self._text) if _is_other(c, kinds)}
            for token in _NAME.finditer(self._text.translate(others)):
                place = max(token.start(), self._path_over(token.start()))
                if (bare := token[0][place - token.start() :].strip(".-_")) in self._names:
                    continue
                if bare.lower() == "localhost" and not self._is_host("localhost"):
                    return False
                if "." in bare and not all(map(self._is_name_sure, _DOTS.split(bare))):
                    return False
                self._names.add(bare)
            if self._text.isascii():
                break
        return True

    def _path_over(self, place: int) -> int:
        """Return the end of the URL that a place lies in, or 0."""
        return next((end for start, end in self._paths if start <= place < end), 0)

    def _is_name_sure(self, name: str) -> bool:
        """Return whether the longest beginning of a dotted name that may be a host is one."""
        labels = [label.strip("-_").lower() for label in name.strip(".").split(".")]
        if len(labels) == 4 and all(one.isdigit() and len(one) <= 3 for one in labels):  # noqa: PLR2004  # IPv4
            return self._is_host(".".join(labels))
        is_led = False
        for place, found in enumerate(map(_LED.fullmatch, labels[:-1])):
            is_led = is_led or found is not None
            if found and found[1] and not self._is_host(".".join(["www", *labels[place + 1 :]])):
                return False
        for place in range(len(labels) - 1, 0, -1):
            if _is_top(labels[place]) or is_led:
                return self._is_host(".".join(labels[: place + 1]))
        return True

    def _are_matches_sure(self) -> bool:
        # It looks at no more than a word; those without a candidate only cost time.
        words = "\n".join(filter(_CANDIDATE.search, self._text.split()))
        for found in _finder().match(words) or ():
            if found.schema == "mailto:":
                if not self._is_host(found.url.rpartition("@")[2].partition("?")[0]):
                    return False
                continue
            try:
                parts = parse_url(found.url.partition("#")[0], special=True)
            except NoCanonicalFormError:
                return False
            if not self._is_host(parts.host) or parts.port not in {80, 443}:
                return False
        return True


def _is_other(character: str, kinds: str) -> bool:
    return not character.isascii() and unicodedata.category(character)[0] not in kinds


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
